//! Tests of import tasks and the import queue.

use mistral_datasets_types::{RecordSource, TaskStatus};
use uuid::Uuid;

use super::{SqliteStorage, Synchronous};
use crate::disk_space::DiskSpace;
use crate::storage::{
    DatasetKey, DatasetStore, ImportPosition, ImportStore, NewDataset, NewImport, NewRecord,
    Progress, QueueLimits, RecordStore, StorageError, contract,
};

const WORKSPACE: Uuid = Uuid::from_u128(100);

async fn create() -> Option<(SqliteStorage, tempfile::TempDir)> {
    let directory = tempfile::tempdir().unwrap();
    Some((SqliteStorage::open_in(directory.path()), directory))
}

/// Closes a storage and opens it again.
async fn reopen(storage: SqliteStorage, directory: &tempfile::TempDir) -> SqliteStorage {
    drop(storage);
    SqliteStorage::open_in(directory.path())
}

#[tokio::test]
async fn imports_fulfil_the_contract() {
    contract::imports::check(create, reopen).await;
    contract::imported_records::check(create).await;
}

async fn new_dataset(storage: &SqliteStorage) -> DatasetKey {
    let (name, description) = ("Dataset".to_owned(), String::new());
    let new = NewDataset { name, description, owner: Uuid::nil() };
    DatasetKey::Id(storage.create_dataset(WORKSPACE, new).await.unwrap().id)
}

fn record(size: usize) -> NewRecord {
    NewRecord {
        payload: format!("\"{}\"", "x".repeat(size)),
        properties: "{}".to_owned(),
        source: RecordSource::UploadedFile,
    }
}

#[tokio::test]
async fn objects_are_read_in_batches_of_bounded_size() {
    let (storage, _directory) = create().await.unwrap();
    let dataset = new_dataset(&storage).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        let created = storage.create_record(WORKSPACE, dataset.clone(), record(900_000));
        ids.push(created.await.unwrap().id);
    }
    let read = storage.records_by_id(WORKSPACE, ids.clone(), 2 << 20).await.unwrap();
    assert_eq!(read.iter().map(|record| record.id).collect::<Vec<_>>(), ids[..3]);
    let read = storage.records_by_id(WORKSPACE, ids[3..].to_vec(), 2 << 20).await.unwrap();
    assert_eq!(read.len(), 2);
}

#[tokio::test]
async fn imports_are_claimed_and_failed_on_a_full_disk() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let space = DiskSpace::with_quota(path, &path.join("reserve"), 32 << 20).unwrap();
    let storage = SqliteStorage::open(&path.join("db"), Synchronous::Off, space).unwrap();
    let dataset = new_dataset(&storage).await;
    for _ in 0..2 {
        let new = NewImport::empty(WORKSPACE, dataset.clone());
        storage.queue_import(new, QueueLimits::NONE).await.unwrap();
    }
    let mut claims = Vec::new();
    for _ in 0..2 {
        let mut claim = storage.claim_import(Uuid::nil()).await.unwrap().unwrap().claim;
        let error = loop {
            let end = ImportPosition::default();
            let staging = storage.stage_records(claim, vec![record(100_000)], end, Progress::NONE);
            if let Err(error) = staging.await {
                break error;
            }
            claim = claim.after_staging(1);
        };
        assert!(matches!(error, StorageError::Full), "{error}");
        claims.push(claim);
    }
    for claim in claims {
        storage.fail_import(claim, StorageError::Full.to_string()).await.unwrap();
        let task = storage.task(WORKSPACE, dataset.clone(), claim.task).await.unwrap();
        assert_eq!(task.status, TaskStatus::Failed);
        assert_eq!(task.message.as_deref(), Some("the disk is full"));
    }
}
