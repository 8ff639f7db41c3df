//! Fault injection, checked over raw sockets.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use mistral_datasets_server::ServerConfig;
use mistral_datasets_types::{DatasetRecord, ExportResponse};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Api, DATASETS, records_path};

const FAULTS: &str = "/local/v1/faults";
const RECORD: &str = r#"{"payload": {"messages": []}, "properties": {}}"#;

/// Adds fault rules and returns their ids.
async fn inject_faults(api: &Api, rules: Value) -> Vec<String> {
    let injected: Value = api.post(FAULTS, rules.to_string()).await.json(201);
    let rules = injected["faults"].as_array().unwrap().iter();
    rules.map(|rule| rule["id"].as_str().unwrap().to_owned()).collect()
}

/// The bytes received on a connection, and how it ended.
#[derive(Debug)]
struct Received {
    bytes: Vec<u8>,
    /// `None` if the server closed the connection gracefully.
    error: Option<ErrorKind>,
}

impl Received {
    fn body(&self) -> &[u8] {
        let end = self.bytes.windows(4).position(|four| four == b"\r\n\r\n");
        &self.bytes[end.expect("complete headers") + 4..]
    }

    fn headers(&self) -> String {
        let end = self.bytes.len() - self.body().len();
        String::from_utf8_lossy(&self.bytes[..end]).to_lowercase()
    }
}

/// Formats a keep-alive request.
fn request(method: &str, path: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer a key\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends a request and reads until the connection ends.
async fn exchange(api: &Api, request: &str) -> Received {
    let mut stream = TcpStream::connect(api.server.addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    let read = tokio::time::timeout(Duration::from_secs(20), read).await;
    let error = read.expect("the connection ends").err().map(|error| error.kind());
    Received { bytes, error }
}

/// Creates a dataset with one record and returns the path and body of its first page.
async fn page(api: &Api) -> (String, String) {
    let dataset = api.create_dataset("Faulty").await;
    api.create_record(&dataset, "x".repeat(500)).await;
    let path = records_path(&dataset);
    let page = api.get(&path).await.text();
    (path, page)
}

#[tokio::test]
async fn status_rule_replaces_the_response_and_skips_execution() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Refused").await;
    inject_faults(
        &api,
        json!({
            "operation": "create_record", "times": 2, "status": 429, "headers": {"Retry-After": "1", "x-a": "b"},
            "body": {"detail": "slowly", "n": 1.0},
        }),
    )
    .await;
    for _ in 0..2 {
        let refused = api.post(&records_path(&dataset), RECORD).await;
        assert_eq!(refused.json::<Value>(429), json!({"detail": "slowly", "n": 1.0}));
        assert!(refused.text().contains("1.0"), "the JSON body is sent verbatim");
        assert_eq!(refused.headers["retry-after"], "1");
        assert_eq!(refused.headers["x-a"], "b");
        assert!(refused.headers.contains_key("x-request-id"));
    }
    api.post(&records_path(&dataset), RECORD).await.json::<DatasetRecord>(201);
    assert_eq!(api.record_count(&dataset).await, 1);
}

#[tokio::test]
async fn carry_out_executes_the_request_and_replaces_the_response() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Lost response").await;
    inject_faults(
        &api,
        json!({"method": "POST", "status": 502, "body": "<h1>Bad gateway</h1>", "carry_out": true}),
    )
    .await;
    let lost = api.post(&records_path(&dataset), RECORD).await;
    assert_eq!((lost.status.as_u16(), &*lost.text()), (502, "<h1>Bad gateway</h1>"));
    assert_eq!(lost.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(api.record_count(&dataset).await, 1);
}

#[tokio::test]
async fn body_rule_uses_the_success_status_and_header_rule_the_real_response() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Replaced body").await;
    let rule = json!({"route": format!("{DATASETS}/{{dataset_id}}/records"), "body": "{\"cut", "headers": {"content-type": "application/json"}});
    inject_faults(&api, rule).await;
    let response = api.post(&records_path(&dataset), RECORD).await;
    assert_eq!((response.status.as_u16(), &*response.text()), (201, "{\"cut"));
    assert_eq!(response.headers["content-type"], "application/json");
    inject_faults(&api, json!({"headers": {"content-type": "text/html"}})).await;
    let response = api.post(&records_path(&dataset), RECORD).await;
    assert_eq!(
        (response.status.as_u16(), &response.headers["content-type"]),
        (201, &"text/html".parse().unwrap())
    );
    assert_eq!(api.record_count(&dataset).await, 1);
}

