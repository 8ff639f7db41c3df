//! Measures the intake and the search of spans.

use std::fmt::Write as _;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use futures::future::try_join_all;
use http_body_util::{BodyExt, Full};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use serde_json::{Value, json};

use super::load::Load;
use super::scenario::Scenario;
use crate::connection::{self, Connection};
use crate::page::{grouped, milliseconds, target_result};
use crate::{Error, block_on};

/// The number of spans that are stored by default.
pub const SPANS: usize = 1_000_000;

const SPANS_PER_REQUEST: usize = 100;
const SPANS_PER_TRACE: usize = 10;
const CONNECTIONS: usize = 4;
const MODELS: usize = 10;

/// How often each search is measured.
const SEARCHES: usize = 100;

/// How many pages precede the deep page.
const DEEP_PAGE: usize = 1_000;

/// 2026-08-01T00:00:00Z. The spans start every millisecond.
const START_NANOS: u64 = 1_785_542_400_000_000_000;

const TARGET_SPANS_PER_SECOND: f64 = 10_000.0;
const TARGET_MIB: f64 = 300.0;
const TARGET_SEARCH_MS: f64 = 20.0;

/// The figures. Latencies are medians and 99th percentiles in milliseconds.
#[derive(Debug)]
pub struct Telemetry {
    pub spans: usize,
    pub span_bytes: usize,
    pub spans_per_second: f64,
    pub peak_memory: Option<f64>,
    pub searches: Vec<(&'static str, f64, f64)>,
}

/// Stores spans in an empty data directory and searches them.
pub fn measure(scenario: &Scenario<'_>, spans: usize) -> Result<Telemetry, Error> {
    eprintln!("{spans} spans");
    let data = scenario.empty_directory("telemetry-data")?;
    let server = scenario.serve(&data)?;
    let port = server.port();
    let requests = spans / SPANS_PER_REQUEST;
    let started = Instant::now();
    block_on(send_all(port, requests))?;
    let seconds = started.elapsed().as_secs_f64();
    let peak_memory = server.peak_memory();
    eprintln!("  searches");
    let searches = searches(port, spans)?;
    server.stop()?;
    fs::remove_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
    Ok(Telemetry {
        spans: requests * SPANS_PER_REQUEST,
        span_bytes: request(0).len() / SPANS_PER_REQUEST,
        spans_per_second: (requests * SPANS_PER_REQUEST) as f64 / seconds,
        peak_memory,
        searches,
    })
}

async fn send_all(port: u16, requests: usize) -> Result<(), Error> {
    let next = AtomicUsize::new(0);
    let senders = (0..CONNECTIONS).map(|_| async {
        let mut connection = Connection::open(port).await?;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= requests {
                return Ok::<_, Error>(());
            }
            let body = Full::new(request(number)).map_err(|never| match never {}).boxed_unsync();
            let response = connection
                .send("POST", "/telemetry/v1/traces", "application/x-protobuf", body)
                .await?;
            response.into_body().collect().await?;
        }
    });
    try_join_all(senders).await.map(drop)
}

fn searches(port: u16, spans: usize) -> Result<Vec<(&'static str, f64, f64)>, Error> {
    let by_model = json!({"search_expression": format!("request_model = 'model-{}'", MODELS / 2)});
    let everything = json!({});
    let seconds = spans / 1_000;
    let range = |from: usize, to: usize| {
        let time = |second: usize| {
            format!("2026-08-01T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
        };
        format!("/v1/observability/spans/search?from={}&to={}", time(from), time(to))
    };
    let traces: Vec<String> =
        (0..20).map(|part| format!("{:032x}", part * spans / SPANS_PER_TRACE / 20 + 1)).collect();
    let deep = deep_page(port, spans)?;
    let mut figures = Vec::new();
    for (title, method, paths, body) in [
        (
            "Search by time and model",
            "POST",
            vec![range(seconds / 3, seconds / 2), range(0, seconds)],
            Some(&by_model),
        ),
        (
            "Trace by ID",
            "GET",
            traces.iter().map(|id| format!("/v1/observability/traces/{id}")).collect(),
            None,
        ),
        (
            "Spans of a trace",
            "GET",
            traces.iter().map(|id| format!("/v1/observability/traces/{id}/spans")).collect(),
            None,
        ),
        ("Page 1,000 of all spans", "POST", vec![deep], Some(&everything)),
    ] {
        let load =
            Load { connections: 1, requests_per_connection: SEARCHES, method, paths: &paths, body };
        let measured = load.run(port)?;
        figures.push((title, measured.p50_ms, measured.p99_ms));
    }
    Ok(figures)
}

/// Follows cursors, and returns the path of the page after [`DEEP_PAGE`] others, or of the last page.
fn deep_page(port: u16, spans: usize) -> Result<String, Error> {
    let size = (spans / DEEP_PAGE / 2).clamp(1, 50);
    let mut path = format!("/v1/observability/spans/search?page_size={size}");
    for _ in 0..DEEP_PAGE {
        let page: Value = connection::call(port, "POST", &path, Some(&json!({})))?;
        let Some(next) = page["spans"]["next"].as_str() else { break };
        path = format!("/v1/observability/spans/search?page_size={size}&cursor={next}");
    }
    Ok(path)
}

/// Returns a request with spans of about 4 KB: a chat with a long question and a long answer.
fn request(number: usize) -> Bytes {
    let spans =
        (0..SPANS_PER_REQUEST).map(|index| span(number * SPANS_PER_REQUEST + index)).collect();
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![text("service.name", "shop-bot")],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }],
    };
    request.encode_to_vec().into()
}

