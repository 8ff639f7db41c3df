//! Data directories: persistence across restarts, locking and cleanup.

use std::path::Path;

use mistral_datasets_server::{DataLocation, Server, ServerConfig, StartError};
use mistral_datasets_types::{Dataset, DatasetRecord, ExportResponse, File, ImportTask, SignedUrl};
use serde_json::json;

use crate::support::{Api, DATASETS, RECORDS, eventually};

fn config(directory: &Path) -> ServerConfig {
    let data = DataLocation::Directory(directory.to_owned());
    ServerConfig::default().data(data)
}

#[tokio::test]
async fn data_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let api = Api::start_with(config(directory.path())).await;
    let dataset = api.create_dataset("Persistent").await;
    let record = api.create_record(&dataset, "kept").await;
    let deleted = api.create_record(&dataset, "deleted").await;
    api.delete(&format!("{RECORDS}/{}", deleted.id)).await.no_content();
    let file = api.upload("kept.jsonl", "{\"messages\": []}\n").await;
    let task = api.import(&dataset, "from-file", json!({"file_id": file.id})).await;
    let link: SignedUrl = api.get(&format!("/v1/files/{}/url", file.id)).await.json(200);
    let export: ExportResponse =
        api.get(&format!("{DATASETS}/{}/exports/to-jsonl", dataset.id)).await.json(200);
    let old_url = api.server.url();
    let records = api.records(&dataset).await;
    api.server.shutdown().await;

    let api = Api::start_with(config(directory.path())).await;
    let path = format!("{DATASETS}/{}", dataset.id);
    assert_eq!(api.get(&path).await.json::<Dataset>(200), dataset);
    assert_eq!(api.records(&dataset).await, records);
    let found: DatasetRecord = api.get(&format!("{RECORDS}/{}", record.id)).await.json(200);
    assert_eq!(found, record);
    let task_path = format!("{path}/tasks/{}", task.id);
    assert_eq!(api.get(&task_path).await.json::<ImportTask>(200), task);
    let file_path = format!("/v1/files/{}", file.id);
    assert_eq!(api.get(&file_path).await.json::<File>(200).filename, "kept.jsonl");
    assert_eq!(api.get(&format!("{file_path}/content")).await.text(), "{\"messages\": []}\n");
    // The signing secret is stored in the data directory, so old links stay valid.
    for link in [link.url, export.file_url] {
        let link = link.replace(&old_url, &api.server.url());
        assert_eq!(api.get(&link).await.status, 200);
    }
    assert_eq!(api.create_record(&dataset, "more").await.dataset_id, dataset.id);
    assert_eq!(api.record_count(&dataset).await, 3);
}

#[tokio::test]
async fn second_server_cannot_use_the_same_directory() {
    let directory = tempfile::tempdir().unwrap();
    let first = Server::start(config(directory.path())).await.unwrap();
    let error = Server::start(config(directory.path())).await.unwrap_err();
    assert!(matches!(error, StartError::InUse { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    assert!(text.contains(&directory.path().display().to_string()), "{text}");
    first.shutdown().await;
    // A dropped server may still be shutting down; the next one waits for the lock.
    drop(Server::start(config(directory.path())).await.unwrap());
    Server::start(config(directory.path())).await.unwrap().shutdown().await;
}

#[tokio::test]
async fn directory_of_a_newer_version_is_rejected() {
    let directory = tempfile::tempdir().unwrap();
    Server::start(config(directory.path())).await.unwrap().shutdown().await;
    let database = directory.path().join("datasets.sqlite3");
    let connection = rusqlite::Connection::open(&database).unwrap();
    connection.pragma_update(None, "user_version", 1_000).unwrap();
    drop(connection);
    let error = Server::start(config(directory.path())).await.unwrap_err();
    assert!(matches!(error, StartError::NewerVersion { .. }));
    assert!(error.to_string().contains("newer version"), "{error}");
}

#[tokio::test]
async fn invalid_data_directory_is_rejected() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let error = Server::start(config(&file)).await.unwrap_err();
    assert!(matches!(error, StartError::Data { .. }), "{error}");
    let other = directory.path().join("no-database");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("datasets.sqlite3"), "not a database, but long enough").unwrap();
    let error = Server::start(config(&other)).await.unwrap_err();
    assert!(matches!(error, StartError::Data { .. }), "{error}");
}

#[tokio::test]
async fn orphaned_files_are_removed_at_startup() {
    let directory = tempfile::tempdir().unwrap();
    let api = Api::start_with(config(directory.path())).await;
    let file = api.upload("kept.jsonl", "kept").await;
    api.server.shutdown().await;
    let files = directory.path().join("files");
    let orphan = files.join(uuid::Uuid::now_v7().to_string());
    let half = files.join("incoming/half");
    std::fs::write(&orphan, "x").unwrap();
    std::fs::write(&half, "x").unwrap();
    let api = Api::start_with(config(directory.path())).await;
    eventually(async || (!orphan.exists() && !half.exists()).then_some(())).await;
    assert_eq!(api.get(&format!("/v1/files/{}/content", file.id)).await.text(), "kept");
}

#[tokio::test]
async fn address_in_use_is_an_error() {
    let first = Server::start(ServerConfig::default()).await.unwrap();
    let config = ServerConfig::default().listen(first.addr());
    let error = Server::start(config).await.unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }));
    assert!(error.to_string().contains(&first.addr().to_string()), "{error}");
}

#[tokio::test]
async fn reset_removes_file_contents_in_the_background() {
    let directory = tempfile::tempdir().unwrap();
    let api = Api::start_with(config(directory.path())).await;
    let stored = || {
        let files = std::fs::read_dir(directory.path().join("files")).unwrap();
        files.filter(|file| file.as_ref().unwrap().path().is_file()).count()
    };
    for number in 0..20 {
        api.upload(&format!("{number}.jsonl"), "{\"messages\": []}\n").await;
    }
    assert_eq!(stored(), 20);
    api.post("/local/v1/reset", "").await.no_content();
    eventually(async || (stored() == 0).then_some(())).await;
}
