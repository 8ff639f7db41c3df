//! A server under test and a plain HTTP client that exposes complete responses.

mod backend;

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
pub const JUDGES: &str = "/v1/observability/judges";
pub const RECORDS: &str = "/v1/observability/dataset-records";

/// Timeout for [`eventually`], long enough for a loaded machine.
const EVENTUALLY_TIMEOUT: Duration = Duration::from_secs(30);

/// A client of a running server, with an API key.
pub struct Api {
    pub server: SharedServer,
    http: reqwest::Client,
    key: Option<String>,
}

/// A server shared by clients with different keys.
#[derive(Clone)]
pub struct SharedServer(Arc<RunningServer>);

impl SharedServer {
    /// Shuts the server down gracefully. Panics if another client still uses it.
    pub async fn shutdown(self) {
        Arc::into_inner(self.0).expect("no other client uses the server").shutdown().await;
    }
}

impl Deref for SharedServer {
    type Target = RunningServer;

    fn deref(&self) -> &RunningServer {
        &self.0
    }
}

/// A response with its complete body.
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
        // Fails if another test has already installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = backend::apply(config).await;
        let server = Server::start(config).await.expect("the server starts");
        let server = SharedServer(Arc::new(server));
        Self { server, http: reqwest::Client::new(), key: Some("a key".to_owned()) }
    }

    /// Sets the key for subsequent requests; `None` sends no key.
    pub fn set_key(&mut self, key: Option<&str>) {
        self.key = key.map(str::to_owned);
    }

    /// Returns a client of the same server with another key.
    pub fn with_key(&self, key: &str) -> Self {
        Self { server: self.server.clone(), http: self.http.clone(), key: Some(key.to_owned()) }
    }

    pub fn url(&self, path: &str) -> String {
        if path.starts_with("http") { path.to_owned() } else { self.server.url() + path }
    }

    /// Builds a request that carries the key.
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

    /// Creates a dataset.
    pub async fn create_dataset(&self, name: &str) -> Dataset {
        let body = json!({"name": name, "description": ""});
        self.post(DATASETS, body.to_string()).await.json(201)
    }

    /// Creates a record with one message that has this content.
    pub async fn create_record(
        &self,
        dataset: &Dataset,
        content: impl Into<Value>,
    ) -> DatasetRecord {
        let content: Value = content.into();
        let message = json!({"role": "user", "content": content});
        let body = json!({"payload": {"messages": [message]}, "properties": {}});
        self.post(&records_path(dataset), body.to_string()).await.json(201)
    }

    /// Lists all records of a dataset by following the page links.
    pub async fn records(&self, dataset: &Dataset) -> Vec<DatasetRecord> {
        let mut records = Vec::new();
        let mut next = Some(format!("{}?page_size=100", records_path(dataset)));
        while let Some(path) = next {
            let page: ListRecordsResponse = self.get(&path).await.json(200);
            records.extend(page.records.results);
            next = page.records.next;
        }
        records
    }

    /// Returns the record count that the server reports for a dataset.
    pub async fn record_count(&self, dataset: &Dataset) -> i64 {
        let path = format!("{}?page_size=0", records_path(dataset));
        self.get(&path).await.json::<ListRecordsResponse>(200).records.count
    }

    /// Uploads a file.
    pub async fn upload(&self, name: &str, content: impl Into<Vec<u8>>) -> File {
        let part = reqwest::multipart::Part::bytes(content.into()).file_name(name.to_owned());
        let form = reqwest::multipart::Form::new().part("file", part);
        send(self.request(Method::POST, "/v1/files").multipart(form)).await.json(200)
    }

    /// Starts an import and waits for its task to end.
    pub async fn import(&self, dataset: &Dataset, from: &str, body: Value) -> ImportTask {
        let path = format!("{DATASETS}/{}/imports/{from}", dataset.id);
        let task: ImportTask = self.post(&path, body.to_string()).await.json(202);
        assert_eq!((task.status.as_str(), task.progress), ("RUNNING", Some(0)));
        self.wait_for_task(dataset, &task).await
    }

    /// Polls a task until it is no longer RUNNING.
    pub async fn wait_for_task(&self, dataset: &Dataset, task: &ImportTask) -> ImportTask {
        let path = format!("{DATASETS}/{}/tasks/{}", dataset.id, task.id);
        eventually(async || {
            let task: ImportTask = self.get(&path).await.json(200);
            (task.status.as_str() != "RUNNING").then_some(task)
        })
        .await
    }

    /// Uploads and imports a file, and returns the finished task.
    pub async fn import_lines(&self, dataset: &Dataset, lines: impl Into<Vec<u8>>) -> ImportTask {
        let file = self.upload("lines.jsonl", lines).await;
        self.import(dataset, "from-file", json!({"file_id": file.id})).await
    }
}

/// Returns the path of a dataset's records.
pub fn records_path(dataset: &Dataset) -> String {
    format!("{DATASETS}/{}/records", dataset.id)
}

pub async fn send(request: reqwest::RequestBuilder) -> Response {
    let response = request.send().await.expect("a response");
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.bytes().await.expect("the body of the response");
    Response { status, headers, body }
}

impl Response {
    /// Asserts the status and decodes the JSON body.
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

    /// Asserts the status and code of an error response and returns its message.
    #[track_caller]
    pub fn error(&self, status: u16, code: &str) -> String {
        let envelope: ErrorResponse = self.json(status);
        let found = envelope.detail.error_code.as_ref().map(|code| code.as_str());
        assert_eq!(found, Some(code), "{}", self.text());
        assert!(self.headers.contains_key("x-request-id"));
        envelope.detail.message
    }

    /// Asserts that the response is an empty 204.
    #[track_caller]
    pub fn no_content(&self) {
        assert_eq!(self.status, 204, "{}", self.text());
        assert!(self.body.is_empty());
    }
}

/// Calls the closure until it returns `Some`, and returns that value. Panics after [`EVENTUALLY_TIMEOUT`].
pub async fn eventually<T>(mut find: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + EVENTUALLY_TIMEOUT;
    loop {
        if let Some(found) = find().await {
            return found;
        }
        assert!(Instant::now() < deadline, "condition not met within {EVENTUALLY_TIMEOUT:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Returns a definition of a judge.
pub fn judge_definition() -> Value {
    json!({
        "name": "Polite",
        "description": "",
        "model_name": "m",
        "output": {"type": "REGRESSION", "min_description": "Rude", "max_description": "Polite"},
        "instructions": "Is this polite? {{ assistant_message }}",
        "tools": [],
    })
}
