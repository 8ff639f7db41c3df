//! Tests of searches and aggregations of telemetry.

use serde_json::Value;

use super::telemetry::{SENDER, evaluation, rows, span};
use crate::search::{self, Aggregate, Entity, Target};
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
        numbers_are_aggregated,
        sums_that_are_too_large_do_not_fail,
        times_are_grouped,
        results_are_ordered,
        aggregations_and_values_use_any_filter,
        values_are_ordered_by_frequency,
    );
}

fn filter(entity: Entity, expression: &str) -> TelemetryFilter {
    let mut filter = TelemetryFilter::new(SENDER.workspace, entity);
    filter.expression = search::parse(entity, expression).unwrap();
    filter
}

fn target(name: &str) -> Target {
    search::parse_target(Entity::Spans, name).unwrap()
}

fn attributes(attributes: &[(&str, &str)]) -> String {
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
        let result = storage.aggregate_telemetry(
            filter(entity, ""),
            Aggregation {
                granularity: Some(Granularity::Auto),
                ..aggregation(Aggregate::Count, None)
            },
        );
        let result = result.await.unwrap();
        assert_eq!((result.rows.len(), result.from), (0, result.to));
    }
    let values = storage.telemetry_values(filter(Entity::Spans, ""), target("span_name"), 10);
    assert_eq!(values.await.unwrap(), [""; 0]);
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

fn aggregation(aggregate: Aggregate, measure: Option<&str>) -> Aggregation {
    Aggregation {
        aggregate,
        measure: measure.map(target),
        dimensions: Vec::new(),
        granularity: None,
        order: Vec::new(),
        limit: 100,
    }
}

/// Returns the value of an aggregation without dimensions.
async fn single<S: Tested>(storage: &S, aggregate: Aggregate, measure: &str) -> Option<f64> {
    let aggregation = aggregation(aggregate, Some(measure));
    let result = storage.aggregate_telemetry(filter(Entity::Spans, ""), aggregation).await;
    let result = result.unwrap_or_else(|error| panic!("{aggregate:?} {measure}: {error:?}"));
    assert_eq!(result.rows.len(), 1);
    assert_eq!(result.granularity_seconds, None);
    result.rows[0].value
}

async fn numbers_are_aggregated<S: Tested>(storage: &S) {
    let values = [
        (1, None, "1"),
        (2, Some(0.5), "2.5"),
        (3, Some(2.5), "x"),
        (10, Some(0.5), ""),
        (0, None, " 4e0"),
    ];
    let spans = values.iter().enumerate().map(|(id, (tokens, temperature, text))| NewSpan {
        usage_input_tokens: *tokens,
        request_temperature: *temperature,
        span_name: (*text).to_owned(),
        span_attributes: if text.is_empty() { attributes(&[]) } else { attributes(&[("n", text)]) },
        ..span(1, id as u8)
    });
    storage.insert_spans(SENDER, spans.collect()).await.unwrap();
    let attribute = "span_attributes['n']";
    for (aggregate, measure, expected) in [
        (Aggregate::Sum, "usage_input_tokens", Some(16.0)),
        (Aggregate::Avg, "usage_input_tokens", Some(3.2)),
        (Aggregate::Min, "usage_input_tokens", Some(0.0)),
        (Aggregate::Max, "usage_input_tokens", Some(10.0)),
        (Aggregate::P50, "usage_input_tokens", Some(2.0)),
        (Aggregate::P90, "usage_input_tokens", Some(7.2)),
        (Aggregate::CountDistinct, "usage_input_tokens", Some(5.0)),
        (Aggregate::Sum, "request_temperature", Some(3.5)),
        (Aggregate::Avg, "request_temperature", Some(3.5 / 3.0)),
        (Aggregate::P50, "request_temperature", Some(0.5)),
        (Aggregate::P95, "request_temperature", Some(2.3)),
        (Aggregate::CountDistinct, "request_temperature", Some(2.0)),
        (Aggregate::Sum, attribute, Some(7.5)),
        (Aggregate::Avg, attribute, Some(2.5)),
        (Aggregate::Min, attribute, Some(1.0)),
        (Aggregate::Max, attribute, Some(4.0)),
        (Aggregate::P50, attribute, Some(2.5)),
        (Aggregate::P99, attribute, Some(3.97)),
        (Aggregate::CountDistinct, attribute, Some(4.0)),
        (Aggregate::CountDistinct, "span_name", Some(4.0)),
        (Aggregate::CountDistinct, "response_finish_reasons", Some(0.0)),
        (Aggregate::Sum, "request_top_p", None),
        (Aggregate::Avg, "request_top_p", None),
        (Aggregate::Max, "span_attributes['none']", None),
        (Aggregate::P50, "span_attributes['none']", None),
    ] {
        let value = single(storage, aggregate, measure).await;
        let is_near = match (value, expected) {
            (Some(value), Some(expected)) => (value - expected).abs() < 1e-9,
            (value, expected) => value == expected,
        };
        assert!(is_near, "{aggregate:?} {measure}: {value:?}");
    }
}

