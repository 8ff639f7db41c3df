//! Shared helpers of the bulk input tests.

use std::path::{Path, PathBuf};

use mistral_datasets::types::Dataset;
use mistral_datasets::{Client, CreateReport, Error, ImportReport, NewRecord, Outcome, Report};
use serde_json::{Value, json};

use crate::Fixture;

/// Returns a record with `number` as property `n`.
pub fn record(number: usize) -> Result<NewRecord, Error> {
    let text = format!("question {number}");
    NewRecord::new(json!({"messages": [{"role": "user", "content": text}]}), json!({"n": number}))
}

/// Returns the property `n` of all records, in the dataset's order.
pub async fn numbers(client: &Client, dataset: &Dataset) -> Vec<usize> {
    let mut records = client.datasets().list_records(dataset.id).pager().items();
    let mut numbers = Vec::new();
    while let Some(record) = records.next().await {
        let properties: Value = record.unwrap().properties.parse().unwrap();
        numbers.push(properties["n"].as_u64().unwrap() as usize);
    }
    numbers
}

/// Returns `count` JSONL lines with their index as property `n`.
pub fn lines(count: usize) -> String {
    (0..count).map(|n| format!("{{\"messages\": [], \"properties\": {{\"n\": {n}}}}}\n")).collect()
}

/// Returns the names of a report's outcomes.
pub fn outcome_names(report: &CreateReport) -> Vec<&'static str> {
    let name = |outcome: &Outcome| match outcome {
        Outcome::Created(_) => "created",
        Outcome::Imported => "imported",
        Outcome::Failed(_) => "failed",
        Outcome::Unknown(_) => "unknown",
        Outcome::NotSent => "not sent",
    };
    report.items().iter().map(name).collect()
}

/// Returns the report of a failed `create_records`.
pub fn create_report(error: &Error) -> &CreateReport {
    match error.report() {
        Some(Report::Create(report)) => report,
        other => panic!("{error}: {other:?}"),
    }
}

/// Returns the report of a failed `import_jsonl`.
pub fn import_report(error: &Error) -> &ImportReport {
    match error.report() {
        Some(Report::Import(report)) => report,
        other => panic!("{error}: {other:?}"),
    }
}

/// Returns the number of recorded requests of an operation, and clears all recorded requests.
pub async fn take_request_count(fixture: &Fixture, operation: &str) -> usize {
    fixture.take_operations().await.iter().filter(|name| *name == operation).count()
}

/// Returns the number of uploaded files.
pub async fn file_count(fixture: &Fixture) -> usize {
    fixture.client.files().list().await.unwrap().data.len()
}

/// Writes a file and returns its path.
pub fn write_file(directory: impl AsRef<Path>, name: &str, content: &[u8]) -> PathBuf {
    let path = directory.as_ref().join(name);
    std::fs::write(&path, content).unwrap();
    path
}
