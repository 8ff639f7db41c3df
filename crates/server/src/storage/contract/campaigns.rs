//! Tests of [`CampaignStore`].

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;
use uuid::Uuid;

use super::run;
use crate::storage::{
    CampaignEntry, CampaignJudge, CampaignKey, CampaignStore, EventFields, EventStore,
    FixtureStore, Missing, NewCampaign, NewFixtureEvent, QueueLimits, Seed, SeedStore,
    StorageError, Verdict, Window,
};

pub(crate) const FIRST: Uuid = Uuid::from_u128(1);
pub(crate) const SECOND: Uuid = Uuid::from_u128(2);
pub(crate) const WORKSPACE: Uuid = Uuid::from_u128(3);
pub(crate) const OTHER: Uuid = Uuid::from_u128(4);
const JUDGE: Uuid = Uuid::from_u128(5);
const ALL: Window = Window { offset: 0, limit: 100 };

/// What the tests need.
pub(crate) trait Stores: CampaignStore + EventStore + FixtureStore + SeedStore {}

impl<S: CampaignStore + EventStore + FixtureStore + SeedStore> Stores for S {}

/// Runs all tests.
pub(crate) async fn check<S: Stores, G>(create: impl AsyncFn() -> Option<(S, G)>) {
    run!(
        create,
        what_is_done_is_not_done_again_by_another_claimant,
        workspaces_take_turns,
        each_campaign_is_claimed_once_at_the_same_time,
        answers_at_the_same_time_are_all_stored,
        a_campaign_without_annotations_or_that_broke_off_has_failed,
        a_deleted_campaign_stops,
        a_reset_ends_campaigns,
        campaigns_are_searched_and_paged_newest_first,
        selected_events_are_paged_in_their_order,
        running_campaigns_are_limited,
        running_campaigns_are_limited_at_the_same_time,
    );
}

pub(crate) async fn insert_events<S: Stores>(storage: &S, workspace: Uuid, count: usize) {
    let event = |n| NewFixtureEvent {
        id: format!("e{n}"),
        request_messages: "[]".to_owned(),
        response_messages: "[]".to_owned(),
        extra_fields: r#"{"own": 1e400}"#.to_owned(),
        fields: EventFields::default(),
    };
    storage.insert_events(workspace, (0..count).map(event).collect()).await.unwrap();
}

pub(crate) async fn create<S: Stores>(
    storage: &S,
    workspace: Uuid,
    name: &str,
    events: usize,
) -> CampaignEntry {
    try_create(storage, workspace, name, events, QueueLimits::NONE).await.unwrap()
}

