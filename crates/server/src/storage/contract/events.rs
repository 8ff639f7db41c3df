//! Tests of [`EventStore`], except filters.

use uuid::Uuid;

use super::{event, run};
use crate::storage::{
    EVENT_PAGE_BYTES, EventCondition, EventField, EventFilter, EventMessages, EventPosition,
    EventStore, EventSummary, FilterOperator, FilterValue, FixtureStore, Missing, NewFixtureEvent,
    StorageError, annotation_name,
};

const WORKSPACE: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);
const JUDGE: Uuid = Uuid::from_u128(7);

/// Runs all tests.
pub(crate) async fn check<S: EventStore + FixtureStore, G>(
    create: impl AsyncFn() -> Option<(S, G)>,
) {
    run!(
        create,
        events_are_paged_newest_first,
        a_page_ends_when_it_is_large,
        all_fields_of_an_event_are_returned,
        an_event_that_does_not_exist_is_missing,
        the_most_similar_events_come_first,
        values_are_counted_by_frequency,
        items_of_lists_and_keys_of_maps_are_counted,
    );
}

fn everything() -> EventFilter {
    EventFilter::All(Vec::new())
}

fn condition(field: EventField, operator: FilterOperator, value: FilterValue) -> EventFilter {
    EventFilter::Condition(EventCondition { field, operator, value })
}

fn matching(pattern: &str) -> EventFilter {
    let value = FilterValue::Text(pattern.to_owned());
    condition(EventField::ModelName, FilterOperator::Matches, value)
}

async fn page<S: EventStore>(
    storage: &S,
    filter: &EventFilter,
    after: Option<EventPosition>,
    limit: u32,
) -> (Vec<String>, Option<EventPosition>) {
    let page = storage.search_events(WORKSPACE, filter.clone(), after, limit).await.unwrap();
    (page.events.into_iter().map(|event| event.id).collect(), page.next)
}

/// More events than are checked at once, many of which have the same time.
async fn events_are_paged_newest_first<S: EventStore + FixtureStore>(storage: &S) {
    let events = (0..2_500).map(|n| {
        let mut event = event(&format!("e{n:04}"), n / 100);
        event.fields.model_name = Some(format!("model {n:04}"));
        event
    });
    storage.insert_events(WORKSPACE, events.collect()).await.unwrap();
    storage.insert_events(OTHER, vec![event("other", 5)]).await.unwrap();
    let newest: Vec<_> = (0..2_500).rev().map(|n| format!("e{n:04}")).collect();
    let is_expected = |pattern: &str, id: &str| match pattern {
        "7$" => id.ends_with('7'),
        "^model 00" => id.starts_with("e00"),
        "nothing" => false,
        _ => true,
    };
    for (pattern, limit) in
        [("", 1_000), ("7$", 100), ("^model 00", 30), (".", 2_500), ("nothing", 5)]
    {
        let filter = if pattern.is_empty() { everything() } else { matching(pattern) };
        let expected: Vec<_> =
            newest.iter().filter(|id| is_expected(pattern, id)).cloned().collect();
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let (ids, next) = page(storage, &filter, after, limit).await;
            assert!(ids.len() <= limit as usize);
            found.extend(ids);
            after = next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "{pattern}");
        for limit in [0, 3, 10_000] {
            let found = storage.search_event_ids(WORKSPACE, filter.clone(), limit).await.unwrap();
            assert_eq!(found, expected[..expected.len().min(limit as usize)], "{pattern}");
        }
    }
    assert_eq!(page(storage, &everything(), None, 0).await, (Vec::new(), None));
    assert_eq!(storage.search_event_ids(OTHER, everything(), 9).await.unwrap(), ["other"]);
    let nowhere = Uuid::from_u128(99);
    assert!(storage.search_event_ids(nowhere, everything(), 9).await.unwrap().is_empty());
    assert!(
        storage.search_events(nowhere, matching("."), None, 9).await.unwrap().events.is_empty()
    );
}

async fn a_page_ends_when_it_is_large<S: EventStore + FixtureStore>(storage: &S) {
    let events = (0..7).map(|n| NewFixtureEvent {
        extra_fields: format!("{{\"text\": \"{}\"}}", "a".repeat(EVENT_PAGE_BYTES / 3)),
        ..event(&format!("e{n}"), n)
    });
    storage.insert_events(WORKSPACE, events.collect()).await.unwrap();
    let (first, next) = page(storage, &everything(), None, 100).await;
    assert_eq!(first, ["e6", "e5", "e4"]);
    let (second, next) = page(storage, &everything(), next, 100).await;
    assert_eq!(second, ["e3", "e2", "e1"]);
    let (third, next) = page(storage, &everything(), next, 100).await;
    assert_eq!((third, next), (vec!["e0".to_owned()], None));
}

