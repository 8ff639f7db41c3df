//! Tests of file metadata.

use std::time::Duration;

use futures::future::join_all;
use uuid::{Builder, Uuid};

use super::{Upkeep, run};
use crate::storage::{
    DatasetStore, FileEntry, FileFilter, FileIndex, Listed, Missing, NewFile, Retention,
    StorageError, Window,
};
use crate::time::Timestamp;

pub(super) const WORKSPACE: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

/// Runs the tests of this module.
pub(crate) async fn check<S: FileIndex + DatasetStore + Upkeep, G>(
    create: impl AsyncFn() -> Option<(S, G)>,
) {
    run!(
        create,
        all_fields_are_returned,
        an_expired_file_is_inaccessible_at_once_and_discarded_later,
        uploaded_files_are_kept_as_long_as_configured,
        a_deleted_file_is_discarded_until_it_is_erased,
        files_of_other_workspaces_are_missing,
        concurrent_changes_are_counted_once,
        concurrent_housekeeping_removes_everything_once,
    );
}

/// Returns an empty file that was uploaded.
pub(super) fn file(expires_at: Option<Timestamp>) -> NewFile {
    NewFile {
        id: Uuid::now_v7(),
        export: None,
        expires_at,
        name: "name".to_owned(),
        bytes: 0,
        purpose: String::new(),
        mimetype: None,
        visibility: String::new(),
        lines: None,
        signature: String::new(),
    }
}

pub(super) async fn add(storage: &impl FileIndex, new: NewFile) -> Uuid {
    storage.add_file(WORKSPACE, new).await.unwrap().id
}

pub(super) async fn list(
    storage: &impl FileIndex,
    filter: FileFilter,
    offset: usize,
    limit: u32,
) -> Listed<FileEntry> {
    let window = Window { offset: offset as u64, limit };
    storage.files(WORKSPACE, filter, window).await.unwrap()
}

/// Returns the ids of all files, newest first.
pub(super) async fn listed(storage: &impl FileIndex) -> Vec<Uuid> {
    let listed = list(storage, FileFilter::default(), 0, 1_000).await;
    assert_eq!(listed.count, listed.results.len() as u64);
    listed.results.iter().map(|file| file.id).collect()
}

pub(super) fn in_an_hour() -> Timestamp {
    Timestamp::now().plus(Duration::from_secs(3600))
}

/// Returns an id of a content whose upload is certainly over.
pub(super) fn id_of_last_week() -> Uuid {
    let week = Duration::from_secs(7 * 24 * 60 * 60);
    let millis = Timestamp::now().minus(week).micros() / 1000;
    Builder::from_unix_timestamp_millis(millis as u64, &rand::random()).into_uuid()
}

pub(super) fn expired(expired: Timestamp) -> Retention {
    let never = Timestamp::from_micros(0);
    Retention { expired, uploaded: None, deleted: never }
}

pub(super) fn is_missing<T>(result: Result<T, StorageError>) -> bool {
    matches!(result, Err(StorageError::Missing(Missing::File)))
}

async fn all_fields_are_returned(storage: &impl FileIndex) {
    let new = NewFile {
        id: Uuid::now_v7(),
        export: None,
        expires_at: Some(in_an_hour()),
        name: "Ärger – 客服.jsonl".to_owned(),
        bytes: u64::from(u32::MAX) + 1,
        purpose: "batch".to_owned(),
        mimetype: Some("application/jsonl".to_owned()),
        visibility: "user".to_owned(),
        lines: Some(7),
        signature: "abc".to_owned(),
    };
    let before = Timestamp::now();
    let added = storage.add_file(WORKSPACE, new.clone()).await.unwrap();
    assert!((before..=Timestamp::now()).contains(&added.created_at));
    let plain = add(storage, file(None)).await;
    let found = storage.file(WORKSPACE, new.id).await.unwrap();
    let linked = storage.linked_file(new.id).await.unwrap();
    let listed = list(storage, FileFilter::default(), 1, 1).await.results.remove(0);
    for file in [added.clone(), found, linked, listed] {
        assert_eq!((file.id, file.created_at), (new.id, added.created_at));
        assert_eq!((file.expires_at, &file.name), (new.expires_at, &new.name));
        assert_eq!((file.bytes, &file.purpose), (new.bytes, &new.purpose));
        assert_eq!((&file.mimetype, &file.visibility), (&new.mimetype, &new.visibility));
        assert_eq!((file.lines, &file.signature), (new.lines, &new.signature));
    }
    let plain = storage.file(WORKSPACE, plain).await.unwrap();
    assert_eq!((plain.expires_at, plain.mimetype, plain.lines), (None, None, None));
}

