//! Builds OTLP requests in JSON.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Api, send};

pub const TRACES: &str = "/telemetry/v1/traces";
pub const LOGS: &str = "/telemetry/v1/logs";

/// 2026-08-01T00:00:00Z, in nanoseconds.
pub const START: u64 = 1_785_542_400_000_000_000;

/// A span of the service `shop` that starts `second` seconds after [`START`] and takes a second.
pub fn span(trace: u64, id: u64, second: u64, name: &str, attributes: Value) -> Value {
    let start = START + second * 1_000_000_000;
    json!({
        "traceId": format!("{trace:032x}"), "spanId": format!("{id:016x}"), "name": name, "kind": 3,
        "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 1_000_000_000).to_string(),
        "attributes": attributes_of(attributes),
    })
}

/// Converts an object to attributes.
pub fn attributes_of(attributes: Value) -> Vec<Value> {
    let attributes = attributes.as_object().expect("an object").iter();
    attributes.map(|(key, value)| json!({"key": key, "value": any_value(value)})).collect()
}

fn any_value(value: &Value) -> Value {
    match value {
        Value::String(text) => json!({"stringValue": text}),
        Value::Bool(value) => json!({"boolValue": value}),
        Value::Number(number) if number.is_i64() => json!({"intValue": number.to_string()}),
        Value::Number(number) => json!({"doubleValue": number}),
        Value::Array(items) => {
            json!({"arrayValue": {"values": items.iter().map(any_value).collect::<Vec<_>>()}})
        }
        other => panic!("{other} cannot be an attribute"),
    }
}

/// Returns the body of an export of spans.
pub fn traces_request(service: &str, spans: Vec<Value>) -> Value {
    json!({"resourceSpans": [{
        "resource": {"attributes": attributes_of(json!({"service.name": service}))},
        "scopeSpans": [{"scope": {"name": "tests", "version": "1"}, "spans": spans}],
    }]})
}

/// Returns the body of an export of log records.
pub fn logs_request(records: Vec<Value>) -> Value {
    json!({"resourceLogs": [{
        "resource": {"attributes": attributes_of(json!({"service.name": "shop"}))},
        "scopeLogs": [{"scope": {"name": "tests"}, "logRecords": records}],
    }]})
}

/// A log record, [`START`] and some seconds.
pub fn log(second: u64, body: &str, attributes: Value) -> Value {
    let time = START + second * 1_000_000_000;
    json!({
        "timeUnixNano": time.to_string(), "severityNumber": 9, "severityText": "INFO", "body": {"stringValue": body},
        "attributes": attributes_of(attributes),
    })
}

/// The log record of an evaluation of a span.
pub fn evaluation(
    trace: u64,
    span: u64,
    second: u64,
    name: &str,
    score: f64,
    label: &str,
) -> Value {
    let attributes = json!({
        "gen_ai.evaluation.name": name, "gen_ai.evaluation.score.value": score, "gen_ai.evaluation.score.label": label,
        "rater": "tests",
    });
    let mut record = log(second, "gen_ai.evaluation.result", attributes);
    record["eventName"] = "gen_ai.evaluation.result".into();
    record["traceId"] = format!("{trace:032x}").into();
    record["spanId"] = format!("{span:016x}").into();
    record
}

/// Sends spans of the service `shop`.
pub async fn send_spans(api: &Api, spans: Vec<Value>) {
    let body = traces_request("shop", spans).to_string();
    let response: Value = api.post(TRACES, body).await.json(200);
    assert_eq!(response, json!({}));
}

/// Sends log records.
pub async fn send_logs(api: &Api, records: Vec<Value>) {
    let response: Value = api.post(LOGS, logs_request(records).to_string()).await.json(200);
    assert_eq!(response, json!({}));
}

/// Sends a body with these headers.
pub async fn send_raw(
    api: &Api,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<reqwest::Body>,
) -> crate::support::Response {
    let request = headers.iter().fold(api.request(Method::POST, path), |request, (name, value)| {
        request.header(*name, *value)
    });
    send(request.body(body)).await
}
