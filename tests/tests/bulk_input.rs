//! Bulk input: edge cases beyond the behaviour suite.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use mistral_datasets::types::TaskStatus;
use mistral_datasets::{
    ErrorKind, Jsonl, NewRecord, Options, Progress, RetryPolicy, Strategy, Upload,
};
use mistral_datasets_tests::Fixture;
use mistral_datasets_tests::bulk::{
    create_report, file_count, import_report, lines, numbers, outcome_names, record,
    take_request_count, write_file,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::Notify;

#[tokio::test]
async fn import_jsonl_uploads_plain_files_unchanged() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let directory = TempDir::new().unwrap();
    let content = b"{\"messages\": [] }  \r\n {\"payload\": {\"messages\": []}}\n";
    let path = write_file(&directory, "week 1.jsonl", content);
    let call = fixture.client.datasets().import_jsonl(dataset.id, Jsonl::path(path)).wait(false);
    let report = call.await.unwrap();
    let file = &report.files()[0];
    assert_eq!((file.first_line, file.lines, file.records), (1, 2, 2));
    let uploaded = fixture.client.files().retrieve(&file.file_id).await.unwrap();
    assert_eq!(uploaded.filename, "week 1.jsonl");
    let downloaded = fixture.client.files().download(&file.file_id).await.unwrap();
    assert_eq!(downloaded.bytes().await.unwrap(), &content[..]);
    let finished = fixture.wait_until_finished(file.task.clone()).await;
    assert_eq!(finished.status, TaskStatus::Completed);
}

#[tokio::test]
async fn import_jsonl_resumes_after_a_failed_file() {
    let fixture = Fixture::start_strict().await;
    let dataset = fixture.create_dataset().await;
    let datasets = fixture.client.datasets();
    let all = lines(30);
    // An error that only the server detects, in the second of three files.
    let valid_fields = r#""messages": [], "properties": {"n": 12}"#;
    let invalid_fields = format!("{:<1$}", r#""payload": {"no": "messages"}"#, valid_fields.len());
    let invalid = all.replace(valid_fields, &invalid_fields);
    assert!(invalid != all && invalid.len() == all.len());
    let call = |text: &str| {
        let jsonl = Jsonl::bytes(text.to_owned());
        datasets.import_jsonl(dataset.id, jsonl).max_file_bytes(text.len() as u64 / 3 + 20)
    };
    let error = call(&invalid).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskFailed);
    assert!(error.message().contains("payload.messages: required"), "{error}");
    let report = import_report(&error);
    assert_eq!(report.files().len(), 1);
    let done = report.records() as usize;
    assert_eq!(numbers(&fixture.client, &dataset).await, (0..done).collect::<Vec<_>>());

    let other_source = call(&lines(30).replacen('\n', "\n\n", 3)).resume(report.clone()).await;
    assert!(other_source.unwrap_err().message().starts_with("resume: the report belongs"));
    fixture.take_requests().await;
    let report = call(&all).resume(report.clone()).await.unwrap();
    assert_eq!((report.records(), report.files().len()), (30, 3));
    assert_eq!(take_request_count(&fixture, "upload_file").await, 2);
    assert_eq!(numbers(&fixture.client, &dataset).await, (0..30).collect::<Vec<_>>());
}

