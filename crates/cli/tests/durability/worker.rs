//! A client that writes random changes and checks the server's state against the acknowledged ones.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use mistral_datasets::types::DatasetRecord;
use mistral_datasets::{Client, Error, ErrorKind, Upload};
use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The properties of every record: its number, and the number of the import that created it, if any.
#[derive(serde::Deserialize)]
struct Properties {
    n: u64,
    import: Option<u64>,
}

/// How long a task may take. Another server takes over the imports of one that was killed when their lease has ended, after 30 seconds.
const TASK_TIMEOUT: Duration = Duration::from_secs(90);

/// The payload of imported records.
const IMPORTED_PAYLOAD: &str = r#"{"messages":[]}"#;

/// The payload of created records.
fn created_payload() -> Value {
    json!({"messages": [{"role": "user", "content": "x".repeat(1_000)}]})
}

/// A write without a response, which the server may or may not have carried out.
#[derive(Debug)]
enum PendingWrite {
    Create { n: u64 },
    Edit { id: Uuid, n: u64 },
    Delete { id: Uuid },
    Import { import: u64, lines: u64 },
}

/// A client with its own dataset.
#[derive(Debug)]
pub struct Worker {
    number: usize,
    dataset: Option<Uuid>,
    /// The acknowledged records and their numbers.
    records: BTreeMap<Uuid, u64>,
    /// The acknowledged files and their sizes in bytes.
    files: BTreeMap<String, usize>,
    random: StdRng,
    pending: Option<PendingWrite>,
    last_number: u64,
    acknowledged: u64,
    ready: Arc<Notify>,
}

impl Worker {
    /// Creates a worker whose writes are derived from `seed`. Its dataset is created by the first call of [`verify`](Self::verify).
    pub fn new(number: usize, seed: u64) -> Self {
        Self {
            number,
            dataset: None,
            records: BTreeMap::new(),
            files: BTreeMap::new(),
            random: StdRng::seed_from_u64(seed),
            pending: None,
            last_number: 0,
            acknowledged: 0,
            ready: Arc::default(),
        }
    }

    /// Returns the number of acknowledged writes.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Returns the notification that the worker sends when it starts to write.
    pub fn ready(&self) -> Arc<Notify> {
        self.ready.clone()
    }

    /// Waits for tasks to end, checks the server's state against the acknowledged writes, and resolves the pending write.
    pub async fn verify(&mut self, client: &Client) {
        let Some(dataset) = self.dataset else {
            let name = format!("Worker {}", self.number);
            let created = client.datasets().create(name, "").await.expect("dataset is created");
            self.dataset = Some(created.id);
            return;
        };
        self.wait_for_tasks(client, dataset).await;
        self.verify_state(client, dataset).await;
    }

    /// Checks the server's state against the acknowledged writes, and resolves the pending write.
    async fn verify_state(&mut self, client: &Client, dataset: Uuid) {
        for (id, bytes) in &self.files {
            let content = client
                .files()
                .download(&**id)
                .await
                .expect("an acknowledged file can be downloaded");
            assert_eq!(content.bytes().await.expect("content is complete").len(), *bytes);
        }
        let pager = client.datasets().list_records(dataset).pager().strict(true);
        let found: Vec<DatasetRecord> =
            pager.items().try_collect().await.expect("records are listed");
        let count = client.datasets().list_records(dataset).pager().count().await;
        let count = count.expect("records are counted");
        assert_eq!(count, found.len() as u64, "the count differs from the number of records");

        let mut stored = BTreeMap::new();
        let mut unknown = Vec::new();
        for record in &found {
            let properties: Properties =
                record.properties.parse().expect("properties written by this test");
            let payloads = [IMPORTED_PAYLOAD.to_owned(), created_payload().to_string()];
            assert!(
                payloads.iter().any(|payload| record.payload.get() == payload),
                "{}",
                record.id
            );
            assert!(
                stored.insert(record.id, properties.n).is_none(),
                "{} is duplicated",
                record.id
            );
            if !self.records.contains_key(&record.id) {
                unknown.push((record.id, properties));
            }
        }
        match self.pending.take() {
            None => assert!(unknown.is_empty(), "there are records that were never created"),
            Some(PendingWrite::Create { n }) => {
                assert!(unknown.len() <= 1 && unknown.iter().all(|(_, new)| new.n == n));
            }
            Some(PendingWrite::Edit { id, n }) => {
                assert!(unknown.is_empty());
                if stored[&id] == n {
                    self.records.insert(id, n);
                }
            }
            Some(PendingWrite::Delete { id }) => {
                assert!(unknown.is_empty());
                if !stored.contains_key(&id) {
                    self.records.remove(&id);
                }
            }
            Some(PendingWrite::Import { import, lines }) => {
                let count = unknown.len() as u64;
                assert!(count == 0 || count == lines, "{count} of {lines} lines were imported");
                assert!(unknown.iter().all(|(_, new)| new.import == Some(import)));
            }
        }
        self.records.extend(unknown.into_iter().map(|(id, new)| (id, new.n)));
        assert_eq!(stored, self.records, "worker {}", self.number);
    }