async fn sums_that_are_too_large_do_not_fail<S: Tested>(storage: &S) {
    let numbers = [
        ("a", "1e308"),
        ("a", "1e308"),
        ("b", "-1e308"),
        ("b", "-1e308"),
        ("c", "1e300"),
        ("c", "1"),
    ];
    let spans = numbers.iter().enumerate().map(|(id, (key, number))| NewSpan {
        span_attributes: attributes(&[(key, number)]),
        usage_input_tokens: i64::MAX,
        ..span(1, id as u8)
    });
    storage.insert_spans(SENDER, spans.collect()).await.unwrap();
    for (key, sum) in [("a", f64::INFINITY), ("b", f64::NEG_INFINITY), ("c", 1e300)] {
        let attribute = format!("span_attributes['{key}']");
        assert_eq!(single(storage, Aggregate::Sum, &attribute).await, Some(sum));
        assert_eq!(single(storage, Aggregate::Avg, &attribute).await, Some(sum / 2.0));
    }
    let sum = single(storage, Aggregate::Sum, "usage_input_tokens").await.unwrap();
    assert!((sum / (6.0 * i64::MAX as f64) - 1.0).abs() < 1e-9);
}

async fn times_are_grouped<S: Tested>(storage: &S) {
    let times = [
        "2026-01-31T23:59:59.9Z",
        "2026-02-01T00:00:00Z",
        "2026-02-01T23:00:00Z",
        "2026-02-02T00:00:00Z",
    ];
    let spans = times.iter().enumerate().map(|(id, time)| {
        let start_time = Timestamp::parse(time).unwrap().micros() * 1_000;
        NewSpan { start_time, end_time: start_time, ..span(1, id as u8) }
    });
    storage.insert_spans(SENDER, spans.collect()).await.unwrap();
    for (granularity, seconds, expected) in [
        (
            Granularity::Seconds(3_600),
            Some(3_600),
            &[
                ("2026-01-31T23:00:00", 1.0),
                ("2026-02-01T00:00:00", 1.0),
                ("2026-02-01T23:00:00", 1.0),
                ("2026-02-02T00:00:00", 1.0),
            ][..],
        ),
        (
            Granularity::Seconds(86_400),
            Some(86_400),
            &[
                ("2026-01-31T00:00:00", 1.0),
                ("2026-02-01T00:00:00", 2.0),
                ("2026-02-02T00:00:00", 1.0),
            ],
        ),
        // A Monday.
        (
            Granularity::Week,
            Some(604_800),
            &[("2026-01-26T00:00:00", 3.0), ("2026-02-02T00:00:00", 1.0)],
        ),
        (Granularity::Month, None, &[("2026-01-01T00:00:00", 1.0), ("2026-02-01T00:00:00", 3.0)]),
        (
            Granularity::Auto,
            Some(900),
            &[
                ("2026-01-31T23:45:00", 1.0),
                ("2026-02-01T00:00:00", 1.0),
                ("2026-02-01T23:00:00", 1.0),
                ("2026-02-02T00:00:00", 1.0),
            ],
        ),
    ] {
        let aggregation =
            Aggregation { granularity: Some(granularity), ..aggregation(Aggregate::Count, None) };
        let result =
            storage.aggregate_telemetry(filter(Entity::Spans, ""), aggregation).await.unwrap();
        let buckets = result.rows.iter().map(|row| {
            let bucket = row.bucket.unwrap().to_string();
            (bucket[..19].to_owned(), row.value.unwrap())
        });
        let expected: Vec<_> =
            expected.iter().map(|(time, count)| ((*time).to_owned(), *count)).collect();
        assert_eq!(buckets.collect::<Vec<_>>(), expected, "{granularity:?}");
        assert_eq!(result.granularity_seconds, seconds);
        let range = [result.from.to_string(), result.to.to_string()];
        assert!(range[0].starts_with("2026-01-31T23:59:59.9"), "{range:?}");
        assert!(range[1].starts_with("2026-02-02T00:00:00.000001"), "{range:?}");
    }
}

