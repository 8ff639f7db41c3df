//! What the tests of bulk input share.

use std::path::{Path, PathBuf};

use mistral_datasets::types::Dataset;
use mistral_datasets::{Client, CreateReport, Error, ImportReport, NewRecord, Outcome, Report};
use serde_json::{Value, json};

use crate::Fixture;

/// A record that says which one it is.
pub fn record(number: usize) -> Result<NewRecord, Error> {
    let text = format!("question {number}");
    NewRecord::new(json!({"messages": [{"role": "user", "content": text}]}), json!({"n": number}))
}

/// The numbers in the properties of a dataset's records, in the dataset's order.
pub async fn numbers(client: &Client, dataset: &Dataset) -> Vec<usize> {
    let mut records = client.datasets().list_records(dataset.id).pager().items();
    let mut numbers = Vec::new();
    while let Some(record) = records.next().await {
        let properties: Value = record.unwrap().properties.parse().unwrap();
        numbers.push(properties["n"].as_u64().unwrap() as usize);
    }
    numbers
}

/// So many lines, each of which says which one it is.
pub fn lines(count: usize) -> String {
    (0..count).map(|n| format!("{{\"messages\": [], \"properties\": {{\"n\": {n}}}}}\n")).collect()
}

/// The outcomes, each as one word.
pub fn words(report: &CreateReport) -> Vec<&'static str> {
    let word = |outcome: &Outcome| match outcome {
        Outcome::Created(_) => "created",
        Outcome::Imported => "imported",
        Outcome::Failed(_) => "failed",
        Outcome::Unknown(_) => "unknown",
        Outcome::NotSent => "not sent",
    };
    report.items().iter().map(word).collect()
}

/// The report of an error of `create_records`.
pub fn create_report(error: &Error) -> &CreateReport {
    match error.report() {
        Some(Report::Create(report)) => report,
        other => panic!("{error}: {other:?}"),
    }
}

/// The report of an error of `import_jsonl`.
pub fn import_report(error: &Error) -> &ImportReport {
    match error.report() {
        Some(Report::Import(report)) => report,
        other => panic!("{error}: {other:?}"),
    }
}

/// How many requests of this operation the server has had since it was last asked.
pub async fn count_of(fixture: &Fixture, operation: &str) -> usize {
    fixture.operations().await.iter().filter(|name| *name == operation).count()
}

/// How many uploaded files the server has.
pub async fn files(fixture: &Fixture) -> usize {
    fixture.client.files().list().await.unwrap().data.len()
}

/// Writes a file with this content.
pub fn written(folder: impl AsRef<Path>, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.as_ref().join(name);
    std::fs::write(&path, content).unwrap();
    path
}