pub(crate) async fn try_create<S: Stores>(
    storage: &S,
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

pub(crate) async fn status<S: Stores>(storage: &S, campaign: &CampaignEntry) -> String {
    let status = storage.campaign_status(campaign.workspace, campaign.id).await.unwrap();
    status.as_str().to_owned()
}

pub(crate) async fn waiting<S: Stores>(storage: &S, campaign: CampaignKey) -> Vec<String> {
    let events = storage.waiting_events(campaign, None, 100).await.unwrap();
    events.into_iter().map(|event| event.id).collect()
}

pub(crate) fn answer() -> Verdict {
    Verdict::Answer { json: "\"yes\"".to_owned(), event_bytes: 100 }
}

fn is_missing<T>(result: &Result<T, StorageError>) -> bool {
    matches!(result, Err(StorageError::Missing(Missing::Campaign)))
}

async fn what_is_done_is_not_done_again_by_another_claimant<S: Stores>(storage: &S) {
    insert_events(storage, WORKSPACE, 3).await;
    // The last one does not exist.
    let campaign = create(storage, WORKSPACE, "First campaign", 4).await;
    let claimed = storage.claim_campaign(FIRST).await.unwrap().unwrap();
    assert_eq!((claimed.id, claimed.workspace, claimed.attempts), (campaign.id, WORKSPACE, 1));
    assert_eq!(storage.claim_campaign(FIRST).await.unwrap(), None);
    storage.renew_campaign(claimed.key).await.unwrap();
    storage.store_verdict(claimed.key, 1, answer()).await.unwrap();
    storage.store_verdict(claimed.key, 2, Verdict::Failed).await.unwrap();
    storage.release_campaigns(FIRST).await.unwrap();

    let claimed = storage.claim_campaign(SECOND).await.unwrap().unwrap();
    // It has made progress since it was claimed last.
    assert_eq!((claimed.id, claimed.attempts), (campaign.id, 1));
    assert_eq!(waiting(storage, claimed.key).await, ["e0", "e3"]);
    assert_eq!(storage.waiting_events(claimed.key, Some(0), 9).await.unwrap()[0].ordinal, 3);
    assert_eq!(storage.waiting_events(claimed.key, None, 1).await.unwrap().len(), 1);
    storage.store_verdict(claimed.key, 0, answer()).await.unwrap();
    storage.store_verdict(claimed.key, 3, answer()).await.unwrap();
    assert!(waiting(storage, claimed.key).await.is_empty());
    assert_eq!(status(storage, &campaign).await, "RUNNING");
    storage.end_campaign(claimed.key, false).await.unwrap();
    assert_eq!(status(storage, &campaign).await, "COMPLETED");
    let ended = storage.campaign(WORKSPACE, campaign.id).await.unwrap();
    assert!(ended.updated_at > campaign.updated_at && ended.created_at == campaign.created_at);
    assert!(is_missing(&storage.waiting_events(claimed.key, None, 1).await));
    assert!(is_missing(&storage.renew_campaign(claimed.key).await));

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
    assert_eq!(annotations[0].options, Some(vec!["yes".to_owned(), "no".to_owned()]));
}

async fn workspaces_take_turns<S: Stores>(storage: &S) {
    for name in ["First campaign", "Second campaign", "Third campaign"] {
        create(storage, WORKSPACE, name, 1).await;
    }
    create(storage, OTHER, "Other campaign", 1).await;
    let mut order = Vec::new();
    while let Some(claimed) = storage.claim_campaign(FIRST).await.unwrap() {
        order.push(claimed.workspace);
    }
    assert_eq!(order, [WORKSPACE, OTHER, WORKSPACE, WORKSPACE]);
}

async fn each_campaign_is_claimed_once_at_the_same_time<S: Stores>(storage: &S) {
    let mut expected = BTreeSet::new();
    for _ in 0..20 {
        expected.insert(create(storage, WORKSPACE, "Some campaign", 1).await.id);
    }
    let claims = join_all((0..30).map(|_| storage.claim_campaign(FIRST))).await;
    let claimed: Vec<_> = claims.into_iter().filter_map(Result::unwrap).map(|c| c.id).collect();
    assert_eq!((claimed.len(), claimed.into_iter().collect()), (20, expected));
}

async fn answers_at_the_same_time_are_all_stored<S: Stores>(storage: &S) {
    insert_events(storage, WORKSPACE, 20).await;
    let campaign = create(storage, WORKSPACE, "First campaign", 20).await;
    let claimed = storage.claim_campaign(FIRST).await.unwrap().unwrap();
    let storing = (0..20).map(|ordinal| storage.store_verdict(claimed.key, ordinal, answer()));
    join_all(storing).await.into_iter().for_each(Result::unwrap);
    assert!(waiting(storage, claimed.key).await.is_empty());
    let selected = storage.selected_events(WORKSPACE, campaign.id, ALL).await.unwrap();
    assert!(selected.results.iter().all(|event| event.extra_fields.contains("yes")));
}

async fn a_campaign_without_annotations_or_that_broke_off_has_failed<S: Stores>(storage: &S) {
    insert_events(storage, WORKSPACE, 2).await;
    for (verdict, broke_off, expected) in [
        (answer(), false, "COMPLETED"),
        (answer(), true, "FAILED"),
        (Verdict::Failed, false, "FAILED"),
    ] {
        let campaign = create(storage, WORKSPACE, "Some campaign", 2).await;
        let claimed = storage.claim_campaign(FIRST).await.unwrap().unwrap();
        storage.store_verdict(claimed.key, 0, verdict).await.unwrap();
        storage.store_verdict(claimed.key, 1, Verdict::Failed).await.unwrap();
        storage.end_campaign(claimed.key, broke_off).await.unwrap();
        assert_eq!(status(storage, &campaign).await, expected);
    }
}

async fn a_deleted_campaign_stops<S: Stores>(storage: &S) {
    insert_events(storage, WORKSPACE, 3).await;
    let campaign = create(storage, WORKSPACE, "First campaign", 3).await;
    let claimed = storage.claim_campaign(FIRST).await.unwrap().unwrap();
    storage.store_verdict(claimed.key, 0, answer()).await.unwrap();
    assert!(is_missing(&storage.delete_campaign(OTHER, campaign.id).await));
    storage.delete_campaign(WORKSPACE, campaign.id).await.unwrap();
    assert!(is_missing(&storage.store_verdict(claimed.key, 1, answer()).await));
    assert!(is_missing(&storage.waiting_events(claimed.key, None, 1).await));
    assert!(is_missing(&storage.renew_campaign(claimed.key).await));
    assert!(is_missing(&storage.campaign(WORKSPACE, campaign.id).await));
    assert!(is_missing(&storage.campaign_status(WORKSPACE, campaign.id).await));
    assert!(is_missing(&storage.selected_events(WORKSPACE, campaign.id, ALL).await));
    assert!(is_missing(&storage.delete_campaign(WORKSPACE, campaign.id).await));
    assert!(is_missing(&storage.campaign_events(WORKSPACE, campaign.id).await));
    assert_eq!(storage.campaigns(WORKSPACE, None, ALL).await.unwrap().count, 0);
    assert_eq!(storage.claim_campaign(SECOND).await.unwrap(), None);
    // The annotation outlives the campaign.
    let event = storage.event_details(WORKSPACE, "e0".to_owned()).await.unwrap();
    assert!(event.summary.extra_fields.contains("yes"));
}

async fn a_reset_ends_campaigns<S: Stores>(storage: &S) {
    let campaign = create(storage, WORKSPACE, "First campaign", 1).await;
    let claimed = storage.claim_campaign(FIRST).await.unwrap().unwrap();
    let seed = Seed {
        digest: [0; 32],
        datasets: Vec::new(),
        events: Vec::new(),
        conversations: Vec::new(),
        campaigns: Vec::new(),
    };
    storage.reset_to_seed(WORKSPACE, Uuid::nil(), Arc::new(seed)).await.unwrap();
    assert!(is_missing(&storage.store_verdict(claimed.key, 0, answer()).await));
    assert!(is_missing(&storage.renew_campaign(claimed.key).await));
    assert!(is_missing(&storage.campaign(WORKSPACE, campaign.id).await));
    assert_eq!(storage.claim_campaign(SECOND).await.unwrap(), None);
    assert!(storage.annotation_fields(WORKSPACE).await.unwrap().is_empty());
}

async fn campaigns_are_searched_and_paged_newest_first<S: Stores>(storage: &S) {
    for name in ["First ÉTÉ", "Second été", "Third one"] {
        create(storage, WORKSPACE, name, 1).await;
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

async fn selected_events_are_paged_in_their_order<S: Stores>(storage: &S) {
    insert_events(storage, WORKSPACE, 5).await;
    let campaign = create(storage, WORKSPACE, "First campaign", 9).await;
    for (offset, limit, expected) in
        [(0, 100, "e0,e1,e2,e3,e4"), (1, 2, "e1,e2"), (4, 2, "e4"), (5, 2, ""), (u64::MAX, 2, "")]
    {
        let window = Window { offset, limit };
        let listed = storage.selected_events(WORKSPACE, campaign.id, window).await.unwrap();
        let ids: Vec<_> = listed.results.iter().map(|event| &*event.id).collect();
        assert_eq!((listed.count, &*ids.join(",")), (5, expected));
    }
}

async fn running_campaigns_are_limited<S: Stores>(storage: &S) {
    let limits = QueueLimits { workspace: 1, total: 2 };
    let mut created = BTreeSet::new();
    for (workspace, is_created) in
        [(WORKSPACE, true), (WORKSPACE, false), (OTHER, true), (Uuid::from_u128(8), false)]
    {
        let result = try_create(storage, workspace, "Some campaign", 1, limits).await;
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
    try_create(storage, claimed.workspace, "Some campaign", 1, limits).await.unwrap();
}

async fn running_campaigns_are_limited_at_the_same_time<S: Stores>(storage: &S) {
    let limits = QueueLimits { workspace: 3, total: 5 };
    let creating = [WORKSPACE, OTHER, FIRST].into_iter().flat_map(|workspace| {
        (0..5).map(move |_| try_create(storage, workspace, "Some campaign", 1, limits))
    });
    let created = join_all(creating).await;
    assert_eq!(created.iter().filter(|result| result.is_ok()).count(), 5);
    let is_full = |result: &Result<_, _>| matches!(result, Err(StorageError::QueueFull));
    assert_eq!(created.iter().filter(|result| is_full(result)).count(), 10);
}
