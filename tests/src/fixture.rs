//! A local server on a loopback port, and a client of it.

use std::time::{Duration, Instant};

use mistral_datasets::types::{Dataset, DatasetRecord, ImportTask};
use mistral_datasets::{Client, Options, Retries, Upload};
use mistral_datasets_server::{DataLocation, RunningServer, Server, ServerConfig};
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
    key: String,
    http: reqwest::Client,
    server: RunningServer,
}

impl Fixture {
    /// Starts a server in memory that takes any key.
    pub async fn start() -> Self {
        Self::start_with(Vec::new(), Uuid::new_v4().to_string()).await
    }

    /// Starts a server in memory that takes these keys, and a client with one.
    pub async fn start_with(keys: Vec<String>, key: String) -> Self {
        let server = Server::start(ServerConfig {
            data: DataLocation::Memory,
            api_keys: keys.into_iter().map(Into::into).collect(),
            ..ServerConfig::default()
        })
        .await
        .expect("the local server starts");
        let client = Client::builder()
            .api_key(&key)
            .server_url(server.url())
            // What is waited for in tests need not take long.
            .retries(Retries::default().first_delay(Duration::from_millis(5)))
            .build()
            .expect("the client is set up rightly");
        Self { client, key, http: plain_http(), server }
    }

    /// The server's address.
    pub fn url(&self) -> String {
        self.server.url()
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
    pub async fn fault(&self, rules: Value) {
        self.plant("faults", rules).await;
    }

    /// Ends all faults.
    pub async fn end_faults(&self) {
        let url = format!("{}/local/v1/faults", self.url());
        let reply = self.http.delete(url).bearer_auth(&self.key).send().await;
        assert!(reply.expect("the server answers").status().is_success());
    }

    /// The requests that the server has had since it was last asked, as its journal shows them.
    pub async fn requests(&self) -> Vec<Value> {
        let url = format!("{}/local/v1/requests", self.url());
        let reply = self.http.get(&url).bearer_auth(&self.key).send().await;
        let journal: Value =
            reply.expect("the server answers").json().await.expect("the reply is JSON");
        let emptied = self.http.delete(&url).bearer_auth(&self.key).send().await;
        assert!(emptied.expect("the server answers").status().is_success());
        journal["requests"].as_array().expect("the journal is a list").clone()
    }

    /// The operations of these requests.
    pub async fn operations(&self) -> Vec<String> {
        let name = |request: &Value| request["operation"].as_str().unwrap_or("none").to_owned();
        self.requests().await.iter().map(name).collect()
    }

    /// A client of the same server that is set up otherwise.
    pub fn client_with(&self, options: Options) -> Client {
        self.client.with(options).expect("the options are right")
    }

    /// Plants what the service would have from elsewhere, by one of the server's own routes.
    pub async fn plant(&self, what: &str, body: Value) -> Value {
        let url = format!("{}/local/v1/{what}", self.url());
        let reply = self.http.post(url).bearer_auth(&self.key).json(&body).send().await;
        let reply = reply.expect("the server answers");
        assert!(reply.status().is_success(), "{what}: {}", reply.status());
        reply.json().await.expect("the reply is JSON")
    }
}