#[tokio::test]
async fn import_jsonl_never_starts_an_import_twice() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    fixture.take_requests().await;
    let lost_response =
        json!({"operation": "import_from_file", "carry_out": true, "reset_after_bytes": 0});
    fixture.inject_fault(lost_response).await;
    let call = || {
        let jsonl = Jsonl::bytes(lines(10));
        fixture.client.datasets().import_jsonl(dataset.id, jsonl).max_file_bytes(300)
    };
    let error = call().await.unwrap_err();
    assert!(error.is_ambiguous(), "{error}");
    let report = import_report(&error);
    let unknown = &report.unknown()[0];
    assert!(error.message().contains(&unknown.file_id), "{error}");
    assert_eq!((report.records(), unknown.first_line), (0, 1));
    let remaining = 10 - unknown.records;
    let report = call().resume(report.clone()).await.unwrap();
    assert_eq!((report.records(), report.unknown().len()), (remaining, 1));
    let imports = 1 + report.files().len();
    assert_eq!(take_request_count(&fixture, "import_from_file").await, imports);
    assert_eq!(numbers(&fixture.client, &dataset).await, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn import_jsonl_resumes_a_running_import() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let datasets = fixture.client.datasets();
    let call = || datasets.import_jsonl(dataset.id, Jsonl::bytes(lines(10)));
    fixture.inject_fault(json!({"operation": "fetch_task", "delay_ms": 10_000})).await;
    let short_timeout = Options::new().timeout(Duration::from_secs(3)).retries(RetryPolicy::none());
    let short_timeout = fixture.client_with(short_timeout).datasets();
    let error = short_timeout.import_jsonl(dataset.id, Jsonl::bytes(lines(10))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let report = import_report(&error);
    assert_eq!((report.files().len(), &report.files()[0].task.status), (1, &TaskStatus::Running));
    fixture.take_requests().await;
    let report = call().resume(report.clone()).await.unwrap();
    assert_eq!(report.files()[0].task.status, TaskStatus::Completed);
    assert_eq!(take_request_count(&fixture, "import_from_file").await, 0);
    assert_eq!(numbers(&fixture.client, &dataset).await.len(), 10);
    assert_eq!(file_count(&fixture).await, 0);
}

#[tokio::test]
async fn create_records_resumes_a_running_file_import() {
    let fixture = Fixture::start_strict().await;
    let dataset = fixture.create_dataset().await;
    let short_timeout = Options::new().timeout(Duration::from_secs(3)).retries(RetryPolicy::none());
    let short_timeout = fixture.client_with(short_timeout).datasets();
    for fails in [false, true] {
        fixture.inject_fault(json!({"operation": "fetch_task", "delay_ms": 10_000})).await;
        let mut records = [record(0), record(1)];
        if fails {
            records[1] = NewRecord::new(json!({"no": "messages"}), json!({}));
        }
        let call = short_timeout.create_records_iter(dataset.id, records).strategy(Strategy::File);
        let error = call.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        let report = create_report(&error);
        assert_eq!(outcome_names(report), ["unknown", "unknown"]);
        assert!(report.task().is_some());
        fixture.take_requests().await;
        let records = [record(0), record(1)];
        let call = fixture.client.datasets().create_records_iter(dataset.id, records);
        let report = call.strategy(Strategy::File).resume(report.clone()).await.unwrap();
        assert_eq!(outcome_names(&report), ["imported", "imported"]);
        // A failed import has created nothing, so it is started again.
        assert_eq!(take_request_count(&fixture, "import_from_file").await, usize::from(fails));
    }
    assert_eq!(numbers(&fixture.client, &dataset).await, [0, 1, 0, 1]);
}

#[tokio::test]
async fn rejected_uploads_are_retried_and_interrupted_ones_are_not() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let datasets = fixture.client.datasets();
    fixture.take_requests().await;
    fixture.inject_fault(json!({"operation": "upload_file", "status": 429, "times": 2})).await;
    let call = || datasets.import_jsonl(dataset.id, Jsonl::reader(TWO_LINES.as_bytes()));
    assert_eq!(call().await.unwrap().records(), 2);
    assert_eq!(take_request_count(&fixture, "upload_file").await, 3);

    fixture
        .inject_fault(
            json!({"operation": "upload_file", "carry_out": false, "reset_after_bytes": 0}),
        )
        .await;
    let error = call().await.unwrap_err();
    assert_eq!((error.kind(), error.is_ambiguous()), (ErrorKind::Connection, false));
    let report = import_report(&error).clone();
    assert_eq!(call().resume(report).await.unwrap().records(), 2);
    assert_eq!(numbers(&fixture.client, &dataset).await, [0, 1, 0, 1]);
}

