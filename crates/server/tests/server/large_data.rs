//! Concurrent requests during large imports and deletes.

use std::path::Path;

use mistral_datasets_server::{DataLocation, ServerConfig};
use mistral_datasets_types::ImportTask;
use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use crate::support::{Api, DATASETS, eventually};

/// Returns lines of about 1 KB each.
fn lines(count: usize) -> String {
    let text = "x".repeat(950);
    format!("{{\"messages\": [{{\"role\": \"user\", \"content\": \"{text}\"}}]}}\n").repeat(count)
}

/// Runs a query on a separate read-only connection.
fn query_number(directory: &Path, query: &str) -> i64 {
    let database = directory.join("datasets.sqlite3");
    let connection =
        Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn import_does_not_block_other_requests_and_becomes_visible_at_once() {
    let api = Api::start().await;
    let (large, small) = (api.create_dataset("Large").await, api.create_dataset("Small").await);
    let file = api.upload("lines.jsonl", lines(20_000)).await;
    let path = format!("{DATASETS}/{}/imports/from-file", large.id);
    let body = json!({"file_id": file.id}).to_string();
    let task: ImportTask = api.post(&path, body).await.json(202);
    let task_path = format!("{DATASETS}/{}/tasks/{}", large.id, task.id);
    let (mut written, mut progress) = (0, 0);
    loop {
        // Read the task before the count: once the task has ended, all records are visible.
        let task: ImportTask = api.get(&task_path).await.json(200);
        let count = api.record_count(&large).await;
        match task.status.as_str() {
            "RUNNING" => assert!([0, 20_000].contains(&count), "{count}"),
            "COMPLETED" => {
                assert_eq!(count, 20_000);
                break;
            }
            other => panic!("{other}: {:?}", task.message),
        }
        assert!(task.progress >= Some(progress), "progress decreased from {progress}");
        progress = task.progress.unwrap_or_default();
        api.create_record(&small, "meanwhile").await;
        written += 1;
        assert_eq!(api.record_count(&small).await, written);
    }
    assert!(written > 2, "only {written} requests completed during the import");
}

#[tokio::test]
async fn deleting_a_dataset_frees_disk_space_in_the_background() {
    let directory = tempfile::tempdir().unwrap();
    let data = DataLocation::Directory(directory.path().to_owned());
    let config = ServerConfig::default().data(data);
    let api = Api::start_with(config.clone()).await;
    let (large, small) = (api.create_dataset("Large").await, api.create_dataset("Small").await);
    api.create_record(&small, "before").await;
    api.import_lines(&large, lines(20_000)).await;
    assert!(query_number(directory.path(), "PRAGMA page_count") > 2_000);
    api.delete(&format!("{DATASETS}/{}", large.id)).await.no_content();
    api.create_record(&small, "meanwhile").await;
    let remaining = "SELECT count(*) FROM records";
    eventually(async || (query_number(directory.path(), remaining) == 2).then_some(())).await;
    eventually(async || {
        (query_number(directory.path(), "PRAGMA page_count") < 1_100).then_some(())
    })
    .await;
    assert_eq!(api.record_count(&small).await, 2);
    // The files on disk shrink too, without a restart and without further writes.
    let size = |name: &str| directory.path().join(name).metadata().unwrap().len();
    eventually(async || {
        let (database, wal) = (size("datasets.sqlite3"), size("datasets.sqlite3-wal"));
        (database < 10 << 20 && wal < 1 << 20).then_some(())
    })
    .await;
    api.server.shutdown().await;
    let api = Api::start_with(config).await;
    assert_eq!(api.record_count(&small).await, 2);
}
