//! Tests of [`SeedStore`].

use std::sync::Arc;

use futures::future::join_all;
use mistral_datasets_types::RecordSource;
use uuid::Uuid;

use super::{event, run};
use crate::storage::{
    Campaign, Conversation, DatasetStore, FixtureStore, NewRecord, Seed, SeedDataset, SeedStore,
    Window,
};

const WORKSPACE: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);
const OWNER: Uuid = Uuid::from_u128(3);

/// The id of the campaign of a seed.
pub(crate) const CAMPAIGN: Uuid = Uuid::from_u128(4);

/// Runs all tests.
pub(crate) async fn check<S: SeedStore + DatasetStore + FixtureStore, G>(
    create: impl AsyncFn() -> Option<(S, G)>,
) {
    run!(
        create,
        a_seed_is_inserted_once,
        another_seed_adds_only_new_datasets,
        a_seed_is_inserted_once_at_the_same_time,
        a_reset_leaves_only_the_seed,
        resets_at_the_same_time_leave_one_seed,
    );
}

/// Returns a seed with datasets of these names, each with three records, and an event, a conversation and a campaign.
pub(crate) fn seed(digest: u8, datasets: &[&str]) -> Arc<Seed> {
    let record = |n: usize| NewRecord {
        payload: format!("{{\"n\": {n}}}"),
        properties: "{}".to_owned(),
        source: RecordSource::DirectInput,
    };
    let dataset = |name: &&str| SeedDataset {
        name: (*name).to_owned(),
        description: String::new(),
        records: (0..3).map(record).collect(),
    };
    Arc::new(Seed {
        digest: [digest; 32],
        datasets: datasets.iter().map(dataset).collect(),
        events: vec![event("e", i64::from(digest))],
        conversations: vec![Conversation { id: "c".to_owned(), messages: format!("[{digest}]") }],
        campaigns: vec![Campaign {
            id: CAMPAIGN,
            name: "Campaign".to_owned(),
            event_ids: vec!["e".to_owned()],
        }],
    })
}

/// Returns the names of the datasets, and the messages of the conversation.
async fn content<S: DatasetStore + FixtureStore>(storage: &S, workspace: Uuid) -> (String, String) {
    let window = Window { offset: 0, limit: 100 };
    let listed = storage.datasets(workspace, None, window).await.unwrap();
    assert_eq!(listed.count, listed.results.len() as u64);
    let names: Vec<_> = listed.results.iter().map(|dataset| &*dataset.name).collect();
    let conversations = storage.conversations(workspace, vec!["c".to_owned()], 1).await;
    let messages = conversations.map(|mut found| found.remove(0).messages).unwrap_or_default();
    (names.join(","), messages)
}

async fn a_seed_is_inserted_once<S: SeedStore + DatasetStore + FixtureStore>(storage: &S) {
    storage.insert_seed(WORKSPACE, OWNER, seed(1, &["a", "b"])).await.unwrap();
    assert_eq!(content(storage, WORKSPACE).await, ("b,a".to_owned(), "[1]".to_owned()));
    let events = storage.campaign_events(WORKSPACE, CAMPAIGN).await.unwrap();
    assert_eq!((events.named, events.existing.len()), (1, 1));
    // What is changed later stays so.
    let changed = Conversation { id: "c".to_owned(), messages: "[9]".to_owned() };
    storage.insert_conversations(WORKSPACE, vec![changed]).await.unwrap();
    storage.insert_seed(WORKSPACE, OWNER, seed(1, &["a", "b"])).await.unwrap();
    assert_eq!(content(storage, WORKSPACE).await, ("b,a".to_owned(), "[9]".to_owned()));
    assert_eq!(content(storage, OTHER).await, (String::new(), String::new()));
}

async fn another_seed_adds_only_new_datasets<S: SeedStore + DatasetStore + FixtureStore>(
    storage: &S,
) {
    storage.insert_seed(WORKSPACE, OWNER, seed(1, &["a", "b"])).await.unwrap();
    storage.insert_seed(WORKSPACE, OWNER, seed(2, &["b", "c"])).await.unwrap();
    assert_eq!(content(storage, WORKSPACE).await, ("c,b,a".to_owned(), "[2]".to_owned()));
    // The digest of the last one counts.
    storage.insert_seed(WORKSPACE, OWNER, seed(1, &["a", "b"])).await.unwrap();
    assert_eq!(content(storage, WORKSPACE).await, ("c,b,a".to_owned(), "[1]".to_owned()));
}

async fn a_seed_is_inserted_once_at_the_same_time<S: SeedStore + DatasetStore + FixtureStore>(
    storage: &S,
) {
    let inserting = (0..8).map(|_| storage.insert_seed(WORKSPACE, OWNER, seed(1, &["a", "b"])));
    join_all(inserting).await.into_iter().for_each(Result::unwrap);
    assert_eq!(content(storage, WORKSPACE).await.0, "b,a");
}

async fn a_reset_leaves_only_the_seed<S: SeedStore + DatasetStore + FixtureStore>(storage: &S) {
    storage.insert_seed(WORKSPACE, OWNER, seed(1, &["a", "b"])).await.unwrap();
    storage.insert_events(WORKSPACE, vec![event("other", 0)]).await.unwrap();
    storage.insert_seed(OTHER, OWNER, seed(1, &["a"])).await.unwrap();
    storage.reset_to_seed(WORKSPACE, OWNER, seed(1, &["b"])).await.unwrap();
    assert_eq!(content(storage, WORKSPACE).await, ("b".to_owned(), "[1]".to_owned()));
    assert!(storage.require_events(WORKSPACE, vec!["other".to_owned()]).await.is_err());
    assert_eq!(content(storage, OTHER).await.0, "a");
}

async fn resets_at_the_same_time_leave_one_seed<S: SeedStore + DatasetStore + FixtureStore>(
    storage: &S,
) {
    storage.insert_seed(WORKSPACE, OWNER, seed(1, &["a"])).await.unwrap();
    let resetting = (0..4).map(|_| storage.reset_to_seed(WORKSPACE, OWNER, seed(2, &["b", "c"])));
    let inserting = (0..4).map(|_| storage.insert_seed(WORKSPACE, OWNER, seed(2, &["b", "c"])));
    let (reset, inserted) = futures::join!(join_all(resetting), join_all(inserting));
    reset.into_iter().chain(inserted).for_each(Result::unwrap);
    assert_eq!(content(storage, WORKSPACE).await.0, "c,b");
}
