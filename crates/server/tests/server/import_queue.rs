//! The import queue: restarts, turns of the workspaces, and files that are deleted while imports wait for them.

use std::path::Path;
use std::time::Duration;

use mistral_datasets_server::{DataLocation, Limits, ServerConfig, backup};
use mistral_datasets_types::{Dataset, ImportTask, ListTasksResponse};
use rusqlite::Connection;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Api, DATASETS, eventually};

const LINE: &str = "{\"messages\": []}\n";

/// A server with one worker, so that imports wait for each other.
fn config(directory: &Path) -> ServerConfig {
    ServerConfig::default()
        .data(DataLocation::Directory(directory.to_owned()))
        .limits(Limits::default().imports(1))
}

fn numbered_lines(count: usize) -> String {
    (0..count).map(|n| json!({"messages": [{"n": n}]}).to_string() + "\n").collect()
}

async fn start_import(api: &Api, dataset: &Dataset, from: &str, body: Value) -> ImportTask {
    let path = format!("{DATASETS}/{}/imports/{from}", dataset.id);
    api.post(&path, body.to_string()).await.json(202)
}

async fn import_file(api: &Api, dataset: &Dataset, file: &str) -> ImportTask {
    start_import(api, dataset, "from-file", json!({"file_id": file})).await
}

async fn fetch_task(api: &Api, dataset: &Dataset, task: &ImportTask) -> ImportTask {
    api.get(&format!("{DATASETS}/{}/tasks/{}", dataset.id, task.id)).await.json(200)
}

/// Delays all further imports of the workspace.
async fn delay_imports(api: &Api, delay_ms: u64) {
    let rule = json!({"task": {"delay_ms": delay_ms}, "times": null});
    api.post("/local/v1/faults", rule.to_string()).await.json::<Value>(201);
}

/// Asserts that a task completed with this number of records.
#[track_caller]
fn assert_completed(task: &ImportTask, records: i64) {
    assert_eq!((task.status.as_str(), task.progress), ("COMPLETED", Some(100)), "{task:?}");
    let result = task.result.as_ref().expect("a completed task has a result");
    assert_eq!((result.requested_record_count, result.imported_record_count), (records, records));
}

