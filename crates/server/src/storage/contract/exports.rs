//! Tests of exports, and of the contents that imports read.

use std::time::Duration;

use mistral_datasets_types::RecordSource;
use uuid::Uuid;

use super::files::{WORKSPACE, add, expired, file, in_an_hour, is_missing, listed};
use super::{Upkeep, run};
use crate::storage::{
    Claim, DatasetChange, DatasetKey, DatasetStore, ExportedRevision, FileIndex, ImportCounts,
    ImportPosition, ImportSource, ImportStore, Missing, NewDataset, NewFile, NewImport, NewRecord,
    Progress, QueueLimits, RecordFormat, RecordStore, Retention, Selection, StorageError, Window,
};
use crate::time::Timestamp;

/// Runs the tests that need no records.
pub(crate) async fn check<S: FileIndex + DatasetStore + Upkeep, G>(
    create: impl AsyncFn() -> Option<(S, G)>,
) {
    run!(
        create,
        an_export_is_reused,
        uploads_and_exports_are_different,
        exports_are_deleted_with_their_dataset_and_their_workspace,
    );
}

/// Runs the tests that need records and imports.
pub(crate) async fn check_with_imports<
    S: FileIndex + DatasetStore + RecordStore + ImportStore + Upkeep,
    G,
>(
    create: impl AsyncFn() -> Option<(S, G)>,
) {
    run!(
        create,
        every_change_of_the_records_changes_the_revision,
        an_export_is_reused_until_the_records_change,
        the_content_of_a_deleted_file_is_kept_until_its_imports_have_ended,
    );
}

pub(super) async fn new_dataset(storage: &impl DatasetStore) -> Uuid {
    let (name, description) = ("Name".to_owned(), String::new());
    let new = NewDataset { name, description, owner: Uuid::nil() };
    storage.create_dataset(WORKSPACE, new).await.unwrap().id
}

pub(super) fn new_record() -> NewRecord {
    NewRecord {
        payload: "{}".to_owned(),
        properties: "{}".to_owned(),
        source: RecordSource::DirectInput,
    }
}

/// The revision of a dataset whose records were never changed.
const UNCHANGED: u64 = 0;

/// Adds an export of a revision.
async fn exported(storage: &impl FileIndex, dataset: Uuid, revision: u64) -> Uuid {
    let export = Some(ExportedRevision { dataset, revision });
    add(storage, NewFile { export, bytes: 1, ..file(Some(in_an_hour())) }).await
}

async fn reused(storage: &impl FileIndex, dataset: Uuid) -> Option<Uuid> {
    let reused = storage.reuse_export(WORKSPACE, dataset, in_an_hour()).await.unwrap();
    reused.map(|file| file.id)
}

async fn revision(storage: &impl RecordStore, dataset: Uuid) -> u64 {
    let format =
        RecordFormat { begin: |_, _| {}, middle: |_| {}, end: |_, _| {}, single_line: false };
    let none = Window { offset: 0, limit: 0 };
    let none = Selection::Dataset(DatasetKey::Id(dataset), none);
    let stream = storage.stream_records(WORKSPACE, none, format, Vec::new(), Duration::MAX);
    stream.await.unwrap().revision
}

async fn an_export_is_reused(storage: &(impl FileIndex + DatasetStore)) {
    let (dataset, other) = (new_dataset(storage).await, new_dataset(storage).await);
    assert_eq!(reused(storage, dataset).await, None);
    let export = exported(storage, dataset, UNCHANGED).await;
    assert_eq!(reused(storage, dataset).await, Some(export));
    assert_eq!(reused(storage, other).await, None);
    // The expiry time only increases.
    let expires = in_an_hour().plus(Duration::from_secs(60));
    for requested in [expires, Timestamp::now()] {
        let file = storage.reuse_export(WORKSPACE, dataset, requested).await.unwrap();
        assert_eq!(file.unwrap().expires_at, Some(expires));
        assert_eq!(storage.linked_file(export).await.unwrap().expires_at, Some(expires));
    }
    // Of several ones, the newest is reused.
    let newer = exported(storage, dataset, UNCHANGED).await;
    assert_eq!(reused(storage, dataset).await, Some(newer));
    storage.discard_export(newer).await.unwrap();
    assert_eq!(reused(storage, dataset).await, Some(export));
    let other_workspace = storage.reuse_export(Uuid::from_u128(2), dataset, expires).await;
    assert!(matches!(other_workspace, Err(StorageError::Missing(Missing::Dataset))));
    // An expired export is not reused.
    storage.discard_export(export).await.unwrap();
    let new = Some(ExportedRevision { dataset, revision: UNCHANGED });
    add(storage, NewFile { export: new, ..file(Some(Timestamp::now())) }).await;
    assert_eq!(reused(storage, dataset).await, None);
}

