//! A local server on a loopback port, with a client.

use std::time::{Duration, Instant};

use mistral_datasets::testing::{
    Generation, LocalServer, RecordedRequest, ServerConfig, Workspace,
};
use mistral_datasets::types::{Dataset, DatasetRecord, ImportTask};
use mistral_datasets::{Client, JudgeEndpoint, Options, RetryPolicy, Upload};
use serde_json::{Value, json};
use uuid::Uuid;

/// How long to wait for a task before the test fails.
const TASK_TIMEOUT: Duration = Duration::from_secs(30);

/// Returns a plain HTTP client, without an API key.
pub fn plain_http() -> reqwest::Client {
    // Fails if another test of this process has installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// A running server with a client, and access to its fault injection and fixtures.
#[derive(Debug)]
pub struct Fixture {
    /// A client with fast retries.
    pub client: Client,
    workspace: Workspace,
    /// Stops the server on drop.
    _server: LocalServer,
}

impl Fixture {
    /// Starts an in-memory server that accepts any API key.
    pub async fn start() -> Self {
        Self::start_with(Vec::new(), Uuid::new_v4().to_string()).await
    }

    /// Starts an in-memory server that accepts `keys`, with a client that uses `key`.
    pub async fn start_with(keys: Vec<String>, key: String) -> Self {
        let keys = keys.into_iter().map(Into::into).collect();
        Self::start_server(ServerConfig::default().api_keys(keys), key).await
    }

    /// Starts an in-memory server of the first generation, which requires messages and properties.
    pub async fn start_strict() -> Self {
        let config = ServerConfig::default().generation(Generation::G1);
        Self::start_server(config, Uuid::new_v4().to_string()).await
    }

    /// Starts an in-memory server whose judges ask an endpoint.
    pub async fn start_with_judge(endpoint: JudgeEndpoint) -> Self {
        let config = ServerConfig::default().judge(Some(endpoint));
        Self::start_server(config, Uuid::new_v4().to_string()).await
    }

    async fn start_server(config: ServerConfig, key: String) -> Self {
        let server = LocalServer::start_with(config).await.expect("local server starts");
        let workspace = server.workspace_with_key(key).expect("key is valid in a header");
        let client = workspace
            .builder()
            // Keep backoff short.
            .retries(RetryPolicy::new().first_delay(Duration::from_millis(5)))
            .build()
            .expect("client options are valid");
        Self { client, workspace, _server: server }
    }

    /// Returns the server's base URL.
    pub fn url(&self) -> String {
        self.workspace.url().to_owned()
    }

    /// Creates a dataset.
    pub async fn create_dataset(&self) -> Dataset {
        let created = self.client.datasets().create("Refund requests", "Tickets about refunds");
        created.await.expect("dataset is created")
    }

    /// Creates a record with one message.
    pub async fn create_record(&self, dataset: &Dataset, text: &str) -> DatasetRecord {
        let payload = json!({"messages": [{"role": "user", "content": text}]});
        let created =
            self.client.datasets().create_record(dataset.id, payload, json!({"text": text}));
        created.await.expect("record is created")
    }

    /// Returns the first 100 records of a dataset.
    pub async fn list_records(&self, dataset: &Dataset) -> Vec<DatasetRecord> {
        let listed = self.client.datasets().list_records(dataset.id).page_size(100);
        listed.await.expect("records are listed").records.results
    }

    /// Uploads text as a file and returns its ID.
    pub async fn upload(&self, text: &str) -> String {
        let upload = Upload::bytes("records.jsonl", text.to_owned());
        self.client.files().upload(upload).await.expect("file is uploaded").id
    }

    /// Polls a task until it has finished.
    pub async fn wait_until_finished(&self, mut task: ImportTask) -> ImportTask {
        let deadline = Instant::now() + TASK_TIMEOUT;
        while !task.status.is_finished() {
            assert!(Instant::now() < deadline, "the task is still {}", task.status);
            tokio::time::sleep(Duration::from_millis(5)).await;
            let fetched = self.client.datasets().fetch_task(task.dataset_id, task.id);
            task = fetched.await.expect("task is fetched");
        }
        task
    }

    /// Sends the sample of `traces` or `logs` as an exporter of OpenTelemetry does.
    pub async fn send_telemetry(&self, signal: &str) {
        let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/behaviour");
        let sample = std::fs::read(format!("{samples}/{signal}.json")).expect("sample exists");
        let request = plain_http()
            .post(format!("{}/telemetry/v1/{signal}", self.url()))
            .bearer_auth(self.workspace.api_key())
            .header("content-type", "application/json")
            .body(sample);
        let response = request.send().await.expect("server responds");
        assert_eq!(response.status(), 200, "{:?}", response.text().await);
    }

    /// Adds a fault rule, or an array of fault rules.
    pub async fn inject_fault(&self, rules: Value) {
        self.insert_fixture("faults", rules).await;
    }

    /// Removes all fault rules.
    pub async fn clear_faults(&self) {
        self.workspace.clear_faults().await.expect("server responds");
    }

    /// Returns the requests recorded since the last call, and clears them.
    pub async fn take_requests(&self) -> Vec<RecordedRequest> {
        let requests = self.workspace.requests().await.expect("server responds");
        self.workspace.clear_requests().await.expect("server responds");
        requests
    }

    /// Returns the operations of the requests recorded since the last call, and clears them.
    pub async fn take_operations(&self) -> Vec<String> {
        let name =
            |request: RecordedRequest| request.operation.unwrap_or_else(|| "none".to_owned());
        self.take_requests().await.into_iter().map(name).collect()
    }

    /// Returns a client of the same server with some options overridden.
    pub fn client_with(&self, options: Options) -> Client {
        self.client.with_options(options).expect("options are valid")
    }

    /// Inserts test data that cannot be created through the API, with the route `/local/v1/{kind}`.
    pub async fn insert_fixture(&self, kind: &str, body: Value) -> Value {
        self.workspace
            .insert_fixture(kind, &body)
            .await
            .unwrap_or_else(|error| panic!("{kind}: {error}"))
    }
}
