//! Kills the server while it runs campaigns. Afterwards they complete, and no annotated event is judged again.
//!
//! `MISTRAL_DATASETS_CAMPAIGN_KILLS` sets the number of kills.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use mistral_datasets_tests::ChatServer;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};

use crate::check_integrity;
use crate::kills::env_number;
use crate::server::TestServer;

/// The default number of kills.
const DEFAULT_KILLS: u32 = 3;

/// The number of events of the campaign for each kill. Judging one takes 50 milliseconds, eight at a time.
const EVENTS: usize = 80;

/// The number of events that are judged at the same time.
const JUDGEMENTS: usize = 8;

/// The range of the time from startup to kill, in milliseconds.
const UPTIME_MS: std::ops::Range<u64> = 20..350;

fn start(directory: &Path, chat: &ChatServer) -> TestServer {
    let mut command = Command::new("sh");
    let script = format!("exec \"$0\" \"$@\" --judge-url {}", chat.url());
    command.args(["-c", &script, env!("CARGO_BIN_EXE_mistral-datasets")]);
    TestServer::start_command(command, directory)
}

async fn send(server: &TestServer, method: Method, path: &str, body: Value) -> Value {
    let http = reqwest::Client::builder().no_proxy().build().expect("client is built");
    let request = http.request(method, server.url().to_owned() + path).bearer_auth("a key");
    let response = request.json(&body).send().await.expect("a response");
    assert!(response.status().is_success(), "{path}: {}", response.status());
    response.json().await.expect("the response is JSON")
}

/// Returns an OTLP request with chat spans.
fn spans() -> Value {
    let text = |value: String| json!({"stringValue": value});
    let attribute = |key: &str, value: String| json!({"key": key, "value": text(value)});
    let span = |n: usize| {
        let input = json!([{"role": "user", "parts": [{"type": "text", "content": format!("Question {n}")}]}]);
        let output =
            json!([{"role": "assistant", "parts": [{"type": "text", "content": "Gladly"}]}]);
        json!({
            "traceId": format!("{:032x}", n + 1), "spanId": format!("{:016x}", n + 1), "name": "chat small", "kind": 3,
            "startTimeUnixNano": "1786000000000000000", "endTimeUnixNano": "1786000001250000000",
            "attributes": [
                attribute("gen_ai.operation.name", "chat".to_owned()),
                attribute("gen_ai.request.model", "small".to_owned()),
                attribute("gen_ai.input.messages", input.to_string()),
                attribute("gen_ai.output.messages", output.to_string()),
            ],
        })
    };
    let spans: Vec<Value> = (0..EVENTS).map(span).collect();
    json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
}

async fn create_judge(server: &TestServer) -> String {
    let judge = json!({
        "name": "Tone of answers", "description": "", "model_name": "brief", "tools": [],
        "instructions": "{{ assistant_message }}",
        "output": {"type": "CLASSIFICATION", "options": [{"value": "polite", "description": ""}, {"value": "rude", "description": ""}]},
    });
    let created = send(server, Method::POST, "/v1/observability/judges", judge).await;
    created["id"].as_str().expect("the judge has an id").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaigns_complete_without_judging_twice_despite_kills() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let kills = env_number("MISTRAL_DATASETS_CAMPAIGN_KILLS").unwrap_or(DEFAULT_KILLS);
    let seed = env_number("MISTRAL_DATASETS_SEED").unwrap_or_else(rand::random);
    println!("{kills} kills during campaigns with MISTRAL_DATASETS_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    // Fails if another test has already installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let chat = ChatServer::start().await;
    let mut server = start(directory.path(), &chat);
    send(&server, Method::POST, "/telemetry/v1/traces", spans()).await;
    let judge = create_judge(&server).await;
    let body = json!({"name": "Tone of answers", "description": "", "judge_id": judge, "max_nb_events": 10_000,
        "search_params": {"filters": null}});
    let campaign = send(&server, Method::POST, "/v1/observability/campaigns", body).await;
    let path = format!("/v1/observability/campaigns/{}", campaign["id"].as_str().expect("an id"));
    let mut interrupted = 0;
    for _ in 0..kills {
        tokio::time::sleep(Duration::from_millis(random.random_range(UPTIME_MS))).await;
        server.kill();
        check_integrity(directory.path());
        server = start(directory.path(), &chat);
        let status = send(&server, Method::GET, &format!("{path}/status"), json!({})).await;
        interrupted += usize::from(status["status"] == "RUNNING");
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let status = send(&server, Method::GET, &format!("{path}/status"), json!({})).await;
        if status["status"] != "RUNNING" {
            assert_eq!(status["status"], "COMPLETED");
            break;
        }
        assert!(Instant::now() < deadline, "the campaign does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let events =
        send(&server, Method::GET, &format!("{path}/selected-events?page_size=100"), json!({}))
            .await;
    let events = events["completion_events"]["results"].as_array().expect("a page of events");
    let field = format!("__judge_{judge}");
    assert_eq!(events.len(), EVENTS);
    assert!(events.iter().all(|event| event["extra_fields"][&field] == "polite"), "{events:?}");
    let requests = chat.requests("brief");
    let most = EVENTS + kills as usize * JUDGEMENTS;
    assert!((EVENTS..=most).contains(&requests), "{requests} requests for {EVENTS} events");
    assert!(interrupted > 0, "no campaign was running when the server was killed");
    server.shutdown();
    check_integrity(directory.path());
    println!(
        "summary: {kills} kills, {interrupted} during the campaign, {requests} requests for {EVENTS} events"
    );
}
