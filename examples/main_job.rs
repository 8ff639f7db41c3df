//! The main job through the Rust client: fill a dataset from a file, read it, edit it, copy it, export the copy.
//!
//! `cargo run --package mistral-datasets --features local --example main_job -- CONVERSATIONS.jsonl EXPORT.jsonl`
//!
//! It works against a server in the same process, and prints what it did as one line of JSON.

use std::error::Error;
use std::time::{Duration, Instant};

use mistral_datasets::types::{DatasetRecord, ImportTask};
use mistral_datasets::{Client, LocalData, Upload};
use serde_json::json;

/// How many records one import can copy.
const COPY_AT_ONCE: usize = 10_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("expected the file to import and the file to export to".into());
    };
    let began = Instant::now();
    let client = Client::local(LocalData::Memory).await?;
    let datasets = client.datasets();

    let dataset = datasets.create("Main job", "Imported from a file").await?;
    let file = client.files().upload(Upload::path(&input).await?).await?;
    let task = datasets.import_from_file(dataset.id, file.id).await?;
    let imported = finished(&client, task).await?;

    let records = all_records(&client, &dataset.id.to_string()).await?;
    let first = records.first().ok_or("the file holds no record")?;
    datasets.records().update_properties(first.id, json!({"edited by": "rust"})).await?;

    let copy = datasets.create("Main job, copied", "Copied from the first dataset").await?;
    let mut copied = 0;
    for records in records.chunks(COPY_AT_ONCE) {
        let ids = records.iter().map(|record| record.id);
        let task = datasets.import_from_dataset_records(copy.id, ids).await?;
        copied += finished(&client, task).await?;
    }

    let link = datasets.export_to_jsonl(copy.id).await?.file_url;
    let export = client.open_link(&link).await?.bytes().await?;
    std::fs::write(&output, &export)?;
    client.close().await;

    let report = json!({
        "imported": imported,
        "listed": records.len(),
        "copied": copied,
        "exported_bytes": export.len(),
        "seconds": began.elapsed().as_secs_f64(),
    });
    println!("{report}");
    Ok(())
}

/// Waits for a task, and returns how many records it imported.
async fn finished(client: &Client, mut task: ImportTask) -> Result<i64, Box<dyn Error>> {
    while !task.status.is_finished() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        task = client.datasets().fetch_task(task.dataset_id, task.id).await?;
    }
    if task.status.is_failure() {
        return Err(task.message.unwrap_or_else(|| task.status.to_string()).into());
    }
    Ok(task.result.map_or(0, |result| result.imported_record_count))
}

/// Reads a dataset page by page.
async fn all_records(
    client: &Client,
    dataset_id: &str,
) -> Result<Vec<DatasetRecord>, mistral_datasets::Error> {
    let mut records = Vec::new();
    for page in 1.. {
        let reply = client.datasets().list_records(dataset_id).page_size(100).page(page).await?;
        records.extend(reply.records.results);
        if reply.records.next.is_none() {
            break;
        }
    }
    Ok(records)
}
