//! Tests that the files of a storage never outgrow the disk, and that a full disk can be freed.

use std::path::Path;

use futures::future::join_all;
use mistral_datasets_types::RecordSource;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use super::{SqliteStorage, Synchronous};
use crate::disk_space::DiskSpace;
use crate::storage::{
    Claim, DatasetKey, DatasetStore, DiskState, ImportCounts, ImportPosition, ImportStore,
    NewDataset, NewEvent, NewImport, NewLog, NewRecord, NewSpan, Progress, QueueLimits,
    RecordFormat, RecordStore, Selection, Sender, Storage, StorageError, TelemetryStore, Turn,
    Window,
};
use crate::time::Timestamp;

const MB: u64 = 1 << 20;

const WORKSPACE: Uuid = Uuid::from_u128(1);

/// A storage on a disk of limited size.
struct SmallDisk<'a> {
    directory: &'a Path,
    bytes: u64,
}

impl SmallDisk<'_> {
    fn open(&self) -> SqliteStorage {
        let reserve = self.directory.join("reserve");
        let space = DiskSpace::with_quota(self.directory, &reserve, self.bytes).unwrap();
        SqliteStorage::open(&self.directory.join("db"), Synchronous::Off, space).unwrap()
    }

    /// Fails if the files are larger than the disk.
    fn check(&self) {
        let used: u64 = std::fs::read_dir(self.directory)
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum();
        assert!(used <= self.bytes, "{used} of {} bytes are used", self.bytes);
    }
}

