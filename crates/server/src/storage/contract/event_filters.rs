//! Compares filters in a storage with an evaluation of the same filters in memory.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::{event as new_event, run};
use crate::storage::{
    EventCondition, EventField, EventFilter, EventStore, FieldKind, FilterOperator, FilterValue,
    FixtureStore, NewFixtureEvent, annotation_name, fold_case,
};
use crate::time::Timestamp;

const WORKSPACE: Uuid = Uuid::from_u128(1);
const JUDGE: Uuid = Uuid::from_u128(7);

/// Runs all tests. They need a runtime with several threads.
pub(crate) async fn check<S: EventStore + FixtureStore, G>(
    create: impl AsyncFn() -> Option<(S, G)>,
) {
    run!(
        create,
        filters_select_the_same_events_as_in_memory,
        metadata_that_is_not_text_is_compared_as_text,
        answers_that_are_neither_text_nor_number_are_compared,
        numbers_are_compared_exactly,
        json_that_is_hard_to_read_fails_no_search,
    );
}

/// The fields of text.
const TEXT_FIELDS: &[EventField] = &[
    EventField::CorrelationId,
    EventField::ModelName,
    EventField::ApiAgentId,
    EventField::FirstSystemMessage,
    EventField::LastUserMessagePreview,
    EventField::ResponseMessagesPreview,
];

/// Values of texts. Some contain others, differ only in case, or mean something in a pattern.
const TEXTS: &[&str] = &[
    "",
    "a",
    "A",
    "ab",
    "été",
    "ÉTÉ",
    "σς",
    "ΣΣ",
    "a%b",
    "a_b",
    "100",
    "true",
    "[a]",
    "it's \"x\"",
    "İi\u{307}",
    "\u{212a}k",
    "$1 \\u0000",
];

const PATTERNS: &[&str] = &["", "^a", "b$", "(?i)é", "a.b", "[0-9]+", "^$", "x|a"];

/// A metadata key that no JSON path can contain.
const KEY: &str = "k\"e.y";

#[derive(Clone, Debug)]
struct TestEvent {
    id: String,
    time: i64,
    /// The values of [`TEXT_FIELDS`].
    texts: Vec<Option<String>>,
    tools: Option<Vec<String>>,
    seconds: Option<f64>,
    tokens: [Option<i64>; 2],
    metadata: Option<BTreeMap<String, String>>,
    answer: Option<FilterValue>,
}

fn text() -> impl Strategy<Value = String> {
    select(TEXTS).prop_map(str::to_owned)
}

fn number() -> impl Strategy<Value = FilterValue> {
    prop_oneof![
        (-3..4_i64).prop_map(FilterValue::Integer),
        select(&[-0.5, 0.0, 1.0, 2.5][..]).prop_map(FilterValue::Real),
    ]
}

fn event() -> impl Strategy<Value = TestEvent> {
    use proptest::option::of;

    let metadata = proptest::collection::btree_map(
        select(&["k", KEY][..]).prop_map(str::to_owned),
        text(),
        0..3,
    );
    let answer = prop_oneof![text().prop_map(FilterValue::Text), number()];
    (
        -3..4_i64,
        proptest::collection::vec(of(text()), TEXT_FIELDS.len()),
        of(proptest::collection::vec(text(), 0..3)),
        of(select(&[-0.5, 0.0, 1.0, 2.5][..])),
        [of(-3..4_i64), of(-3..4_i64)],
        of(metadata),
        of(answer),
    )
        .prop_map(|(time, texts, tools, seconds, tokens, metadata, answer)| TestEvent {
            id: String::new(),
            time,
            texts,
            tools,
            seconds,
            tokens,
            metadata,
            answer,
        })
}

/// Returns events with different ids.
fn events() -> impl Strategy<Value = Vec<TestEvent>> {
    proptest::collection::vec(event(), 1..12).prop_map(|mut events| {
        for (index, event) in events.iter_mut().enumerate() {
            event.id = format!("E{index}");
        }
        events
    })
}

