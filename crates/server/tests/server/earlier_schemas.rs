//! Data directories that servers with earlier schemas wrote.
//!
//! `schemas/N` contains a dump of the database and the file contents that a server with schema N left after the same requests: two
//! datasets with 70 and 7 created or imported records, of which 4 were deleted and 2 edited, a deleted dataset, uploaded and
//! deleted files, completed and failed imports, and an export. The dumps are never changed.

use std::fs;
use std::path::Path;

use http::Method;
use mistral_datasets_server::{DataLocation, ServerConfig, verify};
use mistral_datasets_types::{ListDatasetsResponse, ListTasksResponse};
use rusqlite::Connection;
use serde_json::json;

use crate::support::{Api, DATASETS, RECORDS};

/// Restores the directory that a server with this schema left.
fn restore(schema: u32, target: &Path) {
    let source =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/server/schemas/{schema}"));
    let dump = fs::read_to_string(source.join("datasets.sql")).unwrap();
    let database = Connection::open(target.join("datasets.sqlite3")).unwrap();
    // Tables are dumped in alphabetical order, so some are referenced before they exist.
    database.pragma_update(None, "foreign_keys", false).unwrap();
    database.execute_batch(&dump).unwrap();
    let found: u32 = database.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(found, schema);
    fs::create_dir(target.join("files")).unwrap();
    for file in fs::read_dir(source.join("files")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), target.join("files").join(file.file_name())).unwrap();
    }
}

fn check(directory: &Path) {
    let found = verify(directory, false, || true, |_| {}).unwrap();
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    assert_eq!(found.schema, found.current_schema);
}

async fn open(schema: u32) {
    let directory = tempfile::tempdir().unwrap();
    restore(schema, directory.path());
    let config =
        || ServerConfig::default().data(DataLocation::Directory(directory.path().to_owned()));
    let api = Api::start_with(config()).await;
    let datasets: ListDatasetsResponse = api.get(DATASETS).await.json(200);
    let [second, first] = &*datasets.datasets.results else { panic!("two datasets") };
    assert_eq!((&*first.name, &*second.name), ("First dataset", "Second dataset"));

    let records = api.records(first).await;
    let numbers: Vec<i64> = records
        .iter()
        .map(|record| serde_json::from_str::<serde_json::Value>(record.properties.get()).unwrap())
        .map(|properties| properties["n"].as_i64().unwrap())
        .collect();
    let expected: Vec<i64> = (0..70).filter(|n| *n != 3 && !(64..67).contains(n)).collect();
    assert_eq!(numbers, expected);
    assert_eq!(records[4].properties.get(), r#"{"n": 5, "edited": true}"#);
    assert!(records[5].payload.get().contains("Edited"));
    assert_eq!(api.record_count(second).await, 7);

    let tasks: ListTasksResponse =
        api.get(&format!("{DATASETS}/{}/tasks", second.id)).await.json(200);
    let statuses: Vec<_> = tasks.tasks.results.iter().map(|task| task.status.as_str()).collect();
    assert_eq!(statuses, ["FAILED", "COMPLETED", "COMPLETED"]);

    let files: serde_json::Value = api.get("/v1/files").await.json(200);
    let names: Vec<_> =
        files["data"].as_array().unwrap().iter().map(|file| &file["filename"]).collect();
    assert_eq!(names, ["bad.jsonl", "lines.jsonl"]);
    let lines = files["data"][1]["id"].as_str().unwrap();
    let content = api.get(&format!("/v1/files/{lines}/content")).await;
    assert_eq!(content.text().lines().count(), 5);

    // Everything can still be changed.
    let imported = api.import(second, "from-file", json!({"file_id": lines})).await;
    assert_eq!(imported.status.as_str(), "COMPLETED", "{:?}", imported.message);
    api.create_record(first, "new").await;
    api.delete(&format!("{RECORDS}/{}", records[0].id)).await.no_content();
    let export = api.get(&format!("{DATASETS}/{}/exports/to-jsonl", first.id)).await;
    assert_eq!(export.status, 200, "{}", export.text());
    assert_eq!(
        api.request(Method::DELETE, &format!("/v1/files/{lines}")).send().await.unwrap().status(),
        200
    );
    api.server.shutdown().await;
    check(directory.path());

    let api = Api::start_with(config()).await;
    assert_eq!(api.record_count(first).await, 66);
    assert_eq!(api.record_count(second).await, 12);
}

#[tokio::test]
async fn data_of_schema_1_is_migrated() {
    open(1).await;
}

#[tokio::test]
async fn data_of_schema_2_is_migrated() {
    open(2).await;
}

#[tokio::test]
async fn data_of_schema_3_is_migrated() {
    open(3).await;
}

#[tokio::test]
async fn data_of_schema_4_is_migrated() {
    open(4).await;
}
