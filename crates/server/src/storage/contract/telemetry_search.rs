//! Tests of searches of telemetry.

use serde_json::Value;

use super::telemetry::{SENDER, evaluation, rows, span};
use crate::search::{self, Entity, Target};
use crate::storage::*;
use crate::time::Timestamp;

pub(crate) trait Tested: TelemetryStore + TelemetrySearch {}

impl<S: TelemetryStore + TelemetrySearch> Tested for S {}

/// Runs all tests.
pub(crate) async fn check<S: Tested, G>(create: impl AsyncFn() -> Option<(S, G)>) {
    super::run!(
        create,
        numbers_in_attributes_are_compared_as_numbers,
        integers_are_compared_without_rounding,
        pages_are_stable_while_spans_arrive,
        a_page_ends_when_it_is_large,
        spans_with_the_same_time_are_in_the_order_of_arrival,
        the_time_range_includes_its_start,
        searches_of_an_empty_workspace_find_nothing,
        only_the_latest_evaluations_are_found,
    );
}

pub(super) fn filter(entity: Entity, expression: &str) -> TelemetryFilter {
    let mut filter = TelemetryFilter::new(SENDER.workspace, entity);
    filter.expression = search::parse(entity, expression).unwrap();
    filter
}

pub(super) fn target(name: &str) -> Target {
    search::parse_target(Entity::Spans, name).unwrap()
}

pub(super) fn attributes(attributes: &[(&str, &str)]) -> String {
    let attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).into()));
    Value::Object(attributes.collect()).to_string()
}

async fn numbers_in_attributes_are_compared_as_numbers<S: Tested>(storage: &S) {
    let texts = [
        "1",
        " 1.0\u{a0}",
        "+1e0",
        "-0",
        ".5",
        "5.",
        "1e999",
        "1e-400",
        "inf",
        "nan",
        "1 a",
        "",
        ".",
        "0x1",
        "1_0",
        "9007199254740992",
        "9007199254740993",
        "9007199254740993.0",
        "\u{661}",
        "-9223372036854775808",
    ];
    let overlong =
        ["9".repeat(400), "1".to_owned() + &"0".repeat(300), "0.".to_owned() + &"3".repeat(300)];
    let texts: Vec<&str> = texts.into_iter().chain(overlong.iter().map(String::as_str)).collect();
    let spans = texts.iter().enumerate().map(|(id, text)| NewSpan {
        span_attributes: attributes(&[("n", text)]),
        ..span(1, id as u8)
    });
    storage.insert_spans(SENDER, spans.collect()).await.unwrap();
    let found = async |condition: &str| {
        let expression = format!("span_attributes['n'] {condition}");
        let found = rows(storage, SENDER.workspace, Entity::Spans, &expression).await;
        // Newest first.
        let texts = found.iter().rev().map(|row| row["span_attributes"]["n"].as_str().unwrap());
        texts.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found("= 1").await, ["1", " 1.0\u{a0}", "+1e0"]);
    assert_eq!(found("IN (0.5, 5)").await, [".5", "5."]);
    assert_eq!(found("BETWEEN 0 AND 0.9").await, ["-0", ".5", "1e-400", &overlong[2]]);
    assert_eq!(found("= 9007199254740993").await, ["9007199254740993"]);
    assert_eq!(found("< -9007199254740993").await, ["-9223372036854775808"]);
    assert_eq!(found("> 1e299").await, [&*overlong[1]]);
    assert_eq!(found("IN (9007199254740993, 1, 'nan')").await.len(), 5);
    assert_eq!(found("NOT BETWEEN -1e300 AND 1e301").await.len(), 10);
}

async fn integers_are_compared_without_rounding<S: Tested>(storage: &S) {
    const LARGE: i64 = 1 << 53;
    let numbers = [LARGE, LARGE + 1, i64::MAX, -3, 3];
    let spans = numbers
        .iter()
        .enumerate()
        .map(|(id, number)| NewSpan { usage_input_tokens: *number, ..span(1, id as u8) });
    storage.insert_spans(SENDER, spans.collect()).await.unwrap();
    for (condition, expected) in [
        ("= 9007199254740992.0", &[LARGE][..]),
        ("> 9007199254740992.0", &[LARGE + 1, i64::MAX]),
        ("IN (9007199254740992.0, 3.0, 3.5, 1e300)", &[LARGE, 3]),
        ("IN (3.5)", &[]),
        ("< 1e300", &numbers),
        (">= 9223372036854775808.0", &[]),
        ("BETWEEN -3.5 AND 3.5", &[-3, 3]),
        ("= 9007199254740993", &[LARGE + 1]),
    ] {
        let expression = format!("usage_input_tokens {condition}");
        let found = rows(storage, SENDER.workspace, Entity::Spans, &expression).await;
        let found = found.iter().rev().map(|row| row["usage_input_tokens"].as_i64().unwrap());
        assert_eq!(found.collect::<Vec<_>>(), expected, "{condition}");
    }
}

/// Returns the ids of the spans of a page.
fn span_ids(page: &TelemetryPage) -> Vec<String> {
    let rows: Vec<Value> = serde_json::from_slice(&page.rows).unwrap();
    rows.iter().map(|row| row["span_id"].as_str().unwrap().to_owned()).collect()
}