fn condition() -> impl Strategy<Value = EventFilter> {
    let others = [EventField::MetadataKey(KEY.to_owned()), EventField::Annotation(JUDGE)];
    let fields: Vec<EventField> = EventField::FIXED.iter().cloned().chain(others).collect();
    let field_and_operator = select(fields)
        .prop_flat_map(|field| (Just(field.clone()), select(field.kind().operators())));
    field_and_operator.prop_flat_map(|(field, operator)| {
        value(field.kind(), operator).prop_map(move |value| {
            EventFilter::Condition(EventCondition { field: field.clone(), operator, value })
        })
    })
}

/// The values that the API accepts for an operator.
fn value(kind: FieldKind, operator: FilterOperator) -> BoxedStrategy<FilterValue> {
    use FilterOperator::*;

    let texts = text().prop_map(FilterValue::Text);
    match (operator, kind) {
        (IsNull, _) => any::<bool>().prop_map(FilterValue::Boolean).boxed(),
        (LenEq, _) => (0..4_i64).prop_map(FilterValue::Integer).boxed(),
        (Matches, _) => {
            select(PATTERNS).prop_map(|pattern| FilterValue::Text(pattern.to_owned())).boxed()
        }
        (_, FieldKind::Time) => {
            (-3..4_i64).prop_map(|time| FilterValue::Time(Timestamp::from_micros(time))).boxed()
        }
        (Eq | Neq, FieldKind::Answer) => prop_oneof![texts, number()].boxed(),
        (
            Eq | Neq | Lt | Lte | Gt | Gte,
            FieldKind::Integer | FieldKind::Real | FieldKind::Answer,
        ) => number().boxed(),
        _ => texts.boxed(),
    }
}

fn filter() -> impl Strategy<Value = EventFilter> {
    condition().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(EventFilter::All),
            proptest::collection::vec(inner, 1..4).prop_map(EventFilter::Any),
        ]
    })
}

/// The value of a field.
#[derive(Debug)]
enum Found {
    Null,
    Text(String),
    Number(f64),
    List(Vec<String>),
    Map,
}

impl TestEvent {
    fn get(&self, field: &EventField) -> Found {
        let text = TEXT_FIELDS.iter().position(|text| text == field);
        let number = |number: Option<i64>| number.map(|number| Found::Number(number as f64));
        let found = match field {
            EventField::EventId => Some(Found::Text(self.id.clone())),
            EventField::Timestamp => Some(Found::Number(self.time as f64)),
            EventField::InvokedTools => self.tools.clone().map(Found::List),
            EventField::TotalTimeElapsed => self.seconds.map(Found::Number),
            EventField::InputTokens => number(self.tokens[0]),
            EventField::OutputTokens => number(self.tokens[1]),
            EventField::Metadata => self.metadata.as_ref().map(|_| Found::Map),
            EventField::MetadataKey(key) => {
                self.metadata.as_ref().and_then(|map| map.get(key).cloned()).map(Found::Text)
            }
            EventField::Annotation(_) => self.answer.clone().map(|answer| match answer {
                FilterValue::Text(text) => Found::Text(text),
                number => Found::Number(as_number(&number).unwrap()),
            }),
            _ => self.texts[text.unwrap()].clone().map(Found::Text),
        };
        found.unwrap_or(Found::Null)
    }
}

fn as_number(value: &FilterValue) -> Option<f64> {
    match value {
        FilterValue::Integer(number) => Some(*number as f64),
        FilterValue::Real(number) => Some(*number),
        FilterValue::Time(time) => Some(time.micros() as f64),
        FilterValue::Text(_) | FilterValue::Boolean(_) => None,
    }
}

/// Evaluates a filter: null matches only negations and `isnull`.
fn matches(event: &TestEvent, filter: &EventFilter) -> bool {
    match filter {
        EventFilter::All(filters) => filters.iter().all(|filter| matches(event, filter)),
        EventFilter::Any(filters) => filters.iter().any(|filter| matches(event, filter)),
        EventFilter::Condition(EventCondition { field, operator, value }) => {
            condition_matches(&event.get(field), *operator, value)
        }
    }
}