/// Runs a query that returns a number on the database of a server.
fn query(directory: &Path, sql: &str) -> i64 {
    let database = rusqlite::Connection::open(directory.join("datasets.sqlite3")).unwrap();
    database.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Returns the names of the stored contents.
fn contents(directory: &Path) -> Vec<String> {
    let files = std::fs::read_dir(directory.join("files")).unwrap().map(Result::unwrap);
    let files = files.filter(|file| file.path().is_file());
    files.map(|file| file.file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn imports_are_resumed_after_each_restart_and_complete_exactly_once() {
    const LINES: usize = 60_000;
    let directory = tempfile::tempdir().unwrap();
    let mut api = Api::start_with(config(directory.path())).await;
    let from = api.create_dataset("The original").await;
    api.import_lines(&from, numbered_lines(3_000)).await;
    let originals = api.records(&from).await;
    let ids: Vec<Uuid> = originals.iter().map(|record| record.id).collect();
    let file = api.upload("large.jsonl", numbered_lines(LINES)).await;
    let (by_file, by_ids) =
        (api.create_dataset("From a file").await, api.create_dataset("From ids").await);
    let running = import_file(&api, &by_file, &file.id).await;
    let waiting =
        start_import(&api, &by_ids, "from-dataset", json!({"dataset_record_ids": ids})).await;
    let mut seen = 0;
    for _ in 0..3 {
        // The import has made progress since the last restart.
        eventually(async || {
            let task = fetch_task(&api, &by_file, &running).await;
            assert_eq!(task.status.as_str(), "RUNNING");
            (task.progress.unwrap() > seen).then(|| seen = task.progress.unwrap())
        })
        .await;
        assert_eq!(api.record_count(&by_file).await, 0);
        drop(api);
        api = Api::start_with(config(directory.path())).await;
        let task = fetch_task(&api, &by_file, &running).await;
        assert!(task.progress.unwrap() >= seen, "{task:?}");
    }
    assert_completed(&api.wait_for_task(&by_file, &running).await, LINES as i64);
    assert_completed(&api.wait_for_task(&by_ids, &waiting).await, 3_000);
    let records = api.records(&by_file).await;
    assert_eq!(records.len(), LINES);
    for (n, record) in records.iter().enumerate() {
        assert_eq!(record.payload.get(), format!(r#"{{"messages":[{{"n":{n}}}]}}"#));
    }
    let copies = api.records(&by_ids).await;
    let payloads = |records: &[mistral_datasets_types::DatasetRecord]| -> Vec<String> {
        records.iter().map(|record| record.payload.get().to_owned()).collect()
    };
    assert_eq!(payloads(&copies), payloads(&originals));
    // What the imports have read is removed in the background.
    for table in ["imports", "import_ids"] {
        let count = format!("SELECT count(*) FROM {table}");
        eventually(async || (query(directory.path(), &count) == 0).then_some(())).await;
    }
}

#[tokio::test]
async fn an_import_that_never_makes_progress_fails_after_five_attempts() {
    for (attempts, status) in [(4, "COMPLETED"), (5, "FAILED")] {
        let directory = tempfile::tempdir().unwrap();
        let api = Api::start_with(config(directory.path())).await;
        let dataset = api.create_dataset("Crashing").await;
        let file = api.upload("lines.jsonl", LINE).await;
        delay_imports(&api, 600_000).await;
        let task = import_file(&api, &dataset, &file.id).await;
        api.server.shutdown().await;
        let database =
            rusqlite::Connection::open(directory.path().join("datasets.sqlite3")).unwrap();
        assert_eq!(database.execute("UPDATE imports SET attempts = ?1", [attempts]).unwrap(), 1);
        drop(database);

        let api = Api::start_with(config(directory.path())).await;
        let task = api.wait_for_task(&dataset, &task).await;
        assert_eq!(task.status.as_str(), status);
        if status == "FAILED" {
            let message = task.message.unwrap();
            assert!(message.contains("interrupted 5 times"), "{message}");
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn waiting_imports_hold_no_open_files() {
    const IMPORTS: usize = 1_100;
    let directory = tempfile::tempdir().unwrap();
    let limits = Limits::default().imports(1).queued_imports(IMPORTS);
    let api = Api::start_with(config(directory.path()).limits(limits)).await;
    let dataset = api.create_dataset("Many imports").await;
    let file = api.upload("line.jsonl", LINE).await;
    let content = directory.path().join("files").join(&file.id);
    let open_files = || {
        let open = std::fs::read_dir("/proc/self/fd").unwrap().map(Result::unwrap);
        open.filter(|open| std::fs::read_link(open.path()).is_ok_and(|path| path == content))
            .count()
    };
    delay_imports(&api, 1_000).await;
    let mut most = 0;
    for _ in 0..IMPORTS {
        import_file(&api, &dataset, &file.id).await;
        most = most.max(open_files());
    }
    eventually(async || {
        most = most.max(open_files());
        (api.record_count(&dataset).await == IMPORTS as i64).then_some(())
    })
    .await;
    assert!(most <= 1, "{most} open files");
}

#[tokio::test]
async fn workspaces_take_turns() {
    let directory = tempfile::tempdir().unwrap();
    let busy = Api::start_with(config(directory.path())).await;
    let other = busy.with_key("another key");
    let dataset = busy.create_dataset("Busy one").await;
    let file = busy.upload("large.jsonl", LINE.repeat(20_000)).await;
    for _ in 0..12 {
        import_file(&busy, &dataset, &file.id).await;
    }
    let completed = async || {
        let path = format!("{DATASETS}/{}/tasks", dataset.id);
        let tasks: ListTasksResponse = busy.get(&path).await.json(200);
        tasks.tasks.results.iter().filter(|task| task.status.as_str() == "COMPLETED").count()
    };
    let small = other.create_dataset("Small").await;
    let line = other.upload("line.jsonl", LINE).await;
    let before = completed().await;
    let task = import_file(&other, &small, &line.id).await;
    assert_completed(&other.wait_for_task(&small, &task).await, 1);
    let after = completed().await;
    // One import of the busy workspace was running.
    assert!(after <= before + 2 && after < 12, "{before} were completed, then {after}");
}

#[tokio::test]
async fn one_workspace_cannot_fill_the_queue_of_others() {
    let directory = tempfile::tempdir().unwrap();
    let limits = Limits::default().imports(1).queued_imports(5);
    let busy = Api::start_with(config(directory.path()).limits(limits)).await;
    let dataset = busy.create_dataset("Busy one").await;
    let file = busy.upload("line.jsonl", LINE).await;
    delay_imports(&busy, 600_000).await;
    for _ in 0..6 {
        import_file(&busy, &dataset, &file.id).await;
    }
    let path = format!("{DATASETS}/{}/imports/from-file", dataset.id);
    let rejected = busy.post(&path, json!({"file_id": file.id}).to_string()).await;
    assert!(rejected.error(503, "UNKNOWN_ERROR").contains("too many imports"));
    let other = busy.with_key("another key");
    let own = other.create_dataset("Other").await;
    assert_completed(&other.import_lines(&own, LINE).await, 1);

    // A reset ends the delayed imports.
    busy.post("/local/v1/reset", "").await.no_content();
    let again = busy.create_dataset("Again").await;
    assert_completed(&busy.import_lines(&again, LINE).await, 1);
    eventually(async || {
        (query(directory.path(), "SELECT count(*) FROM imports") == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_reset_ends_running_and_waiting_imports() {
    let directory = tempfile::tempdir().unwrap();
    let api = Api::start_with(config(directory.path())).await;
    let dataset = api.create_dataset("To be reset").await;
    let file = api.upload("large.jsonl", LINE.repeat(200_000)).await;
    let running = import_file(&api, &dataset, &file.id).await;
    for _ in 0..3 {
        import_file(&api, &dataset, &file.id).await;
    }
    eventually(async || {
        let task = fetch_task(&api, &dataset, &running).await;
        (task.progress != Some(0)).then_some(())
    })
    .await;
    api.post("/local/v1/reset", "").await.no_content();
    // The only worker is free again, before it could have imported the rest.
    let again = api.create_dataset("Again").await;
    assert_completed(&api.import_lines(&again, LINE).await, 1);
    // Nothing of the other imports is left.
    eventually(async || {
        (query(directory.path(), "SELECT count(*) FROM records") == 1).then_some(())
    })
    .await;
    eventually(async || {
        (query(directory.path(), "SELECT count(*) FROM imports") == 0).then_some(())
    })
    .await;
    eventually(async || (contents(directory.path()).len() == 1).then_some(())).await;
}

#[tokio::test]
async fn a_deleted_file_is_readable_for_imports_that_wait_and_is_then_removed() {
    let directory = tempfile::tempdir().unwrap();
    let (data, copy) = (directory.path().join("data"), directory.path().join("copy"));
    let api = Api::start_with(config(&data)).await;
    let dataset = api.create_dataset("Deleted file").await;
    let file = api.upload("lines.jsonl", LINE.repeat(3)).await;
    let content = file.id.clone();
    delay_imports(&api, 600_000).await;
    let task = import_file(&api, &dataset, &file.id).await;
    api.delete(&format!("/v1/files/{}", file.id)).await.json::<Value>(200);
    for path in ["", "/content", "/url"] {
        let path = format!("/v1/files/{}{path}", file.id);
        api.get(&path).await.error(404, "UNKNOWN_ERROR");
    }
    let path = format!("{DATASETS}/{}/imports/from-file", dataset.id);
    let again = api.post(&path, json!({"file_id": file.id}).to_string()).await;
    again.error(404, "UNKNOWN_ERROR");
    assert_eq!(contents(&data), std::slice::from_ref(&content));
    // A backup contains what the import still needs.
    assert_eq!(backup(&data, &copy, || true).unwrap().files, 1);
    api.server.shutdown().await;
    assert_eq!(contents(&data), [content]);

    for directory in [&data, &copy] {
        let api = Api::start_with(config(directory)).await;
        assert_completed(&api.wait_for_task(&dataset, &task).await, 3);
        assert_eq!(api.record_count(&dataset).await, 3);
        eventually(async || contents(directory).is_empty().then_some(())).await;
    }
}

#[tokio::test]
async fn an_import_waits_for_an_external_lock_before_it_starts() {
    let directory = tempfile::tempdir().unwrap();
    let api = Api::start_with(config(directory.path())).await;
    let dataset = api.create_dataset("Locked").await;
    let file = api.upload("lines.jsonl", LINE.repeat(3)).await;
    delay_imports(&api, 300).await;
    let task = import_file(&api, &dataset, &file.id).await;
    let other = Connection::open(directory.path().join("datasets.sqlite3")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // The delay ends while the database is locked.
    tokio::time::sleep(Duration::from_secs(2)).await;
    other.execute_batch("COMMIT").unwrap();
    assert_completed(&api.wait_for_task(&dataset, &task).await, 3);
}
