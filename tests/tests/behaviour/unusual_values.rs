//! Unusual values that are accepted: in responses, and as names of directories.

use std::collections::BTreeSet;
use std::process::Command;

use mistral_datasets::{Client, LocalData, RetryPolicy};
use mistral_datasets_tests::{CannedResponse, CannedServer};
use uuid::Uuid;

async fn client(body: &str) -> Client {
    let server = CannedServer::start(CannedResponse::json(200, body)).await;
    let builder = Client::builder().api_key("k").server_url(server.url());
    builder.retries(RetryPolicy::none()).build().unwrap()
}

#[tokio::test]
async fn unusual_values_in_responses_are_read() {
    let page = r#"{"datasets": {"count": 0.0, "results": []}}"#;
    assert_eq!(client(page).await.datasets().list().await.unwrap().datasets.count, 0);
    let page = "\u{feff}{\"datasets\": {\"count\": 2e0}}";
    assert_eq!(client(page).await.datasets().list().await.unwrap().datasets.count, 2);
    let page = r#"{"datasets": {"count": 0.5}}"#;
    client(page).await.datasets().list().await.unwrap_err();

    let id = Uuid::nil();
    let dataset = format!(
        r#"{{"id": "{id}", "created_at": "2025-12-17T10:25:07.5", "updated_at": "2025-12-17 10:25:07", "deleted_at": null,
            "name": "Refund requests", "description": "", "owner_id": "{id}", "workspace_id": "{id}"}}"#
    );
    let dataset = client(&dataset).await.datasets().fetch(id).await.unwrap();
    assert_eq!(dataset.created_at.to_rfc3339(), "2025-12-17T10:25:07.500+00:00");
    assert_eq!(dataset.updated_at.to_rfc3339(), "2025-12-17T10:25:07+00:00");

    let file = "\u{feff}{\"id\": \"f\", \"object\": \"file\", \"bytes\": 3.0, \"created_at\": 1.0, \"filename\": \"a\", \"purpose\": \"batch\", \
                \"sample_type\": \"batch_request\", \"source\": \"upload\"}";
    let upload = mistral_datasets::Upload::bytes("a", "abc");
    let file = client(file).await.files().upload(upload).await.unwrap();
    assert_eq!((file.bytes, file.created_at), (Some(3), 1));

    let server =
        CannedServer::start(CannedResponse::json(404, "\u{feff}{\"message\": \"gone\"}")).await;
    let client = Client::builder().api_key("k").server_url(server.url()).build().unwrap();
    assert_eq!(client.datasets().list().await.unwrap_err().message(), "gone");
}

const DIRECTORIES: [&str; 7] =
    ["file:odd", "file:x#y", "a?b", ":memory:", "%41", "file::memory:?cache=shared", "é b"];

/// Creates a dataset in each of the directories, which are relative paths: only these can start with `file:`.
#[tokio::test]
#[ignore = "run by another test in a process with another working directory"]
async fn create_datasets() {
    for name in DIRECTORIES {
        let client = Client::local(LocalData::Directory(name.into())).await.unwrap();
        client.datasets().create(format!("dataset {name}"), "").await.unwrap();
        client.close().await;
    }
}

#[tokio::test]
async fn local_directories_with_unusual_names() {
    if cfg!(windows) {
        mistral_datasets_tests::print_skipped("these names are not allowed on Windows");
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["unusual_values::create_datasets", "--exact", "--ignored"])
        .current_dir(parent.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let entries = parent.path().read_dir().unwrap();
    let entries: BTreeSet<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(entries, DIRECTORIES.map(Into::into).into());
    for name in DIRECTORIES {
        let data = LocalData::Directory(parent.path().join(name));
        let client = Client::local(data).await.unwrap();
        let datasets = client.datasets().list().await.unwrap().datasets.results;
        assert_eq!(
            datasets.iter().map(|dataset| &*dataset.name).collect::<Vec<_>>(),
            [&*format!("dataset {name}")]
        );
        client.close().await;
    }
}
