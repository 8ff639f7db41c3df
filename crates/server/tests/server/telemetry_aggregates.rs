//! Aggregations of spans, traces and evaluations.

use serde_json::{Value, json};

use crate::otlp::{evaluation, send_logs, send_spans, span};
use crate::support::Api;

const SPANS: &str = "/v1/observability/spans/aggregate";
const TRACES: &str = "/v1/observability/traces/aggregate";

/// Sends ten spans in as many minutes, of two models. The span n has n input tokens and takes a second.
async fn start() -> Api {
    let api = Api::start().await;
    let spans = (1..=10).map(|n| {
        let model = if n % 2 == 0 { "even" } else { "odd" };
        let mut attributes = json!({"gen_ai.request.model": model, "gen_ai.usage.input_tokens": n, "weight": n as f64 / 2.0});
        if n == 10 {
            attributes["weight"] = "heavy".into();
        }
        span(n, n, 60 * n, "chat", attributes)
    });
    send_spans(&api, spans.collect()).await;
    api
}

async fn aggregate(api: &Api, path: &str, body: Value) -> Value {
    api.post(path, body.to_string()).await.json(200)
}

fn metric(aggregation: &str, measure: &str) -> Value {
    json!({"metric": {"measure": measure, "aggregation": aggregation}})
}

#[tokio::test]
async fn every_aggregation_is_computed() {
    let api = start().await;
    for (aggregation, measure, expected) in [
        ("count", "span_id", json!(10)),
        ("count_distinct", "request_model", json!(2)),
        ("count_distinct", "tool_name", json!(0)),
        ("sum", "usage_input_tokens", json!(55)),
        ("avg", "usage_input_tokens", json!(5.5)),
        ("min", "usage_input_tokens", json!(1)),
        ("max", "duration_ns", json!(1_000_000_000)),
        ("p50", "usage_input_tokens", json!(5.5)),
        ("p90", "usage_input_tokens", json!(9.1)),
        ("p95", "usage_input_tokens", json!(9.55)),
        ("p99", "usage_input_tokens", json!(9.91)),
        ("sum", "span_attributes['weight']", json!(22.5)),
        ("max", "span_attributes['weight']", json!(4.5)),
        ("count_distinct", "span_attributes['weight']", json!(10)),
        ("avg", "request_temperature", Value::Null),
        ("sum", "request_temperature", Value::Null),
    ] {
        let found = aggregate(&api, SPANS, metric(aggregation, measure)).await;
        let expected = json!([{"dimensions": {}, "metric_name": format!("{aggregation}_{measure}"), "metric_value": expected}]);
        let is_close = |found: &Value, expected: &Value| match (found.as_f64(), expected.as_f64()) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
            (found, expected) => found == expected,
        };
        let (row, expected) = (&found["data"][0], &expected[0]);
        assert_eq!(row["metric_name"], expected["metric_name"]);
        assert!(
            is_close(&row["metric_value"], &expected["metric_value"]),
            "{aggregation} of {measure}: {row}"
        );
    }
}

#[tokio::test]
async fn results_are_grouped_and_ordered() {
    let api = start().await;
    let mut body = metric("sum", "usage_input_tokens");
    body["dimensions"] = json!(["request_model"]);
    let found = aggregate(&api, SPANS, body.clone()).await;
    let row = |model: &str, sum: u64| json!({"dimensions": {"request_model": model}, "metric_name": "sum_usage_input_tokens", "metric_value": sum});
    assert_eq!(found["data"], json!([row("even", 30), row("odd", 25)]));
    assert_eq!(
        found["meta"],
        json!({
            "from_timestamp": "2026-08-01T00:01:00.000000Z", "to_timestamp": "2026-08-01T00:10:00.000001Z", "granularity_seconds": null,
        })
    );
    body["order_by"] = json!([{"field": "sum_usage_input_tokens"}]);
    body["limit"] = 1.into();
    body["search_expression"] = "usage_input_tokens > 8".into();
    let found = aggregate(&api, SPANS, body.clone()).await;
    assert_eq!(found["data"], json!([row("odd", 9)]));
    body["order_by"] = json!([{"field": "request_model", "direction": "desc"}]);
    let found = aggregate(&api, SPANS, body.clone()).await;
    assert_eq!(found["data"], json!([row("odd", 9)]));
    body["dimensions"] = json!(["span_attributes['weight']", "duration_ns"]);
    body["order_by"] = json!([{"field": "span_attributes['weight']", "direction": "desc"}]);
    let found = aggregate(&api, SPANS, body).await;
    assert_eq!(
        found["data"][0]["dimensions"],
        json!({"span_attributes['weight']": "heavy", "duration_ns": 1_000_000_000})
    );
}