fn span(number: usize) -> Span {
    let start = START_NANOS + number as u64 * 1_000_000;
    let trace = (number / SPANS_PER_TRACE + 1) as u128;
    let model = format!("model-{}", number % MODELS);
    let words = |count: usize| format!("The wheel of order {number} is bent. ").repeat(count);
    let input = json!([{"role": "user", "parts": [{"type": "text", "content": words(50)}]}]);
    let parts = json!([{"type": "text", "content": words(45)}]);
    let output = json!([{"role": "assistant", "parts": parts, "finish_reason": "stop"}]);
    Span {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: (number as u64 + 1).to_be_bytes().to_vec(),
        parent_span_id: if number.is_multiple_of(SPANS_PER_TRACE) {
            Vec::new()
        } else {
            ((number - number % SPANS_PER_TRACE) as u64 + 1).to_be_bytes().to_vec()
        },
        name: format!("chat {model}"),
        start_time_unix_nano: start,
        end_time_unix_nano: start + 800_000_000,
        attributes: vec![
            text("gen_ai.operation.name", "chat"),
            text("gen_ai.provider.name", "mistral_ai"),
            text("gen_ai.request.model", &model),
            text("gen_ai.response.model", &model),
            text("gen_ai.conversation.id", &format!("conversation-{trace}")),
            text("gen_ai.input.messages", &input.to_string()),
            text("gen_ai.output.messages", &output.to_string()),
            attribute("gen_ai.usage.input_tokens", Any::IntValue(400)),
            attribute("gen_ai.usage.output_tokens", Any::IntValue(350)),
        ],
        ..Span::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Any::StringValue(value.to_owned()))
}

fn attribute(key: &str, value: Any) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

/// Returns the section of the page.
pub fn section(measured: &Telemetry) -> String {
    let mut text = format!(
        "\n## Telemetry\n\n{} spans of {} bytes arrive over OTLP/HTTP with protobuf, {SPANS_PER_REQUEST} in a request, over {CONNECTIONS} \
         connections.\n\n| | Median | p99 | Target | |\n|---|--:|--:|---|---|\n",
        grouped(measured.spans),
        grouped(measured.span_bytes)
    );
    let rate = measured.spans_per_second;
    let _ = writeln!(
        text,
        "| Intake, spans per second | {} | | ≥ {} | {} |",
        grouped(rate as usize),
        grouped(TARGET_SPANS_PER_SECOND as usize),
        target_result(rate >= TARGET_SPANS_PER_SECOND)
    );
    if let Some(peak) = measured.peak_memory {
        let met = target_result(peak <= TARGET_MIB);
        let _ = writeln!(
            text,
            "| Peak memory during the intake | {peak:.0} MiB | | ≤ {TARGET_MIB:.0} MiB | {met} |"
        );
    }
    for (title, median, p99) in &measured.searches {
        let _ = writeln!(
            text,
            "| {title} | {} | {} | ≤ {} | {} |",
            milliseconds(*median),
            milliseconds(*p99),
            milliseconds(TARGET_SEARCH_MS),
            target_result(*median <= TARGET_SEARCH_MS)
        );
    }
    text
}
