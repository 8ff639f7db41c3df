//! Compares the results of search expressions with an evaluation in memory.

use std::cmp::Ordering;

use proptest::prelude::*;
use proptest::sample::select;
use regex::Regex;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::check_property;
use super::telemetry::SENDER;
use crate::search::{self, Comparison, Condition, Entity, Expression, Kind, Operand, Target, Test};
use crate::storage::{
    NewSpan, Sender, TelemetryFilter, TelemetrySearch, TelemetryStore, TimeOrder, fold_case,
};
use crate::time::Timestamp;

const TEXTS: [&str; 12] =
    ["", "a", "A", "ab", "a%b", "a_b", "é", "É", "b a", "1", "2.5", "[\"a\", 1, \"é\"]"];
const PATTERNS: [&str; 9] = ["", "%", "_", "a%", "%b", "%_b", r"a\%b", r"%\_%", "É%"];
const MESSAGES: &str = "gen_ai.input.messages";
const MODEL: &str = "gen_ai.request.model";

/// A value as the API shows it. Attributes may be missing.
enum Shown {
    Text(String),
    Number(Option<f64>, bool),
    Micros(i64),
    List(Vec<String>),
    Attribute(Option<String>),
}

fn shown(span: &NewSpan, target: &Target) -> Shown {
    let integer = |value: i64| Shown::Number(Some(value as f64), value != 0);
    match target.field.name {
        "span_name" => Shown::Text(span.span_name.clone()),
        "request_model" => Shown::Text(span.request_model.clone()),
        "input_messages" => Shown::Text(span.input_messages.clone()),
        "duration_ns" => Shown::Number(Some((span.end_time - span.start_time) as f64), true),
        "usage_input_tokens" => integer(span.usage_input_tokens),
        "request_temperature" => {
            Shown::Number(span.request_temperature, span.request_temperature.is_some())
        }
        "start_time" => Shown::Micros(span.start_time.div_euclid(1_000)),
        "response_finish_reasons" => {
            Shown::List(serde_json::from_str(&span.response_finish_reasons).unwrap())
        }
        "span_attributes" => {
            let stored: Map<String, Value> = serde_json::from_str(&span.span_attributes).unwrap();
            let key = target.key.as_deref().unwrap();
            let column = || Some(span.input_messages.clone()).filter(|text| !text.is_empty());
            Shown::Attribute(match stored.get(key) {
                Some(value) => value.as_str().map(str::to_owned),
                None if key == MESSAGES => column(),
                None => None,
            })
        }
        other => panic!("{other} is not generated"),
    }
}

fn evaluate(span: &NewSpan, expression: &Expression) -> bool {
    match expression {
        Expression::And(parts) => parts.iter().all(|part| evaluate(span, part)),
        Expression::Or(parts) => parts.iter().any(|part| evaluate(span, part)),
        Expression::Not(negated) => !evaluate(span, negated),
        Expression::Test(test) => holds(&shown(span, &test.target), &test.condition),
    }
}

/// Evaluates an expression over attributes of any span.
fn evaluate_any(spans: &[&NewSpan], expression: &Expression) -> bool {
    match expression {
        Expression::And(parts) => parts.iter().all(|part| evaluate_any(spans, part)),
        Expression::Or(parts) => parts.iter().any(|part| evaluate_any(spans, part)),
        Expression::Not(negated) => !evaluate_any(spans, negated),
        Expression::Test(_) => spans.iter().any(|span| evaluate(span, expression)),
    }
}

