//! Tests of files with several servers.

use std::time::Duration;

use futures::future::join_all;
use uuid::{Builder, Uuid};

use super::files;
use super::testing::{execute, servers};
use crate::storage::{FileIndex, Missing, NewFile, StorageError};
use crate::time::Timestamp;

const WORKSPACE: Uuid = Uuid::from_u128(1);

/// Returns the id of a content whose upload started some time ago.
fn id_of(age: Duration) -> Uuid {
    let millis = Timestamp::now().minus(age).micros() / 1000;
    Builder::from_unix_timestamp_millis(millis as u64, &rand::random()).into_uuid()
}

const DAYS: Duration = Duration::from_secs(2 * 24 * 60 * 60);

fn file(id: Uuid) -> NewFile {
    NewFile {
        id,
        export: None,
        expires_at: None,
        name: "name".to_owned(),
        bytes: 1,
        purpose: String::new(),
        mimetype: None,
        visibility: String::new(),
        lines: None,
        signature: String::new(),
    }
}

#[tokio::test]
async fn contents_of_running_uploads_are_not_orphans() {
    let Some([server]) = servers().await else { return };
    let hour = Duration::from_secs(60 * 60);
    let ids = vec![Uuid::now_v7(), id_of(hour), id_of(23 * hour), id_of(25 * hour)];
    assert_eq!(server.orphaned_contents(ids.clone()).await.unwrap(), ids[3..]);
    for id in &ids[..3] {
        server.add_file(WORKSPACE, file(*id)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_content_is_either_orphaned_or_added() {
    let Some([a, b, c]) = servers().await else { return };
    let ids: Vec<Uuid> = (0..200).map(|_| id_of(DAYS)).collect();
    let adding =
        join_all(ids.iter().map(async |id| a.add_file(WORKSPACE, file(*id)).await.is_ok()));
    let collecting = async |server: &super::PostgresStorage| {
        let mut orphaned = Vec::new();
        for ids in ids.chunks(20) {
            orphaned.extend(server.orphaned_contents(ids.to_vec()).await.unwrap());
        }
        orphaned
    };
    let (added, first, second) = tokio::join!(adding, collecting(&b), collecting(&c));
    for (id, was_added) in ids.iter().zip(&added) {
        let is_orphaned = first.contains(id) || second.contains(id);
        assert_eq!(is_orphaned, !was_added, "{id}");
        assert_eq!(a.file(WORKSPACE, *id).await.is_ok(), *was_added, "{id}");
    }
    let added = added.iter().filter(|was_added| **was_added).count();
    assert_eq!(a.counts().await.unwrap().files, added as u64);
    // An upload of a removed content fails, and so does that of an erased file.
    let orphan = id_of(DAYS);
    assert_eq!(a.orphaned_contents(vec![orphan]).await.unwrap(), [orphan]);
    assert_eq!(b.orphaned_contents(vec![orphan]).await.unwrap(), [orphan]);
    let error = c.add_file(WORKSPACE, file(orphan)).await.unwrap_err();
    assert!(matches!(error, StorageError::Failed(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_an_import_holds_is_not_deleted_before_the_import_is_visible() {
    let Some([server, other]) = servers().await else { return };
    let id = server.add_file(WORKSPACE, file(Uuid::now_v7())).await.unwrap().id;
    let mut connection = server.database.connection().await.unwrap();
    let transaction = connection.write().await.unwrap();
    files::hold(&transaction, WORKSPACE, id).await.unwrap();
    let deleting = tokio::spawn(other.delete_file(WORKSPACE, id));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!deleting.is_finished());
    let insert = format!(
        "INSERT INTO imports (task, workspace, state, source, skipped, file) VALUES (1, 1, 'WAITING', 'FILE', 0, '{id}')"
    );
    transaction.batch_execute(&insert).await.unwrap();
    transaction.commit().await.unwrap();
    deleting.await.unwrap().unwrap();
    // The content is removed when the import has ended.
    assert!(other.discarded_files().await.unwrap().is_empty());
    let transaction = connection.write().await.unwrap();
    let held = files::hold(&transaction, WORKSPACE, id).await;
    assert!(matches!(held, Err(StorageError::Missing(Missing::File))));
    drop(transaction);
    execute(&server.database, "UPDATE imports SET state = 'ENDED'").await;
    assert_eq!(other.discarded_files().await.unwrap(), [id]);
}
