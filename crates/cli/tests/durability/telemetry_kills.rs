//! Kills the server after it has acknowledged spans. A kill of the process loses none of them.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::check_integrity;
use crate::server::TestServer;

const KILLS: usize = 3;

/// Spans of each request.
const SPANS: usize = 20;

/// Sends a POST request with a JSON body. Returns the response, with its headers.
fn post(server: &TestServer, path: &str, body: &str) -> String {
    let address = server.url().strip_prefix("http://").expect("an HTTP URL").to_owned();
    let mut stream = TcpStream::connect(address).expect("the server accepts connections");
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer key\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("the request is sent");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("a response");
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    response
}

fn spans(request: usize) -> String {
    let span = |number: usize| {
        format!(
            r#"{{"traceId": "{:032x}", "spanId": "{:016x}", "name": "span", "startTimeUnixNano": "{number}",
                "endTimeUnixNano": "{number}", "attributes": [{{"key": "text", "value": {{"stringValue": "{}"}}}}]}}"#,
            request + 1,
            number + 1,
            "x".repeat(1_000)
        )
    };
    let spans: Vec<_> = (0..SPANS).map(span).collect();
    format!(r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{}]}}]}}]}}"#, spans.join(","))
}

#[test]
fn acknowledged_spans_survive_kills() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let mut acknowledged = 0;
    for kill in 1..=KILLS {
        let mut server = TestServer::start(directory.path());
        for _ in 0..10 * kill {
            post(&server, "/telemetry/v1/traces", &spans(acknowledged));
            acknowledged += 1;
        }
        server.kill();
        check_integrity(directory.path());
    }
    let server = TestServer::start(directory.path());
    for (entity, expected) in [("spans", acknowledged * SPANS), ("traces", acknowledged)] {
        let body = r#"{"metric": {"measure": "trace_id", "aggregation": "count"}}"#;
        let response = post(&server, &format!("/v1/observability/{entity}/aggregate"), body);
        assert!(
            response.contains(&format!("\"metric_value\":{expected}}}")),
            "{entity}: {response}"
        );
    }
    server.shutdown();
}