async fn an_expired_file_is_inaccessible_at_once_and_discarded_later(storage: &impl FileIndex) {
    let now = Timestamp::now();
    let kept = add(storage, file(None)).await;
    let later = add(storage, file(Some(in_an_hour()))).await;
    let past = add(storage, file(Some(now))).await;
    let unknown = id_of_last_week();

    assert!(is_missing(storage.file(WORKSPACE, past).await));
    assert!(is_missing(storage.linked_file(past).await));
    assert!(storage.file(WORKSPACE, later).await.is_ok());
    assert!(is_missing(storage.delete_file(WORKSPACE, past).await));
    assert_eq!(listed(storage).await, [later, kept]);
    // A content is not orphaned because the clock says that the file has expired.
    let ids = vec![kept, unknown, later, past];
    assert_eq!(storage.orphaned_contents(ids.clone()).await.unwrap(), [unknown]);

    let before = Timestamp::from_micros(now.micros() - 1);
    assert!(!storage.expire_files(expired(before)).await.unwrap());
    assert!(storage.discarded_files().await.unwrap().is_empty());
    assert!(storage.expire_files(expired(now)).await.unwrap());
    assert!(!storage.expire_files(expired(now)).await.unwrap());
    assert_eq!(storage.discarded_files().await.unwrap(), [past]);
    storage.erase_files(vec![past]).await.unwrap();
    assert!(storage.discarded_files().await.unwrap().is_empty());
    assert_eq!(storage.orphaned_contents(ids).await.unwrap(), [unknown, past]);
    // A request with the link of the file still belongs to the workspace, until nothing of the file is left.
    assert_eq!(storage.workspace_of_file(past).await.unwrap(), WORKSPACE);
    let forget = Retention { deleted: in_an_hour(), ..expired(before) };
    storage.expire_files(forget).await.unwrap();
    assert!(is_missing(storage.workspace_of_file(past).await));
    assert!(storage.file(WORKSPACE, kept).await.is_ok());
}

async fn uploaded_files_are_kept_as_long_as_configured(storage: &impl FileIndex) {
    let old = storage.add_file(WORKSPACE, file(Some(in_an_hour()))).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2)).await;
    let new = storage.add_file(WORKSPACE, file(None)).await.unwrap();
    let retention =
        Retention { uploaded: Some(old.created_at), ..expired(Timestamp::from_micros(0)) };
    storage.expire_files(retention).await.unwrap();
    assert!(is_missing(storage.file(WORKSPACE, old.id).await));
    assert_eq!(storage.discarded_files().await.unwrap(), [old.id]);
    assert!(storage.file(WORKSPACE, new.id).await.is_ok());
}

async fn a_deleted_file_is_discarded_until_it_is_erased(storage: &impl FileIndex) {
    let (kept, deleted) = (add(storage, file(None)).await, add(storage, file(None)).await);
    storage.delete_file(WORKSPACE, deleted).await.unwrap();
    assert!(is_missing(storage.delete_file(WORKSPACE, deleted).await));
    assert!(is_missing(storage.file(WORKSPACE, deleted).await));
    assert!(is_missing(storage.linked_file(deleted).await));
    assert_eq!(listed(storage).await, [kept]);
    assert_eq!(storage.workspace_of_file(deleted).await.unwrap(), WORKSPACE);
    for _ in 0..2 {
        // The content is still stored, so it is not an orphan.
        assert!(storage.orphaned_contents(vec![kept, deleted]).await.unwrap().is_empty());
        assert_eq!(storage.discarded_files().await.unwrap(), [deleted]);
    }
    for _ in 0..2 {
        storage.erase_files(vec![deleted]).await.unwrap();
        assert!(storage.discarded_files().await.unwrap().is_empty());
    }
    assert!(storage.file(WORKSPACE, kept).await.is_ok());
}

