//! What deletion erases.

use std::path::Path;
use std::time::Duration;

use memchr::memmem;
use mistral_datasets_server::{DataLocation, ServerConfig};
use mistral_datasets_types::{Dataset, DatasetRecord, ExportResponse};
use serde_json::json;

use crate::support::{Api, DATASETS, RECORDS, eventually, records_path};

/// Returns the files below a directory that contain a text.
fn files_with(directory: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
            continue;
        }
        // A file may be removed at any time.
        let content = std::fs::read(&path).unwrap_or_default();
        if memmem::find(&content, text.as_bytes()).is_some() {
            found.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    found
}

/// Waits until no file contains one of the texts.
async fn wait_until_erased(directory: &Path, texts: &[&str]) {
    for text in texts {
        eventually(async || files_with(directory, text).is_empty().then_some(())).await;
    }
}

async fn start(directory: &Path) -> Api {
    let config = ServerConfig::default()
        .data(DataLocation::Directory(directory.to_owned()))
        .erase_delay(Duration::from_millis(100));
    Api::start_with(config).await
}

async fn create(api: &Api, dataset: &Dataset, text: &str, repeat: usize) -> DatasetRecord {
    api.create_record(dataset, format!("{text} ").repeat(repeat)).await
}

#[tokio::test]
async fn deleted_records_are_erased_from_all_files() {
    let directory = tempfile::tempdir().unwrap();
    let api = start(directory.path()).await;
    let dataset = api.create_dataset("Records").await;
    create(&api, &dataset, "kept-before", 3).await;
    let small = create(&api, &dataset, "deleted-small", 3).await;
    let large = create(&api, &dataset, "deleted-large", 40_000).await;
    let bulk = create(&api, &dataset, "deleted-bulk", 800).await;
    let replaced = create(&api, &dataset, "replaced-payload", 3_000).await;
    create(&api, &dataset, "kept-after", 3).await;
    let path = format!("{RECORDS}/{}/properties", replaced.id);
    let properties = |text: &str| json!({"properties": {"text": text}}).to_string();
    api.put(&path, properties("replaced-properties")).await.no_content();
    let erased = [
        "deleted-small",
        "deleted-large",
        "deleted-bulk",
        "replaced-payload",
        "replaced-properties",
    ];
    let kept = ["kept-before", "kept-after"];
    for text in erased.iter().chain(&kept) {
        assert!(!files_with(directory.path(), text).is_empty(), "{text}");
    }
    for id in [small.id, large.id] {
        api.delete(&format!("{RECORDS}/{id}")).await.no_content();
    }
    let body = json!({"dataset_record_ids": [bulk.id]}).to_string();
    api.post(&format!("{RECORDS}/bulk-delete"), body).await.no_content();
    api.put(&path, properties("new")).await.no_content();
    let body = r#"{"payload": {"messages": [{"content": "new"}]}}"#;
    api.put(&format!("{RECORDS}/{}/payload", replaced.id), body).await.no_content();

    wait_until_erased(directory.path(), &erased).await;
    for text in kept {
        assert_eq!(files_with(directory.path(), text), ["datasets.sqlite3"]);
    }
    assert_eq!(api.record_count(&dataset).await, 3);
}

#[tokio::test]
async fn deleted_datasets_files_and_exports_are_erased_from_all_files() {
    let directory = tempfile::tempdir().unwrap();
    let api = start(directory.path()).await;
    let body = json!({"name": "Unwanted-name", "description": "unwanted-description"});
    let dataset: Dataset = api.post(DATASETS, body.to_string()).await.json(201);
    create(&api, &dataset, "unwanted-record", 5_000).await;
    let export = format!("{DATASETS}/{}/exports/to-jsonl", dataset.id);
    api.get(&export).await.json::<ExportResponse>(200);
    let lines = "{\"messages\":[{\"content\":\"unwanted-line\"}]}\n".repeat(2_000);
    let file = api.upload("unwanted-file.jsonl", lines).await;
    let task = api.import(&dataset, "from-file", json!({"file_id": file.id})).await;
    assert_eq!(task.status.as_str(), "COMPLETED");
    // The message of a failed task repeats a key of its file.
    let kept = api.create_dataset("Other one").await;
    create(&api, &kept, "wanted-record", 3).await;
    let unwanted = [
        "Unwanted-name",
        "unwanted-name",
        "unwanted-description",
        "unwanted-record",
        "unwanted-file",
        "unwanted-line",
    ];
    for text in unwanted {
        assert!(!files_with(directory.path(), text).is_empty(), "{text}");
    }
    // One file has the record itself, the other is the export.
    assert!(files_with(directory.path(), "unwanted-record").len() >= 2);
    api.delete(&format!("{DATASETS}/{}", dataset.id)).await.no_content();
    assert_eq!(api.delete(&format!("/v1/files/{}", file.id)).await.status, 200);
    wait_until_erased(directory.path(), &unwanted).await;
    assert_eq!(files_with(directory.path(), "wanted-record"), ["datasets.sqlite3"]);
    assert_eq!(api.record_count(&kept).await, 1);
}

#[tokio::test]
async fn a_reset_erases_everything() {
    let directory = tempfile::tempdir().unwrap();
    let api = start(directory.path()).await;
    let dataset = api.create_dataset("Reset-name").await;
    create(&api, &dataset, "reset-record", 2_000).await;
    api.upload("reset-file.jsonl", "reset-line").await;
    let body = json!([{"conversation_id": "reset-conversation", "messages": []}]);
    assert!(api.post("/local/v1/conversations", body.to_string()).await.status.is_success());
    let texts = ["Reset-name", "reset-record", "reset-file", "reset-line", "reset-conversation"];
    for text in texts {
        assert!(!files_with(directory.path(), text).is_empty(), "{text}");
    }
    api.post("/local/v1/reset", "").await.no_content();
    wait_until_erased(directory.path(), &texts).await;
}

#[tokio::test]
async fn deletions_of_a_stopped_server_are_erased_by_the_next_one() {
    let directory = tempfile::tempdir().unwrap();
    // The first server has no time to erase.
    let config = ServerConfig::default()
        .data(DataLocation::Directory(directory.path().to_owned()))
        .erase_delay(Duration::from_secs(3_600));
    let api = Api::start_with(config).await;
    let dataset = api.create_dataset("Restarted").await;
    let record = create(&api, &dataset, "deleted-before-restart", 5_000).await;
    create(&api, &dataset, "kept-over-restart", 3).await;
    api.delete(&format!("{RECORDS}/{}", record.id)).await.no_content();
    // The log alone still has the text, because nothing has overwritten it.
    let text = "deleted-before-restart";
    assert!(!files_with(directory.path(), text).is_empty());
    api.server.shutdown().await;
    let api = start(directory.path()).await;
    wait_until_erased(directory.path(), &[text]).await;
    assert_eq!(files_with(directory.path(), "kept-over-restart"), ["datasets.sqlite3"]);
    api.get(&records_path(&dataset)).await.json::<serde_json::Value>(200);
}
