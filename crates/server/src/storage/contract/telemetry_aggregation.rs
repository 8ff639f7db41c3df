//! Tests of aggregations of telemetry, and of the values of fields.

use serde_json::Value;

use super::telemetry::{SENDER, span};
use super::telemetry_search::{Tested, attributes, filter, target};
use crate::search::{Aggregate, Entity};
use crate::storage::*;
use crate::time::Timestamp;

/// Runs all tests.
pub(crate) async fn check<S: Tested, G>(create: impl AsyncFn() -> Option<(S, G)>) {
    super::run!(
        create,
        numbers_are_aggregated,
        sums_that_are_too_large_do_not_fail,
        times_are_grouped,
        results_are_ordered,
        aggregations_and_values_use_any_filter,
        values_are_ordered_by_frequency,
        an_empty_workspace_has_no_values,
    );
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

async fn an_empty_workspace_has_no_values<S: Tested>(storage: &S) {
    for entity in Entity::ALL {
        let by_time = Some(Granularity::Auto);
        let aggregation =
            Aggregation { granularity: by_time, ..aggregation(Aggregate::Count, None) };
        let result = storage.aggregate_telemetry(filter(entity, ""), aggregation).await.unwrap();
        assert_eq!((result.rows.len(), result.from), (0, result.to));
    }
    let values = storage.telemetry_values(filter(Entity::Spans, ""), target("span_name"), 10);
    assert_eq!(values.await.unwrap(), [""; 0]);
}
