//! The request journal.

use std::time::Duration;

use mistral_datasets_types::ExportResponse;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{Api, DATASETS, eventually, records_path, send};

const REQUESTS: &str = "/local/v1/requests";

async fn requests(api: &Api) -> Vec<Value> {
    let journal: Value = api.get(REQUESTS).await.json(200);
    journal["requests"].as_array().unwrap().clone()
}

#[tokio::test]
async fn journal_records_requests_without_secrets() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Recorded").await;
    api.delete(REQUESTS).await.no_content();
    let body = r#"{"payload": {"messages": []}, "properties": {}}"#;
    let request = api
        .request(http::Method::POST, &records_path(&dataset))
        .header("content-type", "application/json")
        .header("cookie", "session=secret")
        .header("X-Test", "seen");
    assert_eq!(send(request.body(body)).await.status, 201);
    api.get(&format!("{}?page_size=7", records_path(&dataset))).await;
    api.get("/v1/nowhere").await.error(404, "UNKNOWN_ERROR");
    api.post(&records_path(&dataset), "{").await.error(422, "VALIDATION_ERROR");

    let text = api.get(REQUESTS).await.text();
    for secret in ["a key", "Bearer", "session", "authorization", "cookie"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let all = requests(&api).await;
    let column = |field: &str| all.iter().map(|entry| entry[field].clone()).collect::<Vec<_>>();
    assert_eq!(column("method"), ["POST", "GET", "GET", "POST"]);
    assert_eq!(
        column("operation"),
        [json!("create_record"), json!("list_records"), Value::Null, json!("create_record")]
    );
    assert_eq!(column("status"), [201, 200, 404, 422]);
    assert_eq!(column("request_bytes"), [body.len(), 0, 0, 1]);
    assert_eq!(column("fault"), vec![Value::Null; 4]);
    assert_eq!(all[1]["path"], format!("{}?page_size=7", records_path(&dataset)));
    let first = all[0]["number"].as_u64().unwrap();
    assert_eq!(column("number"), [first, first + 1, first + 2, first + 3]);
    assert_eq!(all[0]["headers"]["x-test"], "seen");
    assert!(all[0]["started_at"].as_str().unwrap() < all[1]["started_at"].as_str().unwrap());
    assert!(all[0]["elapsed_ms"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn journal_names_the_fault_rule_of_each_request() {
    let api = Api::start().await;
    let rules = json!([{"status": 500}, {"delay_ms": 100}, {"reset_after_bytes": 0}]);
    let injected: Value = api.post("/local/v1/faults", rules.to_string()).await.json(201);
    api.get(DATASETS).await;
    api.get(DATASETS).await;
    assert!(api.request(http::Method::GET, DATASETS).send().await.is_err());
    let all = eventually(async || {
        let all = requests(&api).await;
        (all.len() == 3 && all[2]["elapsed_ms"].is_number()).then_some(all)
    })
    .await;
    for (entry, rule) in all.iter().zip(injected["faults"].as_array().unwrap()) {
        assert_eq!(entry["fault"], rule["id"]);
    }
    assert_eq!((&all[0]["status"], &all[1]["status"]), (&json!(500), &json!(200)));
    assert!(all[1]["elapsed_ms"].as_f64().unwrap() >= 100.0);
    // The connection was reset before any response.
    assert_eq!(all[2]["status"], Value::Null);
}

#[tokio::test]
async fn journal_lists_a_request_before_it_is_answered() {
    let api = Api::start().await;
    api.post("/local/v1/faults", json!({"delay_ms": 60_000}).to_string()).await;
    let mut stream = TcpStream::connect(api.server.addr()).await.unwrap();
    let head = format!(
        "GET {DATASETS} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer a key\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let all = eventually(async || Some(requests(&api).await).filter(|all| !all.is_empty())).await;
    assert_eq!((all.len(), &all[0]["operation"]), (1, &json!("list_datasets")));
    assert_eq!((&all[0]["status"], &all[0]["elapsed_ms"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn signed_link_is_recorded_in_the_workspace_of_its_file_without_query() {
    let mut api = Api::start().await;
    let dataset = api.create_dataset("Linked").await;
    let path = format!("{DATASETS}/{}/exports/to-jsonl", dataset.id);
    let link = api.get(&path).await.json::<ExportResponse>(200).file_url;
    api.delete(REQUESTS).await.no_content();
    api.set_key(Some("another key"));
    // Sending another workspace's key does not change where the request is recorded.
    assert_eq!(api.get(&link).await.status, 200);
    assert!(requests(&api).await.is_empty());
    api.set_key(Some("a key"));
    let text = api.get(REQUESTS).await.text();
    assert!(!text.contains("signature") && !text.contains("expires"), "{text}");
    let all = requests(&api).await;
    assert_eq!((all.len(), &all[0]["operation"]), (1, &json!("open_link")));
    assert!(link.contains(&format!("{}?", all[0]["path"].as_str().unwrap())));
}

#[tokio::test]
async fn journal_keeps_the_newest_requests_of_each_workspace() {
    let mut api = Api::start().await;
    api.get(DATASETS).await;
    api.set_key(Some("another key"));
    assert!(requests(&api).await.is_empty());
    const BATCH: usize = 59;
    // A few more than the journal holds.
    let batches = 10_003_usize.div_ceil(BATCH);
    for _ in 0..batches {
        futures::future::join_all((0..BATCH).map(|_| api.get(DATASETS))).await;
    }
    let sent = batches * BATCH;
    let all = requests(&api).await;
    assert_eq!(all.len(), 10_000);
    assert_eq!(all[0]["number"], sent - 10_000 + 1);
    assert_eq!(all[9_999]["number"], sent);
    api.set_key(Some("a key"));
    assert_eq!(requests(&api).await.len(), 1);
    api.post("/local/v1/reset", "").await.no_content();
    assert!(requests(&api).await.is_empty());
}

#[tokio::test]
async fn journal_requires_a_key_and_skips_unauthorized_requests() {
    let mut api = Api::start().await;
    api.set_key(None);
    api.get(DATASETS).await.error(401, "AUTH_UNAUTHORIZED");
    api.get(REQUESTS).await.error(401, "AUTH_UNAUTHORIZED");
    api.get("/local/v1/faults").await.error(401, "AUTH_UNAUTHORIZED");
    tokio::time::sleep(Duration::from_millis(20)).await;
    api.set_key(Some("a key"));
    assert!(requests(&api).await.is_empty());
}
