//! Faults, looked at from a plain socket that hides nothing.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use mistral_datasets_server::ServerConfig;
use mistral_datasets_types::{DatasetRecord, ExportResponse};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Api, DATASETS, records_of};

const FAULTS: &str = "/local/v1/faults";
const RECORD: &str = r#"{"payload": {"messages": []}, "properties": {}}"#;

/// Asks for faults; their ids.
async fn insert_fixture(api: &Api, rules: Value) -> Vec<String> {
    let planted: Value = api.post(FAULTS, rules.to_string()).await.json(201);
    let rules = planted["faults"].as_array().unwrap().iter();
    rules.map(|rule| rule["id"].as_str().unwrap().to_owned()).collect()
}

/// What came over a connection, and how it ended.
#[derive(Debug)]
struct Received {
    bytes: Vec<u8>,
    /// Nothing where the server closed the connection in order.
    error: Option<ErrorKind>,
}

impl Received {
    fn body(&self) -> &[u8] {
        let end = self.bytes.windows(4).position(|four| four == b"\r\n\r\n");
        &self.bytes[end.expect("a whole head") + 4..]
    }

    fn head(&self) -> String {
        let end = self.bytes.len() - self.body().len();
        String::from_utf8_lossy(&self.bytes[..end]).to_lowercase()
    }
}

/// A request by hand, whose connection would be kept.
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

/// A server with a dataset of one record; its page, and the way to it.
async fn page(api: &Api) -> (String, String) {
    let dataset = api.dataset("Spoiled").await;
    api.record(&dataset, "x".repeat(500)).await;
    let path = records_of(&dataset);
    let page = api.get(&path).await.text();
    (path, page)
}

#[tokio::test]
async fn a_response_is_replaced_and_the_request_not_carried_out() {
    let api = Api::start().await;
    let dataset = api.dataset("Refused").await;
    insert_fixture(
        &api,
        json!({
            "operation": "create_record", "times": 2, "status": 429, "headers": {"Retry-After": "1", "x-a": "b"},
            "body": {"detail": "slowly", "n": 1.0},
        }),
    )
    .await;
    for _ in 0..2 {
        let refused = api.post(&records_of(&dataset), RECORD).await;
        assert_eq!(refused.json::<Value>(429), json!({"detail": "slowly", "n": 1.0}));
        assert!(refused.text().contains("1.0"), "JSON is sent as it was given");
        assert_eq!(refused.headers["retry-after"], "1");
        assert_eq!(refused.headers["x-a"], "b");
        assert!(refused.headers.contains_key("x-request-id"));
    }
    api.post(&records_of(&dataset), RECORD).await.json::<DatasetRecord>(201);
    assert_eq!(api.record_count(&dataset).await, 1);
}

