//! `verify`: intact directories pass, and every kind of damage is found.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::server::{TestServer, run, stderr, stdout};

/// Text that must not appear in any output.
const CONVERSATION: &str = "a private conversation";

/// Creates a data directory with records, deleted records, an import and a file, and returns the id of the file.
pub fn create_data(directory: &Path) -> String {
    let server = TestServer::start(&["--data", directory.to_str().unwrap()]);
    let dataset = server.dataset(200);
    let payload = format!(r#"{{"messages": [{{"role": "user", "content": "{CONVERSATION}"}}]}}"#);
    let mut ids = Vec::new();
    for _ in 0..3 {
        let record = server.json(&["records", "add", &dataset, "--payload", &payload]);
        ids.push(record["id"].as_str().unwrap().to_owned());
    }
    server.json(&["records", "delete", &ids[1]]);
    let file = directory.join("upload.jsonl");
    fs::write(&file, CONVERSATION).unwrap();
    let uploaded = server.json(&["files", "upload", file.to_str().unwrap()]);
    fs::remove_file(file).unwrap();
    server.stop();
    uploaded["id"].as_str().unwrap().to_owned()
}

/// Copies a data directory.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Returns the names and sizes of all files in a directory.
fn files(directory: &Path) -> Vec<(PathBuf, u64)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        }
        files.push((path.clone(), path.metadata().unwrap().len()));
    }
    files.sort();
    files
}

fn verify(directory: &Path) -> (Option<i32>, Value) {
    let output = run("", "", &["--json", "verify", directory.to_str().unwrap()]);
    assert!(!stderr(&output).contains(CONVERSATION) && !stdout(&output).contains(CONVERSATION));
    let json = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
    (output.status.code(), json)
}

#[test]
fn an_intact_directory_is_verified_without_changing_it() {
    let outer = tempfile::tempdir().unwrap();
    let data = outer.path().join("data #1?%20");
    create_data(&data);
    let before = files(&data);
    let (code, report) = verify(&data);
    assert_eq!((code, &report["ok"], &report["in_use"]), (Some(0), &true.into(), &false.into()));
    assert_eq!((&report["datasets"], &report["records"]), (&1.into(), &202.into()));
    assert_eq!((&report["files"], &report["warnings"]), (&1.into(), &Value::Array(Vec::new())));
    assert_eq!(report["schema"], report["current_schema"]);
    assert_eq!(files(&data), before);
    let output = run("", "", &["verify", "--quick", data.to_str().unwrap()]);
    let text = stdout(&output);
    assert!(text.starts_with("no problems: 1 dataset, 202 records, 1 file, schema "), "{text}");

    let server = TestServer::start(&["--data", data.to_str().unwrap()]);
    let (code, report) = verify(&data);
    assert_eq!((code, &report["in_use"]), (Some(0), &Value::Bool(cfg!(unix))));
    server.stop();
}

