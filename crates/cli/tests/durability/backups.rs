//! Backups, and servers that serve them again.

use std::path::Path;
use std::process::{Command, Output};

use crate::check_integrity;
use crate::kills::client;
use crate::load::{self, Load};
use crate::served::Served;

fn backup(from: &Path, to: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mistral-datasets"))
        .args(["backup", "--json"])
        .args([from, to])
        .output()
        .expect("the command runs")
}

fn succeeds(from: &Path, to: &Path) -> serde_json::Value {
    let output = backup(from, to);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The names in a directory.
fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("it can be listed");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_serving_server_has_all_it_had_acknowledged_and_agrees_with_itself() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = folder.path().join("data");
    let served = Served::start(&data);
    let client = client(&served);
    let mut loads = Vec::new();
    for number in 0..3 {
        loads.push(Load::begin(&client, &format!("Load {number}")).await);
    }
    let mut backups = Vec::new();
    for number in 0..4 {
        while loads.iter().any(|load| load.done().imports.len() <= 3 * number) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let done: Vec<_> = loads.iter().map(Load::done).collect();
        let to = folder.path().join(format!("backup {number}"));
        let path = to.clone();
        let from = data.clone();
        let report = tokio::task::spawn_blocking(move || succeeds(&from, &path)).await;
        assert!(report.expect("it ran")["bytes"].as_u64() > Some(0));
        backups.push((to, done));
    }
    let mut datasets = Vec::new();
    for load in loads {
        datasets.push(load.end().await);
    }
    served.terminate();

    for (backup, done) in &backups {
        assert_eq!(names(backup), ["datasets.sqlite3", "files"]);
        // Restoring is copying.
        let restored = folder.path().join("restored");
        let copied = Command::new("cp").arg("-r").args([backup, &restored]).status();
        assert!(copied.expect("cp runs").success());
        let served = Served::start(&restored);
        let client = crate::kills::client(&served);
        for (dataset, done) in datasets.iter().zip(done) {
            load::check(&client, *dataset, done).await;
        }
        client.datasets().create("A further one", "").await.expect("it takes writes");
        served.terminate();
        check_integrity(&restored);
        std::fs::remove_dir_all(&restored).expect("it is gone");
    }
    assert_eq!(names(folder.path()).len(), 1 + backups.len(), "nothing unfinished is left");
}

#[tokio::test]
async fn a_directory_that_nobody_serves_is_backed_up_whether_its_server_ended_in_order_or_not() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = folder.path().join("data");
    for (round, killed) in [(0, false), (1, true)] {
        let mut served = Served::start(&data);
        client(&served).datasets().create(format!("Dataset {round}"), "").await.expect("a dataset");
        if killed {
            served.kill()
        } else {
            served.terminate()
        }
        let to = folder.path().join(format!("backup {round}"));
        succeeds(&data, &to);
        let served = Served::start(&to);
        let listed = client(&served).datasets().list().await.expect("the datasets");
        assert_eq!(listed.datasets.results.len(), round + 1);
    }
}

#[test]
fn a_backup_replaces_nothing_and_leaves_nothing_where_there_is_nothing_to_back_up() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = folder.path().join("data");
    Served::start(&data).terminate();
    let file = folder.path().join("file");
    std::fs::write(&file, "mine").expect("it is written");
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).expect("it is made");
    let newer = folder.path().join("newer");
    succeeds(&data, &newer);
    let database = rusqlite::Connection::open(newer.join("datasets.sqlite3")).expect("it opens");
    database.pragma_update(None, "user_version", 99).expect("it is written");
    drop(database);
    let before = names(folder.path());

    let new = folder.path().join("new");
    for (from, to, words) in [
        (&data, &file, "is there already"),
        (&data, &empty, "is there already"),
        (&data, &data, "is there already"),
        (&empty, &new, "is no data directory"),
        (&file, &new, "is no data directory"),
        (&newer, &new, "newer version"),
        (&data, &folder.path().join("nowhere/new"), "cannot write"),
    ] {
        let output = backup(from, to);
        assert_eq!(output.status.code(), Some(1));
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
    assert_eq!(names(folder.path()), before);
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "mine");
}
