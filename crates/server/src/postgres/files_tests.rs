//! Tests of files with several servers.

use std::time::Duration;

use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::{Builder, Uuid};

use super::testing::{count_rows, execute, servers};
use super::{PostgresStorage, import_queue};
use crate::storage::{
    DatasetKey, DatasetStore, ExportedRevision, FileIndex, NewDataset, NewFile, Retention,
    StorageError,
};
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
    let collecting = async |server: &PostgresStorage| {
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
    assert!(import_queue::lock_file(&transaction, 1, id).await.unwrap());
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
    assert!(!import_queue::lock_file(&transaction, 1, id).await.unwrap());
    drop(transaction);
    execute(&server.database, "UPDATE imports SET state = 'ENDED'").await;
    assert_eq!(other.discarded_files().await.unwrap(), [id]);
}

/// Runs random operations on files and datasets of two workspaces. Objects may be missing, since others delete them.
async fn run_random_operations(server: &PostgresStorage, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut ids, mut datasets) = (Vec::new(), Vec::new());
    for _ in 0..150 {
        let workspace = Uuid::from_u128(random.random_range(1..3));
        let soon = Timestamp::now().plus(Duration::from_millis(5));
        let mut pick = |ids: &[Uuid]| match ids.len() {
            0 => Uuid::nil(),
            count => ids[random.random_range(0..count)],
        };
        let (id, dataset) = (pick(&ids), pick(&datasets));
        let new = NewFile { expires_at: Some(soon), bytes: 3, ..file(Uuid::now_v7()) };
        let result = match random.random_range(0..14) {
            0..4 => server.add_file(workspace, new).await.map(|file| ids.push(file.id)),
            4 | 5 => {
                let export = Some(ExportedRevision { dataset, revision: 0 });
                let new = NewFile { export, ..new };
                server.add_file(workspace, new).await.map(|file| ids.push(file.id))
            }
            6 => {
                let (name, description) = ("name".to_owned(), String::new());
                let new = NewDataset { name, description, owner: Uuid::nil() };
                let created = server.create_dataset(workspace, new).await;
                created.map(|dataset| datasets.push(dataset.id))
            }
            7 => server.delete_dataset(workspace, DatasetKey::Id(dataset)).await,
            8 => server.delete_file(workspace, id).await,
            9 => server.discard_export(id).await,
            10 => server.reuse_export(workspace, dataset, soon).await.map(drop),
            11 => {
                let now = Timestamp::now();
                let retention = Retention { expired: now, uploaded: None, deleted: now };
                server.expire_files(retention).await.map(drop)
            }
            12 => match server.discarded_files().await {
                Ok(discarded) => server.erase_files(discarded).await,
                Err(error) => Err(error),
            },
            _ if random.random_range(0..10) == 0 => server.reset(workspace).await,
            _ => server.reclaim().await.map(drop),
        };
        match result {
            Ok(()) | Err(StorageError::Missing(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_of_several_servers_neither_deadlock_nor_miscount() {
    let Some([a, b, c]) = servers().await else { return };
    let running = [&a, &b, &c].into_iter().cycle().take(9).zip(0..);
    join_all(running.map(|(server, seed)| run_random_operations(server, seed))).await;
    let miscounted = "file_totals t JOIN workspaces w ON w.id = t.workspace WHERE NOT w.discarded AND (listed, stored, bytes) <> \
                      (SELECT count(*) FILTER (WHERE NOT export), count(*), coalesce(sum(f.bytes), 0) FROM files f \
                      WHERE f.workspace = w.id AND f.deleted_at IS NULL)";
    assert_eq!(count_rows(&a.database, miscounted).await, 0);
    assert!(count_rows(&a.database, "file_totals").await > 0);
    // Nothing of the discarded workspaces is left in the end.
    while a.reclaim().await.unwrap() {}
    loop {
        let discarded = a.discarded_files().await.unwrap();
        if discarded.is_empty() {
            break;
        }
        a.erase_files(discarded).await.unwrap();
    }
    while a.reclaim().await.unwrap() {}
    assert_eq!(count_rows(&a.database, "workspaces WHERE discarded").await, 0);
    for table in ["files", "datasets", "file_totals"] {
        let unowned =
            format!("{table} x WHERE NOT EXISTS (SELECT FROM workspaces WHERE id = x.workspace)");
        assert_eq!(count_rows(&a.database, &unowned).await, 0, "{table}");
    }
}
