//! Compares filters in SQL with an evaluation of the same filters in memory.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use rusqlite::{Connection, params, params_from_iter};
use uuid::Uuid;

use super::event_filter::Query;
use super::{functions, schema};
use crate::pattern;
use crate::storage::{
    EventCondition, EventField, EventFilter, FieldKind, FilterOperator, FilterValue,
    annotation_name, fold_case,
};
use crate::time::Timestamp;

const JUDGE: Uuid = Uuid::from_u128(7);

/// The fields that events of this test have. The others are compiled alike.
const FIELDS: &[EventField] = &[
    EventField::Timestamp,
    EventField::ModelName,
    EventField::LastUserMessagePreview,
    EventField::InvokedTools,
    EventField::TotalTimeElapsed,
    EventField::InputTokens,
    EventField::Metadata,
    EventField::Annotation(JUDGE),
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
];

const PATTERNS: &[&str] = &["", "^a", "b$", "(?i)é", "a.b", "[0-9]+", "^$", "x|a"];

/// A metadata key that no JSON path can contain.
const KEY: &str = "k\"e.y";

#[derive(Clone, Debug)]
struct TestEvent {
    time: i64,
    model: Option<String>,
    message: Option<String>,
    tools: Option<Vec<String>>,
    seconds: Option<f64>,
    tokens: Option<i64>,
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
        of(text()),
        of(text()),
        of(proptest::collection::vec(text(), 0..3)),
        of(select(&[-0.5, 0.0, 1.0, 2.5][..])),
        of(-3..4_i64),
        of(metadata),
        of(answer),
    )
        .prop_map(|(time, model, message, tools, seconds, tokens, metadata, answer)| {
            TestEvent { time, model, message, tools, seconds, tokens, metadata, answer }
        })
}

fn condition() -> impl Strategy<Value = EventFilter> {
    let key = EventField::MetadataKey(KEY.to_owned());
    let fields: Vec<EventField> = FIELDS.iter().cloned().chain([key]).collect();
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
        let text = |text: &Option<String>| text.clone().map(Found::Text);
        let found = match field {
            EventField::Timestamp => Some(Found::Number(self.time as f64)),
            EventField::ModelName => text(&self.model),
            EventField::LastUserMessagePreview => text(&self.message),
            EventField::InvokedTools => self.tools.clone().map(Found::List),
            EventField::TotalTimeElapsed => self.seconds.map(Found::Number),
            EventField::InputTokens => self.tokens.map(|tokens| Found::Number(tokens as f64)),
            EventField::Metadata => self.metadata.as_ref().map(|_| Found::Map),
            EventField::MetadataKey(key) => {
                self.metadata.as_ref().and_then(|map| map.get(key).cloned()).map(Found::Text)
            }
            EventField::Annotation(_) => self.answer.clone().map(|answer| match answer {
                FilterValue::Text(text) => Found::Text(text),
                number => Found::Number(as_number(&number).unwrap()),
            }),
            other => panic!("unexpected field {other:?}"),
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
        Matches => text(|text, value| pattern::compile(value).unwrap().is_match(text), false),
        Includes => list(&holds),
        Excludes => !list(&holds),
        LenEq => list(&|list| as_number(value) == Some(list.len() as f64)),
        IsNull => matches!(found, Found::Null) == (*value == FilterValue::Boolean(true)),
    }
}

fn database(events: &[TestEvent]) -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    functions::register(&connection).unwrap();
    schema::migrate(&mut connection).unwrap();
    connection.execute("INSERT INTO workspaces (id, uuid) VALUES (1, x'01')", []).unwrap();
    for (index, event) in events.iter().enumerate() {
        let mut extra_fields = serde_json::json!({"a": 1});
        if let Some(answer) = &event.answer {
            extra_fields[annotation_name(JUDGE)] = match answer {
                FilterValue::Text(text) => text.as_str().into(),
                FilterValue::Integer(number) => (*number).into(),
                other => as_number(other).into(),
            };
        }
        let json = |value: serde_json::Value| (!value.is_null()).then(|| value.to_string());
        connection
            .execute(
                "INSERT INTO events (id, workspace, name, created_at, model_name, last_user_message_preview, invoked_tools, \
                 total_time_elapsed, input_tokens, metadata, nb_messages, extra_fields) \
                 VALUES (?1, 1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9)",
                params![
                    index as i64,
                    event.time,
                    event.model,
                    event.message,
                    json(serde_json::json!(event.tools)),
                    event.seconds,
                    event.tokens,
                    json(serde_json::json!(event.metadata)),
                    extra_fields.to_string(),
                ],
            )
            .unwrap();
    }
    connection
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn filters_in_sql_select_the_same_events_as_in_memory(
        events in proptest::collection::vec(event(), 1..12),
        filters in proptest::collection::vec(filter(), 1..20),
    ) {
        let connection = database(&events);
        for filter in filters {
            let mut query = Query::default();
            query.push("SELECT e.id FROM events e WHERE ");
            query.push_filter(&filter);
            query.push(" ORDER BY e.id");
            let mut statement = connection.prepare(&query.sql).unwrap();
            let found: Vec<usize> = statement
                .query_map(params_from_iter(query.parameters), |row| row.get(0))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            let expected: Vec<usize> = (0..events.len())
                .filter(|index| matches(&events[*index], &filter))
                .collect();
            prop_assert_eq!(found, expected, "{:?}\n{}\n{:?}", filter, query.sql, events);
        }
    }
}

#[test]
fn metadata_that_is_not_text_is_compared_as_text() {
    let connection = database(&[TestEvent {
        time: 0,
        model: None,
        message: None,
        tools: None,
        seconds: None,
        tokens: None,
        metadata: None,
        answer: None,
    }]);
    let metadata = r#"{"n": 12, "b": true, "l": [1], "z": null}"#;
    connection.execute("UPDATE events SET metadata = ?1", [metadata]).unwrap();
    for (key, value, is_found) in [
        ("n", "12", true),
        ("b", "true", true),
        ("l", "[1]", true),
        ("z", "null", false),
        ("x", "", false),
    ] {
        let filter = EventFilter::Condition(EventCondition {
            field: EventField::MetadataKey(key.to_owned()),
            operator: FilterOperator::Eq,
            value: FilterValue::Text(value.to_owned()),
        });
        let mut query = Query::default();
        query.push("SELECT 1 FROM events e WHERE ");
        query.push_filter(&filter);
        let found =
            connection.prepare(&query.sql).unwrap().exists(params_from_iter(query.parameters));
        assert_eq!(found.unwrap(), is_found, "{key}");
    }
}