fn holds(value: &Shown, condition: &Condition) -> bool {
    let compare = |operand: &Operand, accepted: &[Ordering]| {
        order(value, operand).is_some_and(|order| accepted.contains(&order))
    };
    use Ordering::{Equal, Greater, Less};
    let text = match value {
        Shown::Text(text) | Shown::Attribute(Some(text)) => Some(text.as_str()),
        _ => None,
    };
    let has = |operand: &Operand| items(value).iter().any(|item| same(item, operand));
    match condition {
        Condition::Compare(comparison, operand) => {
            let accepted: &[_] = match comparison {
                Comparison::Eq => &[Equal],
                Comparison::Lt => &[Less],
                Comparison::Lte => &[Less, Equal],
                Comparison::Gt => &[Greater],
                Comparison::Gte => &[Greater, Equal],
            };
            compare(operand, accepted)
        }
        Condition::Between(low, high) => {
            compare(low, &[Greater, Equal]) && compare(high, &[Less, Equal])
        }
        Condition::In(operands) => operands.iter().any(|operand| compare(operand, &[Equal])),
        Condition::Like(pattern) => text.is_some_and(|text| like(pattern, text)),
        Condition::ILike(pattern) => {
            text.is_some_and(|text| like(&fold_case(pattern), &fold_case(text)))
        }
        Condition::Contains(part) => text.is_some_and(|text| text.contains(part)),
        Condition::Regexp(pattern) => {
            text.is_some_and(|text| Regex::new(pattern).unwrap().is_match(text))
        }
        Condition::HasToken(token) => text.is_some_and(|text| {
            let pattern = format!("(^|[^\\p{{L}}\\p{{N}}]){token}($|[^\\p{{L}}\\p{{N}}])");
            Regex::new(&pattern).unwrap().is_match(text)
        }),
        Condition::Exists => match value {
            Shown::Text(text) => !text.is_empty(),
            Shown::Number(_, exists) => *exists,
            Shown::Micros(_) => true,
            Shown::List(items) => !items.is_empty(),
            Shown::Attribute(value) => value.is_some(),
        },
        Condition::Has(operand) => has(operand),
        Condition::HasAny(operands) => operands.iter().any(has),
        Condition::HasAll(operands) => operands.iter().all(has),
    }
}

fn order(value: &Shown, operand: &Operand) -> Option<Ordering> {
    let number = |number: f64| match operand {
        Operand::Integer(other) => number.partial_cmp(&(*other as f64)),
        Operand::Real(other) => number.partial_cmp(other),
        Operand::Text(_) | Operand::Time(_) => None,
    };
    match (value, operand) {
        (Shown::Text(text) | Shown::Attribute(Some(text)), Operand::Text(other)) => {
            Some(text.cmp(other))
        }
        (Shown::Attribute(Some(text)), _) => number(text.parse().ok()?),
        (Shown::Number(value, _), _) => number((*value)?),
        (Shown::Micros(micros), Operand::Time(time)) => Some(micros.cmp(&time.micros())),
        _ => None,
    }
}

