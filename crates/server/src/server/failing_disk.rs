//! Tests over HTTP that no write is acknowledged while the disk fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::storage::FailingStorage;
use crate::{RunningServer, Server, ServerConfig};

const DATASETS: &str = "/v1/observability/datasets";
const RECORDS: &str = "/v1/observability/dataset-records";

/// A server whose disk can be made to fail, and a client for it.
struct TestApi {
    server: RunningServer,
    http: reqwest::Client,
    fails: Arc<AtomicBool>,
}

impl TestApi {
    async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let fails = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&fails);
        let server = Server::start_on(ServerConfig::default(), |storage| {
            Arc::new(FailingStorage::new(Arc::new(storage), flag))
        });
        Self { server: server.await.unwrap(), http: reqwest::Client::new(), fails }
    }

    async fn send(&self, method: &Method, path: &str, body: &Body) -> (u16, Value) {
        let url = format!("{}{path}", self.server.url());
        let request = self.http.request(method.clone(), url).bearer_auth("a key");
        let request = match body {
            Body::None => request,
            Body::Json(value) => {
                request.header("content-type", "application/json").body(value.to_string())
            }
            Body::File(content) => {
                let part = Part::text(*content).file_name("lines.jsonl");
                request.multipart(Form::new().part("file", part))
            }
        };
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let body = response.bytes().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send(&Method::GET, path, &Body::None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn create(&self, path: &str, body: Body) -> String {
        let (status, body) = self.send(&Method::POST, path, &body).await;
        assert!((200..300).contains(&status), "{path}: {body}");
        body["id"].as_str().expect("an id").to_owned()
    }

    /// Returns all state that a client can read.
    async fn snapshot(&self, dataset: &str) -> Vec<Value> {
        let paths = [
            DATASETS.to_owned(),
            format!("{DATASETS}/{dataset}"),
            format!("{DATASETS}/{dataset}/records"),
            format!("{DATASETS}/{dataset}/tasks"),
            "/v1/files".to_owned(),
        ];
        let mut responses = Vec::new();
        for path in paths {
            responses.push(self.get(&path).await);
        }
        responses
    }
}

enum Body {
    None,
    Json(Value),
    File(&'static str),
}

const LINES: &str = "{\"messages\": []}\n{\"messages\": []}\n";

#[tokio::test]
async fn writes_fail_while_the_disk_fails_and_succeed_afterwards() {
    let api = TestApi::start().await;
    let named = |name: &str| Body::Json(json!({"name": name, "description": ""}));
    let record = || Body::Json(json!({"payload": {"messages": []}, "properties": {"kept": true}}));
    let dataset = api.create(DATASETS, named("Original name")).await;
    let other = api.create(DATASETS, named("To be deleted")).await;
    let records = format!("{DATASETS}/{dataset}/records");
    let first = api.create(&records, record()).await;
    let second = api.create(&records, record()).await;
    let third = api.create(&records, record()).await;
    let file = api.create("/v1/files", Body::File(LINES)).await;
    let imported = api.create("/v1/files", Body::File(LINES)).await;

    // One write of each kind. They all succeed in this order.
    let writes = [
        (Method::POST, DATASETS.to_owned(), named("Another one")),
        (Method::PATCH, format!("{DATASETS}/{dataset}"), Body::Json(json!({"name": "Renamed"}))),
        (Method::DELETE, format!("{DATASETS}/{other}"), Body::None),
        (Method::POST, records.clone(), record()),
        (
            Method::PUT,
            format!("{RECORDS}/{first}/payload"),
            Body::Json(json!({"payload": {"messages": [{"role": "user"}]}})),
        ),
        (
            Method::PUT,
            format!("{RECORDS}/{first}/properties"),
            Body::Json(json!({"properties": {}})),
        ),
        (Method::DELETE, format!("{RECORDS}/{second}"), Body::None),
        (
            Method::POST,
            format!("{RECORDS}/bulk-delete"),
            Body::Json(json!({"dataset_record_ids": [third]})),
        ),
        (Method::GET, format!("{DATASETS}/{dataset}/exports/to-jsonl"), Body::None),
        (Method::POST, "/v1/files".to_owned(), Body::File(LINES)),
        (Method::DELETE, format!("/v1/files/{file}"), Body::None),
        (
            Method::POST,
            format!("{DATASETS}/{dataset}/imports/from-file"),
            Body::Json(json!({"file_id": imported})),
        ),
        (
            Method::POST,
            format!("{DATASETS}/{dataset}/imports/from-dataset"),
            Body::Json(json!({"dataset_record_ids": [first]})),
        ),
        (
            Method::POST,
            "/local/v1/conversations".to_owned(),
            Body::Json(json!([{"conversation_id": "c", "messages": []}])),
        ),
        (Method::POST, "/local/v1/reset".to_owned(), Body::None),
    ];

    let before = api.snapshot(&dataset).await;
    api.fails.store(true, Ordering::SeqCst);
    for (method, path, body) in &writes {
        let (status, response) = api.send(method, path, body).await;
        assert_eq!(status, 500, "{method} {path}: {response}");
        assert_eq!(response["detail"]["error_code"], "DATABASE_ERROR", "{method} {path}");
        assert!(!response.to_string().contains("fsync"), "{method} {path}: {response}");
        assert_eq!(api.snapshot(&dataset).await, before, "{method} {path}");
    }
    api.fails.store(false, Ordering::SeqCst);
    assert_eq!(api.snapshot(&dataset).await, before);
    for (method, path, body) in &writes {
        let (status, response) = api.send(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {response}");
    }
    assert_eq!(api.get(DATASETS).await["datasets"]["count"], 0);
    api.server.shutdown().await;
}

#[tokio::test]
async fn readiness_and_metrics_show_a_failed_disk() {
    let api = TestApi::start().await;
    let ready = async || api.send(&Method::GET, "/readyz", &Body::None).await;
    assert_eq!(ready().await, (200, json!({"status": "ready"})));
    api.fails.store(true, Ordering::SeqCst);
    let (status, body) = ready().await;
    assert_eq!((status, &body["status"]), (503, &json!("not ready")));
    assert_eq!(body["problems"][0]["code"], "disk_failed");
    let metrics = api.http.get(format!("{}/metrics", api.server.url())).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("\nmistral_datasets_disk{state=\"failed\"} 1\n"), "{metrics}");
    assert!(metrics.contains("\nmistral_datasets_disk{state=\"writable\"} 0\n"), "{metrics}");
    // The process itself works.
    assert_eq!(api.send(&Method::GET, "/livez", &Body::None).await.0, 200);
    api.server.shutdown().await;
}
