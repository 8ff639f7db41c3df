//! Tests of campaigns and their queue.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::SqliteStorage;
use crate::storage::{
    CampaignEntry, CampaignJudge, CampaignKey, CampaignStore, EventFields, EventStore,
    FixtureStore, Missing, NewCampaign, NewFixtureEvent, QueueLimits, Storage, StorageError,
    Verdict, Window,
};

const FIRST: Uuid = Uuid::from_u128(1);
const SECOND: Uuid = Uuid::from_u128(2);
const WORKSPACE: Uuid = Uuid::from_u128(3);
const OTHER: Uuid = Uuid::from_u128(4);
const JUDGE: Uuid = Uuid::from_u128(5);
const ALL: Window = Window { offset: 0, limit: 100 };

async fn insert_events(storage: &SqliteStorage, workspace: Uuid, count: usize) {
    let event = |n| NewFixtureEvent {
        id: format!("e{n}"),
        request_messages: "[]".to_owned(),
        response_messages: "[]".to_owned(),
        extra_fields: r#"{"own": 1e400}"#.to_owned(),
        fields: EventFields::default(),
    };
    storage.insert_events(workspace, (0..count).map(event).collect()).await.unwrap();
}

async fn create(
    storage: &SqliteStorage,
    workspace: Uuid,
    name: &str,
    events: usize,
) -> CampaignEntry {
    try_create(storage, workspace, name, events, QueueLimits::NONE).await.unwrap()
}

async fn try_create(
    storage: &SqliteStorage,
    workspace: Uuid,
    name: &str,
    events: usize,
    limits: QueueLimits,
) -> Result<CampaignEntry, StorageError> {
    let judge = CampaignJudge {
        id: JUDGE,
        name: "Politeness".to_owned(),
        options: Some(vec!["yes".to_owned(), "no".to_owned()]),
        copy: "{}".to_owned(),
    };
    let new = NewCampaign {
        name: name.to_owned(),
        description: String::new(),
        owner: Uuid::nil(),
        max_events: 10,
        search_params: r#"{"filters": null}"#.to_owned(),
        judge,
        event_ids: (0..events).map(|n| format!("e{n}")).collect(),
    };
    storage.create_campaign(workspace, new, limits).await
}

async fn status(storage: &SqliteStorage, campaign: &CampaignEntry) -> String {
    let status = storage.campaign_status(campaign.workspace, campaign.id).await.unwrap();
    status.as_str().to_owned()
}

async fn waiting(storage: &SqliteStorage, campaign: CampaignKey) -> Vec<String> {
    let events = storage.waiting_events(campaign, None, 100).await.unwrap();
    events.into_iter().map(|event| event.id).collect()
}

fn answer() -> Verdict {
    Verdict::Answer { json: "\"yes\"".to_owned(), event_bytes: 100 }
}

