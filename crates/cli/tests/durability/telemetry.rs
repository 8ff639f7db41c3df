//! Kills the server while exporters send spans. No acknowledged span is lost, none is stored twice, and summaries and events match
//! the spans.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use crate::check_integrity;
use crate::server::TestServer;

/// The number of exporters.
const EXPORTERS: u64 = 3;

/// The number of spans per request.
const BATCH: u64 = 20;

const KILLS: u64 = 3;

/// Sends a request and returns its status, or `None` if the connection broke.
fn export(server: &str, first: u64) -> Option<u16> {
    let spans: Vec<_> = (first..first + BATCH)
        .map(|id| {
            json!({
                "traceId": format!("{:032x}", id / 7 + 1), "spanId": format!("{:016x}", id + 1), "name": "chat",
                "startTimeUnixNano": id.to_string(), "endTimeUnixNano": (id + 5).to_string(),
                "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}],
            })
        })
        .collect();
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string();
    let mut stream = TcpStream::connect(server.strip_prefix("http://")?).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    write!(
        stream,
        "POST /telemetry/v1/traces HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer key\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).ok()?;
    response.split(' ').nth(1)?.parse().ok()
}

/// Sends batches until the server is killed. Returns the acknowledged ones by their first span, and sends the last one again first.
fn export_until_killed(
    server: &str,
    next: &AtomicU64,
    repeat: Option<u64>,
) -> (Vec<u64>, Option<u64>) {
    let mut acknowledged = Vec::new();
    let mut repeat = repeat;
    loop {
        let first = repeat.take().unwrap_or_else(|| next.fetch_add(BATCH, Ordering::Relaxed));
        match export(server, first) {
            Some(200) => acknowledged.push(first),
            Some(status) => panic!("unexpected status {status}"),
            // As an exporter does that got no response.
            None => return (acknowledged, Some(first)),
        }
    }
}

fn count(directory: &Path, sql: &str) -> u64 {
    let path = directory.join("datasets.sqlite3");
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let database = database.expect("database opens");
    database.query_row(sql, [], |row| row.get(0)).expect("the query runs")
}

#[test]
fn acknowledged_spans_survive_kills() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let next = AtomicU64::new(0);
    let mut acknowledged: Vec<u64> = Vec::new();
    let mut repeats = vec![None; EXPORTERS as usize];
    for kill in 1..=KILLS {
        let mut server = TestServer::start(directory.path());
        let url = server.url().to_owned();
        let (url, next) = (&url, &next);
        thread::scope(|scope| {
            let exporters: Vec<_> = repeats
                .drain(..)
                .map(|repeat| scope.spawn(move || export_until_killed(url, next, repeat)))
                .collect();
            thread::sleep(Duration::from_millis(200 * kill));
            // Right after responses were sent, and mostly before the next flush.
            server.kill();
            for exporter in exporters {
                let (sent, repeat) =
                    exporter.join().expect("the exporter gets the expected status");
                acknowledged.extend(sent);
                repeats.push(repeat);
            }
        });
        check_integrity(directory.path());
        for first in &acknowledged {
            let stored = count(
                directory.path(),
                &format!(
                    "SELECT count(*) FROM spans WHERE start_time BETWEEN {first} AND {}",
                    first + BATCH - 1
                ),
            );
            assert_eq!(stored, BATCH, "spans from {first} were acknowledged before kill {kill}");
        }
    }
    assert!(!acknowledged.is_empty(), "nothing was acknowledged");
    // Each batch is stored as a whole or not at all, and its summaries and events with it.
    let spans = count(directory.path(), "SELECT count(*) FROM spans");
    assert_eq!(spans % BATCH, 0);
    assert_eq!(count(directory.path(), "SELECT sum(span_count) FROM traces"), spans);
    assert_eq!(
        count(directory.path(), "SELECT count(*) FROM events WHERE span IS NOT NULL"),
        spans
    );
    let server = TestServer::start(directory.path());
    assert_eq!(export(server.url(), acknowledged[0]), Some(200));
    server.shutdown();
    assert_eq!(count(directory.path(), "SELECT count(*) FROM spans"), spans);
}
