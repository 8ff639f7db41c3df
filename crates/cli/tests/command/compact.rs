//! `compact`

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::server::{TestServer, run, stderr};
use crate::verify::create_data;

fn compact(directory: &Path) -> Output {
    run("", "", &["--json", "compact", directory.to_str().unwrap()])
}

/// Creates a data directory with a database that is mostly unused.
fn create_sparse(data: &Path) {
    create_data(data);
    let database = rusqlite::Connection::open(data.join("datasets.sqlite3")).unwrap();
    database
        .execute_batch(
            "CREATE TABLE filler (text TEXT); \
             WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 500) \
             INSERT INTO filler SELECT hex(zeroblob(10000)) FROM n; DROP TABLE filler",
        )
        .unwrap();
}

#[test]
fn a_compacted_directory_is_smaller_private_and_intact() {
    let outer = tempfile::tempdir().unwrap();
    let data = outer.path().join("data");
    create_sparse(&data);
    // Left behind by a run that was killed.
    fs::write(data.join("datasets.sqlite3.compacted"), "incomplete").unwrap();
    let output = compact(&data);
    assert!(output.status.success(), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (before, after) = (report["bytes_before"].as_u64(), report["bytes_after"].as_u64());
    assert!(before > Some(10_000_000) && after < Some(1_000_000), "{report}");
    let database = fs::metadata(data.join("datasets.sqlite3")).unwrap();
    assert_eq!(Some(database.len()), after);
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&database.permissions()) & 0o777, 0o600);
    assert!(!data.join("datasets.sqlite3.compacted").exists());
    assert!(run("", "", &["verify", data.to_str().unwrap()]).status.success());
    let server = TestServer::start(&["--data", data.to_str().unwrap()]);
    assert_eq!(server.json(&["datasets", "list"])["datasets"]["count"], 1);
    server.stop();
}

#[test]
fn other_and_used_directories_are_rejected_and_unchanged() {
    let outer = tempfile::tempdir().unwrap();
    let (data, missing) = (outer.path().join("data"), outer.path().join("missing"));
    let message = |directory: &Path| {
        let output = compact(directory);
        assert_eq!(output.status.code(), Some(1));
        stderr(&output)
    };
    assert!(message(&missing).contains("is not a data directory"));
    assert!(!missing.exists());
    create_sparse(&data);
    let server = TestServer::start(&["--data", data.to_str().unwrap()]);
    let text = message(&data);
    assert!(text.contains("another process is using it (process "), "{text}");
    server.stop();

    let size = fs::metadata(data.join("datasets.sqlite3")).unwrap().len();
    // Another program that has opened the database, such as `sqlite3`.
    let database = data.join("datasets.sqlite3");
    let other = rusqlite::Connection::open(&database).unwrap();
    let mode: String = other.query_row("PRAGMA journal_mode = wal", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    let _: i64 = other.query_row("SELECT count(*) FROM records", [], |row| row.get(0)).unwrap();
    let text = message(&data);
    assert!(text.contains("another process is using it"), "{text}");
    drop(other);
    assert_eq!(fs::metadata(&database).unwrap().len(), size);
    assert!(compact(&data).status.success());
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_leaves_the_directory_as_it_was() {
    use std::process::{Command, Stdio};

    use crate::interrupts::{interrupt, wait_until};
    use crate::server::PROGRAM;

    let outer = tempfile::tempdir().unwrap();
    let data = outer.path().join("data");
    create_data(&data);
    let database = rusqlite::Connection::open(data.join("datasets.sqlite3")).unwrap();
    database
        .execute_batch(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 20000) \
             INSERT INTO settings SELECT 'filler ' || n, randomblob(10000) FROM n",
        )
        .unwrap();
    drop(database);
    let temporary = data.join("datasets.sqlite3.compacted");
    let size = || fs::metadata(&temporary).map_or(0, |file| file.len());
    let start = || {
        let child = Command::new(PROGRAM)
            .args(["compact", data.to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_until("the new database is being written", || size() > 1 << 20);
        child
    };
    assert_eq!(interrupt(start(), "-INT"), Some(130));
    assert!(!temporary.exists());
    let mut killed = start();
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(run("", "", &["verify", data.to_str().unwrap()]).status.success());
    // The next server removes what is left.
    let server = TestServer::start(&["--data", data.to_str().unwrap()]);
    assert!(!temporary.exists());
    server.stop();
}