#[tokio::test]
async fn reset_happens_after_the_exact_number_of_body_bytes() {
    let api = Api::start().await;
    let (path, page) = page(&api).await;
    for bytes in [1, 100, page.len() - 1, page.len(), page.len() + 1] {
        inject_faults(&api, json!({"operation": "list_records", "reset_after_bytes": bytes})).await;
        let received = exchange(&api, &request("GET", &path, "")).await;
        assert_eq!(received.error, Some(ErrorKind::ConnectionReset), "{bytes}");
        assert_eq!(received.body(), &page.as_bytes()[..bytes.min(page.len())], "{bytes}");
        assert!(received.headers().contains(&format!("content-length: {}\r\n", page.len())));
    }
    assert_eq!(api.get(&path).await.text(), page);
}

#[tokio::test]
async fn reset_before_headers_sends_nothing_and_respects_carry_out() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Reset").await;
    for (carry_out, records) in [(None, 1), (Some(false), 1), (Some(true), 2)] {
        inject_faults(
            &api,
            json!({"method": "post", "reset_after_bytes": 0, "carry_out": carry_out}),
        )
        .await;
        let received = exchange(&api, &request("POST", &records_path(&dataset), RECORD)).await;
        assert_eq!(received.error, Some(ErrorKind::ConnectionReset));
        assert!(received.bytes.is_empty(), "{received:?}");
        assert_eq!(api.record_count(&dataset).await, records, "{carry_out:?}");
    }
}

#[tokio::test]
async fn response_without_body_is_reset_after_its_headers() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Deleted").await;
    inject_faults(&api, json!({"operation": "delete_dataset", "reset_after_bytes": 5})).await;
    let path = format!("{DATASETS}/{}", dataset.id);
    let received = exchange(&api, &request("DELETE", &path, "")).await;
    assert_eq!(received.error, Some(ErrorKind::ConnectionReset));
    assert!(received.headers().starts_with("http/1.1 204") && received.body().is_empty());
    let file = api.upload("head.jsonl", "content").await;
    inject_faults(&api, json!({"operation": "download_file", "reset_after_bytes": 5})).await;
    let head = request("HEAD", &format!("/v1/files/{}/content", file.id), "");
    let received = exchange(&api, &head).await;
    assert_eq!(received.error, Some(ErrorKind::ConnectionReset));
    assert!(received.headers().contains("content-length: 7") && received.body().is_empty());
    api.get(&path).await.error(404, "DATASET_NOT_FOUND");
}

#[tokio::test]
async fn truncated_response_ends_gracefully_before_content_length() {
    let api = Api::start().await;
    let (path, page) = page(&api).await;
    for bytes in [0, 10, page.len() - 1] {
        inject_faults(&api, json!({"operation": "list_records", "truncate_after_bytes": bytes}))
            .await;
        let received = exchange(&api, &request("GET", &path, "")).await;
        assert_eq!(received.error, None);
        assert_eq!(received.body(), &page.as_bytes()[..bytes]);
        assert!(received.headers().contains(&format!("content-length: {}\r\n", page.len())));
    }
    let half = json!({
        "status": 500, "body": "incomplete message", "truncate_after_bytes": 4,
        "drip": {"bytes": 3, "interval_ms": 10},
    });
    inject_faults(&api, half).await;
    let received = exchange(&api, &request("GET", &path, "")).await;
    assert!(received.headers().starts_with("http/1.1 500"));
    assert_eq!((received.error, received.body()), (None, &b"inco"[..]));
}