#[test]
fn every_kind_of_damage_is_found_and_located() {
    let outer = tempfile::tempdir().unwrap();
    let data = outer.path().join("data");
    let file = create_data(&data);
    let damage = |name: &str, sql: &str| {
        let copied = outer.path().join(name);
        copy(&data, &copied);
        let database = rusqlite::Connection::open(copied.join("datasets.sqlite3")).unwrap();
        database.execute_batch(&format!("PRAGMA foreign_keys = off; {sql}")).unwrap();
        drop(database);
        verify(&copied)
    };
    for (name, sql, check, message) in [
        (
            "workspace",
            "UPDATE workspaces SET dataset_count = 7",
            "dataset counts",
            "counts 7 datasets, but has 1",
        ),
        (
            "dataset",
            "UPDATE datasets SET record_count = 7",
            "record counts",
            "counts 7 records, but its runs have 202",
        ),
        (
            "run",
            "UPDATE runs SET live = live + 1; UPDATE datasets SET record_count = (SELECT sum(live) FROM runs)",
            "records",
            "but has ",
        ),
        (
            "lost",
            "DELETE FROM records WHERE key = (SELECT min(key) FROM records)",
            "records",
            "but has ",
        ),
        (
            "gaps",
            "UPDATE gaps SET lost = lost + 1 WHERE level = 1",
            "gaps",
            "the gaps of level 1 do not match",
        ),
        ("no gaps", "DELETE FROM gaps", "gaps", "the gaps of level 0 do not match"),
        (
            "beyond",
            "UPDATE records SET key = key + 100000 WHERE key = (SELECT max(key) FROM records)",
            "records",
            "beyond its ",
        ),
        (
            "stray",
            "UPDATE records SET key = key + (1 << 40) WHERE key = (SELECT max(key) FROM records)",
            "records",
            "1 records belong to no run",
        ),
        (
            "ordinal",
            "UPDATE runs SET ordinal = ordinal + 1",
            "run ordinals",
            "runs, numbered from 2",
        ),
        (
            "tasks",
            "UPDATE tasks SET number = 5",
            "task numbers",
            "counts 1 tasks, but has 1, numbered up to 5",
        ),
        (
            "event",
            "INSERT INTO events (workspace, name, created_at, nb_messages, extra_fields) SELECT id, 'x', 0, 0, '{}' FROM workspaces",
            "events",
            "has neither messages nor a span",
        ),
        ("staged", "UPDATE tasks SET run = 1000", "staged runs", "stages records in run 1000"),
        (
            "reference",
            "UPDATE runs SET dataset = 1000",
            "references",
            "refers to a missing row of datasets",
        ),
        (
            "file count",
            "UPDATE workspaces SET file_count = 9",
            "file positions",
            "counts 9 files, but has 1",
        ),
        (
            "file gaps",
            "DELETE FROM file_gaps",
            "file positions",
            "the gaps of level 0 do not match",
        ),
        (
            "position",
            "UPDATE files SET position = 100",
            "file positions",
            "1 files without a valid position",
        ),
        ("size", "UPDATE files SET bytes = 1", "files", "bytes instead of 1"),
        (
            "signature",
            "UPDATE files SET signature = 'x'",
            "files",
            "its content does not match its SHA-256",
        ),
    ] {
        let (code, report) = damage(name, sql);
        assert_eq!((code, &report["ok"]), (Some(1), &false.into()), "{name}: {report}");
        let found = report["problems"].as_array().unwrap().iter().any(|problem| {
            problem["check"] == check && problem["message"].as_str().unwrap().contains(message)
        });
        assert!(found, "{name}: {report}");
    }

    let copied = outer.path().join("content");
    copy(&data, &copied);
    let content = copied.join("files").join(&file);
    fs::write(&content, "x".repeat(CONVERSATION.len())).unwrap();
    let (code, report) = verify(&copied);
    assert_eq!(
        (code, &report["problems"][0]["location"]),
        (Some(1), &format!("file {file}").into())
    );
    fs::remove_file(content).unwrap();
    let orphan = uuid::Uuid::now_v7().to_string();
    fs::write(copied.join("files").join(&orphan), "").unwrap();
    let (code, report) = verify(&copied);
    assert_eq!((code, &report["problems"][0]["message"]), (Some(1), &"has no content".into()));
    assert_eq!(report["warnings"][0]["location"], format!("content {orphan}"));
}

#[test]
fn damaged_pages_are_found() {
    use std::io::{Seek, SeekFrom, Write};

    let outer = tempfile::tempdir().unwrap();
    let data = outer.path().join("data");
    create_data(&data);
    let database = data.join("datasets.sqlite3");
    let pages = fs::metadata(&database).unwrap().len() / 8192;
    let mut file = fs::File::options().write(true).open(database).unwrap();
    for page in (pages / 2)..pages {
        file.seek(SeekFrom::Start(page * 8192)).unwrap();
        file.write_all(&[0xa5; 64]).unwrap();
    }
    let (code, report) = verify(&data);
    assert_eq!(code, Some(1));
    let problems = report["problems"].as_array().unwrap();
    assert!(problems.iter().any(|problem| problem["check"] == "database"), "{report}");
    let output = run("", "", &["verify", data.to_str().unwrap()]);
    assert!(stderr(&output).contains("database: "), "{}", stderr(&output));
    assert!(stderr(&output).contains(" problem"), "{}", stderr(&output));
    assert!(stdout(&output).starts_with("damaged: "), "{}", stdout(&output));
}

#[test]
fn other_directories_are_rejected() {
    let outer = tempfile::tempdir().unwrap();
    let output = run("", "", &["verify", outer.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("is not a data directory"), "{}", stderr(&output));
    assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 0);
    let newer = outer.path().join("newer");
    create_data(&newer);
    let database = rusqlite::Connection::open(newer.join("datasets.sqlite3")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    let output = run("", "", &["verify", newer.to_str().unwrap()]);
    assert!(stderr(&output).contains("newer version"), "{}", stderr(&output));
}

#[cfg(unix)]
#[test]
fn a_directory_without_write_permission_can_be_verified_after_a_crash_as_well() {
    let outer = tempfile::tempdir().unwrap();
    let data = outer.path().join("data");
    let server = TestServer::start(&["--data", data.to_str().unwrap()]);
    server.dataset(10);
    // Killed, so that the write-ahead log contains everything.
    drop(server);
    assert!(fs::metadata(data.join("datasets.sqlite3-wal")).unwrap().len() > 0);
    let (code, report) = verify(&data);
    assert_eq!((code, &report["records"]), (Some(0), &10.into()));
}
