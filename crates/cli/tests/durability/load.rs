//! Clients that write all the time, and what the server has told them is done.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use futures::TryStreamExt;
use mistral_datasets::types::DatasetRecord;
use mistral_datasets::{Client, Error, Upload};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How many lines an import has.
const LINES: usize = 150;

/// A dataset into which records are put one by one and by imports, with a file that comes and goes for each.
#[derive(Debug)]
pub struct Load {
    dataset: Uuid,
    done: Arc<Mutex<Done>>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

/// What was acknowledged.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// The records that were created.
    pub records: HashSet<Uuid>,
    /// The numbers of the imports that were completed.
    pub imports: HashSet<u64>,
    /// The files that stay.
    pub files: HashSet<String>,
}

impl Load {
    /// Begins to write.
    pub async fn begin(client: &Client, name: &str) -> Self {
        let dataset = client.datasets().create(name, "").await.expect("a dataset").id;
        let (done, stop) = (Arc::<Mutex<Done>>::default(), CancellationToken::new());
        let writing = {
            let (client, done, stop) = (client.clone(), Arc::clone(&done), stop.clone());
            async move {
                for number in 0.. {
                    if stop.is_cancelled() {
                        return;
                    }
                    round(&client, dataset, number, &done).await.expect("the server serves on");
                }
            }
        };
        Self { dataset, done, stop, running: tokio::spawn(writing) }
    }

    /// What was acknowledged up to now.
    pub fn done(&self) -> Done {
        self.done.lock().expect("nobody panics").clone()
    }

    /// Stops writing, and answers in which dataset it was.
    pub async fn end(self) -> Uuid {
        self.stop.cancel();
        self.running.await.expect("every write was acknowledged");
        self.dataset
    }
}

async fn round(
    client: &Client,
    dataset: Uuid,
    number: u64,
    done: &Mutex<Done>,
) -> Result<(), Error> {
    let locked = || done.lock().expect("nobody panics");
    for _ in 0..5 {
        let payload = json!({"messages": [{"role": "user", "content": "x".repeat(2_000)}]});
        let created = client.datasets().create_record(dataset, payload, json!({})).await?;
        locked().records.insert(created.id);
    }
    let line = format!("{{\"messages\":[],\"properties\":{{\"import\":{number}}}}}\n");
    let file = client.files().upload(Upload::bytes("lines.jsonl", line.repeat(LINES))).await?;
    client.datasets().import_from_file(dataset, &*file.id).wait().await?;
    locked().imports.insert(number);
    if number.is_multiple_of(2) {
        client.files().delete(&*file.id).await?;
    } else {
        locked().files.insert(file.id);
    }
    Ok(())
}

/// Checks that a server has everything that was acknowledged, each thing once and whole, and nothing by halves.
pub async fn check(client: &Client, dataset: Uuid, done: &Done) {
    let pager = client.datasets().list_records(dataset).pager().strict(true);
    let records: Vec<DatasetRecord> = pager.items().try_collect().await.expect("the records");
    let pager = client.datasets().list_records(dataset).pager();
    assert_eq!(pager.count().await.expect("the count"), records.len() as u64);

    let (mut created, mut imported) = (HashSet::new(), std::collections::HashMap::new());
    for record in &records {
        #[derive(serde::Deserialize)]
        struct Properties {
            import: Option<u64>,
        }
        let properties: Properties = record.properties.parse().expect("our own properties");
        match properties.import {
            Some(import) => *imported.entry(import).or_insert(0) += 1,
            None => assert!(created.insert(record.id), "{} is there twice", record.id),
        }
    }
    assert!(created.is_superset(&done.records), "a record that was acknowledged is not there");
    assert!(done.imports.iter().all(|import| imported.contains_key(import)));
    assert!(imported.values().all(|lines| *lines == LINES), "an import is there by halves");

    let files = client.files().list().page_size(1_000_000).await.expect("the files");
    let listed: HashSet<String> = files.data.iter().map(|file| file.id.clone()).collect();
    assert!(listed.is_superset(&done.files), "a file that was acknowledged is not there");
    for file in &files.data {
        let content = client.files().download(&*file.id).await.expect("every file that is listed");
        let bytes = content.bytes().await.expect("all of it");
        assert_eq!(Some(bytes.len() as i64), file.bytes);
    }
}