#[tokio::test]
async fn error_responses_can_be_reset_and_truncated() {
    let api = Api::start().await;
    inject_faults(&api, json!([{"reset_after_bytes": 0}, {"truncate_after_bytes": 7}])).await;
    let missing = request("POST", &format!("{DATASETS}/none/records"), RECORD);
    let received = exchange(&api, &missing).await;
    assert_eq!((received.error, received.bytes.len()), (Some(ErrorKind::ConnectionReset), 0));
    let received = exchange(&api, &missing).await;
    assert_eq!((received.error, received.body().len()), (None, 7));
}

#[tokio::test]
async fn delay_applies_after_the_request_was_executed() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Delayed").await;
    inject_faults(&api, json!({"operation": "create_record", "delay_ms": 300})).await;
    let started = Instant::now();
    let path = records_path(&dataset);
    let (created, seen) = tokio::join!(api.post(&path, RECORD), async {
        crate::support::eventually(async || (api.record_count(&dataset).await == 1).then_some(()))
            .await;
        started.elapsed()
    });
    created.json::<DatasetRecord>(201);
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert!(seen < Duration::from_millis(300), "the request was executed only after {seen:?}");
}

#[tokio::test]
async fn dripped_response_is_complete() {
    let api = Api::start().await;
    let (path, page) = page(&api).await;
    let bytes = page.len().div_ceil(10);
    inject_faults(
        &api,
        json!({"operation": "list_records", "drip": {"bytes": bytes, "interval_ms": 20}}),
    )
    .await;
    let mut stream = TcpStream::connect(api.server.addr()).await.unwrap();
    let started = Instant::now();
    stream.write_all(request("GET", &path, "").as_bytes()).await.unwrap();
    let (mut received, mut reads) = (Vec::new(), 0);
    while !received.ends_with(page.as_bytes()) {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the response ended early");
        received.extend_from_slice(&buffer[..count]);
        reads += 1;
    }
    assert!(started.elapsed() >= Duration::from_millis(180), "{:?}", started.elapsed());
    assert!(reads > 3, "{reads}");
}

