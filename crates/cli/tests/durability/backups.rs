//! `backup`, and servers that use a backup as their data directory.

use std::path::Path;
use std::process::{Command, Output};

use crate::check_integrity;
use crate::kills::client;
use crate::load::{self, Load};
use crate::server::TestServer;

fn run_backup(from: &Path, to: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mistral-datasets"))
        .args(["backup", "--json"])
        .args([from, to])
        .output()
        .expect("the command runs")
}

/// Makes a backup, which must succeed, and returns the report.
fn backup(from: &Path, to: &Path) -> serde_json::Value {
    let output = run_backup(from, to);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Returns the sorted names of a directory's entries.
fn file_names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("directory can be listed");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("directory entry").file_name().into_string().expect("UTF-8 name"))
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_running_server_is_consistent_and_contains_all_acknowledged_writes() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let data = directory.path().join("data");
    let server = TestServer::start(&data);
    let client = client(&server);
    let mut loads = Vec::new();
    for number in 0..3 {
        loads.push(Load::start(&client, &format!("Load {number}")).await);
    }
    let mut backups = Vec::new();
    for number in 0..4 {
        while loads.iter().any(|load| load.acknowledged().imports.len() <= 3 * number) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let acknowledged: Vec<_> = loads.iter().map(Load::acknowledged).collect();
        let to = directory.path().join(format!("backup {number}"));
        let path = to.clone();
        let from = data.clone();
        let report = tokio::task::spawn_blocking(move || backup(&from, &path)).await;
        assert!(report.expect("backup completes")["bytes"].as_u64() > Some(0));
        backups.push((to, acknowledged));
    }
    let mut datasets = Vec::new();
    for load in loads {
        datasets.push(load.stop().await);
    }
    server.shutdown();

    for (backup, acknowledged) in &backups {
        assert_eq!(file_names(backup), ["datasets.sqlite3", "files"]);
        // To restore a backup, copy it.
        let restored = directory.path().join("restored");
        let copied = Command::new("cp").arg("-r").args([backup, &restored]).status();
        assert!(copied.expect("cp runs").success());
        let server = TestServer::start(&restored);
        let client = crate::kills::client(&server);
        for (dataset, acknowledged) in datasets.iter().zip(acknowledged) {
            load::check(&client, *dataset, acknowledged).await;
        }
        client.datasets().create("Another dataset", "").await.expect("server accepts writes");
        server.shutdown();
        check_integrity(&restored);
        std::fs::remove_dir_all(&restored).expect("directory is removed");
    }
    assert_eq!(
        file_names(directory.path()).len(),
        1 + backups.len(),
        "a temporary directory was left behind"
    );
}

#[tokio::test]
async fn a_backup_works_after_a_graceful_shutdown_and_after_a_kill() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let data = directory.path().join("data");
    for (round, killed) in [(0, false), (1, true)] {
        let mut server = TestServer::start(&data);
        client(&server)
            .datasets()
            .create(format!("Dataset {round}"), "")
            .await
            .expect("dataset is created");
        if killed {
            server.kill()
        } else {
            server.shutdown()
        }
        let to = directory.path().join(format!("backup {round}"));
        backup(&data, &to);
        let server = TestServer::start(&to);
        let listed = client(&server).datasets().list().await.expect("the datasets");
        assert_eq!(listed.datasets.results.len(), round + 1);
    }
}

#[test]
fn a_failed_backup_replaces_no_files_and_leaves_none_behind() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let data = directory.path().join("data");
    TestServer::start(&data).shutdown();
    let file = directory.path().join("file");
    std::fs::write(&file, "mine").expect("file is written");
    let empty = directory.path().join("empty");
    std::fs::create_dir(&empty).expect("directory is created");
    let newer = directory.path().join("newer");
    backup(&data, &newer);
    let database =
        rusqlite::Connection::open(newer.join("datasets.sqlite3")).expect("database opens");
    database.pragma_update(None, "user_version", 99).expect("file is written");
    drop(database);
    let before = file_names(directory.path());

    let new = directory.path().join("new");
    for (from, to, message) in [
        (&data, &file, "already exists"),
        (&data, &empty, "already exists"),
        (&data, &data, "already exists"),
        (&empty, &new, "is not a data directory"),
        (&file, &new, "is not a data directory"),
        (&newer, &new, "newer version"),
        (&data, &directory.path().join("missing/new"), "cannot write"),
    ] {
        let output = run_backup(from, to);
        assert_eq!(output.status.code(), Some(1));
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(stderr.contains(message), "{message}: {stderr}");
    }
    assert_eq!(file_names(directory.path()), before);
    assert_eq!(std::fs::read_to_string(&file).expect("file is readable"), "mine");
}
