//! The intake of OpenTelemetry data over OTLP/HTTP.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use mistral_datasets_server::{DataLocation, ServerConfig};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use serde_json::{Value, json};

use crate::otlp::{LOGS, START, TRACES, send_raw, send_spans, span, traces_request};
use crate::support::Api;

const JSON: (&str, &str) = ("content-type", "application/json");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const GZIP: (&str, &str) = ("content-encoding", "gzip");

/// The most that a body may have, in bytes.
const LIMIT: usize = 20 << 20;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Returns the names of the stored spans, newest first.
async fn names(api: &Api) -> Vec<String> {
    let found: Value = api.post("/v1/observability/spans/search", "{}").await.json(200);
    let spans = found["spans"]["results"].as_array().unwrap().iter();
    spans.map(|span| span["span_name"].as_str().unwrap().to_owned()).collect()
}

fn protobuf(name: &str, trace_id: Vec<u8>) -> ExportTraceServiceRequest {
    let attribute = |key: &str, value: Any| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    };
    let span = Span {
        trace_id,
        span_id: vec![1; 8],
        name: name.to_owned(),
        start_time_unix_nano: START,
        end_time_unix_nano: START + 5,
        attributes: vec![
            attribute("gen_ai.usage.input_tokens", Any::IntValue(7)),
            attribute("flag", Any::BoolValue(true)),
        ],
        ..Span::default()
    };
    let service = attribute("service.name", Any::StringValue("shop".to_owned()));
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes: vec![service], ..Resource::default() }),
            scope_spans: vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }],
    }
}

#[tokio::test]
async fn protobuf_and_json_are_accepted_with_and_without_gzip() {
    let api = Api::start().await;
    let body = protobuf("protobuf", vec![1; 16]).encode_to_vec();
    let response = send_raw(&api, TRACES, &[PROTOBUF], body).await;
    assert_eq!(
        (response.status.as_u16(), &response.headers["content-type"]),
        (200, &"application/x-protobuf".parse().unwrap())
    );
    assert!(response.body.is_empty());
    let body = gzip(&protobuf("protobuf gzip", vec![2; 16]).encode_to_vec());
    assert_eq!(send_raw(&api, TRACES, &[PROTOBUF, GZIP], body).await.status, 200);
    let body = traces_request("shop", vec![span(3, 3, 1, "json", json!({}))]).to_string();
    assert_eq!(send_raw(&api, TRACES, &[JSON], body).await.json::<Value>(200), json!({}));
    let body = traces_request("shop", vec![span(4, 4, 2, "json gzip", json!({}))]).to_string();
    assert_eq!(
        send_raw(&api, TRACES, &[JSON, GZIP], gzip(body.as_bytes())).await.json::<Value>(200),
        json!({})
    );
    assert_eq!(names(&api).await, ["json gzip", "json", "protobuf gzip", "protobuf"]);
    let path = format!("/v1/observability/traces/{}/spans/{}", "01".repeat(16), "01".repeat(8));
    let span: Value = api.get(&path).await.json(200);
    assert_eq!((&span["service_name"], &span["usage_input_tokens"]), (&json!("shop"), &json!(7)));
    assert_eq!(span["span_attributes"]["flag"], "true");
}

#[tokio::test]
async fn numbers_of_json_may_be_strings_or_numbers_and_unknown_keys_are_ignored() {
    let api = Api::start().await;
    let body = format!(
        r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{{
            "traceId": "0AF7651916CD43DD8448EB211C80319C", "spanId": "b7ad6b7169203331", "name": "numbers", "unknown": [],
            "startTimeUnixNano": {START}, "endTimeUnixNano": "{}",
            "attributes": [{{"key": "gen_ai.request.temperature", "value": {{"intValue": 0}}}}]}}]}}]}}]}}"#,
        START + 1
    );
    assert_eq!(send_raw(&api, TRACES, &[JSON], body).await.json::<Value>(200), json!({}));
    let path = "/v1/observability/traces/0af7651916cd43dd8448eb211c80319c/spans/b7ad6b7169203331";
    let span: Value = api.get(path).await.json(200);
    assert_eq!(
        (&span["duration_ns"], span["request_temperature"].as_f64()),
        (&json!(1), Some(0.0))
    );
}

#[tokio::test]
async fn a_chunked_body_is_limited_before_and_after_decompression() {
    let api = Api::start().await;
    let chunked = |body: Vec<u8>| {
        let chunks: Vec<_> =
            body.chunks(64 << 10).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect();
        reqwest::Body::wrap_stream(futures::stream::iter(chunks))
    };
    let small = protobuf("chunked", vec![1; 16]).encode_to_vec();
    assert_eq!(send_raw(&api, TRACES, &[PROTOBUF], chunked(small)).await.status, 200);
    assert_eq!(names(&api).await, ["chunked"]);
    let large = protobuf(&"x".repeat(LIMIT), vec![2; 16]).encode_to_vec();
    let message = send_raw(&api, TRACES, &[PROTOBUF, GZIP], gzip(&large))
        .await
        .error(413, "VALIDATION_ERROR");
    assert_eq!(message, format!("the decompressed request body is larger than {LIMIT} bytes"));
    let response = send_raw(&api, TRACES, &[PROTOBUF], large).await;
    response.error(413, "VALIDATION_ERROR");
    // A name of nearly the limit fits.
    let fits = protobuf(&"y".repeat(LIMIT - 1_000), vec![3; 16]).encode_to_vec();
    assert_eq!(send_raw(&api, TRACES, &[PROTOBUF, GZIP], chunked(gzip(&fits))).await.status, 200);
}