#[tokio::test]
async fn time_buckets_are_in_utc() {
    let api = start().await;
    let buckets = async |granularity: &str, query: &str| -> (Vec<(String, u64)>, Value) {
        let mut body = metric("count", "span_id");
        body["time_dimension"] = json!({"granularity": granularity});
        let found = aggregate(&api, &format!("{SPANS}?{query}"), body).await;
        let rows = found["data"].as_array().unwrap().iter();
        let rows = rows.map(|row| {
            (row["time_bucket"].as_str().unwrap().to_owned(), row["metric_value"].as_u64().unwrap())
        });
        (rows.collect(), found["meta"]["granularity_seconds"].clone())
    };
    let (rows, seconds) =
        buckets("minute", "from=2026-08-01T00:03:00Z&to=2026-08-01T00:05:00Z").await;
    let expected = [
        ("2026-08-01T00:03:00.000000Z".to_owned(), 1),
        ("2026-08-01T00:04:00.000000Z".to_owned(), 1),
    ];
    assert_eq!((&rows[..], seconds), (&expected[..], json!(60)));
    for (granularity, start, length) in [
        ("hour", "2026-08-01T00:00:00.000000Z", json!(3_600)),
        ("day", "2026-08-01T00:00:00.000000Z", json!(86_400)),
        // 2026-08-01 is a Saturday.
        ("week", "2026-07-27T00:00:00.000000Z", json!(604_800)),
        ("month", "2026-08-01T00:00:00.000000Z", Value::Null),
    ] {
        assert_eq!(
            buckets(granularity, "").await,
            (vec![(start.to_owned(), 10)], length),
            "{granularity}"
        );
    }
    // Nine minutes.
    let (rows, seconds) = buckets("auto", "").await;
    assert_eq!((rows.len(), seconds), (10, json!(10)));
    let (rows, seconds) =
        buckets("auto", "from=2026-08-01T00:00:00Z&to=2026-08-08T00:00:00Z").await;
    assert_eq!((rows.len(), seconds), (1, json!(7_200)));
    let (rows, seconds) = buckets("auto", "from=1970-01-01T00:00:00Z").await;
    assert_eq!((rows.len(), seconds), (1, json!(20_736_000)));
}

#[tokio::test]
async fn traces_and_evaluations_are_aggregated() {
    let api = start().await;
    let found = aggregate(&api, TRACES, metric("avg", "span_count")).await;
    assert_eq!(found["data"][0]["metric_value"], 1);
    send_logs(
        &api,
        vec![
            evaluation(1, 1, 5, "quality", 0.25, "bad"),
            evaluation(2, 2, 6, "quality", 0.75, "good"),
        ],
    )
    .await;
    let mut body = metric("avg", "score_value");
    body["dimensions"] = json!(["evaluation_name"]);
    let found = aggregate(&api, "/v1/observability/spans/evaluations/aggregate", body).await;
    assert_eq!(found["data"][0]["dimensions"], json!({"evaluation_name": "quality"}));
    assert_eq!(found["data"][0]["metric_value"], 0.5);
    let empty = aggregate(&api.with_key("another key"), SPANS, metric("count", "span_id")).await;
    assert_eq!(empty["data"][0]["metric_value"], 0);
    assert!(empty["meta"]["from_timestamp"].is_string());
}

#[tokio::test]
async fn invalid_aggregations_are_rejected() {
    let api = start().await;
    let with = |name: &str, value: Value| {
        let mut body = metric("count", "span_id");
        body[name] = value;
        body
    };
    for (body, status, code) in [
        (json!({}), 422, "VALIDATION_ERROR"),
        (metric("median", "duration_ns"), 422, "VALIDATION_ERROR"),
        (metric("sum", "shop"), 400, "FIELDS_BAD_REQUEST"),
        (metric("sum", "span_name"), 400, "FIELDS_BAD_REQUEST"),
        (with("dimensions", json!(["shop"])), 400, "FIELDS_BAD_REQUEST"),
        (with("dimensions", json!(["span_id = 'a'"])), 400, "TRACES_FILTER_QUERY_PARSE_ERROR"),
        (with("dimensions", json!(vec!["span_id"; 11])), 422, "VALIDATION_ERROR"),
        (with("time_dimension", json!({"granularity": "year"})), 422, "VALIDATION_ERROR"),
        (with("order_by", json!([{"field": "span_id"}])), 400, "FIELDS_BAD_REQUEST"),
        (with("order_by", json!([{"field": "time_bucket"}])), 400, "FIELDS_BAD_REQUEST"),
        (with("limit", json!(0)), 422, "VALIDATION_ERROR"),
        (with("limit", json!(10_001)), 422, "VALIDATION_ERROR"),
        (with("search_expression", json!("a")), 400, "FIELDS_BAD_REQUEST"),
    ] {
        api.post(SPANS, body.to_string()).await.error(status, code);
    }
    let body = json!({"metric": {"measure": "span_count", "aggregation": "count"}, "dimensions": ["span_attributes['a']"]});
    api.post(TRACES, body.to_string()).await.error(400, "FIELDS_BAD_REQUEST");
}
