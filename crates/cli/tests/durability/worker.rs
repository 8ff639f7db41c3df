//! A client that writes, and remembers what the server has acknowledged.

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

/// What every record says of itself: its number, and the import that brought it, if one did.
#[derive(serde::Deserialize)]
struct Properties {
    n: u64,
    import: Option<u64>,
}

/// The payload of a line of an import.
const PAYLOAD_OF_LINES: &str = r#"{"messages":[]}"#;

/// The payload of a record that is created.
fn payload() -> Value {
    json!({"messages": [{"role": "user", "content": "x".repeat(1_000)}]})
}

/// What was under way when the server was killed.
#[derive(Debug)]
enum UnderWay {
    Create { n: u64 },
    Edit { id: Uuid, n: u64 },
    Delete { id: Uuid },
    Import { import: u64, lines: u64 },
}

/// A client with a dataset of its own.
#[derive(Debug)]
pub struct Worker {
    number: usize,
    dataset: Option<Uuid>,
    /// The records that the server has acknowledged, and their numbers.
    records: BTreeMap<Uuid, u64>,
    /// The files that are kept, and how many bytes they have.
    files: BTreeMap<String, usize>,
    random: StdRng,
    under_way: Option<UnderWay>,
    last: u64,
    acknowledged: u64,
    settled: Arc<Notify>,
}

impl Worker {
    /// A worker without a dataset yet, whose choices follow from the seed.
    pub fn new(number: usize, seed: u64) -> Self {
        Self {
            number,
            dataset: None,
            records: BTreeMap::new(),
            files: BTreeMap::new(),
            random: StdRng::seed_from_u64(seed),
            under_way: None,
            last: 0,
            acknowledged: 0,
            settled: Arc::default(),
        }
    }

    /// How many writes the server has acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Told when the worker begins to write.
    pub fn settled(&self) -> Arc<Notify> {
        self.settled.clone()
    }

    /// Compares what is there after a start with what was acknowledged before, and finds out what became of what was under
    /// way.
    pub async fn settle(&mut self, client: &Client) {
        let Some(dataset) = self.dataset else {
            let name = format!("Worker {}", self.number);
            let created = client.datasets().create(name, "").await.expect("a dataset");
            self.dataset = Some(created.id);
            return;
        };
        self.wait_for_tasks(client, dataset).await;
        self.compare(client, dataset).await;
    }

    /// Compares what is there with what was acknowledged.
    async fn compare(&mut self, client: &Client, dataset: Uuid) {
        for (id, bytes) in &self.files {
            let content =
                client.files().download(&**id).await.expect("a file that was acknowledged");
            assert_eq!(content.bytes().await.expect("all of it").len(), *bytes);
        }
        let pager = client.datasets().list_records(dataset).pager().strict(true);
        let found: Vec<DatasetRecord> = pager.items().try_collect().await.expect("the records");
        let count = pager_count(client, dataset).await;
        assert_eq!(count, found.len() as u64, "the count and the rows disagree");

        let mut there = BTreeMap::new();
        let mut imported = Vec::new();
        for record in &found {
            let properties: Properties = record.properties.parse().expect("our own properties");
            let whole = [PAYLOAD_OF_LINES.to_owned(), payload().to_string()];
            assert!(whole.iter().any(|whole| record.payload.get() == whole), "{}", record.id);
            assert!(there.insert(record.id, properties.n).is_none(), "{} came twice", record.id);
            if !self.records.contains_key(&record.id) {
                imported.push((record.id, properties));
            }
        }
        match self.under_way.take() {
            None => assert!(imported.is_empty(), "records that nobody created"),
            Some(UnderWay::Create { n }) => {
                assert!(imported.len() <= 1 && imported.iter().all(|(_, new)| new.n == n));
            }
            Some(UnderWay::Edit { id, n }) => {
                assert!(imported.is_empty());
                if there[&id] == n {
                    self.records.insert(id, n);
                }
            }
            Some(UnderWay::Delete { id }) => {
                assert!(imported.is_empty());
                if !there.contains_key(&id) {
                    self.records.remove(&id);
                }
            }
            Some(UnderWay::Import { import, lines }) => {
                let number = imported.len() as u64;
                assert!(number == 0 || number == lines, "{number} of {lines} lines are there");
                assert!(imported.iter().all(|(_, new)| new.import == Some(import)));
            }
        }
        self.records.extend(imported.into_iter().map(|(id, new)| (id, new.n)));
        assert_eq!(there, self.records, "worker {}", self.number);
    }

