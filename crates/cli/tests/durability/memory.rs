//! Attacks the memory of a server with default settings: large, slow and concurrent requests.
//!
//! During each attack, the peak memory stays bounded and `/healthz` is answered promptly. `cargo xtask soak` runs these tests.

mod target;
mod watch;

use std::io::{Read, Write};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use serde_json::json;

use self::target::{KeptAlive, Response, Target, array, form, head, record};
use self::watch::Watch;

const MIB: usize = 1 << 20;

/// Runs `count` attackers concurrently and returns their results.
fn concurrently<T: Send>(count: usize, attacker: impl Fn(usize) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let attackers: Vec<_> = (0..count)
            .map(|n| {
                scope.spawn({
                    let attacker = &attacker;
                    move || attacker(n)
                })
            })
            .collect();
        attackers
            .into_iter()
            .map(ScopedJoinHandle::join)
            .map(|joined| joined.expect("an attacker finishes"))
            .collect()
    })
}

/// Checks that at least one response has the expected status, and that all others were rejected for lack of memory.
fn check(responses: &[Response], expected: u16) {
    let count = responses.iter().filter(|response| response.status == Some(expected)).count();
    assert!(count > 0, "{responses:?}");
    let rejected = responses.iter().filter(|response| matches!(response.status, Some(503) | None));
    assert_eq!(count + rejected.count(), responses.len(), "{responses:?}");
}

/// Sends the same JSON body several times concurrently.
fn post(path: &str, body: &str, count: usize, expected: u16, attack: &str) {
    let target = Target::start();
    let path = path.replace("DATASET", &target.create_dataset());
    let watch = Watch::start(&target);
    let responses = concurrently(count, |_| target.post(&path, body));
    watch.finish(attack);
    check(&responses, expected);
}

