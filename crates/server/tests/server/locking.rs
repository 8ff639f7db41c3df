//! A data directory belongs to one server, whatever happens to its lock file.
#![cfg(unix)]

use std::fs;
use std::path::Path;

use mistral_datasets_server::{DataLocation, Server, ServerConfig, StartError};

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