fn items(value: &Shown) -> Vec<Value> {
    match value {
        Shown::List(items) => items.iter().map(|item| item.as_str().into()).collect(),
        Shown::Attribute(Some(text)) => serde_json::from_str(text).unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn same(item: &Value, operand: &Operand) -> bool {
    match operand {
        Operand::Text(text) => item.as_str() == Some(text),
        Operand::Integer(number) => item.as_f64() == Some(*number as f64),
        Operand::Real(number) => item.as_f64() == Some(*number),
        Operand::Time(_) => false,
    }
}

/// Matches a pattern by trying every length for `%`.
fn like(pattern: &str, text: &str) -> bool {
    let mut rest = pattern.chars();
    let mut following = text.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('%') => {
            let starts = text.char_indices().map(|(start, _)| start).chain([text.len()]);
            starts.into_iter().any(|start| like(rest.as_str(), &text[start..]))
        }
        Some('_') => following.next().is_some() && like(rest.as_str(), following.as_str()),
        Some(character) => {
            let expected = if character == '\\' { rest.next().unwrap_or('\\') } else { character };
            following.next() == Some(expected) && like(rest.as_str(), following.as_str())
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    select(TEXTS.as_slice()).prop_map(str::to_owned)
}

fn span() -> impl Strategy<Value = NewSpan> {
    let numbers =
        (0..3_i64, 0..3_i64, 0..4_000_i64, proptest::option::of(select(vec![0.0, 0.5, 2.5])));
    let reasons = proptest::collection::vec(text(), 0..3);
    let attributes = [(); 3].map(|()| proptest::option::of(text()));
    // The messages were received as they are stored, under another name, or with other text.
    let messages = (text(), 0..3_u8, text());
    (text(), numbers, reasons, attributes, messages).prop_map(
        |(
            name,
            (duration, tokens, start, temperature),
            reasons,
            attributes,
            (input, received, other),
        )| {
            let keys = ["a", "b\"c", MODEL];
            let mut map = Map::new();
            for (key, value) in keys.into_iter().zip(&attributes) {
                if let Some(value) = value {
                    map.insert(key.to_owned(), value.as_str().into());
                }
            }
            match received {
                0 => {}
                1 => drop(map.insert(MESSAGES.to_owned(), Value::Null)),
                _ => drop(map.insert(MESSAGES.to_owned(), other.into())),
            }
            NewSpan {
                span_name: name,
                span_kind: "Internal",
                status_code: "Unset",
                start_time: start,
                end_time: start + duration,
                usage_input_tokens: tokens,
                request_temperature: temperature,
                request_stop_sequences: "[]".to_owned(),
                request_encoding_formats: "[]".to_owned(),
                response_finish_reasons: Value::from(reasons).to_string(),
                request_model: attributes[2].clone().unwrap_or_default(),
                input_messages: input,
                resource_attributes: "{}".to_owned(),
                span_attributes: Value::from(map).to_string(),
                ..NewSpan::default()
            }
        },
    )
}

fn target(name: &str) -> Target {
    search::parse_target(Entity::Spans, name).unwrap()
}

fn attribute_targets() -> Vec<Target> {
    [
        "span_attributes['a']",
        "span_attributes['b\"c']",
        "span_attributes['gen_ai.request.model']",
        "span_attributes['gen_ai.input.messages']",
        "span_attributes['none']",
    ]
    .map(target)
    .to_vec()
}

fn all_targets() -> Vec<Target> {
    let columns = [
        "span_name",
        "request_model",
        "input_messages",
        "duration_ns",
        "usage_input_tokens",
        "request_temperature",
        "start_time",
        "response_finish_reasons",
    ];
    columns.into_iter().map(target).chain(attribute_targets()).collect()
}

fn operand(kind: Kind) -> BoxedStrategy<Operand> {
    let number = || {
        prop_oneof![
            (0..3_i64).prop_map(Operand::Integer),
            select(vec![0.5, 2.5]).prop_map(Operand::Real)
        ]
    };
    match kind {
        Kind::Text | Kind::Enum | Kind::List => text().prop_map(Operand::Text).boxed(),
        Kind::Integer | Kind::Real => number().boxed(),
        Kind::Time => {
            (0..4_i64).prop_map(|micros| Operand::Time(Timestamp::from_micros(micros))).boxed()
        }
        Kind::Map => prop_oneof![text().prop_map(Operand::Text), number()].boxed(),
    }
}

fn condition(kind: Kind) -> BoxedStrategy<Condition> {
    let operands = || proptest::collection::vec(operand(kind), 1..4);
    let lists = prop_oneof![
        operand(kind).prop_map(Condition::Has),
        operands().prop_map(Condition::HasAny),
        operands().prop_map(Condition::HasAll),
        Just(Condition::Exists),
    ];
    let comparison = select(vec![
        Comparison::Eq,
        Comparison::Lt,
        Comparison::Lte,
        Comparison::Gt,
        Comparison::Gte,
    ]);
    let scalars = prop_oneof![
        (comparison, operand(kind))
            .prop_map(|(comparison, operand)| Condition::Compare(comparison, operand)),
        (operand(kind), operand(kind)).prop_map(|(low, high)| Condition::Between(low, high)),
        operands().prop_map(Condition::In),
        Just(Condition::Exists),
    ];
    let pattern = || select(PATTERNS.as_slice()).prop_map(str::to_owned);
    let texts = prop_oneof![
        pattern().prop_map(Condition::Like),
        pattern().prop_map(Condition::ILike),
        text().prop_map(Condition::Contains),
        select(vec!["^a", "b$", "(?i)é", r"\d"])
            .prop_map(|pattern| Condition::Regexp(pattern.to_owned())),
        select(vec!["a", "b", "é", "1"]).prop_map(|token| Condition::HasToken(token.to_owned())),
    ];
    match kind {
        Kind::List => lists.boxed(),
        Kind::Integer | Kind::Real | Kind::Time => scalars.boxed(),
        Kind::Text | Kind::Enum => prop_oneof![scalars, texts].boxed(),
        Kind::Map => prop_oneof![lists, scalars, texts].boxed(),
    }
}

fn expression(targets: Vec<Target>) -> impl Strategy<Value = Expression> {
    let test = select(targets).prop_flat_map(|target| {
        condition(target.field.kind)
            .prop_map(move |condition| Expression::Test(Test { target: target.clone(), condition }))
    });
    test.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expression::And),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expression::Or),
            inner.prop_map(|negated| Expression::Not(negated.into())),
        ]
    })
}