#[tokio::test]
async fn a_response_is_replaced_although_the_request_was_carried_out() {
    let api = Api::start().await;
    let dataset = api.dataset("Lost response").await;
    insert_fixture(
        &api,
        json!({"method": "POST", "status": 502, "body": "<h1>Bad gateway</h1>", "carry_out": true}),
    )
    .await;
    let lost = api.post(&records_of(&dataset), RECORD).await;
    assert_eq!((lost.status.as_u16(), &*lost.text()), (502, "<h1>Bad gateway</h1>"));
    assert_eq!(lost.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(api.record_count(&dataset).await, 1);
}

#[tokio::test]
async fn a_body_alone_comes_with_the_status_of_success_and_headers_alone_with_the_real_response() {
    let api = Api::start().await;
    let dataset = api.dataset("Told lies").await;
    let lie = json!({"route": format!("{DATASETS}/{{dataset_id}}/records"), "body": "{\"cut", "headers": {"content-type": "application/json"}});
    insert_fixture(&api, lie).await;
    let response = api.post(&records_of(&dataset), RECORD).await;
    assert_eq!((response.status.as_u16(), &*response.text()), (201, "{\"cut"));
    assert_eq!(response.headers["content-type"], "application/json");
    insert_fixture(&api, json!({"headers": {"content-type": "text/html"}})).await;
    let response = api.post(&records_of(&dataset), RECORD).await;
    assert_eq!(
        (response.status.as_u16(), &response.headers["content-type"]),
        (201, &"text/html".parse().unwrap())
    );
    assert_eq!(api.record_count(&dataset).await, 1);
}

#[tokio::test]
async fn a_reset_is_a_reset_after_exactly_so_many_bytes_of_the_body() {
    let api = Api::start().await;
    let (path, page) = page(&api).await;
    for bytes in [1, 100, page.len() - 1, page.len(), page.len() + 1] {
        insert_fixture(&api, json!({"operation": "list_records", "reset_after_bytes": bytes}))
            .await;
        let received = exchange(&api, &request("GET", &path, "")).await;
        assert_eq!(received.error, Some(ErrorKind::ConnectionReset), "{bytes}");
        assert_eq!(received.body(), &page.as_bytes()[..bytes.min(page.len())], "{bytes}");
        assert!(received.head().contains(&format!("content-length: {}\r\n", page.len())));
    }
    assert_eq!(api.get(&path).await.text(), page);
}

#[tokio::test]
async fn a_reset_before_the_head_sends_nothing_and_the_request_is_carried_out_unless_it_is_not_to_be()
 {
    let api = Api::start().await;
    let dataset = api.dataset("Reset").await;
    for (carry_out, records) in [(None, 1), (Some(false), 1), (Some(true), 2)] {
        insert_fixture(
            &api,
            json!({"method": "post", "reset_after_bytes": 0, "carry_out": carry_out}),
        )
        .await;
        let received = exchange(&api, &request("POST", &records_of(&dataset), RECORD)).await;
        assert_eq!(received.error, Some(ErrorKind::ConnectionReset));
        assert!(received.bytes.is_empty(), "{received:?}");
        assert_eq!(api.record_count(&dataset).await, records, "{carry_out:?}");
    }
}

#[tokio::test]
async fn a_response_without_a_body_is_reset_behind_its_head() {
    let api = Api::start().await;
    let dataset = api.dataset("Deleted").await;
    insert_fixture(&api, json!({"operation": "delete_dataset", "reset_after_bytes": 5})).await;
    let path = format!("{DATASETS}/{}", dataset.id);
    let received = exchange(&api, &request("DELETE", &path, "")).await;
    assert_eq!(received.error, Some(ErrorKind::ConnectionReset));
    assert!(received.head().starts_with("http/1.1 204") && received.body().is_empty());
    let file = api.upload("head.jsonl", "content").await;
    insert_fixture(&api, json!({"operation": "download_file", "reset_after_bytes": 5})).await;
    let head = request("HEAD", &format!("/v1/files/{}/content", file.id), "");
    let received = exchange(&api, &head).await;
    assert_eq!(received.error, Some(ErrorKind::ConnectionReset));
    assert!(received.head().contains("content-length: 7") && received.body().is_empty());
    api.get(&path).await.error(404, "DATASET_NOT_FOUND");
}

#[tokio::test]
async fn a_truncated_response_promises_more_and_ends_in_order() {
    let api = Api::start().await;
    let (path, page) = page(&api).await;
    for bytes in [0, 10, page.len() - 1] {
        insert_fixture(&api, json!({"operation": "list_records", "truncate_after_bytes": bytes}))
            .await;
        let received = exchange(&api, &request("GET", &path, "")).await;
        assert_eq!(received.error, None);
        assert_eq!(received.body(), &page.as_bytes()[..bytes]);
        assert!(received.head().contains(&format!("content-length: {}\r\n", page.len())));
    }
    let half = json!({
        "status": 500, "body": "half a message", "truncate_after_bytes": 4,
        "drip": {"bytes": 3, "interval_ms": 10},
    });
    insert_fixture(&api, half).await;
    let received = exchange(&api, &request("GET", &path, "")).await;
    assert!(received.head().starts_with("http/1.1 500"));
    assert_eq!((received.error, received.body()), (None, &b"half"[..]));
}

#[tokio::test]
async fn a_failure_can_be_cut_as_well() {
    let api = Api::start().await;
    insert_fixture(&api, json!([{"reset_after_bytes": 0}, {"truncate_after_bytes": 7}])).await;
    let missing = request("POST", &format!("{DATASETS}/none/records"), RECORD);
    let received = exchange(&api, &missing).await;
    assert_eq!((received.error, received.bytes.len()), (Some(ErrorKind::ConnectionReset), 0));
    let received = exchange(&api, &missing).await;
    assert_eq!((received.error, received.body().len()), (None, 7));
}

#[tokio::test]
async fn a_response_is_delayed_after_the_request_was_carried_out() {
    let api = Api::start().await;
    let dataset = api.dataset("Slowly").await;
    insert_fixture(&api, json!({"operation": "create_record", "delay_ms": 300})).await;
    let begun = Instant::now();
    let path = records_of(&dataset);
    let (created, seen) = tokio::join!(api.post(&path, RECORD), async {
        crate::support::soon(async || (api.record_count(&dataset).await == 1).then_some(())).await;
        begun.elapsed()
    });
    created.json::<DatasetRecord>(201);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert!(seen < Duration::from_millis(300), "it was carried out only after {seen:?}");
}

#[tokio::test]
async fn a_dripping_response_comes_whole_and_slowly() {
    let api = Api::start().await;
    let (path, page) = page(&api).await;
    let bytes = page.len().div_ceil(10);
    insert_fixture(
        &api,
        json!({"operation": "list_records", "drip": {"bytes": bytes, "interval_ms": 20}}),
    )
    .await;
    let mut stream = TcpStream::connect(api.server.addr()).await.unwrap();
    let begun = Instant::now();
    stream.write_all(request("GET", &path, "").as_bytes()).await.unwrap();
    let (mut received, mut reads) = (Vec::new(), 0);
    while !received.ends_with(page.as_bytes()) {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the response ended early");
        received.extend_from_slice(&buffer[..count]);
        reads += 1;
    }
    assert!(begun.elapsed() >= Duration::from_millis(180), "{:?}", begun.elapsed());
    assert!(reads > 3, "{reads}");
}

#[tokio::test]
async fn faults_reach_uploads_downloads_and_links() {
    let api = Api::start().await;
    insert_fixture(&api, json!({"operation": "upload_file", "status": 503})).await;
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
        insert_fixture(&api, json!({"operation": "download_file", "reset_after_bytes": bytes}))
            .await;
        let received = exchange(&api, &request("GET", &path, "")).await;
        assert_eq!(received.error, Some(ErrorKind::ConnectionReset));
        let expected = &content[..bytes.min(content.len())];
        assert!(received.body() == expected, "{} of {bytes}", received.body().len());
    }
    let link: Value = api.get(&format!("/v1/files/{}/url", file.id)).await.json(200);
    let link = link["url"].as_str().unwrap().replace(&api.server.url(), "");
    insert_fixture(&api, json!({"operation": "open_link", "truncate_after_bytes": 2_000_000}))
        .await;
    // A link carries no key.
    let received = exchange(&api, &format!("GET {link} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
    assert_eq!((received.error, received.body().len()), (None, 2_000_000));
    assert_eq!(api.get(&link).await.body, content);
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_all_that_came_before_a_reset() {
    let api = Api::start().await;
    let file = api.upload("large.jsonl", vec![b'x'; 4_000_000]).await;
    insert_fixture(&api, json!({"operation": "download_file", "reset_after_bytes": 1_500_000}))
        .await;
    let socket = TcpSocket::new_v4().unwrap();
    // What comes lies in the server's system and not in the client's.
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
        assert!(bytes.len() < 2_000_000, "the response goes on");
    };
    let received = Received { bytes, error: Some(error) };
    assert_eq!(received.body().len(), 1_500_000);
    assert_eq!(received.error, Some(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn an_altered_link_does_not_use_up_a_rule_and_an_expired_one_does() {
    let config = ServerConfig { link_lifetime: Duration::ZERO, ..ServerConfig::default() };
    let mut api = Api::start_with(config).await;
    let dataset = api.dataset("Linked").await;
    let path = format!("{DATASETS}/{}/exports/to-jsonl", dataset.id);
    let link = api.get(&path).await.json::<ExportResponse>(200).file_url;
    insert_fixture(&api, json!({"operation": "open_link", "status": 500})).await;
    api.set_key(None);
    api.get(&format!("{link}x")).await.error(403, "AUTH_FORBIDDEN");
    assert_eq!(api.get(&link).await.status, 500);
    assert!(api.get(&link).await.error(403, "AUTH_FORBIDDEN").contains("expired"));
}

#[tokio::test]
async fn rules_are_of_one_workspace_and_tell_what_became_of_them() {
    let mut api = Api::start().await;
    let ids = insert_fixture(
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
    // The server's own routes are spoiled by nothing.
    let listed: Value = api.get(FAULTS).await.json(200);
    assert_eq!(
        listed["faults"][0],
        json!({"id": ids[0], "matched": 2, "applied": 1, "status": 500, "skip": 1, "times": 1})
    );
    assert_eq!(listed["faults"][1]["applied"], 1);
    api.delete(FAULTS).await.no_content();
    assert_eq!(api.get("/v1/files").await.status, 200);
    insert_fixture(&api, json!({"status": 500, "times": null})).await;
    api.post("/local/v1/reset", "").await.no_content();
    assert_eq!(api.get("/v1/files").await.status, 200);
}

#[tokio::test]
async fn a_wrong_rule_is_refused_with_its_place_and_none_of_its_neighbours_kept() {
    let api = Api::start().await;
    for (rules, message) in [
        (json!({"status": 5}), "status: expected a whole number from 200 to 599"),
        (json!([{"status": 500}, {"status": 500, "tmies": 3}]), "[1].tmies: unknown"),
        (json!([{"headers": {"transfer-encoding": "x"}}]), "[0].headers.transfer-encoding: "),
        (json!("status"), "expected an object"),
    ] {
        let refused = api.post(FAULTS, rules.to_string()).await;
        let told = refused.error(422, "VALIDATION_ERROR");
        assert!(told.starts_with(message), "{told}");
    }
    assert_eq!(api.get(FAULTS).await.json::<Value>(200), json!({"faults": []}));
}

#[tokio::test]
async fn requests_that_come_at_once_use_up_a_rule_exactly() {
    let api = Api::start().await;
    insert_fixture(
        &api,
        json!({"operation": "list_datasets", "status": 503, "skip": 5, "times": 20}),
    )
    .await;
    let requests = (0..64).map(|_| api.get(DATASETS));
    let responses = futures::future::join_all(requests).await;
    let refused = responses.iter().filter(|response| response.status == 503).count();
    assert_eq!((refused, responses.len()), (20, 64));
}
