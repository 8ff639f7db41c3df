//! What goes on beside large imports and large deletions.

use std::path::Path;

use mistral_datasets_server::{DataLocation, ServerConfig};
use mistral_datasets_types::ImportTask;
use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use crate::support::{Api, DATASETS, soon};

/// Lines of a kilobyte.
fn lines(count: usize) -> String {
    let text = "x".repeat(950);
    format!("{{\"messages\": [{{\"role\": \"user\", \"content\": \"{text}\"}}]}}\n").repeat(count)
}

/// A number that a query of the database answers, as somebody else sees it.
fn number(directory: &Path, query: &str) -> i64 {
    let database = directory.join("datasets.sqlite3");
    let connection =
        Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn others_read_and_write_while_an_import_runs_and_see_none_of_it_or_all() {
    let api = Api::start().await;
    let (large, small) = (api.dataset("Large").await, api.dataset("Small").await);
    let file = api.upload("lines.jsonl", lines(20_000)).await;
    let path = format!("{DATASETS}/{}/imports/from-file", large.id);
    let body = json!({"file_id": file.id}).to_string();
    let task: ImportTask = api.post(&path, body).await.json(202);
    let task_path = format!("{DATASETS}/{}/tasks/{}", large.id, task.id);
    let (mut written, mut progress) = (0, 0);
    loop {
        // The task is asked first: once it has ended, everything is there.
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
        assert!(task.progress >= Some(progress), "progress went back from {progress}");
        progress = task.progress.unwrap_or_default();
        api.record(&small, "meanwhile").await;
        written += 1;
        assert_eq!(api.record_count(&small).await, written);
    }
    assert!(written > 2, "the import took only {written} requests");
}

#[tokio::test]
async fn a_deleted_dataset_gives_its_space_back_behind_the_response() {
    let directory = tempfile::tempdir().unwrap();
    let data = DataLocation::Directory(directory.path().to_owned());
    let config = ServerConfig { data, ..ServerConfig::default() };
    let api = Api::start_with(config.clone()).await;
    let (large, small) = (api.dataset("Large").await, api.dataset("Small").await);
    api.record(&small, "before").await;
    api.import_lines(&large, lines(20_000)).await;
    assert!(number(directory.path(), "PRAGMA page_count") > 2_000);
    api.delete(&format!("{DATASETS}/{}", large.id)).await.no_content();
    api.record(&small, "meanwhile").await;
    let left = "SELECT count(*) FROM records";
    soon(async || (number(directory.path(), left) == 2).then_some(())).await;
    soon(async || (number(directory.path(), "PRAGMA page_count") < 1_100).then_some(())).await;
    assert_eq!(api.record_count(&small).await, 2);
    // When the server ends, the file is as small as it says.
    api.server.shutdown().await;
    let size = directory.path().join("datasets.sqlite3").metadata().unwrap().len();
    assert!(size < 10 << 20, "{size} bytes");
    let api = Api::start_with(config).await;
    assert_eq!(api.record_count(&small).await, 2);
}
