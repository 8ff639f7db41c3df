//! Imports a file into a dataset with the Rust client, reads and edits it, copies it and exports the copy.
//!
//! `cargo run --package mistral-datasets --features local --example main_job -- CONVERSATIONS.jsonl EXPORT.jsonl`
//!
//! Uses an embedded local server, and prints a summary as one line of JSON.

use std::error::Error;
use std::time::Instant;

use futures::TryStreamExt;
use mistral_datasets::types::DatasetRecord;
use mistral_datasets::{Client, Jsonl, LocalData};
use serde_json::json;

/// The maximum number of records that one import can copy.
const COPY_BATCH_SIZE: usize = 10_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("usage: main_job CONVERSATIONS.jsonl EXPORT.jsonl".into());
    };
    let started = Instant::now();
    let client = Client::local(LocalData::Memory).await?;
    let datasets = client.datasets();

    let dataset = datasets.create("Main job", "Imported from a file").await?;
    let imported = datasets.import_jsonl(dataset.id, Jsonl::path(input)).await?.records();

    let pager = datasets.list_records(dataset.id).pager().strict(true);
    let records: Vec<DatasetRecord> = pager.items().try_collect().await?;
    let first = records.first().ok_or("the file contains no records")?;
    datasets.records().update_properties(first.id, json!({"edited by": "rust"})).await?;

    let copy = datasets.create("Main job, copied", "Copied from the first dataset").await?;
    let mut copied = 0;
    for records in records.chunks(COPY_BATCH_SIZE) {
        let ids = records.iter().map(|record| record.id);
        let task = datasets.import_from_dataset_records(copy.id, ids).wait().await?;
        copied += task.result.map_or(0, |result| result.imported_record_count);
    }

    let exported = datasets.export(copy.id).to_path(output).await?;
    client.close().await;

    let report = json!({
        "imported": imported,
        "listed": records.len(),
        "copied": copied,
        "exported_bytes": exported.bytes,
        "seconds": started.elapsed().as_secs_f64(),
    });
    println!("{report}");
    Ok(())
}