async fn uploads_and_exports_are_different(storage: &(impl FileIndex + DatasetStore + Upkeep)) {
    let export = exported(storage, new_dataset(storage).await, UNCHANGED).await;
    let upload = add(storage, NewFile { bytes: 10, ..file(None) }).await;
    assert_eq!(listed(storage).await, [upload]);
    assert!(is_missing(storage.file(WORKSPACE, export).await));
    assert!(is_missing(storage.delete_file(WORKSPACE, export).await));
    assert!(storage.linked_file(upload).await.is_ok());
    assert!(storage.linked_file(export).await.is_ok());
    assert_eq!(storage.workspace_of_file(export).await.unwrap(), WORKSPACE);
    // The lifetime of uploads does not affect exports.
    storage.discard_export(upload).await.unwrap();
    assert!(storage.file(WORKSPACE, upload).await.is_ok());
    let never = Timestamp::from_micros(0);
    let retention = Retention { expired: never, uploaded: Some(in_an_hour()), deleted: never };
    storage.expire_files(retention).await.unwrap();
    assert!(is_missing(storage.file(WORKSPACE, upload).await));
    assert!(storage.linked_file(export).await.is_ok());
    let counts = storage.counts().await.unwrap();
    assert_eq!((counts.files, counts.file_bytes), (1, 1));
    for _ in 0..2 {
        storage.discard_export(export).await.unwrap();
        assert!(is_missing(storage.linked_file(export).await));
        assert_eq!(storage.counts().await.unwrap().files, 0);
    }
    assert_eq!(storage.discarded_files().await.unwrap(), [export, upload]);
}

async fn exports_are_deleted_with_their_dataset_and_their_workspace(
    storage: &(impl FileIndex + DatasetStore + Upkeep),
) {
    let (dataset, other) = (new_dataset(storage).await, new_dataset(storage).await);
    let export = exported(storage, dataset, UNCHANGED).await;
    let kept = exported(storage, other, UNCHANGED).await;
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
    storage.reclaim_all().await;
    assert_eq!(storage.discarded_files().await.unwrap().len(), 2);
    storage.erase_files(discarded).await.unwrap();
    storage.reclaim_all().await;
    for table in ["files", "datasets", "workspaces"] {
        assert_eq!(storage.rows(table).await, 0, "{table}");
    }
}

async fn every_change_of_the_records_changes_the_revision(
    storage: &(impl DatasetStore + RecordStore + ImportStore),
) {
    let dataset = new_dataset(storage).await;
    let key = DatasetKey::Id(dataset);
    let mut revisions = vec![revision(storage, dataset).await];
    let mut changed = async || {
        let now = revision(storage, dataset).await;
        assert!(!revisions.contains(&now), "{revisions:?}, then {now}");
        revisions.push(now);
    };
    let id = storage.create_record(WORKSPACE, key.clone(), new_record()).await.unwrap().id;
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
        let before = revision(storage, dataset).await;
        if staged > 0 {
            let records = (0..staged).map(|_| new_record()).collect();
            let end = ImportPosition::default();
            storage.stage_records(claim, records, end, Progress::NONE).await.unwrap();
        }
        assert_eq!(revision(storage, dataset).await, before);
        let counts = ImportCounts::default();
        storage
            .finish_import(claim.after_staging(staged), vec![new_record()], counts)
            .await
            .unwrap();
        changed().await;
    }
    let before = revision(storage, dataset).await;
    let change = DatasetChange { name: Some("Other".to_owned()), description: None };
    storage.update_dataset(WORKSPACE, key, change).await.unwrap();
    assert_eq!(revision(storage, dataset).await, before);
}

async fn an_export_is_reused_until_the_records_change(
    storage: &(impl FileIndex + DatasetStore + RecordStore),
) {
    let dataset = new_dataset(storage).await;
    let export = exported(storage, dataset, revision(storage, dataset).await).await;
    assert_eq!(reused(storage, dataset).await, Some(export));
    let record = storage.create_record(WORKSPACE, DatasetKey::Id(dataset), new_record());
    record.await.unwrap();
    assert_eq!(reused(storage, dataset).await, None);
    // Its link still works.
    assert!(storage.linked_file(export).await.is_ok());
    let newer = exported(storage, dataset, revision(storage, dataset).await).await;
    assert_eq!(reused(storage, dataset).await, Some(newer));
}

async fn the_content_of_a_deleted_file_is_kept_until_its_imports_have_ended(
    storage: &(impl FileIndex + DatasetStore + ImportStore + Upkeep),
) {
    let dataset = DatasetKey::Id(new_dataset(storage).await);
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
