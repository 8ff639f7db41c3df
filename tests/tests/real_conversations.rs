//! Real conversations go in, out and in again without a difference. They are not part of the project; without them the test
//! says so and passes.

use std::path::Path;

use mistral_datasets::Upload;
use mistral_datasets::types::{Dataset, TaskStatus};
use mistral_datasets_tests::{Fixture, say_skipped};
use serde::Deserialize;
use serde_json::value::RawValue;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");

/// A line of the files, and of an export.
#[derive(Deserialize)]
struct Line {
    payload: Box<RawValue>,
    properties: Box<RawValue>,
}

/// Payload and properties of every line, as text.
fn texts(jsonl: &str) -> Vec<(String, String)> {
    let parse = |line| {
        let Line { payload, properties } = serde_json::from_str(line).unwrap();
        (payload.get().to_owned(), properties.get().to_owned())
    };
    jsonl.split('\n').filter(|line| !line.is_empty()).map(parse).collect()
}

async fn import(fixture: &Fixture, upload: Upload) -> Dataset {
    let dataset = fixture.dataset().await;
    let file = fixture.client.files().upload(upload).await.unwrap();
    let task = fixture.client.datasets().import_from_file(dataset.id, file.id).await.unwrap();
    let task = fixture.finished(task).await;
    assert_eq!(task.status, TaskStatus::Completed, "{:?}", task.message);
    dataset
}

async fn export(fixture: &Fixture, dataset: &Dataset) -> String {
    let link = fixture.client.datasets().export_to_jsonl(dataset.id).await.unwrap().file_url;
    let bytes = fixture.client.open_link(&link).await.unwrap().bytes().await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn listed(fixture: &Fixture, dataset: &Dataset) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for page in 1.. {
        let listing = fixture.client.datasets().list_records(dataset.id).page_size(100).page(page);
        let response = listing.await.unwrap().records;
        texts.extend(
            response.results.iter().map(|record| {
                (record.payload.get().to_owned(), record.properties.get().to_owned())
            }),
        );
        if response.next.is_none() {
            assert_eq!(response.count, texts.len() as i64);
            break;
        }
    }
    texts
}

async fn goes_round(name: &str) {
    let path = Path::new(DATA).join(name);
    if !path.exists() {
        say_skipped(&format!("{name} is not here"));
        return;
    }
    let given = texts(&std::fs::read_to_string(&path).unwrap());
    let fixture = Fixture::start().await;
    let dataset = import(&fixture, Upload::path(&path).await.unwrap()).await;
    assert!(listed(&fixture, &dataset).await == given, "listing differs");
    let exported = export(&fixture, &dataset).await;
    assert!(texts(&exported) == given, "the export differs");
    let again = import(&fixture, Upload::bytes("export.jsonl", exported)).await;
    assert!(texts(&export(&fixture, &again).await) == given, "the second export differs");
}

#[tokio::test]
async fn grade_school_mathematics_goes_round() {
    goes_round("gsm8k-test.jsonl").await;
}

#[tokio::test]
async fn two_turn_questions_go_round() {
    goes_round("mt-bench.jsonl").await;
}
