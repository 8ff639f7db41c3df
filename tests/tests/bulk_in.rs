//! What bulk input does beside the cases of the behaviour suite.

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
    count_of, create_report, files, import_report, lines, numbers, record, words, written,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::Notify;

#[tokio::test]
async fn import_jsonl_uploads_plain_files_as_they_are() {
    let fixture = Fixture::start().await;
    let dataset = fixture.dataset().await;
    let folder = TempDir::new().unwrap();
    let content = b"{\"messages\": [] }  \r\n {\"payload\": {\"messages\": []}}\n";
    let path = written(&folder, "week 1.jsonl", content);
    let call = fixture.client.datasets().import_jsonl(dataset.id, Jsonl::path(path)).wait(false);
    let report = call.await.unwrap();
    let file = &report.files()[0];
    assert_eq!((file.first_line, file.lines, file.records), (1, 2, 2));
    let uploaded = fixture.client.files().retrieve(&file.file_id).await.unwrap();
    assert_eq!(uploaded.filename, "week 1.jsonl");
    let downloaded = fixture.client.files().download(&file.file_id).await.unwrap();
    assert_eq!(downloaded.bytes().await.unwrap(), &content[..]);
    let finished = fixture.finished(file.task.clone()).await;
    assert_eq!(finished.status, TaskStatus::Completed);
}

#[tokio::test]
async fn import_jsonl_resumes() {
    let fixture = Fixture::start().await;
    let dataset = fixture.dataset().await;
    let datasets = fixture.client.datasets();
    let all = lines(30);
    // The server finds what the client leaves to it, in the second of three files.
    let good = r#""messages": [], "properties": {"n": 12}"#;
    let bad = format!("{:<1$}", r#""payload": {"no": "messages"}"#, good.len());
    let spoiled = all.replace(good, &bad);
    assert!(spoiled != all && spoiled.len() == all.len());
    let call = |text: &str| {
        let jsonl = Jsonl::bytes(text.to_owned());
        datasets.import_jsonl(dataset.id, jsonl).max_file_bytes(text.len() as u64 / 3 + 20)
    };
    let error = call(&spoiled).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskFailed);
    assert!(error.message().contains("payload.messages: required"), "{error}");
    let report = import_report(&error);
    assert_eq!(report.files().len(), 1);
    let done = report.records() as usize;
    assert_eq!(numbers(&fixture.client, &dataset).await, (0..done).collect::<Vec<_>>());

    let other = call(&lines(30).replacen('\n', "\n\n", 3)).resume(report.clone()).await;
    assert!(other.unwrap_err().message().starts_with("resume: the report belongs"));
    fixture.requests().await;
    let report = call(&all).resume(report.clone()).await.unwrap();
    assert_eq!((report.records(), report.files().len()), (30, 3));
    assert_eq!(count_of(&fixture, "upload_file").await, 2);
    assert_eq!(numbers(&fixture.client, &dataset).await, (0..30).collect::<Vec<_>>());
}