async fn pages_are_stable_while_spans_arrive<S: Tested>(storage: &S) {
    // Several spans have the same time.
    let at = |id: u8, time: i64| NewSpan { start_time: time, end_time: time, ..span(1, id) };
    for expression in ["", "span_name NOT REGEXP 'other'"] {
        for (trace, order) in [(1, TimeOrder::NewestFirst), (2, TimeOrder::OldestFirst)] {
            let sender = Sender { workspace: uuid::Uuid::now_v7(), ..SENDER };
            let spans = (0..50_u8).map(|id| at(id, 1_000 + i64::from(id / 6)));
            storage.insert_spans(sender, spans.collect()).await.unwrap();
            let mut filter = TelemetryFilter {
                workspace: sender.workspace,
                ..filter(Entity::Spans, expression)
            };
            if expression.is_empty() {
                filter.trace_id = Some(format!("{:032x}", 1));
            }
            let (mut ids, mut after) = (Vec::new(), None);
            for added in 100_u8.. {
                let page = storage.search_telemetry(filter.clone(), order, after, 7).await.unwrap();
                ids.extend(span_ids(&page));
                // What arrives is before the position.
                let time = if order == TimeOrder::NewestFirst { 9_000 } else { 1 };
                storage.insert_spans(sender, vec![at(added, time)]).await.unwrap();
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            let mut expected: Vec<_> = (0..50_u8).map(|id| format!("{id:016x}")).collect();
            if order == TimeOrder::NewestFirst {
                expected.reverse();
            }
            assert_eq!(ids, expected, "{trace}");
        }
    }
}

async fn a_page_ends_when_it_is_large<S: Tested>(storage: &S) {
    for id in 0..9 {
        let large = NewSpan { input_messages: "x".repeat(1 << 20), ..span(1, id) };
        storage.insert_spans(SENDER, vec![large]).await.unwrap();
    }
    let (mut sizes, mut after) = (Vec::new(), None);
    loop {
        let search =
            storage.search_telemetry(filter(Entity::Spans, ""), TimeOrder::NewestFirst, after, 100);
        let page = search.await.unwrap();
        sizes.push(span_ids(&page).len());
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    // The text is in a column and in an attribute.
    assert_eq!(sizes, [2, 2, 2, 2, 1]);
    let none = filter(Entity::Spans, "");
    let page = storage.search_telemetry(none, TimeOrder::NewestFirst, None, 0).await.unwrap();
    assert_eq!((&page.rows[..], page.next), (&b"[]"[..], None));
}

async fn spans_with_the_same_time_are_in_the_order_of_arrival<S: Tested>(storage: &S) {
    let ids = [5, 3, 9, 1];
    let at = |id| NewSpan { start_time: 0, end_time: 0, ..span(id, id) };
    storage.insert_spans(SENDER, ids.map(at).to_vec()).await.unwrap();
    for (order, expected) in [(TimeOrder::OldestFirst, ids), (TimeOrder::NewestFirst, [1, 9, 3, 5])]
    {
        let search = storage.search_telemetry(filter(Entity::Spans, ""), order, None, 10);
        let found = span_ids(&search.await.unwrap());
        assert_eq!(found, expected.map(|id| format!("{id:016x}")));
    }
}

async fn the_time_range_includes_its_start<S: Tested>(storage: &S) {
    let at = |id: u8, nanoseconds: i64| NewSpan { start_time: nanoseconds, ..span(1, id) };
    let spans = vec![at(1, 1_999), at(2, 2_000), at(3, 2_999), at(4, 3_000)];
    storage.insert_spans(SENDER, spans).await.unwrap();
    let mut filter = filter(Entity::Spans, "");
    filter.from = Some(Timestamp::from_micros(2));
    filter.to = Some(Timestamp::from_micros(3));
    let search = storage.search_telemetry(filter, TimeOrder::OldestFirst, None, 10);
    assert_eq!(span_ids(&search.await.unwrap()), [2, 3].map(|id| format!("{id:016x}")));
}

async fn searches_of_an_empty_workspace_find_nothing<S: Tested>(storage: &S) {
    for entity in Entity::ALL {
        let spans = rows(storage, SENDER.workspace, entity, "").await;
        assert_eq!(spans, [Value::Null; 0]);
    }
    let of_trace = TelemetryFilter { trace_id: Some("a".to_owned()), ..filter(Entity::Spans, "") };
    let missing = storage.search_telemetry(of_trace, TimeOrder::NewestFirst, None, 10).await;
    assert!(matches!(missing, Err(StorageError::Missing(Missing::Trace))));
}

async fn only_the_latest_evaluations_are_found<S: Tested>(storage: &S) {
    let named = |span: u8, name: &str, micros: i64| {
        let mut log = NewLog { timestamp: micros * 1_000, ..evaluation(1, span) };
        let evaluation = log.evaluation.as_mut().unwrap();
        evaluation.evaluation_name = name.to_owned();
        evaluation.score_value = micros as f64;
        log
    };
    let logs = vec![
        named(1, "a", 1),
        named(1, "a", 5),
        named(1, "a", 3),
        named(1, "b", 2),
        named(2, "a", 4),
        named(2, "a", 4),
    ];
    storage.insert_logs(SENDER, logs).await.unwrap();
    for (to, expression, expected) in [
        (None, "", &[5.0, 4.0, 2.0][..]),
        (Some(5), "", &[4.0, 3.0, 2.0]),
        // The expression applies to the latest ones.
        (None, "score_value < 5", &[4.0, 2.0]),
        (None, "evaluation_name REGEXP 'a'", &[5.0, 4.0]),
    ] {
        let mut filter = filter(Entity::Evaluations, expression);
        filter.only_latest = true;
        filter.to = to.map(Timestamp::from_micros);
        let page =
            storage.search_telemetry(filter, TimeOrder::NewestFirst, None, 10).await.unwrap();
        let rows: Vec<Value> = serde_json::from_slice(&page.rows).unwrap();
        let scores: Vec<_> = rows.iter().map(|row| row["score_value"].as_f64().unwrap()).collect();
        assert_eq!(scores, expected, "{expression}");
    }
}