/// Runs the test. It needs a runtime with several threads.
pub(crate) async fn check<S: TelemetryStore + TelemetrySearch, G>(
    create: impl AsyncFn() -> Option<(S, G)>,
) {
    super::run!(create, searches_find_what_an_evaluation_in_memory_finds);
}

/// Stores spans in a new workspace, with ids that are their numbers, two in each trace. Returns the workspace.
async fn store<S: TelemetryStore>(storage: &S, spans: &mut [NewSpan]) -> Uuid {
    for (index, span) in spans.iter_mut().enumerate() {
        span.trace_id = format!("{:032x}", index / 2);
        span.span_id = format!("{index:016x}");
    }
    let sender = Sender { workspace: Uuid::now_v7(), ..SENDER };
    storage.insert_spans(sender, spans.to_vec()).await.unwrap();
    sender.workspace
}

/// Returns the values of an id of the rows that match.
async fn found<S: TelemetrySearch>(
    storage: &S,
    workspace: Uuid,
    entity: Entity,
    expression: &Expression,
    id: &str,
) -> Vec<String> {
    let mut filter = TelemetryFilter::new(workspace, entity);
    filter.expression = Some(expression.clone());
    let page = storage.search_telemetry(filter, TimeOrder::NewestFirst, None, 100).await;
    let page = page.unwrap_or_else(|error| panic!("{expression}: {error:?}"));
    let rows: Vec<Value> = serde_json::from_slice(&page.rows).unwrap();
    let mut ids: Vec<_> = rows.iter().map(|row| row[id].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

async fn searches_find_what_an_evaluation_in_memory_finds<S: TelemetryStore + TelemetrySearch>(
    storage: &S,
) {
    let values = (
        proptest::collection::vec(span(), 8),
        proptest::collection::vec(expression(all_targets()), 20),
        proptest::collection::vec(expression(attribute_targets()), 10),
    );
    check_property(48, values, async |(mut spans, expressions, of_traces)| {
        let workspace = store(storage, &mut spans).await;
        for expression in expressions {
            let text = expression.to_string();
            let parsed = search::parse(Entity::Spans, &text);
            prop_assert_eq!(parsed.as_ref(), Ok(&Some(expression.clone())), "{}", text);
            let expected = spans.iter().filter(|span| evaluate(span, &expression));
            let expected: Vec<_> = expected.map(|span| span.span_id.clone()).collect();
            let found = found(storage, workspace, Entity::Spans, &expression, "span_id").await;
            prop_assert_eq!(found, expected, "{}", text);
        }
        for expression in of_traces {
            // The fields of traces have the same names as those of spans.
            let text = expression.to_string();
            let parsed = search::parse(Entity::Traces, &text).unwrap().unwrap();
            let matches =
                |spans: &&[NewSpan]| evaluate_any(&spans.iter().collect::<Vec<_>>(), &expression);
            let expected = spans.chunks(2).filter(matches);
            let expected: Vec<_> = expected.map(|spans| spans[0].trace_id.clone()).collect();
            let found = found(storage, workspace, Entity::Traces, &parsed, "trace_id").await;
            prop_assert_eq!(found, expected, "{}", text);
        }
        Ok(())
    });
}