#[tokio::test]
async fn what_is_done_is_not_done_again_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open_in(directory.path());
    insert_events(&storage, WORKSPACE, 3).await;
    // The last one does not exist.
    let campaign = create(&storage, WORKSPACE, "First campaign", 4).await;
    let claimed = storage.claim_campaign(FIRST).await.unwrap().unwrap();
    assert_eq!((claimed.id, claimed.workspace, claimed.attempts), (campaign.id, WORKSPACE, 1));
    assert_eq!(storage.claim_campaign(FIRST).await.unwrap(), None);
    storage.store_verdict(claimed.key, 1, answer()).await.unwrap();
    storage.store_verdict(claimed.key, 2, Verdict::Failed).await.unwrap();
    drop(storage);

    let storage = SqliteStorage::open_in(directory.path());
    let claimed = storage.claim_campaign(SECOND).await.unwrap().unwrap();
    // It has made progress since it was claimed last.
    assert_eq!((claimed.id, claimed.attempts), (campaign.id, 1));
    assert_eq!(waiting(&storage, claimed.key).await, ["e0", "e3"]);
    assert_eq!(storage.waiting_events(claimed.key, Some(0), 9).await.unwrap()[0].ordinal, 3);
    storage.store_verdict(claimed.key, 0, answer()).await.unwrap();
    storage.store_verdict(claimed.key, 3, answer()).await.unwrap();
    assert_eq!(status(&storage, &campaign).await, "RUNNING");
    storage.end_campaign(claimed.key, false).await.unwrap();
    assert_eq!(status(&storage, &campaign).await, "COMPLETED");

    let selected = storage.selected_events(WORKSPACE, campaign.id, ALL).await.unwrap();
    let selected: Vec<_> =
        selected.results.iter().map(|event| (&*event.id, &*event.extra_fields)).collect();
    let annotation = format!("{{\"__judge_{JUDGE}\":\"yes\"}}");
    assert_eq!(selected, [("e0", &*annotation), ("e1", &annotation), ("e2", "{}")]);
    // Other fields are unchanged.
    let event = storage.event_details(WORKSPACE, "e0".to_owned()).await.unwrap();
    assert!(event.summary.extra_fields.contains("\"own\":1e400"), "{}", event.summary.extra_fields);
    let annotations = storage.annotation_fields(WORKSPACE).await.unwrap();
    assert_eq!((annotations.len(), &*annotations[0].name), (1, "Politeness"));
}

#[tokio::test]
async fn claims_without_progress_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open_in(directory.path());
    create(&storage, WORKSPACE, "First campaign", 1).await;
    for attempts in 1..4 {
        let claimed = storage.claim_campaign(Uuid::from_u128(attempts)).await.unwrap().unwrap();
        assert_eq!(u128::from(claimed.attempts), attempts);
    }
}

#[tokio::test]
async fn workspaces_take_turns() {
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open_in(directory.path());
    for name in ["First campaign", "Second campaign", "Third campaign"] {
        create(&storage, WORKSPACE, name, 1).await;
    }
    create(&storage, OTHER, "Other campaign", 1).await;
    let mut order = Vec::new();
    while let Some(claimed) = storage.claim_campaign(FIRST).await.unwrap() {
        order.push(claimed.workspace);
    }
    assert_eq!(order, [WORKSPACE, OTHER, WORKSPACE, WORKSPACE]);
}

#[tokio::test]
async fn a_campaign_without_annotations_or_that_broke_off_has_failed() {
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open_in(directory.path());
    insert_events(&storage, WORKSPACE, 2).await;
    for (verdict, broke_off, expected) in [
        (answer(), false, "COMPLETED"),
        (answer(), true, "FAILED"),
        (Verdict::Failed, false, "FAILED"),
    ] {
        let campaign = create(&storage, WORKSPACE, "Some campaign", 2).await;
        let claimed = storage.claim_campaign(FIRST).await.unwrap().unwrap();
        storage.store_verdict(claimed.key, 0, verdict).await.unwrap();
        storage.store_verdict(claimed.key, 1, Verdict::Failed).await.unwrap();
        storage.end_campaign(claimed.key, broke_off).await.unwrap();
        assert_eq!(status(&storage, &campaign).await, expected);
    }
}