async fn results_are_ordered<S: Tested>(storage: &S) {
    let values = [
        ("b", Some("1")),
        ("b", None),
        ("\u{e9}", Some("2")),
        ("Z", None),
        ("Z", Some("1")),
        ("a", None),
    ];
    let spans = values.iter().enumerate().map(|(id, (name, value))| NewSpan {
        span_name: (*name).to_owned(),
        span_attributes: value.map_or_else(|| attributes(&[]), |value| attributes(&[("n", value)])),
        request_temperature: value.map(|value| value.parse().unwrap()),
        usage_input_tokens: id as i64,
        response_finish_reasons: format!("[\"{name}\"]"),
        ..span(1, id as u8)
    });
    storage.insert_spans(SENDER, spans.collect()).await.unwrap();
    let grouped =
        async |measure: &str, dimensions: &[&str], order: &[(AggregationOrder, bool)], limit| {
            let aggregation = Aggregation {
                dimensions: dimensions.iter().map(|dimension| target(dimension)).collect(),
                order: order.to_vec(),
                limit,
                ..aggregation(Aggregate::Sum, Some(measure))
            };
            let result = storage.aggregate_telemetry(filter(Entity::Spans, ""), aggregation).await;
            let rows = result.unwrap().rows.into_iter();
            let row = |row: AggregationRow| format!("{} {:?}", row.dimensions.join(" "), row.value);
            rows.map(row).collect::<Vec<_>>()
        };
    // By descending metric, then by the dimension. What is missing is less than everything.
    assert_eq!(
        grouped("request_temperature", &["span_name"], &[], 100).await,
        ["\"\u{e9}\" Some(2.0)", "\"Z\" Some(1.0)", "\"b\" Some(1.0)", "\"a\" None"]
    );
    assert_eq!(
        grouped("request_temperature", &["span_name"], &[(AggregationOrder::Metric, false)], 2)
            .await,
        ["\"a\" None", "\"Z\" Some(1.0)"]
    );
    let by_dimension = |descending| [(AggregationOrder::Dimension(0), descending)];
    assert_eq!(
        grouped("usage_input_tokens", &["span_attributes['n']"], &by_dimension(false), 100).await,
        ["null Some(9.0)", "\"1\" Some(4.0)", "\"2\" Some(2.0)"]
    );
    assert_eq!(
        grouped("usage_input_tokens", &["request_temperature"], &by_dimension(true), 100).await,
        ["2.0 Some(2.0)", "1.0 Some(4.0)", "null Some(9.0)"]
    );
    assert_eq!(
        grouped(
            "usage_input_tokens",
            &["response_finish_reasons", "duration_ns"],
            &by_dimension(true),
            1
        )
        .await,
        ["[\"\u{e9}\"] 2000 Some(2.0)"]
    );
    assert_eq!(
        grouped("usage_input_tokens", &["start_time"], &by_dimension(false), 1).await,
        ["\"1970-01-01T00:00:00.000000Z\" Some(0.0)"]
    );
}

async fn aggregations_and_values_use_any_filter<S: Tested>(storage: &S) {
    let spans = (0..20_u8).map(|id| NewSpan {
        span_name: format!("call {}", id % 4),
        usage_input_tokens: i64::from(id),
        span_attributes: attributes(&[("id", &id.to_string())]),
        ..span(1, id)
    });
    storage.insert_spans(SENDER, spans.collect()).await.unwrap();
    for (expression, sum, names) in [
        ("span_name REGEXP '[13]$'", 100.0, &["call 1", "call 3"][..]),
        ("span_name NOT REGEXP '[13]$' AND usage_input_tokens < 3", 2.0, &["call 0", "call 2"]),
        ("hasToken(span_name, '0') OR usage_input_tokens = 1", 41.0, &["call 0", "call 1"]),
        ("span_attributes['id'] ILIKE '1_' AND span_name ILIKE 'CALL 2'", 42.0, &["call 2"]),
        ("span_name REGEXP 'none'", f64::NAN, &[]),
    ] {
        let filter = filter(Entity::Spans, expression);
        let aggregation = aggregation(Aggregate::Sum, Some("usage_input_tokens"));
        let result = storage.aggregate_telemetry(filter.clone(), aggregation).await.unwrap();
        assert_eq!(result.rows[0].value, Some(sum).filter(|sum| !sum.is_nan()), "{expression}");
        let mut values = storage.telemetry_values(filter, target("span_name"), 10).await.unwrap();
        values.sort();
        assert_eq!(values, names, "{expression}");
    }
}

async fn values_are_ordered_by_frequency<S: Tested>(storage: &S) {
    let names = ["b", "a", "\u{e9}", "Z", "a", "\u{e9}", "", "c"];
    let spans = names.iter().enumerate().map(|(id, name)| NewSpan {
        span_name: (*name).to_owned(),
        response_finish_reasons: Value::from(vec![*name, "x"]).to_string(),
        span_attributes: attributes(&[("n", name)]),
        ..span(1, id as u8)
    });
    storage.insert_spans(SENDER, spans.collect()).await.unwrap();
    let too_long = NewSpan { span_name: "x".repeat(1_001), ..span(2, 1) };
    storage.insert_spans(SENDER, vec![too_long]).await.unwrap();
    let values = async |name: &str, limit| {
        let filter = filter(Entity::Spans, "");
        storage.telemetry_values(filter, target(name), limit).await.unwrap()
    };
    let all = ["a", "\u{e9}", "Z", "b", "c"];
    assert_eq!(values("span_name", 10).await, all);
    assert_eq!(values("span_attributes['n']", 3).await, all[..3]);
    assert_eq!(values("response_finish_reasons", 3).await, ["x", "a", "\u{e9}"]);
}