#[test]
#[ignore = "takes long; `cargo xtask soak` runs it"]
fn an_array_of_numbers_as_conversation_ids() {
    let body = format!(r#"{{"conversation_ids":{}}}"#, array("1", 62 * MIB));
    post("DATASET/imports/from-playground", &body, 1, 422, "62 MiB of numbers as conversation IDs");
}

#[test]
#[ignore = "takes long; `cargo xtask soak` runs it"]
fn concurrent_arrays_of_numbers_as_conversation_ids() {
    let body = format!(r#"{{"conversation_ids":{}}}"#, array("1", 62 * MIB));
    post(
        "DATASET/imports/from-playground",
        &body,
        3,
        422,
        "3 × 62 MiB of numbers as conversation IDs",
    );
}

#[test]
#[ignore = "takes long; `cargo xtask soak` runs it"]
fn records_of_many_fields() {
    let fields = r#""":1,"#.repeat(12_000_000);
    let body = format!(r#"{{"payload":{{"messages":[],{fields}"":1}},"properties":{{}}}}"#);
    post("DATASET/records", &body, 3, 201, "3 records of 12 million fields");
}

#[test]
#[ignore = "takes long; `cargo xtask soak` runs it"]
fn concurrent_large_creates() {
    post("DATASET/records", &record(62 * MIB), 3, 201, "3 creates of 62 MiB");
}

#[test]
#[ignore = "takes long; `cargo xtask soak` runs it"]
fn concurrent_reads_of_a_large_record() {
    let target = Target::start();
    let id = target.create_record(&target.create_dataset(), 60 * MIB);
    let watch = Watch::start(&target);
    let path = format!("/v1/observability/dataset-records/{id}");
    let responses = concurrently(4, |_| target.get(&path));
    watch.finish("4 reads of a record of 60 MiB");
    check(&responses, 200);
    assert!(
        responses.iter().all(|response| response.status.is_none_or(|status| status == 503)
            || response.length > 60 * MIB)
    );
}

#[test]
#[ignore = "takes long; `cargo xtask soak` runs it"]
fn a_page_of_large_records() {
    let target = Target::start();
    let dataset = target.create_dataset();
    for _ in 0..60 {
        target.create_record(&dataset, 10 * MIB);
    }
    let watch = Watch::start(&target);
    let response = target.get(&format!("{dataset}/records?page_size=60"));
    watch.finish("a page of 60 records of 10 MiB");
    assert_eq!(response.status, Some(200));
    assert!(response.length > 600 * MIB, "the page is incomplete: {} bytes", response.length);
}

#[test]
#[ignore = "takes long; `cargo xtask soak` runs it"]
fn slow_readers_of_large_pages() {
    let target = Target::start();
    let dataset = target.create_dataset();
    for _ in 0..100 {
        target.create_record(&dataset, 5 * MIB / 2);
    }
    let path = format!("{dataset}/records?page_size=100");
    let watch = Watch::start(&target);
    let received = concurrently(8, |_| {
        let mut stream = target.connect();
        let head = head("GET", &path, "application/json", 0);
        stream.write_all(head.as_bytes()).expect("the server reads");
        let (started, mut buffer, mut received) = (Instant::now(), vec![0; 64 << 10], 0);
        while started.elapsed() < Duration::from_secs(8) {
            received += stream.read(&mut buffer).expect("the page continues");
            thread::sleep(Duration::from_millis(20));
        }
        received
    });
    watch.finish("8 slow readers of pages of 250 MiB");
    assert!(received.iter().all(|received| *received > MIB), "{received:?}");
}

#[test]
#[ignore = "takes long; `cargo xtask soak` runs it"]
fn an_import_of_large_records() {
    let target = Target::start();
    let dataset = target.create_dataset();
    let ids: Vec<_> = (0..200).map(|_| target.create_record(&dataset, 2 * MIB)).collect();
    let copy = target.create_dataset();
    let watch = Watch::start(&target);
    let import = target.start_import(&copy, "from-dataset", &json!({"dataset_record_ids": ids}));
    let task = target.wait_for_task(&import);
    watch.finish("an import of 200 records of 2 MiB");
    assert_eq!(task["result"]["imported_record_count"], json!(200), "{task}");
}

#[test]
#[ignore = "takes long; `cargo xtask soak` runs it"]
fn imports_of_large_lines() {
    let target = Target::start();
    let line = format!("{{\"messages\":[],\"x\":\"{}\"}}\n", "x".repeat(60 * MIB));
    let file = target.create_file(line.repeat(3).as_bytes());
    let dataset = target.create_dataset();
    let watch = Watch::start(&target);
    let body = json!({"file_id": file});
    let imports: Vec<_> =
        (0..2).map(|_| target.start_import(&dataset, "from-file", &body)).collect();
    let tasks: Vec<_> = imports.iter().map(|import| target.wait_for_task(import)).collect();
    watch.finish("2 imports of 3 lines of 60 MiB");
    assert!(
        tasks.iter().all(|task| task["result"]["imported_record_count"] == json!(3)),
        "{tasks:?}"
    );
}

#[test]
#[ignore = "takes long; `cargo xtask soak` runs it"]
fn a_part_header_that_never_ends() {
    let target = Target::start();
    let watch = Watch::start(&target);
    let response = target.upload(&[b"--B\r\nx: ".as_slice(), &vec![b'x'; 400 * MIB]].concat());
    watch.finish("a part header of 400 MiB");
    assert!(matches!(response.status, Some(400..500) | None), "{response:?}");
}

#[test]
#[ignore = "takes long; `cargo xtask soak` runs it"]
fn fault_rules_with_large_bodies() {
    let target = Target::start();
    let rule = json!({"status": 500, "times": null, "body": "x".repeat(3 * MIB)}).to_string();
    let watch = Watch::start(&target);
    let responses: Vec<_> = (0..150).map(|_| target.post("/local/v1/faults", &rule)).collect();
    watch.finish("150 fault rules of 3 MiB");
    assert!(responses.iter().all(|response| response.status == Some(422)), "{responses:?}");
}

#[test]
#[ignore = "takes long; `cargo xtask soak` runs it"]
fn many_fault_rules() {
    let rules = array(r#"{"status":500}"#, 60 * MIB);
    post("/local/v1/faults", &rules, 1, 422, "4 million fault rules");
}

#[test]
#[ignore = "takes long; `cargo xtask soak` runs it"]
fn journals_of_large_requests() {
    const REQUESTS: usize = 3_000;
    let target = Target::start();
    let path = format!("/v1/files?search={}", "y".repeat(2_000));
    let watch = Watch::start(&target);
    let journals = concurrently(20, |n| {
        let mut connection = KeptAlive::open(&target);
        for request in 0..REQUESTS {
            let filler = "z".repeat(3_900);
            let headers = format!("authorization: Bearer key{n}\r\nx-{request}: {filler}\r\n");
            assert_eq!(connection.get(&path, &headers).expect("the server responds"), 200);
        }
        // Each key has a workspace and a journal of its own.
        let headers = format!("authorization: Bearer key{n}\r\n");
        connection.get("/local/v1/requests", &headers).expect("the server responds")
    });
    watch.finish("the journals of 60,000 requests of 6 kB");
    assert!(journals.iter().all(|status| *status == 200), "{journals:?}");
}

#[test]
#[ignore = "takes long; `cargo xtask soak` runs it"]
fn a_campaign_of_many_events() {
    let body = format!(r#"{{"name":"Refunds","event_ids":{}}}"#, array(r#""a""#, 60 * MIB));
    post("/local/v1/campaigns", &body, 1, 422, "a campaign of 15 million events");
}

#[test]
#[ignore = "takes long; `cargo xtask soak` runs it"]
fn many_conversations() {
    let body = array(r#"{"messages":[]}"#, 60 * MIB);
    post("/local/v1/conversations", &body, 1, 422, "4 million conversations");
}

#[test]
#[ignore = "takes long; `cargo xtask soak` runs it"]
fn concurrent_exports() {
    let target = Target::start();
    let dataset = target.create_dataset();
    for _ in 0..4 {
        target.create_record(&dataset, 60 * MIB);
    }
    let watch = Watch::start(&target);
    let responses = concurrently(4, |_| target.get(&format!("{dataset}/exports/to-jsonl")));
    watch.finish("4 exports of 4 records of 60 MiB");
    check(&responses, 200);
}

#[test]
#[ignore = "takes long; `cargo xtask soak` runs it"]
fn concurrent_uploads() {
    let target = Target::start();
    let form = form(&vec![b'x'; 60 * MIB]);
    let watch = Watch::start(&target);
    let responses = concurrently(16, |_| target.upload(&form));
    watch.finish("16 uploads of 60 MiB");
    check(&responses, 200);
}

#[test]
#[ignore = "takes long; `cargo xtask soak` runs it"]
fn trace_requests_of_empty_spans() {
    let body = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":{}}}]}}]}}"#,
        array("{}", 19 * MIB)
    );
    post("/telemetry/v1/traces", &body, 4, 413, "4 requests of 19 MiB of empty spans");
}

#[test]
#[ignore = "takes long; `cargo xtask soak` runs it"]
fn trace_requests_of_many_small_spans() {
    let span = r#"{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7"}"#;
    let body = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":{}}}]}}]}}"#,
        array(span, 10 * MIB)
    );
    post("/telemetry/v1/traces", &body, 4, 200, "4 requests of 10 MiB of small spans");
}
