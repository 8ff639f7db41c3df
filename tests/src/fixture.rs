//! A local server on a loopback port, and a client of it.

use std::time::{Duration, Instant};

use mistral_datasets::testing::{LocalServer, RecordedRequest, ServerConfig, Workspace};
use mistral_datasets::types::{Dataset, DatasetRecord, ImportTask};
use mistral_datasets::{Client, Options, RetryPolicy, Upload};
use serde_json::{Value, json};
use uuid::Uuid;

/// How long a task may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// An HTTP client without a key and without any of our own code.
pub fn plain_http() -> reqwest::Client {
    // Another test of the process may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// A running server, a client of it, and the way to plant what only the service itself could have.
#[derive(Debug)]
pub struct Fixture {
    /// The client.
    pub client: Client,
    local: Workspace,
    /// It stops with the fixture.
    _server: LocalServer,
}

impl Fixture {
    /// Starts a server in memory that takes any key.
    pub async fn start() -> Self {
        Self::start_with(Vec::new(), Uuid::new_v4().to_string()).await
    }

    /// Starts a server in memory that takes these keys, and a client with one.
    pub async fn start_with(keys: Vec<String>, key: String) -> Self {
        let server = LocalServer::start_with(ServerConfig {
            api_keys: keys.into_iter().map(Into::into).collect(),
            ..ServerConfig::default()
        })
        .await
        .expect("the local server starts");
        let local = server.workspace_with_key(key).expect("the key can be sent");
        let client = local
            .builder()
            // What is waited for in tests need not take long.
            .retries(RetryPolicy::default().first_delay(Duration::from_millis(5)))
            .build()
            .expect("the client is set up rightly");
        Self { client, local, _server: server }
    }

    /// The server's address.
    pub fn url(&self) -> String {
        self.local.url().to_owned()
    }

    /// Creates a dataset.
    pub async fn dataset(&self) -> Dataset {
        let created = self.client.datasets().create("Refund requests", "Tickets about refunds");
        created.await.expect("a dataset is created")
    }

    /// Creates a record of one message.
    pub async fn record(&self, dataset: &Dataset, text: &str) -> DatasetRecord {
        let payload = json!({"messages": [{"role": "user", "content": text}]});
        let created =
            self.client.datasets().create_record(dataset.id, payload, json!({"text": text}));
        created.await.expect("a record is created")
    }

    /// Every record of a dataset.
    pub async fn records(&self, dataset: &Dataset) -> Vec<DatasetRecord> {
        let listed = self.client.datasets().list_records(dataset.id).page_size(100);
        listed.await.expect("records are listed").records.results
    }

    /// Uploads text as a file, and returns its id.
    pub async fn file(&self, text: &str) -> String {
        let upload = Upload::bytes("records.jsonl", text.to_owned());
        self.client.files().upload(upload).await.expect("a file is uploaded").id
    }

    /// Waits until a task has ended.
    pub async fn finished(&self, mut task: ImportTask) -> ImportTask {
        let deadline = Instant::now() + PATIENCE;
        while !task.status.is_finished() {
            assert!(Instant::now() < deadline, "the task is still {}", task.status);
            tokio::time::sleep(Duration::from_millis(5)).await;
            let fetched = self.client.datasets().fetch_task(task.dataset_id, task.id);
            task = fetched.await.expect("a task is fetched");
        }
        task
    }

    /// Makes the server spoil requests: one rule of its faults, or an array of them.
    pub async fn inject_fault(&self, rules: Value) {
        self.insert_fixture("faults", rules).await;
    }

    /// Ends all faults.
    pub async fn clear_faults(&self) {
        self.local.clear_faults().await.expect("the server answers");
    }

    /// The requests that the server has had since it was last asked.
    pub async fn requests(&self) -> Vec<RecordedRequest> {
        let requests = self.local.requests().await.expect("the server answers");
        self.local.clear_requests().await.expect("the server answers");
        requests
    }

    /// The operations of these requests.
    pub async fn operations(&self) -> Vec<String> {
        let name =
            |request: RecordedRequest| request.operation.unwrap_or_else(|| "none".to_owned());
        self.requests().await.into_iter().map(name).collect()
    }

    /// A client of the same server that is set up otherwise.
    pub fn client_with(&self, options: Options) -> Client {
        self.client.with_options(options).expect("the options are right")
    }

    /// Plants what the service would have from elsewhere, by one of the server's own routes.
    pub async fn insert_fixture(&self, what: &str, body: Value) -> Value {
        self.local
            .insert_fixture(what, &body)
            .await
            .unwrap_or_else(|error| panic!("{what}: {error}"))
    }
}