fn record(size: usize) -> NewRecord {
    let payload = format!(r#"{{"messages":[],"x":"{}"}}"#, "x".repeat(size));
    NewRecord { payload, properties: "{}".to_owned(), source: RecordSource::DirectInput }
}

fn is_full<T>(result: &Result<T, StorageError>) -> bool {
    match result {
        Ok(_) => false,
        Err(StorageError::Full) => true,
        Err(error) => panic!("unexpected error: {error:?}"),
    }
}

async fn new_dataset(storage: &SqliteStorage, name: &str) -> DatasetKey {
    let new =
        NewDataset { name: name.to_owned(), description: String::new(), owner: Uuid::from_u128(2) };
    DatasetKey::Id(storage.create_dataset(WORKSPACE, new).await.unwrap().id)
}

/// Creates records concurrently until none fits. Returns how many were created.
async fn create_until_full(
    disk: &SmallDisk<'_>,
    storage: &SqliteStorage,
    dataset: &DatasetKey,
    size: usize,
) -> Vec<Uuid> {
    let mut created = Vec::new();
    loop {
        let creates =
            (0..32).map(|_| storage.create_record(WORKSPACE, dataset.clone(), record(size)));
        let results = join_all(creates).await;
        disk.check();
        let refused = results.iter().filter(|result| is_full(result)).count();
        created.extend(results.into_iter().flatten().map(|record| record.id));
        if refused == 32 {
            return created;
        }
    }
}

/// Runs imports of a few chunks until one does not fit.
async fn import_until_full(
    disk: &SmallDisk<'_>,
    storage: &SqliteStorage,
    dataset: &DatasetKey,
    size: usize,
) {
    let per_chunk = (2 * MB as usize / (size + 128)).clamp(1, 2_000);
    let chunk = || (0..per_chunk).map(|_| record(size)).collect();
    loop {
        let new = NewImport::empty(WORKSPACE, dataset.clone());
        let Ok(task) = storage.queue_import(new, QueueLimits::NONE).await else { return };
        for _ in 0..3 {
            let end = ImportPosition::default();
            let staged = storage
                .stage_records(Claim::by_creator(task.id), chunk(), end, Progress::NONE)
                .await;
            disk.check();
            if is_full(&staged) {
                storage
                    .fail_import(Claim::by_creator(task.id), "the disk is full".to_owned())
                    .await
                    .unwrap();
                disk.check();
                return;
            }
        }
        let finished = storage
            .finish_import(Claim::by_creator(task.id), Vec::new(), ImportCounts::default())
            .await;
        disk.check();
        if is_full(&finished) {
            storage
                .fail_import(Claim::by_creator(task.id), "the disk is full".to_owned())
                .await
                .unwrap();
        }
    }
}

async fn count(storage: &SqliteStorage, dataset: &DatasetKey) -> u64 {
    let window = Window { offset: 0, limit: 0 };
    let format =
        RecordFormat { begin: |_, _| {}, middle: |_| {}, end: |_, _| {}, single_line: false };
    let none = Selection::Dataset(dataset.clone(), window);
    let page = storage.read_records(WORKSPACE, none, format, Vec::new(), 1);
    page.await.unwrap().unwrap().count
}

async fn reclaim_all(disk: &SmallDisk<'_>, storage: &SqliteStorage) {
    while storage.reclaim().await.unwrap() {
        disk.check();
    }
    while storage.shrink().await.unwrap() > 0 {
        disk.check();
    }
    assert!(storage.release_space().await.unwrap());
    disk.check();
}

async fn fill_and_free(megabytes: u64, size: usize) {
    let directory = tempfile::tempdir().unwrap();
    let disk = SmallDisk { directory: directory.path(), bytes: megabytes * MB };
    let storage = disk.open();
    let dataset = new_dataset(&storage, "Created").await;
    let imports = new_dataset(&storage, "Imported").await;
    let mut created = Vec::new();
    created.push(storage.create_record(WORKSPACE, dataset.clone(), record(size)).await.unwrap().id);
    import_until_full(&disk, &storage, &imports, size).await;
    created.extend(create_until_full(&disk, &storage, &dataset, size).await);
    // Smaller records may still fit.
    created.extend(create_until_full(&disk, &storage, &dataset, 100).await);
    assert_eq!(storage.health().disk, DiskState::Full);

    // A restart needs no space and loses nothing.
    let imported = count(&storage, &imports).await;
    drop(storage);
    disk.check();
    let storage = disk.open();
    disk.check();
    assert_eq!(count(&storage, &dataset).await, created.len() as u64);
    assert_eq!(count(&storage, &imports).await, imported);
    assert!(is_full(&storage.create_record(WORKSPACE, dataset.clone(), record(size)).await));

    let (deleted, kept) = created.split_at(created.len() / 2);
    for ids in deleted.chunks(500) {
        storage.delete_records(WORKSPACE, ids.to_vec()).await.unwrap();
        disk.check();
    }
    storage.delete_dataset(WORKSPACE, imports).await.unwrap();
    reclaim_all(&disk, &storage).await;
    assert_eq!(storage.health().disk, DiskState::Writable);
    assert_eq!(count(&storage, &dataset).await, kept.len() as u64);
    let imports = new_dataset(&storage, "Imported again").await;
    import_until_full(&disk, &storage, &imports, size).await;
    let again = count(&storage, &imports).await;
    assert!(again >= imported / 2, "{again} of {imported} records fit again");
    drop(storage);
    let storage = disk.open();
    disk.check();
    assert_eq!(count(&storage, &dataset).await, kept.len() as u64);
    assert_eq!(count(&storage, &imports).await, again);
}

/// Sizes that differ in how the last page, chunk and checkpoint fit.
async fn fill_and_free_disks(record_size: usize) {
    let sizes = [20, 22, 24, 27, 29, 31, 34, 37, 41, 46];
    join_all(sizes.map(|megabytes| fill_and_free(megabytes, record_size))).await;
}

#[tokio::test]
async fn small_records_never_outgrow_the_disk() {
    fill_and_free_disks(100).await;
}

#[tokio::test]
async fn medium_records_never_outgrow_the_disk() {
    fill_and_free_disks(100_000).await;
}

#[tokio::test]
async fn large_records_never_outgrow_the_disk() {
    fill_and_free_disks(3_000_000).await;
}

/// A chat span whose index entries lie far apart.
fn scattered_span(random: &mut StdRng, size: usize) -> NewSpan {
    let id: u128 = random.random();
    NewSpan {
        trace_id: format!("{id:032x}"),
        span_id: format!("{:016x}", id as u64),
        start_time: random.random_range(0..i64::MAX / 2),
        end_time: i64::MAX / 2,
        operation_name: format!("{:x}", id as u16),
        request_model: format!("{:x}", id as u32),
        conversation_id: format!("{id:x}"),
        input_messages: "x".repeat(random.random_range(0..2 * size)),
        resource_attributes: "{}".to_owned(),
        span_attributes: "{}".to_owned(),
        response_finish_reasons: "[]".to_owned(),
        turn: Some(Turn { last_input: "x".repeat(500), last_output: "y".repeat(500) }),
        event: Some(NewEvent { id: Uuid::from_u128(id), ..NewEvent::default() }),
        ..NewSpan::default()
    }
}

/// Fills a disk with telemetry, and lets all of it expire.
async fn fill_with_telemetry(megabytes: u64, size: usize) {
    let directory = tempfile::tempdir().unwrap();
    let disk = SmallDisk { directory: directory.path(), bytes: megabytes * MB };
    let storage = disk.open();
    let mut random = StdRng::seed_from_u64(megabytes);
    let sender = Sender { workspace: WORKSPACE, user: Uuid::from_u128(2) };
    let mut inserted = 0;
    for batch in [20, 1] {
        loop {
            let spans = (0..batch).map(|_| scattered_span(&mut random, size)).collect();
            let spans = storage.insert_spans(sender, spans).await;
            disk.check();
            let log = NewLog { body: "x".repeat(size), ..NewLog::default() };
            let logs = storage.insert_logs(sender, vec![log; batch]).await;
            disk.check();
            if is_full(&spans) {
                break;
            }
            is_full(&logs);
            inserted += batch;
        }
    }
    assert!(inserted > 100, "only {inserted} spans fit");
    while storage.expire_telemetry(Timestamp::now()).await.unwrap() {
        disk.check();
    }
    reclaim_all(&disk, &storage).await;
    assert_eq!(storage.health().disk, DiskState::Writable);
    storage.insert_spans(sender, vec![scattered_span(&mut random, size)]).await.unwrap();
}

#[tokio::test]
async fn telemetry_never_outgrows_the_disk() {
    join_all([20, 25, 31, 40].map(|megabytes| fill_with_telemetry(megabytes, 4_000))).await;
    join_all([22, 29].map(|megabytes| fill_with_telemetry(megabytes, 50))).await;
}