#[tokio::test]
async fn a_deleted_campaign_stops_and_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open_in(directory.path());
    insert_events(&storage, WORKSPACE, 300).await;
    let campaign = create(&storage, WORKSPACE, "First campaign", 300).await;
    let claimed = storage.claim_campaign(FIRST).await.unwrap().unwrap();
    storage.store_verdict(claimed.key, 0, answer()).await.unwrap();
    storage.delete_campaign(WORKSPACE, campaign.id).await.unwrap();
    let is_missing = |result: Result<(), StorageError>| {
        assert!(matches!(result, Err(StorageError::Missing(Missing::Campaign))), "{result:?}");
    };
    is_missing(storage.store_verdict(claimed.key, 1, answer()).await);
    is_missing(storage.waiting_events(claimed.key, None, 1).await.map(drop));
    is_missing(storage.campaign(WORKSPACE, campaign.id).await.map(drop));
    is_missing(storage.delete_campaign(WORKSPACE, campaign.id).await);
    is_missing(storage.campaign_events(WORKSPACE, campaign.id).await.map(drop));
    assert_eq!(storage.claim_campaign(SECOND).await.unwrap(), None);
    // The annotation outlives the campaign.
    let event = storage.event_details(WORKSPACE, "e0".to_owned()).await.unwrap();
    assert!(event.summary.extra_fields.contains("yes"));
    while storage.reclaim().await.unwrap() {}
    let rows = storage.look_up(|connection| {
        let sql =
            "SELECT (SELECT count(*) FROM campaigns) + (SELECT count(*) FROM campaign_events)";
        Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))?)
    });
    assert_eq!(rows.await.unwrap(), 0);
}

#[tokio::test]
async fn a_reset_ends_campaigns() {
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open_in(directory.path());
    create(&storage, WORKSPACE, "First campaign", 1).await;
    let claimed = storage.claim_campaign(FIRST).await.unwrap().unwrap();
    storage.reset(WORKSPACE).await.unwrap();
    assert!(storage.store_verdict(claimed.key, 0, answer()).await.is_err());
    assert_eq!(storage.claim_campaign(SECOND).await.unwrap(), None);
    while storage.reclaim().await.unwrap() {}
    let left = storage.look_up(|connection| {
        let sql =
            "SELECT (SELECT count(*) FROM event_annotations) + (SELECT count(*) FROM workspaces)";
        Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))?)
    });
    assert_eq!(left.await.unwrap(), 0);
}

#[tokio::test]
async fn campaigns_are_searched_and_paged_newest_first() {
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open_in(directory.path());
    for name in ["First ÉTÉ", "Second été", "Third one"] {
        create(&storage, WORKSPACE, name, 1).await;
    }
    let fixture = crate::storage::Campaign {
        id: Uuid::from_u128(9),
        name: "été of a fixture".to_owned(),
        event_ids: Vec::new(),
    };
    storage.insert_campaign(WORKSPACE, fixture).await.unwrap();
    let names = async |workspace, text: Option<&str>, offset| {
        let window = Window { offset, limit: 2 };
        let listed = storage.campaigns(workspace, text.map(str::to_owned), window).await.unwrap();
        (listed.count, listed.results.into_iter().map(|entry| entry.name).collect::<Vec<_>>())
    };
    assert_eq!(names(WORKSPACE, None, 0).await, (3, vec!["Third one".into(), "Second été".into()]));
    assert_eq!(names(WORKSPACE, None, 2).await, (3, vec!["First ÉTÉ".into()]));
    assert_eq!(names(WORKSPACE, Some("Été"), 1).await, (2, vec!["First ÉTÉ".into()]));
    assert_eq!(names(OTHER, None, 0).await, (0, Vec::new()));
}

#[tokio::test]
async fn running_campaigns_are_limited() {
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open_in(directory.path());
    let limits = QueueLimits { workspace: 1, total: 2 };
    let mut created = BTreeSet::new();
    for (workspace, is_created) in
        [(WORKSPACE, true), (WORKSPACE, false), (OTHER, true), (Uuid::from_u128(8), false)]
    {
        let result = try_create(&storage, workspace, "Some campaign", 1, limits).await;
        match result {
            Ok(campaign) => assert!(is_created && created.insert(campaign.id)),
            Err(error) => {
                assert!(!is_created && matches!(error, StorageError::QueueFull), "{error}");
            }
        }
    }
    // One that has ended does not count.
    let claimed = storage.claim_campaign(FIRST).await.unwrap().unwrap();
    storage.end_campaign(claimed.key, true).await.unwrap();
    try_create(&storage, claimed.workspace, "Some campaign", 1, limits).await.unwrap();
}
