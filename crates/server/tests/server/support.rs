//! A server to test, and a plain HTTP client that hides nothing of the responses.

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use mistral_datasets_server::{RunningServer, Server, ServerConfig};
use mistral_datasets_types::{
    Dataset, DatasetRecord, ErrorResponse, File, ImportTask, ListRecordsResponse,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub const DATASETS: &str = "/v1/observability/datasets";
pub const RECORDS: &str = "/v1/observability/dataset-records";

/// What should happen soon happens within this time, on a busy machine too.
const SOON: Duration = Duration::from_secs(30);

/// A running server and a key of it.
pub struct Api {
    pub server: Shared,
    http: reqwest::Client,
    key: Option<String>,
}

/// A server that clients with several keys share.
#[derive(Clone)]
pub struct Shared(Arc<RunningServer>);

impl Shared {
    /// Stops it in order, by who is the last to have it.
    pub async fn shutdown(self) {
        Arc::into_inner(self.0).expect("nobody else has the server").shutdown().await;
    }
}

impl Deref for Shared {
    type Target = RunningServer;

    fn deref(&self) -> &RunningServer {
        &self.0
    }
}

/// A response, read to its end.
#[derive(Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Api {
    pub async fn start() -> Self {
        Self::start_with(ServerConfig::default()).await
    }

    pub async fn start_with(config: ServerConfig) -> Self {
        // More than one test may be the first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = Server::start(config).await.expect("the server starts");
        let server = Shared(Arc::new(server));
        Self { server, http: reqwest::Client::new(), key: Some("a key".to_owned()) }
    }

    /// From now on requests carry another key, or none.
    pub fn set_key(&mut self, key: Option<&str>) {
        self.key = key.map(str::to_owned);
    }

    /// The same server, with another key.
    pub fn with_key(&self, key: &str) -> Self {
        Self { server: self.server.clone(), http: self.http.clone(), key: Some(key.to_owned()) }
    }

    pub fn url(&self, path: &str) -> String {
        if path.starts_with("http") { path.to_owned() } else { self.server.url() + path }
    }

    /// A request with the key.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, self.url(path));
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Response {
        send(self.request(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> Response {
        send(self.request(Method::DELETE, path)).await
    }

    pub async fn post(&self, path: &str, body: impl Into<String>) -> Response {
        self.send_json(Method::POST, path, body).await
    }

    pub async fn put(&self, path: &str, body: impl Into<String>) -> Response {
        self.send_json(Method::PUT, path, body).await
    }

    pub async fn patch(&self, path: &str, body: impl Into<String>) -> Response {
        self.send_json(Method::PATCH, path, body).await
    }

    async fn send_json(&self, method: Method, path: &str, body: impl Into<String>) -> Response {
        let request = self.request(method, path).header("content-type", "application/json");
        send(request.body(body.into())).await
    }

    /// A new dataset.
    pub async fn dataset(&self, name: &str) -> Dataset {
        let body = json!({"name": name, "description": ""});
        self.post(DATASETS, body.to_string()).await.json(201)
    }

    /// A new record, whose message has this content.
    pub async fn record(&self, dataset: &Dataset, content: impl Into<Value>) -> DatasetRecord {
        let content: Value = content.into();
        let message = json!({"role": "user", "content": content});
        let body = json!({"payload": {"messages": [message]}, "properties": {}});
        self.post(&records_of(dataset), body.to_string()).await.json(201)
    }

    /// All records of a dataset.
    pub async fn records(&self, dataset: &Dataset) -> Vec<DatasetRecord> {
        let mut records = Vec::new();
        let mut next = Some(format!("{}?page_size=100", records_of(dataset)));
        while let Some(path) = next {
            let page: ListRecordsResponse = self.get(&path).await.json(200);
            records.extend(page.records.results);
            next = page.records.next;
        }
        records
    }

    /// How many records a dataset says it has.
    pub async fn record_count(&self, dataset: &Dataset) -> i64 {
        let path = format!("{}?page_size=0", records_of(dataset));
        self.get(&path).await.json::<ListRecordsResponse>(200).records.count
    }

    /// Uploads a file.
    pub async fn upload(&self, name: &str, content: impl Into<Vec<u8>>) -> File {
        let part = reqwest::multipart::Part::bytes(content.into()).file_name(name.to_owned());
        let form = reqwest::multipart::Form::new().part("file", part);
        send(self.request(Method::POST, "/v1/files").multipart(form)).await.json(200)
    }

    /// Begins an import, and waits until its task has ended.
    pub async fn import(&self, dataset: &Dataset, from: &str, body: Value) -> ImportTask {
        let path = format!("{DATASETS}/{}/imports/{from}", dataset.id);
        let task: ImportTask = self.post(&path, body.to_string()).await.json(202);
        assert_eq!((task.status.as_str(), task.progress), ("RUNNING", Some(0)));
        self.ended(dataset, &task).await
    }

    /// Waits until a task has ended.
    pub async fn ended(&self, dataset: &Dataset, task: &ImportTask) -> ImportTask {
        let path = format!("{DATASETS}/{}/tasks/{}", dataset.id, task.id);
        soon(async || {
            let task: ImportTask = self.get(&path).await.json(200);
            (task.status.as_str() != "RUNNING").then_some(task)
        })
        .await
    }

    /// A file of lines, imported; the task.
    pub async fn import_lines(&self, dataset: &Dataset, lines: impl Into<Vec<u8>>) -> ImportTask {
        let file = self.upload("lines.jsonl", lines).await;
        self.import(dataset, "from-file", json!({"file_id": file.id})).await
    }
}

pub fn records_of(dataset: &Dataset) -> String {
    format!("{DATASETS}/{}/records", dataset.id)
}

pub async fn send(request: reqwest::RequestBuilder) -> Response {
    let response = request.send().await.expect("a response");
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.bytes().await.expect("the body of the response");
    Response { status, headers, body }
}

impl Response {
    /// The body of a response that must have this status.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self, status: u16) -> T {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.headers["content-type"], "application/json");
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The message of a failure that must have this status and code.
    #[track_caller]
    pub fn error(&self, status: u16, code: &str) -> String {
        let envelope: ErrorResponse = self.json(status);
        let found = envelope.detail.error_code.as_ref().map(|code| code.as_str());
        assert_eq!(found, Some(code), "{}", self.text());
        assert!(self.headers.contains_key("x-request-id"));
        envelope.detail.message
    }

    #[track_caller]
    pub fn no_content(&self) {
        assert_eq!(self.status, 204, "{}", self.text());
        assert!(self.body.is_empty());
    }
}

/// What the closure finds, when it does.
pub async fn soon<T>(mut find: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(found) = find().await {
            return found;
        }
        assert!(Instant::now() < deadline, "it did not happen within {SOON:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