/// Two lines with their index as property `n`.
const TWO_LINES: &str = concat!(
    "{\"messages\": [], \"properties\": {\"n\": 0}}\n",
    "{\"messages\": [], \"properties\": {\"n\": 1}}\n"
);

#[tokio::test]
async fn import_jsonl_detects_a_file_that_changes() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    fixture.take_requests().await;
    let directory = TempDir::new().unwrap();
    let path = write_file(&directory, "live.jsonl", lines(100).as_bytes());
    for phase in ["check", "upload"] {
        let changed_path = path.clone();
        let call = fixture.client.datasets().import_jsonl(dataset.id, Jsonl::path(&path));
        let call = call.on_progress(move |progress: &Progress| {
            if progress.phase == phase && progress.records > 0 {
                append(&changed_path, "not checked\n");
            }
        });
        let error = call.await.unwrap_err();
        assert!(error.message().ends_with("has changed during the import"), "{error}");
        std::fs::write(&path, lines(100)).unwrap();
    }
    let operations = fixture.take_operations().await;
    assert_eq!(operations, ["upload_file", "delete_file"]);
}

fn append(path: &Path, text: &str) {
    let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Returns a stream that stays pending after its items, and a notification that it was polled at that point.
fn stalled<T: Send + 'static>(
    items: Vec<T>,
) -> (impl Stream<Item = T> + Send + 'static, Arc<Notify>) {
    let polled = Arc::new(Notify::new());
    let notify = polled.clone();
    let pending = stream::poll_fn(move |_| {
        notify.notify_one();
        Poll::Pending
    });
    (stream::iter(items).chain(pending), polled)
}

#[tokio::test]
async fn bulk_input_can_be_cancelled_at_any_point() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    fixture.take_requests().await;
    for strategy in Strategy::ALL.iter().copied() {
        let (client, token) = fixture.client.cancellable();
        let (records, polled) = stalled(vec![record(0)]);
        let call = client.datasets().create_records(dataset.id, records).strategy(strategy);
        let call = tokio::spawn(call.concurrency(1).into_future());
        polled.notified().await;
        token.cancel();
        let error = call.await.unwrap().unwrap_err();
        assert_eq!(
            (error.kind(), error.operation()),
            (ErrorKind::Cancelled, Some("create_records"))
        );
        let expected = if strategy == Strategy::Single { "created" } else { "not sent" };
        assert_eq!(outcome_names(create_report(&error)), [expected], "{strategy}");
    }
    let (client, token) = fixture.client.cancellable();
    let (chunks, polled) = stalled(vec![Ok(Bytes::from(lines(1)))]);
    let call = client.datasets().import_jsonl(dataset.id, Jsonl::stream(chunks));
    let call = tokio::spawn(call.into_future());
    polled.notified().await;
    token.cancel();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Cancelled, Some("import_jsonl")));
    assert_eq!(fixture.take_operations().await, ["create_record"]);

    // Also during the backoff for an overloaded server.
    let busy =
        json!({"operation": "create_record", "status": 429, "headers": {"retry-after": "30"}});
    fixture.inject_fault(busy).await;
    let (client, token) = fixture.client.cancellable();
    let call = client.datasets().create_records_iter(dataset.id, (0..3).map(record));
    let call = tokio::spawn(call.concurrency(1).into_future());
    tokio::time::sleep(Duration::from_secs(1)).await;
    token.cancel();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(outcome_names(create_report(&error)), ["not sent"; 3]);
}

