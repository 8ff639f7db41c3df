//! Sends spans and log records to a server, as an OpenTelemetry exporter does.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::server::TestServer;

/// The start of the first span: 2026-08-06T05:20:00Z.
const START: u64 = 1_785_993_600_000_000_000;

/// A chat call, by its number in a trace.
pub fn chat_span(trace: u32, number: u32, model: &str, question: &str, answer: &str) -> Value {
    let start = START + u64::from(trace) * 60_000_000_000 + u64::from(number) * 1_000_000_000;
    let message = |role: &str, text: &str| json!([{"role": role, "parts": [{"type": "text", "content": text}], "finish_reason": "stop"}]);
    let text = |value: &str| json!({ "stringValue": value });
    let attributes = [
        ("gen_ai.operation.name", text("chat")),
        ("gen_ai.request.model", text(model)),
        ("gen_ai.usage.input_tokens", json!({ "intValue": "21" })),
        ("gen_ai.usage.output_tokens", json!({ "intValue": "9" })),
        ("gen_ai.input.messages", text(&message("user", question).to_string())),
        ("gen_ai.output.messages", text(&message("assistant", answer).to_string())),
    ];
    json!({
        "traceId": format!("{:032x}", trace + 1),
        "spanId": format!("{:016x}", (trace + 1) * 256 + number + 1),
        "name": format!("chat {model}"),
        "kind": 3,
        "startTimeUnixNano": start.to_string(),
        "endTimeUnixNano": (start + 500_000_000).to_string(),
        "status": {"code": 1},
        "attributes": attributes
            .into_iter()
            .map(|(key, value)| json!({"key": key, "value": value}))
            .collect::<Value>(),
    })
}

/// Sends spans of the service `shop-bot`.
pub fn send_spans(server: &TestServer, spans: &[Value]) {
    let body = json!({"resourceSpans": [
        {"resource": resource(), "scopeSpans": [{"scope": {}, "spans": spans}]},
    ]});
    send(server, "traces", &body);
}

/// Sends log records of the service `shop-bot`.
pub fn send_logs(server: &TestServer, records: &[Value]) {
    let body = json!({"resourceLogs": [
        {"resource": resource(), "scopeLogs": [{"scope": {}, "logRecords": records}]},
    ]});
    send(server, "logs", &body);
}

fn resource() -> Value {
    json!({"attributes": [{"key": "service.name", "value": {"stringValue": "shop-bot"}}]})
}

fn send(server: &TestServer, signal: &str, body: &Value) {
    let address = server.url.strip_prefix("http://").unwrap();
    let body = body.to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /telemetry/v1/{signal} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer a key\r\n\
         content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
}