fn condition_matches(found: &Found, operator: FilterOperator, value: &FilterValue) -> bool {
    use FilterOperator::*;

    let equal = match (found, value) {
        (Found::Text(text), FilterValue::Text(value)) => text == value,
        (Found::Number(number), value) => as_number(value) == Some(*number),
        _ => false,
    };
    let compare = |test: fn(&f64, &f64) -> bool| match (found, as_number(value)) {
        (Found::Number(number), Some(value)) => test(number, &value),
        _ => false,
    };
    let text = |test: fn(&str, &str) -> bool, folds: bool| match (found, value) {
        (Found::Text(text), FilterValue::Text(value)) if folds => {
            test(&fold_case(text), &fold_case(value))
        }
        (Found::Text(text), FilterValue::Text(value)) => test(text, value),
        _ => false,
    };
    let list = |test: &dyn Fn(&[String]) -> bool| match found {
        Found::List(list) => test(list),
        _ => false,
    };
    let holds = |list: &[String]| matches!(value, FilterValue::Text(text) if list.contains(text));
    let contains = |text: &str, value: &str| text.contains(value);
    match operator {
        Eq => equal,
        Neq => !equal,
        Lt => compare(f64::lt),
        Lte => compare(f64::le),
        Gt => compare(f64::gt),
        Gte => compare(f64::ge),
        Contains => text(contains, false),
        NotContains => !text(contains, false),
        IContains => text(contains, true),
        INotContains => !text(contains, true),
        StartsWith => text(|text, value| text.starts_with(value), false),
        IStartsWith => text(|text, value| text.starts_with(value), true),
        EndsWith => text(|text, value| text.ends_with(value), false),
        IEndsWith => text(|text, value| text.ends_with(value), true),
        Matches => text(|text, value| regex::Regex::new(value).unwrap().is_match(text), false),
        Includes => list(&holds),
        Excludes => !list(&holds),
        LenEq => list(&|list| as_number(value) == Some(list.len() as f64)),
        IsNull => matches!(found, Found::Null) == (*value == FilterValue::Boolean(true)),
    }
}

impl TestEvent {
    fn fixture(&self) -> NewFixtureEvent {
        let mut extra_fields = serde_json::json!({"a": 1});
        if let Some(answer) = &self.answer {
            extra_fields[annotation_name(JUDGE)] = match answer {
                FilterValue::Text(text) => text.as_str().into(),
                FilterValue::Integer(number) => (*number).into(),
                other => as_number(other).into(),
            };
        }
        let json = |value: serde_json::Value| (!value.is_null()).then(|| value.to_string());
        let mut event = new_event(&self.id, self.time);
        let fields = &mut event.fields;
        let columns = [
            &mut fields.correlation_id,
            &mut fields.model_name,
            &mut fields.api_agent_id,
            &mut fields.first_system_message,
            &mut fields.last_user_message_preview,
            &mut fields.response_messages_preview,
        ];
        for (column, text) in columns.into_iter().zip(&self.texts) {
            column.clone_from(text);
        }
        fields.invoked_tools = json(serde_json::json!(self.tools));
        fields.total_time_elapsed = self.seconds;
        [fields.input_tokens, fields.output_tokens] = self.tokens;
        fields.metadata = json(serde_json::json!(self.metadata));
        event.extra_fields = extra_fields.to_string();
        event
    }
}

