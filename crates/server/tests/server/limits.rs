//! Limits on size, number and duration of requests, checked over raw sockets. Rejections are regular API errors.

use std::time::{Duration, Instant};

use mistral_datasets_server::{Limits, ServerConfig};
use mistral_datasets_types::DatasetRecord;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Api, DATASETS, RECORDS, records_path};

/// A timeout that is long enough for a loaded machine.
const SHORT: Duration = Duration::from_millis(300);

async fn start(limits: Limits) -> Api {
    Api::start_with(ServerConfig::default().limits(limits)).await
}

async fn connect(api: &Api) -> TcpStream {
    TcpStream::connect(api.server.addr()).await.unwrap()
}

/// Reads until the server closes the connection.
async fn read_to_close(stream: &mut TcpStream) -> String {
    let mut response = Vec::new();
    // A client that is still sending may get a reset after the response.
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut response));
    let _ = read.await.expect("the server closes the connection");
    String::from_utf8(response).unwrap()
}

/// Asserts that a response is an API error and returns its headers and message.
#[track_caller]
fn assert_error(response: &str, status: u16, code: &str) -> (String, String) {
    let (head, body) =
        response.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response: {response:?}"));
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{response}");
    let head = head.to_ascii_lowercase();
    assert!(head.contains("x-request-id: ") && head.contains("application/json"), "{response}");
    assert!(!head.contains("server:"), "{response}");
    assert!(head.contains(&format!("content-length: {}", body.len())), "{response}");
    let body: Value =
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {response}"));
    assert_eq!(body["detail"]["error_code"], code, "{response}");
    (head, body["detail"]["message"].as_str().unwrap().to_owned())
}

async fn exchange(api: &Api, request: &[u8]) -> String {
    let mut stream = connect(api).await;
    // The server may reject the request before everything is sent.
    let _ = stream.write_all(request).await;
    let _ = stream.shutdown().await;
    read_to_close(&mut stream).await
}

fn get(path: &str, headers: &str) -> Vec<u8> {
    let head = "host: localhost\r\nauthorization: Bearer a key\r\nconnection: close\r\n";
    format!("GET {path} HTTP/1.1\r\n{head}{headers}\r\n").into_bytes()
}

#[tokio::test]
async fn url_and_header_sizes_are_limited() {
    let limits = Limits::default().url_bytes(1_000).header_bytes(2_000);
    let api = start(limits).await;
    let path = |length: usize| format!("{DATASETS}?q={}", "x".repeat(length - DATASETS.len() - 3));
    assert!(exchange(&api, &get(&path(1_000), "")).await.starts_with("HTTP/1.1 200"));
    let response = exchange(&api, &get(&path(1_001), "")).await;
    let (_, message) = assert_error(&response, 414, "VALIDATION_ERROR");
    assert_eq!(message, "the path and query of the URL are longer than 1000 bytes");
    // Larger than the read buffers.
    for length in [20_000, 60_000, 70_000, 5_000_000] {
        let response = exchange(&api, &get(&path(length), "")).await;
        let status = if response.contains(" 414 ") { 414 } else { 431 };
        assert_error(&response, status, "VALIDATION_ERROR");
    }

    let header = |length: usize| format!("x: {}\r\n", "y".repeat(length));
    assert!(exchange(&api, &get(DATASETS, &header(1_900))).await.starts_with("HTTP/1.1 200"));
    let response = exchange(&api, &get(DATASETS, &header(2_000))).await;
    let (_, message) = assert_error(&response, 431, "VALIDATION_ERROR");
    assert_eq!(message, "the request headers are larger than 2000 bytes");
    for length in [20_000, 5_000_000] {
        assert_error(
            &exchange(&api, &get(DATASETS, &header(length))).await,
            431,
            "VALIDATION_ERROR",
        );
    }
    let many: String = (0..200).map(|n| format!("x{n}: y\r\n")).collect();
    assert_error(&exchange(&api, &get(DATASETS, &many)).await, 431, "VALIDATION_ERROR");
    assert_error(&exchange(&api, b"this is not HTTP\r\n\r\n").await, 400, "VALIDATION_ERROR");
    assert_eq!(api.get(DATASETS).await.status, 200);
}

