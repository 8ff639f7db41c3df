//! Tests of removing what is no longer visible.

use uuid::Uuid;

use super::exports::new_record;
use super::{Upkeep, run};
use crate::storage::{
    Campaign, Claim, Conversation, DatasetKey, DatasetStore, EventFields, FileIndex, FixtureStore,
    ImportPosition, ImportSource, ImportStore, NewDataset, NewFixtureEvent, NewImport, Progress,
    QueueLimits, RecordStore, SourceIds,
};

const WORKSPACE: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

/// More records than are removed in one step.
const MANY: usize = 1_500;

/// Runs the tests that need no records.
pub(crate) async fn check<S: FileIndex + DatasetStore + Upkeep, G>(
    create: impl AsyncFn() -> Option<(S, G)>,
) {
    run!(create, the_names_of_deleted_datasets_are_not_used_again, nothing_is_removed_from_nothing);
}

/// Runs the tests that need records, imports and fixtures.
pub(crate) async fn check_with_imports<
    S: DatasetStore + RecordStore + ImportStore + FixtureStore + Upkeep,
    G,
>(
    create: impl AsyncFn() -> Option<(S, G)>,
) {
    run!(
        create,
        records_of_a_failed_import_are_removed,
        records_and_tasks_of_a_deleted_dataset_are_removed,
        a_reset_workspace_is_removed_and_others_are_kept,
    );
}

async fn new_dataset(storage: &impl DatasetStore, workspace: Uuid) -> DatasetKey {
    let (name, description) = ("Name".to_owned(), String::new());
    let new = NewDataset { name, description, owner: Uuid::nil() };
    DatasetKey::Id(storage.create_dataset(workspace, new).await.unwrap().id)
}

async fn queue_import(storage: &impl ImportStore, workspace: Uuid, dataset: DatasetKey) -> Claim {
    let source = ImportSource::Ids(SourceIds::Records(vec![Uuid::nil()]));
    let new = NewImport { source, ..NewImport::empty(workspace, dataset) };
    Claim::by_creator(storage.queue_import(new, QueueLimits::NONE).await.unwrap().id)
}

async fn stage(storage: &impl ImportStore, task: Claim) {
    let staged = (0..MANY).map(|_| new_record()).collect();
    let end = ImportPosition::default();
    storage.stage_records(task, staged, end, Progress::NONE).await.unwrap();
}

async fn nothing_is_removed_from_nothing(storage: &(impl DatasetStore + Upkeep)) {
    assert_eq!(storage.reclaim_all().await, 0);
    new_dataset(storage, WORKSPACE).await;
    storage.reset(OTHER).await.unwrap();
    assert_eq!(storage.reclaim_all().await, 0);
    assert_eq!(storage.rows("datasets").await, 1);
}

async fn the_names_of_deleted_datasets_are_not_used_again(storage: &(impl DatasetStore + Upkeep)) {
    let first = new_dataset(storage, WORKSPACE).await;
    storage.delete_dataset(WORKSPACE, first).await.unwrap();
    assert!(storage.reclaim_all().await > 0);
    assert_eq!(storage.reclaim_all().await, 0);
    let second = new_dataset(storage, WORKSPACE).await;
    let second = storage.dataset(WORKSPACE, second).await.unwrap();
    assert_eq!(second.slug, "name-2");
    // A reset workspace starts from the beginning.
    storage.reset(WORKSPACE).await.unwrap();
    storage.reclaim_all().await;
    assert_eq!(storage.rows("datasets").await, 0);
    assert_eq!(storage.rows("workspaces").await, 0);
    let third = new_dataset(storage, WORKSPACE).await;
    assert_eq!(storage.dataset(WORKSPACE, third).await.unwrap().slug, "name");
}

async fn records_of_a_failed_import_are_removed(
    storage: &(impl DatasetStore + RecordStore + ImportStore + Upkeep),
) {
    let dataset = new_dataset(storage, WORKSPACE).await;
    storage.create_record(WORKSPACE, dataset.clone(), new_record()).await.unwrap();
    let task = queue_import(storage, WORKSPACE, dataset).await;
    stage(storage, task).await;
    assert_eq!(storage.rows("records").await, MANY as i64 + 1);
    // Records staged by a running import are kept.
    assert_eq!(storage.reclaim_all().await, 0);
    storage.fail_import(task, "injected".to_owned()).await.unwrap();
    assert!(storage.reclaim_all().await > 1);
    assert_eq!((storage.rows("records").await, storage.rows("runs").await), (1, 1));
    assert_eq!((storage.rows("imports").await, storage.rows("import_ids").await), (0, 0));
    assert_eq!(storage.rows("tasks").await, 1);
}

async fn records_and_tasks_of_a_deleted_dataset_are_removed(
    storage: &(impl DatasetStore + RecordStore + ImportStore + Upkeep),
) {
    let (kept, deleted) =
        (new_dataset(storage, WORKSPACE).await, new_dataset(storage, WORKSPACE).await);
    for dataset in [&kept, &deleted] {
        storage.create_record(WORKSPACE, dataset.clone(), new_record()).await.unwrap();
        let task = queue_import(storage, WORKSPACE, dataset.clone()).await;
        stage(storage, task).await;
    }
    storage.delete_dataset(WORKSPACE, deleted).await.unwrap();
    // Steps of several servers at the same time.
    tokio::join!(storage.reclaim_all(), storage.reclaim_all());
    storage.reclaim_all().await;
    for (table, left) in
        [("records", MANY as i64 + 1), ("runs", 2), ("tasks", 1), ("imports", 1), ("import_ids", 1)]
    {
        assert_eq!(storage.rows(table).await, left, "{table}");
    }
}

async fn a_reset_workspace_is_removed_and_others_are_kept(
    storage: &(impl DatasetStore + RecordStore + ImportStore + FixtureStore + Upkeep),
) {
    for workspace in [WORKSPACE, OTHER] {
        let dataset = new_dataset(storage, workspace).await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            let created = storage.create_record(workspace, dataset.clone(), new_record());
            ids.push(created.await.unwrap().id);
        }
        storage.delete_records(workspace, ids[..1].to_vec()).await.unwrap();
        queue_import(storage, workspace, dataset).await;
        let json = || "[]".to_owned();
        let event = NewFixtureEvent {
            id: "e".to_owned(),
            request_messages: json(),
            response_messages: json(),
            fields: EventFields::default(),
            extra_fields: "{}".to_owned(),
        };
        storage.insert_events(workspace, vec![event]).await.unwrap();
        let conversation = Conversation { id: "c".to_owned(), messages: json() };
        storage.insert_conversations(workspace, vec![conversation]).await.unwrap();
        let (name, event_ids) = ("Campaign".to_owned(), vec!["e".to_owned()]);
        let campaign = Campaign { id: Uuid::now_v7(), name, event_ids };
        storage.insert_campaign(workspace, campaign).await.unwrap();
    }
    let gaps = storage.rows("gaps").await;
    storage.reset(WORKSPACE).await.unwrap();
    storage.reclaim_all().await;
    for (table, left) in [
        ("workspaces", 1),
        ("datasets", 1),
        ("runs", 1),
        ("records", 2),
        ("gaps", gaps / 2),
        ("tasks", 1),
        ("imports", 1),
        ("import_ids", 1),
        ("events", 1),
        ("conversations", 1),
        ("campaigns", 1),
        ("campaign_events", 1),
    ] {
        assert_eq!(storage.rows(table).await, left, "{table}");
    }
}