    /// Waits until the latest tasks have ended. Interrupted imports are resumed; only a failing disk makes them fail.
    async fn wait_for_tasks(&self, client: &Client, dataset: Uuid) {
        let tasks = client.datasets().list_tasks(dataset).pager().limit(3).items();
        let tasks: Vec<_> = tasks.try_collect().await.expect("tasks are listed");
        for task in tasks {
            let waited = client.datasets().task(dataset, task.id).wait();
            match waited.timeout(TASK_TIMEOUT).await {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::TaskFailed => {
                    let task = error.task().expect("the error contains the task");
                    let message = task.message.as_deref().unwrap_or_default();
                    let is_disk_error =
                        message.contains("disk") || message.contains("server failed");
                    assert!(is_disk_error, "{task:?}");
                }
                Err(error) => panic!("a task does not end: {error}"),
            }
        }
    }

    /// Writes until `stop` is cancelled or a write fails, and returns the error.
    pub async fn work(&mut self, client: &Client, stop: &CancellationToken) -> Option<Error> {
        self.ready.notify_one();
        while !stop.is_cancelled() {
            if let Err(error) = self.write(client).await {
                return Some(error);
            }
            self.pending = None;
            self.acknowledged += 1;
        }
        None
    }

    /// Writes until a write fails, and returns the error. Returns `None` on a timeout, which is permitted only while waiting for
    /// an import: with a failing disk, the server cannot store that the import failed.
    pub async fn work_until_failure(
        &mut self,
        client: &Client,
        timeout: Duration,
    ) -> Option<Error> {
        let stop = CancellationToken::new();
        match tokio::time::timeout(timeout, self.work(client, &stop)).await {
            Ok(error) => Some(error.expect("the worker is never stopped")),
            Err(_) => {
                assert!(
                    matches!(self.pending, Some(PendingWrite::Import { .. })),
                    "a write other than an import timed out"
                );
                None
            }
        }
    }

    /// Checks that the write that failed was not carried out.
    pub async fn check_rejected(&mut self, client: &Client) {
        self.pending = None;
        self.verify_state(client, self.dataset.expect("`verify` created the dataset")).await;
    }

    async fn write(&mut self, client: &Client) -> Result<(), Error> {
        let dataset = self.dataset.expect("`verify` created the dataset");
        self.last_number += 1;
        let n = self.last_number;
        let choice = self.random.random_range(0..100);
        let known = self.records.keys().copied().choose(&mut self.random);
        match (choice, known) {
            (0..20, Some(id)) => {
                self.pending = Some(PendingWrite::Edit { id, n });
                client.datasets().records().update_properties(id, json!({"n": n})).await?;
                self.records.insert(id, n);
            }
            (20..40, Some(id)) => {
                self.pending = Some(PendingWrite::Delete { id });
                client.datasets().records().delete(id).await?;
                self.records.remove(&id);
            }
            (40..50, _) => self.import(client, dataset, n).await?,
            _ => {
                self.pending = Some(PendingWrite::Create { n });
                let created =
                    client.datasets().create_record(dataset, created_payload(), json!({"n": n}));
                self.records.insert(created.await?.id, n);
            }
        }
        Ok(())
    }

    /// Imports up to 400 lines and fetches the IDs of the new records.
    async fn import(&mut self, client: &Client, dataset: Uuid, import: u64) -> Result<(), Error> {
        let lines = self.random.random_range(1..400);
        let text: String = (0..lines)
            .map(|index| {
                let n = import * 1_000 + index;
                format!("{{\"messages\":[],\"properties\":{{\"n\":{n},\"import\":{import}}}}}\n")
            })
            .collect();
        let bytes = text.len();
        let file = client.files().upload(Upload::bytes("lines.jsonl", text)).await?;
        self.files.insert(file.id.clone(), bytes);
        self.pending = Some(PendingWrite::Import { import, lines });
        client.datasets().import_from_file(dataset, &*file.id).wait().await?;
        let page = self.records.len() as i64 / 100 + 1;
        let appended = client.datasets().list_records(dataset).page(page).pager().items();
        let appended: Vec<DatasetRecord> = appended.try_collect().await?;
        let mut count = 0;
        for record in appended {
            let properties: Properties =
                record.properties.parse().expect("properties written by this test");
            if properties.import == Some(import) {
                self.records.insert(record.id, properties.n);
                count += 1;
            }
        }
        assert_eq!(count, lines, "a completed import is partial");
        self.pending = None;
        if self.random.random_bool(0.8) {
            // Until the response arrives, the file may or may not exist.
            self.files.remove(&file.id);
            client.files().delete(&*file.id).await?;
        }
        Ok(())
    }
}