#[tokio::test]
async fn bodies_that_cannot_be_decoded_are_rejected() {
    let api = Api::start().await;
    for (headers, body, status) in [
        (&[("content-type", "text/plain")][..], "{}", 415),
        (&[], "{}", 415),
        (&[JSON, ("content-encoding", "br")], "{}", 415),
        (&[JSON], "{", 400),
        (&[JSON], "[]", 400),
        (&[PROTOBUF], "\u{7f}\u{7f}", 400),
        (&[JSON, GZIP], "{}", 400),
    ] {
        for path in [TRACES, LOGS] {
            send_raw(&api, path, headers, body).await.error(status, "VALIDATION_ERROR");
        }
    }
    let mut unknown = Api::start_with(
        ServerConfig::default().api_keys(vec![mistral_datasets_server::ApiKey::new("good")]),
    )
    .await;
    unknown.set_key(Some("bad"));
    send_raw(&unknown, TRACES, &[JSON], "{}").await.error(401, "AUTH_UNAUTHORIZED");
    let metrics = send_raw(&api, "/telemetry/v1/metrics", &[PROTOBUF], "anything").await;
    assert_eq!((metrics.status.as_u16(), metrics.body.len()), (200, 0));
}

#[tokio::test]
async fn spans_with_invalid_ids_are_a_partial_success() {
    let api = Api::start().await;
    let mut zero = span(1, 1, 0, "zero", json!({}));
    zero["traceId"] = "0".repeat(32).into();
    let mut short = span(1, 2, 0, "short", json!({}));
    short["spanId"] = "01".into();
    let body =
        traces_request("shop", vec![zero, span(1, 3, 0, "valid", json!({})), short]).to_string();
    let response: Value = api.post(TRACES, body).await.json(200);
    assert_eq!(response["partialSuccess"]["rejectedSpans"], "2");
    assert_eq!(response["partialSuccess"]["errorMessage"], "the trace ID of a span is invalid");
    assert_eq!(names(&api).await, ["valid"]);
    let response =
        send_raw(&api, TRACES, &[PROTOBUF], protobuf("zero", vec![0; 16]).encode_to_vec()).await;
    let decoded = ExportTraceServiceResponse::decode(response.body).unwrap();
    assert_eq!(decoded.partial_success.unwrap().rejected_spans, 1);
}

#[tokio::test]
async fn a_span_that_is_sent_again_is_stored_once() {
    let api = Api::start().await;
    let spans = vec![
        span(1, 1, 0, "once", json!({"gen_ai.operation.name": "chat"})),
        span(1, 2, 1, "other", json!({})),
    ];
    for _ in 0..3 {
        send_spans(&api, spans.clone()).await;
    }
    // The same span id in another trace is another span.
    send_spans(&api, vec![span(2, 1, 2, "another trace", json!({}))]).await;
    assert_eq!(names(&api).await, ["another trace", "other", "once"]);
    let trace: Value = api.get(&format!("/v1/observability/traces/{:032x}", 1)).await.json(200);
    assert_eq!((&trace["span_count"], &trace["llm_call_count"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn a_trace_is_updated_by_late_spans() {
    let api = Api::start().await;
    let mut child = span(
        1,
        2,
        5,
        "child",
        json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}),
    );
    child["parentSpanId"] = format!("{:016x}", 1).into();
    send_spans(&api, vec![child]).await;
    let trace = async || -> Value {
        api.get(&format!("/v1/observability/traces/{:032x}", 1)).await.json(200)
    };
    assert_eq!(trace().await["root_span_name"], "child");
    send_spans(&api, vec![span(1, 1, 4, "root", json!({"gen_ai.conversation.id": "c"}))]).await;
    let trace = trace().await;
    let pick = ["root_span_name", "conversation_id", "span_count", "tools_used"]
        .map(|key| trace[key].clone());
    assert_eq!(pick, [json!("root"), json!("c"), json!(2), json!(["search"])]);
    assert_eq!(trace["start_time"], "2026-08-01T00:00:04.000000Z");
}

fn persistent(directory: &Path) -> ServerConfig {
    ServerConfig::default().data(DataLocation::Directory(directory.to_owned()))
}

#[tokio::test]
async fn spans_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let api = Api::start_with(persistent(directory.path())).await;
    send_spans(&api, vec![span(1, 1, 0, "kept", json!({}))]).await;
    api.server.shutdown().await;
    let api = Api::start_with(persistent(directory.path())).await;
    assert_eq!(names(&api).await, ["kept"]);
}