#[tokio::test]
async fn import_jsonl_never_begins_an_import_twice() {
    let fixture = Fixture::start().await;
    let dataset = fixture.dataset().await;
    fixture.requests().await;
    let cut = json!({"operation": "import_from_file", "carry_out": true, "reset_after_bytes": 0});
    fixture.inject_fault(cut).await;
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
    let left = 10 - unknown.records;
    let report = call().resume(report.clone()).await.unwrap();
    assert_eq!((report.records(), report.unknown().len()), (left, 1));
    let imports = 1 + report.files().len();
    assert_eq!(count_of(&fixture, "import_from_file").await, imports);
    assert_eq!(numbers(&fixture.client, &dataset).await, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn import_jsonl_waits_for_what_is_under_way() {
    let fixture = Fixture::start().await;
    let dataset = fixture.dataset().await;
    let datasets = fixture.client.datasets();
    let call = || datasets.import_jsonl(dataset.id, Jsonl::bytes(lines(10)));
    fixture.inject_fault(json!({"operation": "fetch_task", "delay_ms": 10_000})).await;
    let hasty = Options::new().timeout(Duration::from_secs(3)).retries(RetryPolicy::none());
    let hasty = fixture.client_with(hasty).datasets();
    let error = hasty.import_jsonl(dataset.id, Jsonl::bytes(lines(10))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let report = import_report(&error);
    assert_eq!((report.files().len(), &report.files()[0].task.status), (1, &TaskStatus::Running));
    fixture.requests().await;
    let report = call().resume(report.clone()).await.unwrap();
    assert_eq!(report.files()[0].task.status, TaskStatus::Completed);
    assert_eq!(count_of(&fixture, "import_from_file").await, 0);
    assert_eq!(numbers(&fixture.client, &dataset).await.len(), 10);
    assert_eq!(files(&fixture).await, 0);
}

#[tokio::test]
async fn create_records_waits_for_a_file_that_is_under_way() {
    let fixture = Fixture::start().await;
    let dataset = fixture.dataset().await;
    let hasty = Options::new().timeout(Duration::from_secs(3)).retries(RetryPolicy::none());
    let hasty = fixture.client_with(hasty).datasets();
    for fails in [false, true] {
        fixture.inject_fault(json!({"operation": "fetch_task", "delay_ms": 10_000})).await;
        let mut records = [record(0), record(1)];
        if fails {
            records[1] = NewRecord::new(json!({"no": "messages"}), json!({}));
        }
        let call = hasty.create_records_iter(dataset.id, records).strategy(Strategy::File);
        let error = call.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        let report = create_report(&error);
        assert_eq!(words(report), ["unknown", "unknown"]);
        assert!(report.task().is_some());
        fixture.requests().await;
        let again = [record(0), record(1)];
        let call = fixture.client.datasets().create_records_iter(dataset.id, again);
        let report = call.strategy(Strategy::File).resume(report.clone()).await.unwrap();
        assert_eq!(words(&report), ["imported", "imported"]);
        // What is known to have failed, nothing of which was created, is sent again.
        assert_eq!(count_of(&fixture, "import_from_file").await, usize::from(fails));
    }
    assert_eq!(numbers(&fixture.client, &dataset).await, [0, 1, 0, 1]);
}

#[tokio::test]
async fn uploads_are_made_again_where_they_were_refused_and_never_guessed_at() {
    let fixture = Fixture::start().await;
    let dataset = fixture.dataset().await;
    let datasets = fixture.client.datasets();
    fixture.requests().await;
    fixture.inject_fault(json!({"operation": "upload_file", "status": 429, "times": 2})).await;
    let call = || datasets.import_jsonl(dataset.id, Jsonl::reader(TWO_LINES.as_bytes()));
    assert_eq!(call().await.unwrap().records(), 2);
    assert_eq!(count_of(&fixture, "upload_file").await, 3);

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

/// Each says which one it is.
const TWO_LINES: &str = concat!(
    "{\"messages\": [], \"properties\": {\"n\": 0}}\n",
    "{\"messages\": [], \"properties\": {\"n\": 1}}\n"
);

#[tokio::test]
async fn import_jsonl_notices_a_file_that_changes() {
    let fixture = Fixture::start().await;
    let dataset = fixture.dataset().await;
    fixture.requests().await;
    let folder = TempDir::new().unwrap();
    let path = written(&folder, "live.jsonl", lines(100).as_bytes());
    for phase in ["check", "upload"] {
        let changed = path.clone();
        let call = fixture.client.datasets().import_jsonl(dataset.id, Jsonl::path(&path));
        let call = call.on_progress(move |progress: &Progress| {
            if progress.phase == phase && progress.records > 0 {
                append(&changed, "not checked\n");
            }
        });
        let error = call.await.unwrap_err();
        assert!(error.message().ends_with("has changed during the import"), "{error}");
        std::fs::write(&path, lines(100)).unwrap();
    }
    let operations = fixture.operations().await;
    assert_eq!(operations, ["upload_file", "delete_file"]);
}

fn append(path: &Path, text: &str) {
    let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A source that yields these items and then nothing, not even its end, and what tells when it is asked for more.
fn stalled<T: Send + 'static>(
    items: Vec<T>,
) -> (impl Stream<Item = T> + Send + 'static, Arc<Notify>) {
    let asked = Arc::new(Notify::new());
    let told = asked.clone();
    let nothing = stream::poll_fn(move |_| {
        told.notify_one();
        Poll::Pending
    });
    (stream::iter(items).chain(nothing), asked)
}

#[tokio::test]
async fn bulk_input_is_broken_off_whatever_it_waits_for() {
    let fixture = Fixture::start().await;
    let dataset = fixture.dataset().await;
    fixture.requests().await;
    for strategy in Strategy::ALL.iter().copied() {
        let (client, token) = fixture.client.cancellable();
        let (records, asked) = stalled(vec![record(0)]);
        let call = client.datasets().create_records(dataset.id, records).strategy(strategy);
        let call = tokio::spawn(call.concurrency(1).into_future());
        asked.notified().await;
        token.cancel();
        let error = call.await.unwrap().unwrap_err();
        assert_eq!(
            (error.kind(), error.operation()),
            (ErrorKind::Cancelled, Some("create_records"))
        );
        let expected = if strategy == Strategy::Single { "created" } else { "not sent" };
        assert_eq!(words(create_report(&error)), [expected], "{strategy}");
    }
    let (client, token) = fixture.client.cancellable();
    let (pieces, asked) = stalled(vec![Ok(Bytes::from(lines(1)))]);
    let call = client.datasets().import_jsonl(dataset.id, Jsonl::stream(pieces));
    let call = tokio::spawn(call.into_future());
    asked.notified().await;
    token.cancel();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Cancelled, Some("import_jsonl")));
    assert_eq!(fixture.operations().await, ["create_record"]);

    // Also while it gives a busy server time.
    let busy =
        json!({"operation": "create_record", "status": 429, "headers": {"retry-after": "30"}});
    fixture.inject_fault(busy).await;
    let (client, token) = fixture.client.cancellable();
    let call = client.datasets().create_records_iter(dataset.id, (0..3).map(record));
    let call = tokio::spawn(call.concurrency(1).into_future());
    tokio::time::sleep(Duration::from_secs(1)).await;
    token.cancel();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(words(create_report(&error)), ["not sent"; 3]);
}

/// A line and what becomes of it when it is changed here and there, the same at every run.
fn odd_lines() -> Vec<Vec<u8>> {
    let good = [
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
    let mut lines: Vec<Vec<u8>> = good.iter().map(|line| line.as_bytes().to_vec()).collect();
    for line in good {
        for _ in 0..60 {
            let mut line = line.as_bytes().to_vec();
            let place = next(line.len());
            match next(3) {
                0 => line[place] = b"{}[]\",:\\x0 \xff\x0c"[next(13)],
                1 => drop(line.remove(place)),
                _ => line.truncate(place),
            }
            lines.push(line);
        }
    }
    lines.retain(|line| !line.contains(&b'\n') && !line.trim_ascii().is_empty());
    lines
}

#[tokio::test]
async fn the_client_takes_what_the_server_takes_and_nothing_else() {
    let fixture = Fixture::start().await;
    let dataset = fixture.dataset().await;
    let datasets = fixture.client.datasets();
    let (mut taken, mut refused) = (0, 0);
    for line in odd_lines() {
        let shown = String::from_utf8_lossy(&line).into_owned();
        let upload = Upload::bytes("line.jsonl", line.clone());
        let file = fixture.client.files().upload(upload).await.unwrap();
        let task = datasets.import_from_file(dataset.id, file.id).await.unwrap();
        let by_server = fixture.finished(task).await;
        let call = datasets.import_jsonl(dataset.id, Jsonl::bytes(line)).wait(false);
        let by_client = call.await;
        if by_server.status == TaskStatus::Completed {
            taken += 1;
            assert!(by_client.is_ok(), "{shown}: {by_client:?}");
        } else if by_server.message.as_deref() != Some("line 1: payload.messages: required") {
            refused += 1;
            assert!(by_client.is_err(), "{shown}: {by_server:?}");
        }
    }
    assert!(taken > 20 && refused > 50, "{taken} taken, {refused} refused");
}

/// The phases that a call tells of, and the last of what it tells about each.
type Told = Arc<Mutex<Vec<Progress>>>;

fn watcher(told: &Told) -> impl FnMut(&Progress) + Send + 'static {
    let told = told.clone();
    move |progress: &Progress| told.lock().unwrap().push(*progress)
}

fn last_of(told: &Told) -> Vec<(&'static str, u64, Option<u64>, Option<u64>)> {
    let told = told.lock().unwrap();
    let ends = told.chunk_by(|before, after| before.phase == after.phase);
    ends.map(|phase| {
        assert!(phase.is_sorted_by_key(|progress| (progress.bytes, progress.records)));
        let last = phase.last().unwrap();
        (last.phase, last.records, last.total_records, last.total_bytes)
    })
    .collect()
}

#[tokio::test]
async fn bulk_input_reports_progress() {
    let fixture = Fixture::start().await;
    let dataset = fixture.dataset().await;
    let datasets = fixture.client.datasets();
    let text = lines(50);
    let bytes = Some(text.len() as u64);
    let told = Told::default();
    let call = datasets.import_jsonl(dataset.id, Jsonl::bytes(text));
    call.on_progress(watcher(&told)).await.unwrap();
    assert_eq!(
        last_of(&told),
        [
            ("check", 50, None, bytes),
            ("upload", 50, Some(50), bytes),
            ("import", 50, Some(50), None)
        ]
    );
    let told = Told::default();
    let call = datasets.create_records_iter(dataset.id, (0..20).map(record));
    call.on_progress(watcher(&told)).await.unwrap();
    assert_eq!(last_of(&told), [("send", 20, Some(20), None)]);
}
