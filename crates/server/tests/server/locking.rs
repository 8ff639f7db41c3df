//! A data directory belongs to one server, even if its lock file is deleted or replaced.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use mistral_datasets_server::{DataLocation, Server, ServerConfig, StartError};
use mistral_datasets_types::Dataset;

use crate::support::{Api, DATASETS};

fn config(directory: &Path) -> ServerConfig {
    ServerConfig::default().data(DataLocation::Directory(directory.to_owned()))
}

/// Starts a second server, which must fail because the directory is in use.
async fn assert_in_use(directory: &Path) -> Option<u32> {
    match Server::start(config(directory)).await {
        Err(StartError::InUse { process, .. }) => process,
        Err(error) => panic!("unexpected error: {error}"),
        Ok(_) => panic!("a second server started"),
    }
}

#[tokio::test]
async fn a_deleted_or_replaced_lock_file_does_not_admit_a_second_server() {
    let directory = tempfile::tempdir().unwrap();
    let lock_file = directory.path().join("lock");
    let first = Server::start(config(directory.path())).await.unwrap();
    assert_eq!(assert_in_use(directory.path()).await, Some(std::process::id()));
    fs::remove_file(&lock_file).unwrap();
    // The id of the process is unknown without the file.
    assert_eq!(assert_in_use(directory.path()).await, None);
    let other = directory.path().join("other");
    fs::write(&other, "4000000\n").unwrap();
    fs::rename(&other, &lock_file).unwrap();
    assert_eq!(assert_in_use(directory.path()).await, None);
    assert_eq!(fs::read_to_string(&lock_file).unwrap(), "4000000\n");
    first.shutdown().await;
    Server::start(config(directory.path())).await.unwrap().shutdown().await;
}

#[tokio::test]
async fn other_names_of_the_directory_are_in_use_as_well() {
    let outer = tempfile::tempdir().unwrap();
    let (directory, link) = (outer.path().join("data"), outer.path().join("link"));
    let first = Server::start(config(&directory)).await.unwrap();
    std::os::unix::fs::symlink(&directory, &link).unwrap();
    assert_eq!(assert_in_use(&link).await, Some(std::process::id()));
    let moved = outer.path().join("moved");
    fs::rename(&directory, &moved).unwrap();
    fs::remove_file(moved.join("lock")).unwrap();
    assert_eq!(assert_in_use(&moved).await, None);
    first.shutdown().await;
}

#[tokio::test]
async fn a_locked_lock_file_excludes_the_directory() {
    // Servers of earlier versions lock only the file.
    let directory = tempfile::tempdir().unwrap();
    let file = fs::File::create(directory.path().join("lock")).unwrap();
    fs::write(directory.path().join("lock"), "4000000\n").unwrap();
    file.try_lock().unwrap();
    assert_eq!(assert_in_use(directory.path()).await, Some(4_000_000));
    drop(file);
    Server::start(config(directory.path())).await.unwrap().shutdown().await;
}

#[tokio::test]
async fn writes_behind_an_external_lock_are_rejected_with_retry_after_and_reads_continue() {
    let directory = tempfile::tempdir().unwrap();
    let api = Api::start_with(config(directory.path())).await;
    let dataset = api.create_dataset("Locked").await;
    let path = format!("{DATASETS}/{}", dataset.id);
    let other = rusqlite::Connection::open(directory.path().join("datasets.sqlite3")).unwrap();
    for begin in ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"] {
        other.execute_batch(begin).unwrap();
        let started = Instant::now();
        let response = api.patch(&path, r#"{"description": "New"}"#).await;
        let message = response.error(503, "DATABASE_UNAVAILABLE");
        assert_eq!(message, "another program is using the database; try again later");
        assert_eq!(response.headers["retry-after"], "1");
        let elapsed = started.elapsed();
        assert!(elapsed < Duration::from_secs(4), "{elapsed:?}");
        // Requests that wait together do not wait one after the other.
        let bodies = [r#"{"description": "A"}"#; 20];
        let waiting = bodies.map(|body| api.patch(&path, body));
        for response in futures::future::join_all(waiting).await {
            response.error(503, "DATABASE_UNAVAILABLE");
        }
        let elapsed = started.elapsed();
        assert!(elapsed < Duration::from_secs(8), "{elapsed:?}");
        assert_eq!(api.get(&path).await.json::<Dataset>(200), dataset);
        other.execute_batch("COMMIT").unwrap();
    }
    api.patch(&path, r#"{"description": "New"}"#).await.json::<Dataset>(200);

    // A lock that is released soon only delays the write.
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let release = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(100));
        other.execute_batch("COMMIT").unwrap();
    });
    api.patch(&path, r#"{"description": "Newer"}"#).await.json::<Dataset>(200);
    release.await.unwrap();
}
