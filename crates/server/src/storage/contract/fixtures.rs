//! Tests of [`FixtureStore`].

use uuid::Uuid;

use super::{event, run};
use crate::storage::{
    Campaign, Conversation, Event, EventMessages, FixtureStore, Missing, StorageError,
};

const WORKSPACE: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

/// Runs all tests.
pub(crate) async fn check<S: FixtureStore, G>(create: impl AsyncFn() -> Option<(S, G)>) {
    run!(
        create,
        events_are_returned_in_the_requested_order,
        conversations_are_returned_in_the_requested_order,
        an_event_replaces_one_with_the_same_id,
        the_last_of_several_with_one_id_counts,
        the_first_missing_id_is_reported,
        a_campaign_names_events_that_need_not_exist,
    );
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn request(event: &Event) -> &str {
    match &event.messages {
        EventMessages::Chat { request, .. } => request,
        EventMessages::Span { .. } => panic!("not a fixture"),
    }
}

fn missing<T>(result: Result<T, StorageError>) -> Missing {
    match result {
        Err(StorageError::Missing(missing)) => missing,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("found"),
    }
}

async fn insert<S: FixtureStore>(storage: &S, messages: &[(&str, &str)]) {
    let events = messages.iter().map(|(id, messages)| {
        let mut event = event(id, 0);
        (*messages).clone_into(&mut event.request_messages);
        event
    });
    storage.insert_events(WORKSPACE, events.collect()).await.unwrap();
}

async fn events_are_returned_in_the_requested_order<S: FixtureStore>(storage: &S) {
    insert(storage, &[("a", "[1]"), ("b", "[22]"), ("c", "[333]"), ("é'%", "[4]")]).await;
    let read = async |requested: &[&str], max_bytes| {
        let events = storage.events(WORKSPACE, ids(requested), max_bytes).await.unwrap();
        events.iter().map(request).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(read(&["c", "é'%", "a"], 1_000).await, ["[333]", "[4]", "[1]"]);
    assert_eq!(read(&["b", "b", "a", "b"], 1_000).await, ["[22]", "[22]", "[1]", "[22]"]);
    assert!(read(&[], 1_000).await.is_empty());
    // With the other texts, these have 7, 8 and 9 bytes.
    for (max_bytes, count) in [(0, 1), (7, 1), (8, 2), (15, 2), (16, 3), (1_000, 3)] {
        assert_eq!(read(&["a", "b", "c"], max_bytes).await.len(), count, "{max_bytes}");
    }
}

async fn conversations_are_returned_in_the_requested_order<S: FixtureStore>(storage: &S) {
    let conversation = |id: &str, messages: &str| Conversation {
        id: id.to_owned(),
        messages: messages.to_owned(),
    };
    let conversations =
        vec![conversation("a", "[1]"), conversation("b", "[2]"), conversation("a", "[3]")];
    storage.insert_conversations(WORKSPACE, conversations).await.unwrap();
    storage.insert_conversations(WORKSPACE, Vec::new()).await.unwrap();
    let read = async |requested: &[&str], max_bytes| {
        let found = storage.conversations(WORKSPACE, ids(requested), max_bytes).await.unwrap();
        found.into_iter().map(|found| (found.id, found.messages)).collect::<Vec<_>>()
    };
    let (a, b) = (("a".to_owned(), "[3]".to_owned()), ("b".to_owned(), "[2]".to_owned()));
    assert_eq!(read(&["b", "a", "b"], 1_000).await, [b.clone(), a.clone(), b.clone()]);
    assert_eq!(read(&["a", "b"], 1).await, [a]);
    assert_eq!(read(&["b", "missing"], 3).await, [b]);
    let result = storage.conversations(WORKSPACE, ids(&["b", "x"]), 4).await;
    assert_eq!(missing(result), Missing::Conversation("x".to_owned()));
    storage.require_conversations(WORKSPACE, ids(&["a", "b"])).await.unwrap();
    let result = storage.require_conversations(WORKSPACE, ids(&["a", "y", "x"])).await;
    assert_eq!(missing(result), Missing::Conversation("y".to_owned()));
}

async fn an_event_replaces_one_with_the_same_id<S: FixtureStore>(storage: &S) {
    insert(storage, &[("a", "[1]"), ("b", "[2]")]).await;
    insert(storage, &[("b", "[3]")]).await;
    let events = storage.events(WORKSPACE, ids(&["a", "b"]), 1_000).await.unwrap();
    assert_eq!(events.iter().map(request).collect::<Vec<_>>(), ["[1]", "[3]"]);
}

async fn the_last_of_several_with_one_id_counts<S: FixtureStore>(storage: &S) {
    insert(storage, &[("a", "[1]"), ("b", "[2]"), ("a", "[3]")]).await;
    let events = storage.events(WORKSPACE, ids(&["a"]), 1_000).await.unwrap();
    assert_eq!(request(&events[0]), "[3]");
}

async fn the_first_missing_id_is_reported<S: FixtureStore>(storage: &S) {
    insert(storage, &[("a", "[1]")]).await;
    let result = storage.events(WORKSPACE, ids(&["a", "y", "x"]), 1_000).await;
    assert_eq!(missing(result), Missing::Event("y".to_owned()));
    // Events after the last one that is returned are not read.
    assert_eq!(storage.events(WORKSPACE, ids(&["a", "y"]), 1).await.unwrap().len(), 1);
    let result = storage.require_events(WORKSPACE, ids(&["a", "y", "a", "x"])).await;
    assert_eq!(missing(result), Missing::Event("y".to_owned()));
    storage.require_events(WORKSPACE, ids(&["a", "a"])).await.unwrap();
    storage.require_events(OTHER, Vec::new()).await.unwrap();
    let result = storage.require_events(OTHER, ids(&["a"])).await;
    assert_eq!(missing(result), Missing::Event("a".to_owned()));
}

async fn a_campaign_names_events_that_need_not_exist<S: FixtureStore>(storage: &S) {
    insert(storage, &[("a", "[1]"), ("b", "[2]")]).await;
    let id = Uuid::from_u128(7);
    let result = storage.campaign_events(WORKSPACE, id).await;
    assert_eq!(missing(result), Missing::Campaign);
    for (named, existing) in [(&["x", "b", "y", "a"][..], &["b", "a"][..]), (&["a"], &["a"])] {
        let campaign = Campaign { id, name: "Fixture".to_owned(), event_ids: ids(named) };
        storage.insert_campaign(WORKSPACE, campaign).await.unwrap();
        let events = storage.campaign_events(WORKSPACE, id).await.unwrap();
        assert_eq!((events.named, events.existing), (named.len() as u64, ids(existing)));
    }
    // The same id in another workspace is another campaign.
    let campaign = Campaign { id, name: String::new(), event_ids: ids(&["a"]) };
    storage.insert_campaign(OTHER, campaign).await.unwrap();
    assert_eq!(missing(storage.campaign_events(OTHER, id).await), Missing::CampaignEvents);
}
