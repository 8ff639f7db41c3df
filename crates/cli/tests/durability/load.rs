//! Background clients that write continuously and record which writes were acknowledged.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::TryStreamExt;
use mistral_datasets::types::DatasetRecord;
use mistral_datasets::{Client, Error, Upload};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The number of lines of an import.
const LINES: usize = 150;

/// A client that creates, imports and uploads into a dataset of its own.
#[derive(Debug)]
pub struct Load {
    dataset: Uuid,
    acknowledged: Arc<Mutex<Acknowledged>>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

/// The acknowledged writes.
#[derive(Clone, Debug, Default)]
pub struct Acknowledged {
    /// The records created one by one.
    pub records: HashSet<Uuid>,
    /// The numbers of the completed imports.
    pub imports: HashSet<u64>,
    /// The uploaded files that were not deleted.
    pub files: HashSet<String>,
}

impl Load {
    /// Starts writing.
    pub async fn start(client: &Client, name: &str) -> Self {
        let dataset = client.datasets().create(name, "").await.expect("dataset is created").id;
        let (acknowledged, stop) =
            (Arc::<Mutex<Acknowledged>>::default(), CancellationToken::new());
        let writing = {
            let (client, acknowledged, stop) =
                (client.clone(), Arc::clone(&acknowledged), stop.clone());
            async move {
                for number in 0.. {
                    if stop.is_cancelled() {
                        return;
                    }
                    write_round(&client, dataset, number, &acknowledged)
                        .await
                        .expect("writes succeed");
                }
            }
        };
        Self { dataset, acknowledged, stop, running: tokio::spawn(writing) }
    }

    /// Returns the writes acknowledged so far.
    pub fn acknowledged(&self) -> Acknowledged {
        self.acknowledged.lock().expect("lock is not poisoned").clone()
    }

    /// Stops writing and returns the dataset.
    pub async fn stop(self) -> Uuid {
        self.stop.cancel();
        self.running.await.expect("every write was acknowledged");
        self.dataset
    }
}

/// Creates some records, imports a file, and deletes every other file.
async fn write_round(
    client: &Client,
    dataset: Uuid,
    number: u64,
    acknowledged: &Mutex<Acknowledged>,
) -> Result<(), Error> {
    let acknowledged = || acknowledged.lock().expect("lock is not poisoned");
    for _ in 0..5 {
        let payload = json!({"messages": [{"role": "user", "content": "x".repeat(2_000)}]});
        let created = client.datasets().create_record(dataset, payload, json!({})).await?;
        acknowledged().records.insert(created.id);
    }
    let line = format!("{{\"messages\":[],\"properties\":{{\"import\":{number}}}}}\n");
    let file = client.files().upload(Upload::bytes("lines.jsonl", line.repeat(LINES))).await?;
    client.datasets().import_from_file(dataset, &*file.id).wait().await?;
    acknowledged().imports.insert(number);
    if number.is_multiple_of(2) {
        client.files().delete(&*file.id).await?;
    } else {
        acknowledged().files.insert(file.id);
    }
    Ok(())
}

/// Checks that every acknowledged write is present exactly once, and that no import is partial.
pub async fn check(client: &Client, dataset: Uuid, acknowledged: &Acknowledged) {
    finish_imports(client, dataset).await;
    let pager = client.datasets().list_records(dataset).pager().strict(true);
    let records: Vec<DatasetRecord> =
        pager.items().try_collect().await.expect("records are listed");
    let pager = client.datasets().list_records(dataset).pager();
    assert_eq!(pager.count().await.expect("records are counted"), records.len() as u64);

    let (mut created, mut imported) = (HashSet::new(), std::collections::HashMap::new());
    for record in &records {
        #[derive(serde::Deserialize)]
        struct Properties {
            import: Option<u64>,
        }
        let properties: Properties =
            record.properties.parse().expect("properties written by this test");
        match properties.import {
            Some(import) => *imported.entry(import).or_insert(0) += 1,
            None => assert!(created.insert(record.id), "{} is duplicated", record.id),
        }
    }
    assert!(created.is_superset(&acknowledged.records), "an acknowledged record is missing");
    assert!(acknowledged.imports.iter().all(|import| imported.contains_key(import)));
    assert!(imported.values().all(|lines| *lines == LINES), "an import is partial");

    let files = client.files().list().page_size(1_000_000).await.expect("files are listed");
    let listed: HashSet<String> = files.data.iter().map(|file| file.id.clone()).collect();
    assert!(listed.is_superset(&acknowledged.files), "an acknowledged file is missing");
    for file in &files.data {
        let content =
            client.files().download(&*file.id).await.expect("a listed file can be downloaded");
        let bytes = content.bytes().await.expect("content is complete");
        assert_eq!(Some(bytes.len() as i64), file.bytes);
    }
}

/// Waits for the imports that were running when the data was copied. They add records until then.
async fn finish_imports(client: &Client, dataset: Uuid) {
    let tasks = client.datasets().list_tasks(dataset).pager().items();
    let tasks: Vec<_> = tasks.try_collect().await.expect("tasks are listed");
    for task in tasks {
        let waited = client.datasets().task(dataset, task.id).wait();
        waited.timeout(Duration::from_secs(120)).await.expect("the import completes");
    }
}