async fn files_of_other_workspaces_are_missing(storage: &impl FileIndex) {
    let id = add(storage, file(None)).await;
    assert!(is_missing(storage.file(OTHER, id).await));
    assert!(is_missing(storage.delete_file(OTHER, id).await));
    let window = Window { offset: 0, limit: 10 };
    let empty = storage.files(OTHER, FileFilter::default(), window).await.unwrap();
    assert_eq!((empty.count, empty.results.len()), (0, 0));
    let other = storage.add_file(OTHER, file(None)).await.unwrap().id;
    assert_eq!(listed(storage).await, [id]);
    assert_eq!(storage.workspace_of_file(other).await.unwrap(), OTHER);
}

async fn concurrent_changes_are_counted_once(storage: &(impl FileIndex + Upkeep)) {
    let mut sizes = Vec::new();
    for bytes in 1..=20 {
        sizes.push((add(storage, NewFile { bytes, ..file(None) }).await, bytes));
    }
    // Each of the first ten files is deleted by three requests, while others are added.
    let deleting = join_all((0..30).map(async |n| {
        let (id, _) = sizes[n % 10];
        storage.delete_file(WORKSPACE, id).await.is_ok()
    }));
    let adding =
        join_all((0..20).map(async |_| add(storage, NewFile { bytes: 1_000, ..file(None) }).await));
    let (deleted, added) = tokio::join!(deleting, adding);
    assert_eq!(deleted.iter().filter(|was_deleted| **was_deleted).count(), 10);
    let mut left = listed(storage).await;
    let mut expected = added;
    expected.extend(sizes[10..].iter().map(|(id, _)| id));
    left.sort();
    expected.sort();
    assert_eq!(left, expected);
    let counts = storage.counts().await.unwrap();
    let bytes: u64 = sizes[10..].iter().map(|(_, bytes)| bytes).sum();
    assert_eq!((counts.files, counts.file_bytes), (30, bytes + 20_000));
}

async fn concurrent_housekeeping_removes_everything_once(storage: &(impl FileIndex + Upkeep)) {
    let soon = Timestamp::now();
    for _ in 0..130 {
        storage.add_file(WORKSPACE, NewFile { bytes: 1, ..file(Some(soon)) }).await.unwrap();
        storage.add_file(OTHER, NewFile { bytes: 1, ..file(Some(soon)) }).await.unwrap();
    }
    let kept = add(storage, NewFile { bytes: 5, ..file(None) }).await;
    let work = async || {
        while storage.expire_files(expired(soon)).await.unwrap() {}
        loop {
            let ids = storage.discarded_files().await.unwrap();
            if ids.is_empty() {
                return;
            }
            storage.erase_files(ids).await.unwrap();
        }
    };
    let adding = async || {
        for _ in 0..20 {
            storage.add_file(OTHER, file(None)).await.unwrap();
        }
    };
    tokio::join!(work(), work(), work(), adding());
    // A server may have skipped files that another one was deleting.
    work().await;
    assert_eq!(listed(storage).await, [kept]);
    let counts = storage.counts().await.unwrap();
    assert_eq!((counts.files, counts.file_bytes), (21, 5));
    let forget = Retention { deleted: in_an_hour(), ..expired(soon) };
    let forget = async || while storage.expire_files(forget).await.unwrap() {};
    tokio::join!(forget(), forget());
    forget().await;
    assert_eq!(storage.rows("files").await, 21);
}