async fn all_fields_of_an_event_are_returned<S: EventStore + FixtureStore>(storage: &S) {
    let mut new = event("é'1", 1_700_000_000_000_001);
    let text = |text: &str| Some(text.to_owned());
    new.request_messages = r#"[ {"role": "user"} ]"#.to_owned();
    new.extra_fields = r#"{ "own" : 1e999999, "x": "\ud800\u0000" }"#.to_owned();
    new.fields.correlation_id = text("correlation");
    new.fields.model_name = text("small");
    new.fields.total_time_elapsed = Some(0.1);
    new.fields.input_tokens = Some(i64::MAX);
    new.fields.output_tokens = Some(0);
    new.fields.nb_messages = 3;
    new.fields.api_agent_id = text("agent");
    new.fields.invoked_tools = text(r#"["a\u0000"]"#);
    new.fields.metadata = text(r#"{"k":"v"}"#);
    new.fields.first_system_message = text("system");
    new.fields.last_user_message_preview = text("");
    storage.insert_events(WORKSPACE, vec![new.clone()]).await.unwrap();
    let details = storage.event_details(WORKSPACE, new.id.clone()).await.unwrap();
    let EventMessages::Chat { request, response } = &details.messages else { panic!() };
    assert_eq!((request, response), (&new.request_messages, &new.response_messages));
    let expected = EventSummary {
        row: details.summary.row,
        id: new.id.clone(),
        created_at: crate::time::Timestamp::from_micros(new.fields.timestamp),
        correlation_id: text("correlation"),
        model_name: text("small"),
        total_time_elapsed: Some(0.1),
        input_tokens: Some(i64::MAX),
        output_tokens: Some(0),
        message_count: 3,
        api_agent_id: text("agent"),
        invoked_tools: new.fields.invoked_tools.clone(),
        metadata: text(r#"{"k":"v"}"#),
        first_system_message: text("system"),
        last_user_message_preview: text(""),
        response_messages_preview: None,
        enabled_tools: text("[]"),
        extra_fields: new.extra_fields.clone(),
    };
    assert_eq!(details.summary, expected);
    let found = storage.search_events(WORKSPACE, everything(), None, 1).await.unwrap();
    assert_eq!(found.events, [expected]);
}

async fn an_event_that_does_not_exist_is_missing<S: EventStore + FixtureStore>(storage: &S) {
    storage.insert_events(WORKSPACE, vec![event("a", 0)]).await.unwrap();
    for (workspace, id) in [(WORKSPACE, "b"), (OTHER, "a")] {
        let is_missing = |result: Result<(), StorageError>| {
            let Err(StorageError::Missing(Missing::Event(missing))) = result else { return false };
            missing == id
        };
        assert!(is_missing(storage.event_details(workspace, id.to_owned()).await.map(drop)));
        assert!(is_missing(storage.similar_events(workspace, id.to_owned(), 5).await.map(drop)));
    }
    assert!(storage.similar_events(WORKSPACE, "a".to_owned(), 5).await.unwrap().is_empty());
}

async fn the_most_similar_events_come_first<S: EventStore + FixtureStore>(storage: &S) {
    let long = "x".repeat(1_000);
    let events = [
        ("given", Some("How do I sort a list?".to_owned())),
        ("same", Some("HOW DO I SORT A LIST?".to_owned())),
        ("close", Some("How do I sort a map?".to_owned())),
        ("also close", Some("How do I sort a map?".to_owned())),
        ("far", Some("Who sorts?".to_owned())),
        ("other", Some("¡ÉÉ!".to_owned())),
        ("none", None),
        ("long", Some(format!("{long}How do I sort a list?"))),
    ];
    let events = (0..).zip(events).map(|(time, (id, message))| {
        let mut event = event(id, time);
        event.fields.last_user_message_preview = message;
        event
    });
    storage.insert_events(WORKSPACE, events.collect()).await.unwrap();
    let similar = async |id: &str, limit| {
        let events = storage.similar_events(WORKSPACE, id.to_owned(), limit).await.unwrap();
        events.into_iter().map(|event| event.id).collect::<Vec<_>>()
    };
    // Of those that are equally similar, the newer one is first. Only the beginning is compared.
    assert_eq!(similar("given", 10).await, ["same", "also close", "close", "far"]);
    assert_eq!(similar("given", 2).await, ["same", "also close"]);
    assert!(similar("given", 0).await.is_empty());
    assert!(similar("none", 10).await.is_empty());
}

async fn counts<S: EventStore>(
    storage: &S,
    field: EventField,
    filter: &EventFilter,
    limit: u32,
) -> String {
    let counts = storage.count_event_values(WORKSPACE, field, filter.clone(), limit).await;
    let counts = counts.unwrap().into_iter();
    counts.map(|count| format!("{}={}", count.value, count.count)).collect::<Vec<_>>().join(",")
}

async fn values_are_counted_by_frequency<S: EventStore + FixtureStore>(storage: &S) {
    let values: [(Option<&str>, Option<f64>, &str); 7] = [
        (Some("b"), Some(1.0), "\"yes\""),
        (Some("a"), Some(0.5), "1"),
        (Some("Z"), Some(0.5), "1.0"),
        (Some("é"), None, "-2.50"),
        (Some("b"), Some(1e300), "\"1\""),
        (None, None, "null"),
        (None, Some(-0.5), "1e300"),
    ];
    let events = (0..).zip(values).map(|(n, (model, seconds, answer))| {
        let mut event = event(&format!("e{n}"), n / 2);
        event.fields.model_name = model.map(str::to_owned);
        event.fields.total_time_elapsed = seconds;
        event.fields.input_tokens = Some(i64::MAX - n % 2);
        event.extra_fields = format!("{{\"{}\": {answer}}}", annotation_name(JUDGE));
        event
    });
    storage.insert_events(WORKSPACE, events.collect()).await.unwrap();
    let all = everything();
    let large = 1e300_f64;
    for (field, expected) in [
        (EventField::ModelName, "b=2,Z=1,a=1,é=1".to_owned()),
        (EventField::TotalTimeElapsed, format!("0.5=2,-0.5=1,1=1,{large}=1")),
        (EventField::InputTokens, "9223372036854775807=4,9223372036854775806=3".to_owned()),
        (EventField::Annotation(JUDGE), format!("1=2,-2.5=1,{large}=1,1=1,yes=1")),
        (EventField::Annotation(Uuid::nil()), String::new()),
        (EventField::ApiAgentId, String::new()),
    ] {
        assert_eq!(counts(storage, field.clone(), &all, 100).await, expected, "{field:?}");
    }
    let times = counts(storage, EventField::Timestamp, &all, 1).await;
    assert_eq!(times, "1970-01-01T00:00:00.000000Z=2");
    assert_eq!(counts(storage, EventField::ModelName, &all, 2).await, "b=2,Z=1");
    let filter = matching("^[a-z]");
    assert_eq!(counts(storage, EventField::ModelName, &filter, 9).await, "b=2,a=1");
    let ids = counts(storage, EventField::EventId, &filter, 2).await;
    assert_eq!(ids, "e0=1,e1=1");
}

async fn items_of_lists_and_keys_of_maps_are_counted<S: EventStore + FixtureStore>(storage: &S) {
    let values = [
        (Some(r#"["search","search","b"]"#), Some(r#"{"k":"v","a":"1"}"#)),
        (Some(r#"["é\"","b"]"#), Some(r#"{"k":"w","é":null}"#)),
        (Some("[]"), Some("{}")),
        (None, None),
    ];
    let events = (0..).zip(values).map(|(n, (tools, metadata))| {
        let mut event = event(&format!("e{n}"), n);
        event.fields.invoked_tools = tools.map(str::to_owned);
        event.fields.metadata = metadata.map(str::to_owned);
        event
    });
    storage.insert_events(WORKSPACE, events.collect()).await.unwrap();
    let all = everything();
    for (field, expected) in [
        (EventField::InvokedTools, "b=2,search=2,é\"=1"),
        (EventField::Metadata, "k=2,a=1,é=1"),
        (EventField::MetadataKey("k".to_owned()), "v=1,w=1"),
        (EventField::MetadataKey("é".to_owned()), ""),
    ] {
        assert_eq!(counts(storage, field.clone(), &all, 100).await, expected, "{field:?}");
    }
    let value = FilterValue::Text("search".to_owned());
    let filter = condition(EventField::InvokedTools, FilterOperator::Excludes, value);
    assert_eq!(counts(storage, EventField::InvokedTools, &filter, 9).await, "b=1,é\"=1");
}
