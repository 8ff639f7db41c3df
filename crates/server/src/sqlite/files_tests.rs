//! Tests of file metadata.

use std::time::Duration;

use mistral_datasets_types::RecordSource;
use uuid::Uuid;

use super::{SqliteStorage, datasets};
use crate::storage::{
    Claim, DatasetChange, DatasetKey, DatasetStore, ExportedRevision, FileFilter, FileIndex,
    ImportCounts, ImportPosition, ImportSource, ImportStore, Missing, NewDataset, NewFile,
    NewImport, NewRecord, Progress, QueueLimits, RecordStore, Retention, Storage, StorageError,
    Window,
};
use crate::time::Timestamp;

const WORKSPACE: Uuid = Uuid::from_u128(1);

fn file(expires_at: Option<Timestamp>) -> NewFile {
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

fn open() -> (SqliteStorage, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (SqliteStorage::open_in(directory.path()), directory)
}

fn in_an_hour() -> Timestamp {
    Timestamp::now().plus(Duration::from_secs(3600))
}

fn expired(expired: Timestamp) -> Retention {
    let never = Timestamp::from_micros(0);
    Retention { expired, uploaded: None, deleted: never }
}

fn is_missing<T>(result: Result<T, StorageError>) -> bool {
    matches!(result, Err(StorageError::Missing(Missing::File)))
}

#[tokio::test]
async fn an_expired_file_is_inaccessible_at_once_and_discarded_later() {
    let (storage, _directory) = open();
    let now = Timestamp::now();
    let add = async |expires_at| storage.add_file(WORKSPACE, file(expires_at)).await.unwrap().id;
    let kept = add(None).await;
    let later = add(Some(in_an_hour())).await;
    let past = add(Some(now)).await;
    let unknown = Uuid::now_v7();

    assert!(is_missing(storage.file(WORKSPACE, past).await));
    assert!(is_missing(storage.linked_file(past).await));
    assert!(storage.file(WORKSPACE, later).await.is_ok());
    let window = Window { offset: 0, limit: 10 };
    let listed = storage.files(WORKSPACE, FileFilter::default(), window).await.unwrap();
    assert_eq!((listed.count, listed.results[0].id), (2, later));
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

#[tokio::test]
async fn uploaded_files_are_kept_as_long_as_configured() {
    let (storage, _directory) = open();
    let old = storage.add_file(WORKSPACE, file(Some(in_an_hour()))).await.unwrap();
    let export = exported(&storage, new_dataset(&storage).await).await;
    tokio::time::sleep(Duration::from_millis(2)).await;
    let new = storage.add_file(WORKSPACE, file(None)).await.unwrap();
    let retention =
        Retention { uploaded: Some(old.created_at), ..expired(Timestamp::from_micros(0)) };
    storage.expire_files(retention).await.unwrap();
    assert!(is_missing(storage.file(WORKSPACE, old.id).await));
    assert_eq!(storage.discarded_files().await.unwrap(), [old.id]);
    assert!(storage.file(WORKSPACE, new.id).await.is_ok());
    // The lifetime of uploads does not affect exports.
    let all = Retention { uploaded: Some(in_an_hour()), ..retention };
    storage.expire_files(all).await.unwrap();
    assert!(storage.linked_file(export).await.is_ok());
}

async fn new_dataset(storage: &SqliteStorage) -> Uuid {
    let (name, description) = ("Name".to_owned(), String::new());
    let new = NewDataset { name, description, owner: Uuid::nil() };
    storage.create_dataset(WORKSPACE, new).await.unwrap().id
}

async fn revision(storage: &SqliteStorage, dataset: Uuid) -> u64 {
    let find = storage
        .read(move |connection| datasets::find(connection, WORKSPACE, &DatasetKey::Id(dataset)));
    find.await.unwrap().revision
}

/// Adds an export of the current revision.
async fn exported(storage: &SqliteStorage, dataset: Uuid) -> Uuid {
    let revision = revision(storage, dataset).await;
    let export = Some(ExportedRevision { dataset, revision });
    let new = NewFile { export, ..file(Some(in_an_hour())) };
    storage.add_file(WORKSPACE, new).await.unwrap().id
}

async fn reused(storage: &SqliteStorage, dataset: Uuid) -> Option<Uuid> {
    let reused = storage.reuse_export(WORKSPACE, dataset, in_an_hour()).await.unwrap();
    reused.map(|file| file.id)
}

#[tokio::test]
async fn every_change_of_the_records_changes_the_revision() {
    let (storage, _directory) = open();
    let dataset = new_dataset(&storage).await;
    let key = DatasetKey::Id(dataset);
    let new = || NewRecord {
        payload: "{}".to_owned(),
        properties: "{}".to_owned(),
        source: RecordSource::DirectInput,
    };
    let mut revisions = vec![revision(&storage, dataset).await];
    let mut changed = async || {
        let now = revision(&storage, dataset).await;
        assert!(!revisions.contains(&now), "{revisions:?}, then {now}");
        revisions.push(now);
    };
    let id = storage.create_record(WORKSPACE, key.clone(), new()).await.unwrap().id;
    changed().await;
    storage.replace_payload(WORKSPACE, id, "{\"a\":1}".to_owned()).await.unwrap();
    changed().await;
    storage.replace_properties(WORKSPACE, id, "{\"a\":1}".to_owned()).await.unwrap();
    changed().await;
    storage.delete_records(WORKSPACE, vec![id]).await.unwrap();
    changed().await;
    // An import in one chunk, and one that stages records.
    for staged in [0, 3] {
        let new_import = NewImport::empty(WORKSPACE, key.clone());
        let task = storage.queue_import(new_import, QueueLimits::NONE).await.unwrap();
        let claim = Claim::by_creator(task.id);
        let before = revision(&storage, dataset).await;
        if staged > 0 {
            let records = (0..staged).map(|_| new()).collect();
            let end = ImportPosition::default();
            storage.stage_records(claim, records, end, Progress::NONE).await.unwrap();
        }
        assert_eq!(revision(&storage, dataset).await, before);
        let counts = ImportCounts::default();
        storage.finish_import(claim.after_staging(staged), vec![new()], counts).await.unwrap();
        changed().await;
    }
    let before = revision(&storage, dataset).await;
    let change = DatasetChange { name: Some("Other".to_owned()), description: None };
    storage.update_dataset(WORKSPACE, key, change).await.unwrap();
    assert_eq!(revision(&storage, dataset).await, before);
}

#[tokio::test]
async fn an_export_is_reused_until_the_records_change() {
    let (storage, _directory) = open();
    let (dataset, other) = (new_dataset(&storage).await, new_dataset(&storage).await);
    assert_eq!(reused(&storage, dataset).await, None);
    let export = exported(&storage, dataset).await;
    assert_eq!(reused(&storage, dataset).await, Some(export));
    assert_eq!(reused(&storage, other).await, None);
    // The expiry time only increases.
    let expires = in_an_hour().plus(Duration::from_secs(60));
    for requested in [expires, Timestamp::now()] {
        let file = storage.reuse_export(WORKSPACE, dataset, requested).await.unwrap();
        assert_eq!(file.unwrap().expires_at, Some(expires));
    }
    storage.discard_export(export).await.unwrap();
    assert_eq!(reused(&storage, dataset).await, None);
    let second = exported(&storage, dataset).await;
    let record = NewRecord {
        payload: "{}".to_owned(),
        properties: "{}".to_owned(),
        source: RecordSource::DirectInput,
    };
    storage.create_record(WORKSPACE, DatasetKey::Id(dataset), record).await.unwrap();
    assert_eq!(reused(&storage, dataset).await, None);
    // Its link still works.
    assert!(storage.linked_file(second).await.is_ok());
}

#[tokio::test]
async fn exports_are_deleted_with_their_dataset_and_their_workspace() {
    let (storage, _directory) = open();
    let (dataset, other) = (new_dataset(&storage).await, new_dataset(&storage).await);
    let (export, kept) = (exported(&storage, dataset).await, exported(&storage, other).await);
    storage.delete_dataset(WORKSPACE, DatasetKey::Id(dataset)).await.unwrap();
    assert!(is_missing(storage.linked_file(export).await));
    assert_eq!(storage.discarded_files().await.unwrap(), [export]);
    assert!(storage.linked_file(kept).await.is_ok());
    // An export that was being written is refused.
    let late = Some(ExportedRevision { dataset, revision: 0 });
    let late = storage.add_file(WORKSPACE, NewFile { export: late, ..file(None) }).await;
    assert!(matches!(late, Err(StorageError::Missing(Missing::Dataset))));

    storage.reset(WORKSPACE).await.unwrap();
    assert!(is_missing(storage.linked_file(kept).await));
    let mut discarded = storage.discarded_files().await.unwrap();
    discarded.sort();
    assert_eq!(discarded, [export, kept]);
    // The rows are kept until the contents are removed.
    while storage.reclaim().await.unwrap() {}
    assert_eq!(storage.discarded_files().await.unwrap().len(), 2);
    storage.erase_files(discarded).await.unwrap();
    while storage.reclaim().await.unwrap() {}
    let rows = storage.read(|connection| {
        Ok(connection.query_row("SELECT count(*) FROM files", [], |row| row.get::<_, i64>(0))?)
    });
    assert_eq!(rows.await.unwrap(), 0);
}

#[tokio::test]
async fn the_content_of_a_deleted_file_is_kept_until_its_imports_have_ended() {
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open_in(directory.path());
    let new = NewDataset { name: "D".into(), description: String::new(), owner: Uuid::nil() };
    let dataset = DatasetKey::Id(storage.create_dataset(WORKSPACE, new).await.unwrap().id);
    let import = async |file| {
        let source = ImportSource::File(file);
        let new = NewImport { source, ..NewImport::empty(WORKSPACE, dataset.clone()) };
        storage.queue_import(new, QueueLimits::NONE).await
    };
    let soon = Timestamp::now().plus(Duration::from_millis(50));
    let deleted = storage.add_file(WORKSPACE, file(None)).await.unwrap().id;
    let past = storage.add_file(WORKSPACE, file(Some(soon))).await.unwrap().id;
    let mut tasks = Vec::new();
    for file in [deleted, deleted, past] {
        tasks.push(Claim::by_creator(import(file).await.unwrap().id));
    }
    storage.delete_file(WORKSPACE, deleted).await.unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(storage.expire_files(expired(Timestamp::now())).await.unwrap());
    for file in [deleted, past] {
        let error = import(file).await.unwrap_err();
        assert!(matches!(error, StorageError::Missing(Missing::File)), "{error}");
    }
    let removable = async || storage.discarded_files().await.unwrap();
    assert!(removable().await.is_empty());
    assert!(storage.orphaned_contents(vec![deleted, past]).await.unwrap().is_empty());

    storage.finish_import(tasks[0], Vec::new(), ImportCounts::default()).await.unwrap();
    assert!(removable().await.is_empty(), "another import needs it");
    storage.fail_import(tasks[1], "injected".to_owned()).await.unwrap();
    assert_eq!(removable().await, [deleted]);
    storage.fail_import(tasks[2], "injected".to_owned()).await.unwrap();
    assert_eq!(removable().await, [deleted, past]);
    storage.erase_files(vec![deleted, past]).await.unwrap();
    // A reset also ends the imports.
    let kept = storage.add_file(WORKSPACE, file(None)).await.unwrap().id;
    import(kept).await.unwrap();
    storage.delete_file(WORKSPACE, kept).await.unwrap();
    assert!(removable().await.is_empty());
    storage.reset(WORKSPACE).await.unwrap();
    assert_eq!(removable().await, [kept]);
}