#[tokio::test]
async fn faults_apply_to_uploads_downloads_and_links() {
    let api = Api::start().await;
    inject_faults(&api, json!({"operation": "upload_file", "status": 503})).await;
    let form = || {
        let part = reqwest::multipart::Part::bytes(vec![b'x'; 3_000_000]).file_name("x.jsonl");
        reqwest::multipart::Form::new().part("file", part)
    };
    let upload = api.request(http::Method::POST, "/v1/files").multipart(form());
    assert_eq!(crate::support::send(upload).await.status, 503);
    assert_eq!(api.get("/v1/files").await.json::<Value>(200)["total"], 0);

    let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 7 % 251) as u8).collect();
    let file = api.upload("large.jsonl", content.clone()).await;
    let path = format!("/v1/files/{}/content", file.id);
    for bytes in [1_000_000, 2_500_000, 3_000_000, 3_000_001] {
        inject_faults(&api, json!({"operation": "download_file", "reset_after_bytes": bytes}))
            .await;
        let received = exchange(&api, &request("GET", &path, "")).await;
        assert_eq!(received.error, Some(ErrorKind::ConnectionReset));
        let expected = &content[..bytes.min(content.len())];
        assert!(received.body() == expected, "{} of {bytes}", received.body().len());
    }
    let link: Value = api.get(&format!("/v1/files/{}/url", file.id)).await.json(200);
    let link = link["url"].as_str().unwrap().replace(&api.server.url(), "");
    inject_faults(&api, json!({"operation": "open_link", "truncate_after_bytes": 2_000_000})).await;
    // Signed links are requested without a key.
    let received = exchange(&api, &format!("GET {link} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
    assert_eq!((received.error, received.body().len()), (None, 2_000_000));
    assert_eq!(api.get(&link).await.body, content);
}

#[tokio::test]
async fn slow_reader_receives_all_bytes_before_a_reset() {
    let api = Api::start().await;
    let file = api.upload("large.jsonl", vec![b'x'; 4_000_000]).await;
    inject_faults(&api, json!({"operation": "download_file", "reset_after_bytes": 1_500_000}))
        .await;
    let socket = TcpSocket::new_v4().unwrap();
    // A small receive buffer keeps the data in the server's send buffer.
    socket.set_recv_buffer_size(64 << 10).unwrap();
    let mut stream = socket.connect(api.server.addr()).await.unwrap();
    let request = request("GET", &format!("/v1/files/{}/content", file.id), "");
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    let error = loop {
        tokio::time::sleep(Duration::from_millis(10)).await;
        match stream.read(&mut buffer).await {
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) => break error.kind(),
        }
        assert!(bytes.len() < 2_000_000, "the response was not reset");
    };
    let received = Received { bytes, error: Some(error) };
    assert_eq!(received.body().len(), 1_500_000);
    assert_eq!(received.error, Some(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn rules_count_expired_links_but_not_tampered_ones() {
    let config = ServerConfig::default().link_lifetime(Duration::ZERO);
    let mut api = Api::start_with(config).await;
    let dataset = api.create_dataset("Linked").await;
    let path = format!("{DATASETS}/{}/exports/to-jsonl", dataset.id);
    let link = api.get(&path).await.json::<ExportResponse>(200).file_url;
    inject_faults(&api, json!({"operation": "open_link", "status": 500})).await;
    api.set_key(None);
    api.get(&format!("{link}x")).await.error(403, "AUTH_FORBIDDEN");
    assert_eq!(api.get(&link).await.status, 500);
    assert!(api.get(&link).await.error(403, "AUTH_FORBIDDEN").contains("expired"));
}

#[tokio::test]
async fn rules_belong_to_one_workspace_and_count_requests() {
    let mut api = Api::start().await;
    let ids = inject_faults(
        &api,
        json!([{"status": 500, "skip": 1, "times": 1}, {"status": 501, "times": null, "operation": "list_files"}]),
    )
    .await;
    api.set_key(Some("another key"));
    for _ in 0..3 {
        api.get(DATASETS).await.json::<Value>(200);
    }
    assert_eq!(api.get(FAULTS).await.json::<Value>(200), json!({"faults": []}));
    api.delete(FAULTS).await.no_content();
    api.set_key(Some("a key"));
    let statuses = [200, 500, 200, 200];
    for status in statuses {
        assert_eq!(api.get(DATASETS).await.status, status);
    }
    assert_eq!(api.get("/v1/files").await.status, 501);
    // The server's own routes are exempt from faults.
    let listed: Value = api.get(FAULTS).await.json(200);
    assert_eq!(
        listed["faults"][0],
        json!({"id": ids[0], "matched": 2, "applied": 1, "status": 500, "skip": 1, "times": 1})
    );
    assert_eq!(listed["faults"][1]["applied"], 1);
    api.delete(FAULTS).await.no_content();
    assert_eq!(api.get("/v1/files").await.status, 200);
    inject_faults(&api, json!({"status": 500, "times": null})).await;
    api.post("/local/v1/reset", "").await.no_content();
    assert_eq!(api.get("/v1/files").await.status, 200);
}

#[tokio::test]
async fn invalid_rule_is_rejected_together_with_its_array() {
    let api = Api::start().await;
    for (rules, message) in [
        (json!({"status": 5}), "status: expected a whole number from 200 to 599"),
        (json!([{"status": 500}, {"status": 500, "tmies": 3}]), "[1].tmies: unknown"),
        (json!([{"headers": {"transfer-encoding": "x"}}]), "[0].headers.transfer-encoding: "),
        (json!("status"), "expected an object"),
    ] {
        let response = api.post(FAULTS, rules.to_string()).await;
        let found = response.error(422, "VALIDATION_ERROR");
        assert!(found.starts_with(message), "{found}");
    }
    assert_eq!(api.get(FAULTS).await.json::<Value>(200), json!({"faults": []}));
}

#[tokio::test]
async fn concurrent_requests_use_a_rule_the_exact_number_of_times() {
    let api = Api::start().await;
    inject_faults(
        &api,
        json!({"operation": "list_datasets", "status": 503, "skip": 5, "times": 20}),
    )
    .await;
    let requests = (0..64).map(|_| api.get(DATASETS));
    let responses = futures::future::join_all(requests).await;
    let rejected = responses.iter().filter(|response| response.status == 503).count();
    assert_eq!((rejected, responses.len()), (20, 64));
}