#[tokio::test]
async fn connection_stays_open_after_rejecting_large_headers() {
    let limits = Limits::default().header_bytes(2_000);
    let api = start(limits).await;
    let large =
        format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "y".repeat(2_000));
    let mut stream = connect(&api).await;
    stream.write_all(large.as_bytes()).await.unwrap();
    stream.write_all(&get("/healthz", "")).await.unwrap();
    let responses = read_to_close(&mut stream).await;
    assert!(
        responses.starts_with("HTTP/1.1 431 ") && responses.contains("HTTP/1.1 200 "),
        "{responses}"
    );
}

#[tokio::test]
async fn invalid_request_on_a_reused_connection_gets_an_error() {
    let api = start(Limits::default().header_bytes(2_000)).await;
    let dataset = api.create_dataset("Conversations").await;
    api.create_record(&dataset, json!({"messages": [], "x": "y".repeat(300_000)})).await;
    let page = format!(
        "GET {} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer a key\r\n\r\n",
        records_path(&dataset)
    );
    let missing = "GET /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let large = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: {}", "y".repeat(5_000_000));
    for (first, status_line) in [(page.as_str(), "HTTP/1.1 200"), (missing, "HTTP/1.1 404")] {
        for (invalid, status) in [("this is not HTTP\r\n\r\n", 400), (large.as_str(), 431)] {
            let mut stream = connect(&api).await;
            for _ in 0..2 {
                stream.write_all(first.as_bytes()).await.unwrap();
                assert!(read_response(&mut stream).await.starts_with(status_line));
            }
            let _ = stream.write_all(invalid.as_bytes()).await;
            let _ = stream.shutdown().await;
            assert_error(&read_to_close(&mut stream).await, status, "VALIDATION_ERROR");
        }
    }
}

/// Reads one response from a keep-alive connection.
async fn read_response(stream: &mut TcpStream) -> String {
    let mut response = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&response).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split("content-length: ").nth(1).expect("a length");
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            if body.len() == length {
                return String::from_utf8(response).unwrap();
            }
        }
        assert_ne!(
            stream.read_buf(&mut response).await.unwrap(),
            0,
            "the connection ended: {text}"
        );
    }
}

#[tokio::test]
async fn file_size_is_limited() {
    let limits = Limits::default().file_bytes(1_000);
    let api = start(limits).await;
    assert_eq!(api.upload("fits.jsonl", vec![b' '; 1_000]).await.bytes, Some(1_000));
    let part = |length| reqwest::multipart::Part::bytes(vec![b' '; length]).file_name("f.jsonl");
    for length in [1_001, 10_000_000] {
        let form = reqwest::multipart::Form::new().part("file", part(length));
        let request = api.request(http::Method::POST, "/v1/files").multipart(form);
        let message = crate::support::send(request).await.error(413, "VALIDATION_ERROR");
        assert_eq!(message, "the file is larger than 1000 bytes");
    }
}