    /// No task runs for ever: what a kill has interrupted is resumed, or has failed and says why.
    async fn wait_for_tasks(&self, client: &Client, dataset: Uuid) {
        let tasks = client.datasets().list_tasks(dataset).pager().limit(3).items();
        let tasks: Vec<_> = tasks.try_collect().await.expect("the tasks");
        for task in tasks {
            let waited = client.datasets().task(dataset, task.id).wait();
            match waited.timeout(Duration::from_secs(30)).await {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::TaskFailed => {
                    let task = error.task().expect("the error has the task");
                    assert!(task.message.as_ref().is_some_and(|message| !message.is_empty()));
                }
                Err(error) => panic!("a task that does not end: {error}"),
            }
        }
    }

    /// Writes until it is to stop, or a write fails, and answers how.
    pub async fn work(&mut self, client: &Client, stop: &CancellationToken) -> Option<Error> {
        self.settled.notify_one();
        while !stop.is_cancelled() {
            if let Err(error) = self.write(client).await {
                return Some(error);
            }
            self.under_way = None;
            self.acknowledged += 1;
        }
        None
    }

    /// Writes until a write fails, and answers how. One whose import cannot even be told to have failed waits in vain, and has
    /// no failure in this time.
    pub async fn fail(&mut self, client: &Client, time: Duration) -> Option<Error> {
        let stop = CancellationToken::new();
        match tokio::time::timeout(time, self.work(client, &stop)).await {
            Ok(failure) => Some(failure.expect("nobody told it to stop")),
            Err(_) => {
                assert!(
                    matches!(self.under_way, Some(UnderWay::Import { .. })),
                    "a write was acknowledged"
                );
                None
            }
        }
    }

    /// Takes the server at its word that it has not done what failed, and looks whether that is so.
    pub async fn check_refused(&mut self, client: &Client) {
        self.under_way = None;
        self.compare(client, self.dataset.expect("settled before")).await;
    }

    async fn write(&mut self, client: &Client) -> Result<(), Error> {
        let dataset = self.dataset.expect("settled before");
        self.last += 1;
        let n = self.last;
        let choice = self.random.random_range(0..100);
        let known = self.records.keys().copied().choose(&mut self.random);
        match (choice, known) {
            (0..20, Some(id)) => {
                self.under_way = Some(UnderWay::Edit { id, n });
                client.datasets().records().update_properties(id, json!({"n": n})).await?;
                self.records.insert(id, n);
            }
            (20..40, Some(id)) => {
                self.under_way = Some(UnderWay::Delete { id });
                client.datasets().records().delete(id).await?;
                self.records.remove(&id);
            }
            (40..50, _) => self.import(client, dataset, n).await?,
            _ => {
                self.under_way = Some(UnderWay::Create { n });
                let created = client.datasets().create_record(dataset, payload(), json!({"n": n}));
                self.records.insert(created.await?.id, n);
            }
        }
        Ok(())
    }

    /// Imports some hundred lines, and learns their ids when they are there.
    async fn import(&mut self, client: &Client, dataset: Uuid, import: u64) -> Result<(), Error> {
        let lines = self.random.random_range(1..400);
        let text: String = (0..lines)
            .map(|place| {
                let n = import * 1_000 + place;
                format!("{{\"messages\":[],\"properties\":{{\"n\":{n},\"import\":{import}}}}}\n")
            })
            .collect();
        let bytes = text.len();
        let file = client.files().upload(Upload::bytes("lines.jsonl", text)).await?;
        self.files.insert(file.id.clone(), bytes);
        self.under_way = Some(UnderWay::Import { import, lines });
        client.datasets().import_from_file(dataset, &*file.id).wait().await?;
        let page = self.records.len() as i64 / 100 + 1;
        let appended = client.datasets().list_records(dataset).page(page).pager().items();
        let appended: Vec<DatasetRecord> = appended.try_collect().await?;
        let mut number = 0;
        for record in appended {
            let properties: Properties = record.properties.parse().expect("our own properties");
            if properties.import == Some(import) {
                self.records.insert(record.id, properties.n);
                number += 1;
            }
        }
        assert_eq!(number, lines, "an import that has succeeded is complete");
        self.under_way = None;
        if self.random.random_bool(0.8) {
            // From here on nobody knows whether it is there, until that is acknowledged.
            self.files.remove(&file.id);
            client.files().delete(&*file.id).await?;
        }
        Ok(())
    }
}

async fn pager_count(client: &Client, dataset: Uuid) -> u64 {
    client.datasets().list_records(dataset).pager().count().await.expect("the count")
}
