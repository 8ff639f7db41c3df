//! Imports, lists, exports and re-imports real conversations and compares them byte for byte. The data is not part of the
//! repository; without it, the tests are skipped.

use std::path::Path;

use mistral_datasets::Upload;
use mistral_datasets::types::{Dataset, TaskStatus};
use mistral_datasets_tests::{Fixture, print_skipped};
use serde::Deserialize;
use serde_json::value::RawValue;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");

/// A line of a data file or an export.
#[derive(Deserialize)]
struct Line {
    payload: Box<RawValue>,
    properties: Box<RawValue>,
}

/// Returns the raw payload and properties of every line.
fn raw_records(jsonl: &str) -> Vec<(String, String)> {
    let parse = |line| {
        let Line { payload, properties } = serde_json::from_str(line).unwrap();
        (payload.get().to_owned(), properties.get().to_owned())
    };
    jsonl.split('\n').filter(|line| !line.is_empty()).map(parse).collect()
}

async fn import(fixture: &Fixture, upload: Upload) -> Dataset {
    let dataset = fixture.create_dataset().await;
    let file = fixture.client.files().upload(upload).await.unwrap();
    let task = fixture.client.datasets().import_from_file(dataset.id, file.id).await.unwrap();
    let task = fixture.wait_until_finished(task).await;
    assert_eq!(task.status, TaskStatus::Completed, "{:?}", task.message);
    dataset
}

async fn export(fixture: &Fixture, dataset: &Dataset) -> String {
    let link = fixture.client.datasets().export_to_jsonl(dataset.id).await.unwrap().file_url;
    let bytes = fixture.client.open_link(&link).await.unwrap().bytes().await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn list(fixture: &Fixture, dataset: &Dataset) -> Vec<(String, String)> {
    let mut records = Vec::new();
    for page in 1.. {
        let listing = fixture.client.datasets().list_records(dataset.id).page_size(100).page(page);
        let response = listing.await.unwrap().records;
        records.extend(
            response.results.iter().map(|record| {
                (record.payload.get().to_owned(), record.properties.get().to_owned())
            }),
        );
        if response.next.is_none() {
            assert_eq!(response.count, records.len() as i64);
            break;
        }
    }
    records
}

async fn check_round_trip(name: &str) {
    let path = Path::new(DATA).join(name);
    if !path.exists() {
        print_skipped(&format!("{name} is not available"));
        return;
    }
    let original = raw_records(&std::fs::read_to_string(&path).unwrap());
    let fixture = Fixture::start().await;
    let dataset = import(&fixture, Upload::path(&path).await.unwrap()).await;
    assert!(list(&fixture, &dataset).await == original, "the listed records differ");
    let exported = export(&fixture, &dataset).await;
    assert!(raw_records(&exported) == original, "the export differs");
    let copy = import(&fixture, Upload::bytes("export.jsonl", exported)).await;
    assert!(raw_records(&export(&fixture, &copy).await) == original, "the second export differs");
}

#[tokio::test]
async fn gsm8k_round_trip() {
    check_round_trip("gsm8k-test.jsonl").await;
}

#[tokio::test]
async fn mt_bench_round_trip() {
    check_round_trip("mt-bench.jsonl").await;
}