#[tokio::test]
async fn slow_headers_time_out_and_idle_connections_are_closed() {
    let api = start(Limits::default().idle_timeout(SHORT)).await;
    let mut idle = connect(&api).await;
    assert_eq!(read_to_close(&mut idle).await, "");
    let mut stream = connect(&api).await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let responses = read_to_close(&mut stream).await;
    assert!(responses.starts_with("HTTP/1.1 200 ") && responses.matches("HTTP/1.1").count() == 1);

    // On a new connection, and after an answered request.
    for before in ["", "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"] {
        let mut stream = connect(&api).await;
        stream.write_all(before.as_bytes()).await.unwrap();
        let (mut reading, mut writing) = stream.into_split();
        let sender = tokio::spawn(async move {
            for byte in b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: "
                .iter()
                .chain([b'y'; 10_000].iter())
            {
                if writing.write_all(&[*byte]).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let mut responses = Vec::new();
        let reading = reading.read_to_end(&mut responses);
        let _ = tokio::time::timeout(Duration::from_secs(20), reading)
            .await
            .expect("the connection is closed");
        sender.abort();
        let responses = String::from_utf8(responses).unwrap();
        let last = responses.rfind("HTTP/1.1 ").expect("a response");
        let (_, message) = assert_error(&responses[last..], 408, "VALIDATION_ERROR");
        assert_eq!(message, "the request head was not received in time");
    }
}

fn create(length: usize) -> String {
    format!(
        "POST {DATASETS} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer a key\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}

#[tokio::test]
async fn stalled_body_times_out() {
    let api = start(Limits::default().stall_timeout(SHORT)).await;
    for sent in ["", "{\"name\": "] {
        let mut stream = connect(&api).await;
        stream.write_all((create(40) + sent).as_bytes()).await.unwrap();
        let started = Instant::now();
        let (head, message) =
            assert_error(&read_to_close(&mut stream).await, 408, "VALIDATION_ERROR");
        assert_eq!(message, "the request body was not received in time");
        assert!(head.contains("connection: close") && started.elapsed() >= SHORT);
    }
    // A stalled upload times out too and leaves no file.
    let mut stream = connect(&api).await;
    let form = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"f.jsonl\"\r\n\r\n";
    let head = format!(
        "POST /v1/files HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer a key\r\n\
         content-type: multipart/form-data; boundary=b\r\ncontent-length: 100000\r\n\r\n{form}"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_error(&read_to_close(&mut stream).await, 408, "VALIDATION_ERROR");
    assert_eq!(api.get("/v1/files").await.json::<Value>(200)["total"], 0);
    assert_eq!(api.get(DATASETS).await.json::<Value>(200)["datasets"]["count"], 0);
}

#[tokio::test]
async fn slow_body_that_makes_progress_is_accepted() {
    let api = start(Limits::default().stall_timeout(SHORT)).await;
    let body = format!(r#"{{"name": "Slowly", "description": ""{}}}"#, " ".repeat(4_000));
    let mut stream = connect(&api).await;
    stream.write_all(create(body.len()).as_bytes()).await.unwrap();
    let started = Instant::now();
    // Faster than the minimum rate, for longer than the stall timeout.
    for piece in body.as_bytes().chunks(200) {
        stream.write_all(piece).await.unwrap();
        stream.flush().await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(started.elapsed() > 3 * SHORT);
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 201");
}

#[tokio::test]
async fn response_is_aborted_when_the_client_stops_reading() {
    let api = start(Limits::default().stall_timeout(SHORT)).await;
    let size = 30_000_000;
    let file = api.upload("large.jsonl", vec![b'\n'; size]).await;
    let mut stream = connect(&api).await;
    stream.write_all(&get(&format!("/v1/files/{}/content", file.id), "")).await.unwrap();
    tokio::time::sleep(SHORT * 5).await;
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received).await;
    assert!(received.starts_with(b"HTTP/1.1 200") && received.len() < size, "{}", received.len());

    // A slow reader that keeps reading receives everything.
    let mut stream = connect(&api).await;
    stream.write_all(&get(&format!("/v1/files/{}/content", file.id), "")).await.unwrap();
    let (mut received, mut buffer) = (0, vec![0; 2_000_000]);
    let started = Instant::now();
    loop {
        match stream.read(&mut buffer).await.unwrap() {
            0 => break,
            read => received += read,
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(received > size && started.elapsed() > SHORT, "{received} in {:?}", started.elapsed());
}

/// Sends a request whose response is delayed by a fault rule.
async fn send_delayed(api: &Api, delay: u64) -> TcpStream {
    let rule = json!({"route": "/v1/files", "delay_ms": delay}).to_string();
    api.post("/local/v1/faults", rule).await.json::<Value>(201);
    let mut stream = connect(api).await;
    stream.write_all(&get("/v1/files", "")).await.unwrap();
    crate::support::eventually(async || {
        let journal: Value = api.get("/local/v1/requests").await.json(200);
        let requests = journal["requests"].as_array().unwrap();
        requests.iter().any(|request| request["path"] == "/v1/files").then_some(())
    })
    .await;
    stream
}

#[tokio::test]
async fn request_timeout_returns_503() {
    let api = start(Limits::default().request_timeout(SHORT)).await;
    let mut stream = send_delayed(&api, 60_000).await;
    let (head, message) = assert_error(&read_to_close(&mut stream).await, 503, "UNKNOWN_ERROR");
    assert!(
        head.contains("retry-after: 1") && message.contains("may or may not have been executed")
    );
}

#[tokio::test]
async fn concurrent_requests_are_limited() {
    let api = start(Limits::default().requests(2)).await;
    // A request with an incomplete body counts.
    let (mut first, mut second) = (connect(&api).await, connect(&api).await);
    for stream in [&mut first, &mut second] {
        stream.write_all((create(40) + "{").as_bytes()).await.unwrap();
    }
    let response = crate::support::eventually(async || {
        let response = exchange(&api, &get(DATASETS, "")).await;
        (!response.starts_with("HTTP/1.1 200")).then_some(response)
    })
    .await;
    let (head, message) = assert_error(&response, 503, "UNKNOWN_ERROR");
    assert!(head.contains("retry-after: 1") && message.contains("too many requests"));
    // Health checks are exempt from the limit.
    assert_eq!(api.get("/healthz").await.status, 200);
    drop(second);
    crate::support::eventually(async || (api.get(DATASETS).await.status == 200).then_some(()))
        .await;
}

#[tokio::test]
async fn connections_are_limited() {
    let api = start(Limits::default().connections(2)).await;
    let (first, mut second) = (connect(&api).await, connect(&api).await);
    let mut third = connect(&api).await;
    let (head, message) = assert_error(&read_to_close(&mut third).await, 503, "UNKNOWN_ERROR");
    assert!(head.contains("retry-after: 1") && message.contains("too many connections"));
    second.write_all(&get("/healthz", "")).await.unwrap();
    assert!(read_to_close(&mut second).await.starts_with("HTTP/1.1 200"));
    drop(first);
    crate::support::eventually(async || {
        let response = exchange(&api, &get("/healthz", "")).await;
        response.starts_with("HTTP/1.1 200").then_some(())
    })
    .await;
}

#[tokio::test]
async fn queued_imports_are_limited() {
    let limits = Limits::default().imports(1).queued_imports(1);
    let api = start(limits).await;
    let dataset = api.create_dataset("Many imports").await;
    let line = "{\"messages\": []}\n".repeat(50_000);
    let file = api.upload("long.jsonl", line).await;
    let path = format!("{DATASETS}/{}/imports/from-file", dataset.id);
    let body = json!({"file_id": file.id}).to_string();
    let mut tasks = Vec::new();
    let message = loop {
        let response = api.post(&path, body.clone()).await;
        if response.status == 503 {
            assert_eq!(response.headers["retry-after"], "1");
            break response.error(503, "UNKNOWN_ERROR");
        }
        tasks.push(response.json(202));
        assert!(tasks.len() < 50, "no import was rejected");
    };
    assert!(message.contains("too many imports"), "{message}");
    // Accepted imports complete, and the rejected one left no task.
    for task in &tasks {
        assert_eq!(api.wait_for_task(&dataset, task).await.status.as_str(), "COMPLETED");
    }
    let listed: Value = api.get(&format!("{DATASETS}/{}/tasks", dataset.id)).await.json(200);
    assert_eq!(listed["tasks"]["count"], tasks.len());
}

#[tokio::test]
async fn json_depth_is_limited_in_requests_and_imports() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Too deep").await;
    let record: DatasetRecord = api.create_record(&dataset, "kept").await;
    let deep = "[".repeat(200) + &"]".repeat(200);
    let payload = format!(r#"{{"payload": {{"messages": [], "x": {deep}}}, "properties": {{}}}}"#);
    for response in [
        api.post(&records_path(&dataset), payload.clone()).await,
        api.put(&format!("{RECORDS}/{}/payload", record.id), payload).await,
    ] {
        assert!(response.error(422, "VALIDATION_ERROR").contains("more than 128 levels"));
    }
    let task = api.import_lines(&dataset, format!("{{\"messages\": [], \"x\": {deep}}}\n")).await;
    assert_eq!(task.status.as_str(), "FAILED");
    assert!(task.message.unwrap().contains("more than 128 levels"));
}