/// Returns valid lines and random mutations of them, the same in every run.
fn mutated_lines() -> Vec<Vec<u8>> {
    let valid = [
        r#"{"messages": [{"role": "user", "content": "é \"\ud83d"}], "properties": {"n": [1e5, null]}}"#,
        r#"{"payload": {"messages": [{}], "x": -0.5e-7}, "properties": null, "messages": 1}"#,
        r#"{"\u0070ayload": {"messages": []}, "payload": {"messages": [{"a": true}]}}"#,
    ];
    let mut random = 88_172_645_463_325_252_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let mut lines: Vec<Vec<u8>> = valid.iter().map(|line| line.as_bytes().to_vec()).collect();
    for line in valid {
        for _ in 0..60 {
            let mut line = line.as_bytes().to_vec();
            let index = next(line.len());
            match next(3) {
                0 => line[index] = b"{}[]\",:\\x0 \xff\x0c"[next(13)],
                1 => drop(line.remove(index)),
                _ => line.truncate(index),
            }
            lines.push(line);
        }
    }
    lines.retain(|line| !line.contains(&b'\n') && !line.trim_ascii().is_empty());
    lines
}

#[tokio::test]
async fn client_and_server_accept_the_same_lines() {
    let fixture = Fixture::start_strict().await;
    let dataset = fixture.create_dataset().await;
    let datasets = fixture.client.datasets();
    let (mut accepted, mut rejected) = (0, 0);
    for line in mutated_lines() {
        let shown = String::from_utf8_lossy(&line).into_owned();
        let upload = Upload::bytes("line.jsonl", line.clone());
        let file = fixture.client.files().upload(upload).await.unwrap();
        let task = datasets.import_from_file(dataset.id, file.id).await.unwrap();
        let server_result = fixture.wait_until_finished(task).await;
        // The server ignores unknown keys.
        let call = datasets.import_jsonl(dataset.id, Jsonl::bytes(line)).allow_unknown_keys(true);
        let client_result = call.wait(false).await;
        if server_result.status == TaskStatus::Completed {
            accepted += 1;
            assert!(client_result.is_ok(), "{shown}: {client_result:?}");
        } else if server_result.message.as_deref() != Some("line 1: payload.messages: required") {
            rejected += 1;
            assert!(client_result.is_err(), "{shown}: {server_result:?}");
        }
    }
    assert!(accepted > 20 && rejected > 50, "{accepted} accepted, {rejected} rejected");
}

/// The updates received by a progress callback.
type Updates = Arc<Mutex<Vec<Progress>>>;

fn progress_callback(updates: &Updates) -> impl FnMut(&Progress) + Send + 'static {
    let updates = updates.clone();
    move |progress: &Progress| updates.lock().unwrap().push(*progress)
}

/// Returns the last update of each phase, after checking that the numbers never decrease within a phase.
fn last_updates(updates: &Updates) -> Vec<(&'static str, u64, Option<u64>, Option<u64>)> {
    let updates = updates.lock().unwrap();
    let phases = updates.chunk_by(|before, after| before.phase == after.phase);
    phases
        .map(|phase| {
            assert!(phase.is_sorted_by_key(|progress| (progress.bytes, progress.records)));
            let last = phase.last().unwrap();
            (last.phase, last.records, last.total_records, last.total_bytes)
        })
        .collect()
}

#[tokio::test]
async fn bulk_input_reports_progress() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let datasets = fixture.client.datasets();
    let text = lines(50);
    let bytes = Some(text.len() as u64);
    let updates = Updates::default();
    let call = datasets.import_jsonl(dataset.id, Jsonl::bytes(text));
    call.on_progress(progress_callback(&updates)).await.unwrap();
    assert_eq!(
        last_updates(&updates),
        [
            ("check", 50, None, bytes),
            ("upload", 50, Some(50), bytes),
            ("import", 50, Some(50), None)
        ]
    );
    let updates = Updates::default();
    let call = datasets.create_records_iter(dataset.id, (0..20).map(record));
    call.on_progress(progress_callback(&updates)).await.unwrap();
    assert_eq!(last_updates(&updates), [("send", 20, Some(20), None)]);
}
