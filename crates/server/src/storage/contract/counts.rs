//! Tests of object counts.

use uuid::Uuid;

use super::exports::new_record;
use super::{Upkeep, run};
use crate::storage::{
    Claim, Counts, DatasetKey, DatasetStore, ExportedRevision, FileIndex, ImportCounts,
    ImportPosition, ImportStore, NewDataset, NewFile, NewImport, Progress, QueueLimits,
    RecordStore, Retention,
};
use crate::time::Timestamp;

/// Runs the tests that need no records.
pub(crate) async fn check<S: FileIndex + DatasetStore + Upkeep, G>(
    create: impl AsyncFn() -> Option<(S, G)>,
) {
    run!(create, datasets_and_files_are_counted);
}

/// Runs the tests that need records and imports.
pub(crate) async fn check_with_imports<S: DatasetStore + RecordStore + ImportStore + Upkeep, G>(
    create: impl AsyncFn() -> Option<(S, G)>,
) {
    run!(create, records_and_tasks_are_counted);
}

/// Returns counts without tasks.
fn counts(datasets: u64, records: u64, files: u64, file_bytes: u64) -> Counts {
    with_tasks(counts_of(datasets, records, files, file_bytes), [0; 3])
}

fn counts_of(datasets: u64, records: u64, files: u64, file_bytes: u64) -> Counts {
    Counts { datasets, records, files, file_bytes, tasks: Vec::new() }
}

/// Sets the number of running, completed and failed tasks.
fn with_tasks(counts: Counts, tasks: [u64; 3]) -> Counts {
    let statuses = ["RUNNING", "COMPLETED", "FAILED"].map(str::to_owned);
    Counts { tasks: statuses.into_iter().zip(tasks).collect(), ..counts }
}

async fn new_dataset(storage: &impl DatasetStore, workspace: Uuid) -> Uuid {
    let (name, description) = ("Name".to_owned(), String::new());
    let new = NewDataset { name, description, owner: Uuid::nil() };
    storage.create_dataset(workspace, new).await.unwrap().id
}

async fn datasets_and_files_are_counted(storage: &(impl FileIndex + DatasetStore + Upkeep)) {
    let check = async |expected: Counts| {
        assert_eq!(storage.counts().await.unwrap(), expected);
    };
    check(counts(0, 0, 0, 0)).await;
    let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let past = Some(Timestamp::from_seconds(1));
    for workspace in [first, second] {
        let dataset = new_dataset(storage, workspace).await;
        let export = Some(ExportedRevision { dataset, revision: 0 });
        let file =
            |bytes, export, expires_at| NewFile { export, bytes, ..super::files::file(expires_at) };
        let deleted = storage.add_file(workspace, file(10, None, None)).await.unwrap().id;
        storage.add_file(workspace, file(100, None, past)).await.unwrap();
        storage.add_file(workspace, file(1_000, export, None)).await.unwrap();
        storage.delete_file(workspace, deleted).await.unwrap();
    }
    // Expired files count until they are deleted.
    check(counts(2, 0, 4, 2_200)).await;
    let retention =
        Retention { expired: Timestamp::now(), uploaded: None, deleted: Timestamp::from_micros(0) };
    storage.expire_files(retention).await.unwrap();
    check(counts(2, 0, 2, 2_000)).await;
    let deleted = new_dataset(storage, first).await;
    let export = Some(ExportedRevision { dataset: deleted, revision: 0 });
    let new = NewFile { export, bytes: 1, ..super::files::file(None) };
    storage.add_file(first, new).await.unwrap();
    check(counts(3, 0, 3, 2_001)).await;
    storage.delete_dataset(first, DatasetKey::Id(deleted)).await.unwrap();
    check(counts(2, 0, 2, 2_000)).await;
    storage.reset(first).await.unwrap();
    check(counts(1, 0, 1, 1_000)).await;
    // What remains of the workspace is removed without being subtracted again.
    let discarded = storage.discarded_files().await.unwrap();
    storage.erase_files(discarded).await.unwrap();
    storage.reclaim_all().await;
    check(counts(1, 0, 1, 1_000)).await;
    new_dataset(storage, first).await;
    check(counts(2, 0, 1, 1_000)).await;
}

async fn records_and_tasks_are_counted(
    storage: &(impl DatasetStore + RecordStore + ImportStore + Upkeep),
) {
    let check = async |records: u64, datasets: u64, tasks: [u64; 3]| {
        let expected = with_tasks(counts_of(datasets, records, 0, 0), tasks);
        assert_eq!(storage.counts().await.unwrap(), expected);
    };
    let workspaces = [Uuid::from_u128(1), Uuid::from_u128(2)];
    let mut datasets = Vec::new();
    for (workspace, before) in workspaces.into_iter().zip(0..) {
        let dataset = DatasetKey::Id(new_dataset(storage, workspace).await);
        let mut records = Vec::new();
        for _ in 0..3 {
            let new = storage.create_record(workspace, dataset.clone(), new_record());
            records.push(new.await.unwrap().id);
        }
        storage.delete_records(workspace, records.split_off(2)).await.unwrap();
        check(before * 5 + 2, before + 1, [before, before, before]).await;
        for kind in ["finished", "failed", "running"] {
            let new = NewImport::empty(workspace, dataset.clone());
            let task =
                Claim::by_creator(storage.queue_import(new, QueueLimits::NONE).await.unwrap().id);
            let staged = vec![new_record(), new_record()];
            let end = ImportPosition::default();
            storage.stage_records(task, staged, end, Progress::NONE).await.unwrap();
            let counts = ImportCounts { requested: 3, imported: 3, skipped: 0 };
            match kind {
                "finished" => {
                    storage
                        .finish_import(task.after_staging(2), vec![new_record()], counts)
                        .await
                        .unwrap();
                }
                "failed" => storage.fail_import(task, "injected".to_owned()).await.unwrap(),
                _ => {}
            }
        }
        // Staged records do not count.
        check(before * 5 + 5, before + 1, [before + 1; 3]).await;
        datasets.push(dataset);
    }
    storage.delete_dataset(workspaces[0], datasets[0].clone()).await.unwrap();
    check(5, 1, [1; 3]).await;
    storage.reclaim_all().await;
    check(5, 1, [1; 3]).await;
    storage.reset(workspaces[1]).await.unwrap();
    check(0, 0, [0; 3]).await;
}