async fn filters_select_the_same_events_as_in_memory<S: EventStore + FixtureStore>(storage: &S) {
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let strategy = (events(), proptest::collection::vec(filter(), 1..20));
    let runtime = Handle::current();
    let result = tokio::task::block_in_place(|| {
        runner
            .run(&strategy, |(events, filters)| runtime.block_on(compare(storage, events, filters)))
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

/// Compares the events that a storage finds with those that match in memory.
async fn compare<S: EventStore + FixtureStore>(
    storage: &S,
    events: Vec<TestEvent>,
    filters: Vec<EventFilter>,
) -> Result<(), TestCaseError> {
    let workspace = Uuid::now_v7();
    let fixtures = events.iter().map(TestEvent::fixture).collect();
    storage.insert_events(workspace, fixtures).await.unwrap();
    for filter in filters {
        let mut found = storage.search_event_ids(workspace, filter.clone(), 100).await.unwrap();
        let matching = events.iter().filter(|event| matches(event, &filter));
        let mut expected: Vec<_> = matching.map(|event| event.id.clone()).collect();
        found.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(found, expected, "{:?}\n{:?}", filter, events);
    }
    Ok(())
}

/// Returns how many of the events match a condition.
async fn count<S: EventStore>(
    storage: &S,
    field: EventField,
    operator: FilterOperator,
    value: FilterValue,
) -> usize {
    let filter = EventFilter::Condition(EventCondition { field, operator, value });
    storage.search_event_ids(WORKSPACE, filter, 100).await.unwrap().len()
}

async fn metadata_that_is_not_text_is_compared_as_text<S: EventStore + FixtureStore>(storage: &S) {
    let mut event = new_event("e", 0);
    event.fields.metadata = Some(
        r#"{"n":12,"r":1.5,"s":1e20,"t":0.30000000000000004,"b":true,"l":[1,{"a":2}],"z":null}"#
            .to_owned(),
    );
    storage.insert_events(WORKSPACE, vec![event]).await.unwrap();
    for (key, value, is_found) in [
        ("n", "12", true),
        ("r", "1.5", true),
        ("s", "1e20", true),
        ("t", "0.30000000000000004", true),
        ("b", "true", true),
        ("l", r#"[1,{"a":2}]"#, true),
        ("z", "null", false),
        ("x", "", false),
    ] {
        let field = EventField::MetadataKey(key.to_owned());
        let text = FilterValue::Text(value.to_owned());
        let found = count(storage, field.clone(), FilterOperator::Eq, text.clone()).await;
        assert_eq!(found == 1, is_found, "{key}");
        let found = count(storage, field.clone(), FilterOperator::EndsWith, text).await;
        assert_eq!(found == 1, is_found, "{key}");
        let found = count(storage, field, FilterOperator::IsNull, FilterValue::Boolean(true)).await;
        assert_eq!(found == 0, is_found, "{key}");
    }
}

async fn answers_that_are_neither_text_nor_number_are_compared<S: EventStore + FixtureStore>(
    storage: &S,
) {
    for (id, answer) in [("t", "true"), ("f", "false"), ("n", "null"), ("l", r#"["a"]"#)] {
        let mut event = new_event(id, 0);
        event.extra_fields = format!("{{ \"{}\" : {answer} }}", annotation_name(JUDGE));
        storage.insert_events(WORKSPACE, vec![event]).await.unwrap();
    }
    let field = EventField::Annotation(JUDGE);
    for (operator, value, found) in [
        (FilterOperator::Eq, FilterValue::Integer(1), 1),
        (FilterOperator::Lt, FilterValue::Real(0.5), 1),
        (FilterOperator::Neq, FilterValue::Integer(1), 3),
        (FilterOperator::Contains, FilterValue::Text("\"a\"".to_owned()), 1),
        (FilterOperator::Matches, FilterValue::Text(r"^\[".to_owned()), 1),
        (FilterOperator::Contains, FilterValue::Text("1".to_owned()), 0),
        (FilterOperator::IsNull, FilterValue::Boolean(true), 1),
    ] {
        assert_eq!(
            count(storage, field.clone(), operator, value.clone()).await,
            found,
            "{value:?}"
        );
    }
}

async fn numbers_are_compared_exactly<S: EventStore + FixtureStore>(storage: &S) {
    const LARGE: i64 = (1 << 53) + 1;
    let mut event = new_event("e", 0);
    event.fields.input_tokens = Some(LARGE);
    event.fields.total_time_elapsed = Some(0.1);
    event.extra_fields = format!("{{\"{}\": {LARGE}}}", annotation_name(JUDGE));
    storage.insert_events(WORKSPACE, vec![event]).await.unwrap();
    for field in [EventField::InputTokens, EventField::Annotation(JUDGE)] {
        for (operator, value, found) in [
            (FilterOperator::Eq, FilterValue::Integer(LARGE), 1),
            (FilterOperator::Eq, FilterValue::Real(LARGE as f64), 0),
            (FilterOperator::Neq, FilterValue::Real(LARGE as f64), 1),
            (FilterOperator::Gt, FilterValue::Real(LARGE as f64), 1),
            (FilterOperator::Lt, FilterValue::Real(1e300), 1),
            (FilterOperator::Gt, FilterValue::Real(-1e300), 1),
            (FilterOperator::Lte, FilterValue::Integer(LARGE - 1), 0),
        ] {
            let count = count(storage, field.clone(), operator, value.clone()).await;
            assert_eq!(count, found, "{field:?} {operator:?} {value:?}");
        }
    }
    for (operator, value, found) in [
        (FilterOperator::Eq, FilterValue::Real(0.1), 1),
        (FilterOperator::Lt, FilterValue::Real(0.1_f64.next_up()), 1),
        (FilterOperator::Lt, FilterValue::Real(0.1), 0),
        (FilterOperator::Lt, FilterValue::Integer(1), 1),
    ] {
        let count = count(storage, EventField::TotalTimeElapsed, operator, value.clone()).await;
        assert_eq!(count, found, "{operator:?} {value:?}");
    }
}

/// Text may contain U+0000. JSON may contain escapes of it and of half a surrogate pair, and numbers of any size.
async fn json_that_is_hard_to_read_fails_no_search<S: EventStore + FixtureStore>(storage: &S) {
    let mut event = new_event("e", 0);
    event.fields.model_name = Some("a\0b".to_owned());
    event.fields.metadata = Some(r#"{"k":"a\u0000b","\\u0000":"x","c":"\\u0000"}"#.to_owned());
    event.fields.invoked_tools = Some(r#"["tool\u0000","\\u0000","b"]"#.to_owned());
    event.extra_fields = format!(
        r#"{{"own": 1e999999, "half": "\ud800\u0000", "{}": 1e999999}}"#,
        annotation_name(JUDGE)
    );
    storage.insert_events(WORKSPACE, vec![event]).await.unwrap();
    let text = |text: &str| FilterValue::Text(text.to_owned());
    for (field, operator, value) in [
        (EventField::ModelName, FilterOperator::Eq, text("a\0b")),
        (EventField::ModelName, FilterOperator::Contains, text("\0b")),
        (EventField::ModelName, FilterOperator::IContains, text("A\0")),
        (EventField::MetadataKey("k".to_owned()), FilterOperator::StartsWith, text("a")),
        (EventField::MetadataKey("\\u0000".to_owned()), FilterOperator::Eq, text("x")),
        (EventField::MetadataKey("c".to_owned()), FilterOperator::Eq, text("\\u0000")),
        (EventField::InvokedTools, FilterOperator::Includes, text("b")),
        (EventField::InvokedTools, FilterOperator::Includes, text("\\u0000")),
        (EventField::InvokedTools, FilterOperator::LenEq, FilterValue::Integer(3)),
        (EventField::Annotation(JUDGE), FilterOperator::Gt, FilterValue::Real(f64::MAX)),
    ] {
        let found = count(storage, field.clone(), operator, value).await;
        assert_eq!(found, 1, "{field:?} {operator:?}");
    }
    for (field, number) in [
        (EventField::Metadata, 3),
        (EventField::InvokedTools, 3),
        (EventField::Annotation(JUDGE), 1),
    ] {
        let all = EventFilter::All(Vec::new());
        let counts = storage.count_event_values(WORKSPACE, field.clone(), all, 100).await.unwrap();
        assert_eq!(counts.len(), number, "{field:?}");
    }
}
