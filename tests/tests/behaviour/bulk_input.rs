//! Bulk input: creating records from streams, and importing JSONL.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use mistral_datasets::types::{RecordSource, TaskStatus};
use mistral_datasets::{
    Error, ErrorKind, Jsonl, NewRecord, Options, Outcome, RawJson, RetryPolicy, Strategy,
};
use mistral_datasets_tests::Fixture;
use mistral_datasets_tests::bulk::{
    create_report, file_count, import_report, lines, numbers, outcome_names, record,
    take_request_count, write_file,
};
use serde_json::json;
use tempfile::TempDir;

/// Returns a record that passes the client's checks and is rejected by the server.
fn server_rejected_record() -> Result<NewRecord, Error> {
    NewRecord::new(json!({"no": "messages"}), json!({}))
}

#[tokio::test]
async fn create_records_in_order() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let datasets = fixture.client.datasets();
    let report = datasets.create_records_iter(dataset.id, (0..30).map(record)).await.unwrap();
    assert_eq!((report.items().len(), report.created()), (30, 30));
    assert_eq!(report.strategy(), Strategy::Single);
    assert!(report.reason().contains("30 records"), "{}", report.reason());
    assert!(report.task().is_none() && report.elapsed() > Duration::ZERO);
    for (number, outcome) in report.items().iter().enumerate() {
        let Outcome::Created(id) = outcome else { panic!("{outcome:?}") };
        let created = datasets.records().fetch(id).await.unwrap();
        assert_eq!(created.properties.get(), format!("{{\"n\":{number}}}"));
        assert_eq!(created.source, RecordSource::DirectInput);
    }

    let second = fixture.create_dataset().await;
    let records = stream::iter((0..20).map(record));
    datasets.create_records(second.id, records).concurrency(1).await.unwrap();
    assert_eq!(numbers(&fixture.client, &second).await, (0..20).collect::<Vec<_>>());

    let empty = datasets.create_records_iter(second.id, Vec::<NewRecord>::new()).await.unwrap();
    assert!(empty.items().is_empty());
    let error = datasets.create_records_iter(second.id, [record(0)]).concurrency(65).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Validation);
}

#[tokio::test]
async fn create_records_reads_the_source_lazily() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    fixture.take_requests().await;
    let stalled =
        json!({"operation": "create_record", "skip": 10, "times": null, "delay_ms": 60_000});
    fixture.inject_fault(stalled).await;
    let pulled = Arc::new(AtomicUsize::new(0));
    let counter = pulled.clone();
    let endless = (0..).map(move |number| {
        counter.fetch_add(1, Ordering::Relaxed);
        record(number)
    });
    let call = fixture.client.datasets().create_records_iter(dataset.id, endless);
    let call = call.strategy(Strategy::Single).concurrency(4).into_future();
    assert!(tokio::time::timeout(Duration::from_secs(2), call).await.is_err());
    assert_eq!(pulled.load(Ordering::Relaxed), 14);
    // Dropping the call stops the background work.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(pulled.load(Ordering::Relaxed), 14);
    assert_eq!(numbers(&fixture.client, &dataset).await.len(), 14);
}

#[tokio::test]
async fn create_records_stops_or_continues_on_errors() {
    let fixture = Fixture::start_strict().await;
    let dataset = fixture.create_dataset().await;
    let datasets = fixture.client.datasets();
    let records = || {
        let mut records: Vec<_> = (0..6).map(record).collect();
        records[1] = NewRecord::new(json!(["my secret"]), json!({}));
        records[3] = server_rejected_record();
        records
    };
    let error =
        datasets.create_records_iter(dataset.id, records()).concurrency(1).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Validation, "records[1]: payload: expected an object")
    );
    assert!(!format!("{error} {error:?}").contains("secret"));
    let report = create_report(&error);
    assert_eq!(
        outcome_names(report),
        ["created", "failed", "not sent", "not sent", "not sent", "not sent"]
    );
    assert_eq!(numbers(&fixture.client, &dataset).await, [0]);

    let second = fixture.create_dataset().await;
    let call = datasets.create_records_iter(second.id, records()).concurrency(1);
    let report = call.continue_on_error(true).await.unwrap();
    assert_eq!(
        outcome_names(&report),
        ["created", "failed", "created", "failed", "created", "created"]
    );
    let Outcome::Failed(rejected) = &report.items()[3] else { panic!("{report:?}") };
    assert_eq!((rejected.kind(), rejected.status()), (ErrorKind::Validation, Some(422)));
    assert_eq!(numbers(&fixture.client, &second).await, [0, 2, 4, 5]);

    // Errors that would affect every record end the call in any case, as do errors of the source.
    let call = datasets.create_records_iter("no-such-dataset", records()).concurrency(1);
    let error = call.continue_on_error(true).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let report = create_report(&error);
    assert_eq!((report.failed(), report.not_sent()), (1, 5));
    let failing =
        [Ok(record(0).unwrap()), Err(io::Error::other("my secret")), Ok(record(1).unwrap())];
    let call = datasets.create_records_iter(second.id, failing).concurrency(1);
    let error = call.continue_on_error(true).await.unwrap_err();
    assert!(!error.to_string().contains("secret"));
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "my secret");
    assert_eq!(create_report(&error).created(), 1);
}

#[tokio::test]
async fn create_records_as_a_file() {
    let fixture = Fixture::start_strict().await;
    let dataset = fixture.create_dataset().await;
    let datasets = fixture.client.datasets();
    fixture.take_requests().await;
    let report = datasets.create_records_iter(dataset.id, (0..1_001).map(record)).await.unwrap();
    assert_eq!(report.strategy(), Strategy::File);
    assert!(report.reason().contains("more than 1000"), "{}", report.reason());
    assert!(report.items().iter().all(|item| matches!(item, Outcome::Imported)));
    assert_eq!((report.items().len(), report.created()), (1_001, 1_001));
    assert_eq!(report.task().unwrap().status, TaskStatus::Completed);
    let operations = fixture.take_operations().await;
    assert!(!operations.contains(&"create_record".to_owned()));
    assert_eq!(numbers(&fixture.client, &dataset).await, (0..1_001).collect::<Vec<_>>());
    assert_eq!(file_count(&fixture).await, 0);

    let second = fixture.create_dataset().await;
    let text = "{\n \"messages\": [],\n \"n\": 1.0}";
    let payload = RawJson::from_string(text.to_owned()).unwrap();
    let invalid = NewRecord::new(json!({"messages": "not an array"}), json!({}));
    let records = || [NewRecord::new(&payload, json!({})), invalid.clone(), record(2)];
    let by_file = || datasets.create_records_iter(second.id, records()).strategy(Strategy::File);
    let error = by_file().await.unwrap_err();
    assert_eq!(error.message(), "records[1]: payload.messages: expected an array, found a string");
    assert_eq!(create_report(&error).created(), 0);
    let report = by_file().continue_on_error(true).await.unwrap();
    assert_eq!(outcome_names(&report), ["imported", "failed", "imported"]);
    let created = fixture.list_records(&second).await;
    assert_eq!(created[0].payload.get(), text.replace('\n', " "));
    assert_eq!(created[0].source, RecordSource::UploadedFile);

    // A file import is all or nothing.
    let records = [record(0), server_rejected_record(), record(2)];
    let call = datasets.create_records_iter(second.id, records).strategy(Strategy::File);
    let error = call.continue_on_error(true).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskFailed);
    assert!(error.message().contains("payload.messages: required"), "{error}");
    let report = create_report(&error);
    assert_eq!(outcome_names(report), ["not sent", "not sent", "not sent"]);
    assert_eq!(report.task().unwrap().status, TaskStatus::Failed);
    assert_eq!(fixture.list_records(&second).await.len(), 2);
}

#[tokio::test]
async fn create_records_resumes() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let datasets = fixture.client.datasets();
    fixture.take_requests().await;
    let lost_response =
        json!({"operation": "create_record", "skip": 3, "carry_out": true, "reset_after_bytes": 0});
    fixture.inject_fault(lost_response).await;
    let call = || datasets.create_records_iter(dataset.id, (0..8).map(record)).concurrency(1);
    let error = call().await.unwrap_err();
    assert!(error.is_ambiguous(), "{error}");
    let report = create_report(&error);
    assert_eq!((report.created(), report.unknown(), report.not_sent()), (3, 1, 4));
    assert!(matches!(&report.items()[3], Outcome::Unknown(error) if error.is_ambiguous()));
    let report = call().resume(report.clone()).await.unwrap();
    assert_eq!((report.created(), report.unknown()), (7, 1));
    assert_eq!(take_request_count(&fixture, "create_record").await, 8);
    assert_eq!(numbers(&fixture.client, &dataset).await, (0..8).collect::<Vec<_>>());

    // With a file, an import that may have started is not started again.
    let second = fixture.create_dataset().await;
    let lost_response =
        json!({"operation": "import_from_file", "carry_out": true, "reset_after_bytes": 0});
    fixture.inject_fault(lost_response).await;
    let call = || {
        let records = (0..3).map(record);
        datasets.create_records_iter(second.id, records).strategy(Strategy::File)
    };
    let error = call().await.unwrap_err();
    assert!(error.is_ambiguous() && error.message().contains("may have started"), "{error}");
    let report = create_report(&error);
    assert_eq!(outcome_names(report), ["unknown", "unknown", "unknown"]);
    let report = call().resume(report.clone()).await.unwrap();
    assert_eq!(report.unknown(), 3);
    assert_eq!(take_request_count(&fixture, "import_from_file").await, 1);
}

#[tokio::test]
async fn create_records_slows_down_on_429() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    fixture.take_requests().await;
    let busy = json!({
        "operation": "create_record", "skip": 4, "times": 6, "status": 429, "headers": {"retry-after": "1"}
    });
    fixture.inject_fault(busy).await;
    let call = fixture.client.datasets().create_records_iter(dataset.id, (0..40).map(record));
    let report = call.concurrency(4).await.unwrap();
    assert_eq!(report.created(), 40);
    assert!(report.elapsed() >= Duration::from_secs(1));
    let requests = fixture.take_requests().await;
    let creates = requests.iter().filter(|request| request.is_operation("create_record"));
    let rejected = creates.clone().filter(|request| request.status == Some(429)).count();
    assert_eq!((creates.count(), rejected), (46, 6));
    let mut created = numbers(&fixture.client, &dataset).await;
    created.sort_unstable();
    assert_eq!(created, (0..40).collect::<Vec<_>>());

    // A server that stays overloaded ends the call. The other records are not attempted.
    let always = json!({"operation": "create_record", "times": null, "status": 429});
    fixture.inject_fault(always).await;
    let short = Duration::from_millis(2);
    let short_delays =
        Options::new().retries(RetryPolicy::new().first_delay(short).max_delay(short));
    let short_delays = fixture.client_with(short_delays).datasets();
    let call = short_delays.create_records_iter(dataset.id, (0..40).map(record)).concurrency(1);
    let error = call.continue_on_error(true).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::RateLimit, 10));
    let report = create_report(&error);
    assert_eq!((report.failed(), report.not_sent(), report.unknown()), (1, 39, 0));
    assert_eq!(take_request_count(&fixture, "create_record").await, 10);
}

/// Lines of every form, with a byte order mark, blank lines and both kinds of line endings.
const EVERY_FORM: &str = concat!(
    "\u{feff}",
    r#"{"messages": [{"role": "user", "content": "A"}], "z": 1.0, "properties": {"n": 0}}"#,
    "\r\n\r\n   \n",
    r#"{"payload": {"messages": [ ], "big": 12345678901234567890}, "properties": {"n": 1, "a": 1e-7}}"#,
    "\n",
    r#"[{"role": "user", "content": "chat \ud83d\ude00"}, {"role":"assistant"}]"#,
    "\n",
    r#"{"payload": {"messages": []}}"#,
);

#[tokio::test]
async fn import_jsonl_in_every_format() {
    let fixture = Fixture::start().await;
    let directory = TempDir::new().unwrap();
    let path = write_file(&directory, "chats.jsonl", EVERY_FORM.as_bytes());
    let chunks = EVERY_FORM.as_bytes().chunks(7).map(|chunk| Ok(Bytes::from_static(chunk)));
    for jsonl in [
        Jsonl::path(&path),
        Jsonl::bytes(EVERY_FORM),
        Jsonl::reader(EVERY_FORM.as_bytes()),
        Jsonl::stream(stream::iter(chunks.collect::<Vec<io::Result<Bytes>>>())),
    ] {
        let dataset = fixture.create_dataset().await;
        let report = fixture.client.datasets().import_jsonl(dataset.id, jsonl).await.unwrap();
        assert_eq!((report.lines(), report.records(), report.invalid_line_count()), (6, 4, 0));
        assert_eq!(report.files().len(), 1);
        assert_eq!(report.files()[0].task.result.as_ref().unwrap().imported_record_count, 4);
        let records = fixture.list_records(&dataset).await;
        let texts: Vec<_> =
            records.iter().map(|record| (record.payload.get(), record.properties.get())).collect();
        assert_eq!(
            texts,
            [
                (r#"{"messages":[{"role": "user", "content": "A"}],"z":1.0}"#, r#"{"n": 0}"#),
                (r#"{"messages": [ ], "big": 12345678901234567890}"#, r#"{"n": 1, "a": 1e-7}"#),
                (
                    r#"{"messages":[{"role": "user", "content": "chat \ud83d\ude00"}, {"role":"assistant"}]}"#,
                    "{}"
                ),
                (r#"{"messages": []}"#, "{}"),
            ]
        );
        assert_eq!(file_count(&fixture).await, 0);
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn import_jsonl_compressed() {
    let fixture = Fixture::start().await;
    let directory = TempDir::new().unwrap();
    let text = lines(300);
    let (first, second) = text.as_bytes().split_at(1_000);
    let gzip_members = [gzip(first), gzip(second)].concat();
    let zstd_frames =
        [zstd::encode_all(first, 1).unwrap(), zstd::encode_all(second, 1).unwrap()].concat();
    for content in [gzip_members, zstd_frames] {
        let dataset = fixture.create_dataset().await;
        // The compression is detected by the first bytes, not by the file name.
        let path = write_file(&directory, "data", &content);
        let call = fixture.client.datasets().import_jsonl(dataset.id, Jsonl::path(path));
        assert_eq!(call.await.unwrap().records(), 300);
        assert_eq!(numbers(&fixture.client, &dataset).await, (0..300).collect::<Vec<_>>());

        fixture.take_requests().await;
        let truncated = Jsonl::bytes(content[..content.len() - 7].to_vec());
        let error =
            fixture.client.datasets().import_jsonl(dataset.id, truncated).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation);
        assert!(error.message().starts_with("cannot read"), "{error}");
        assert!(fixture.take_requests().await.is_empty());
    }
}

#[tokio::test]
async fn import_jsonl_rejects_invalid_lines() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    fixture.take_requests().await;
    let directory = TempDir::new().unwrap();
    for (invalid, column, problem) in [
        ("{\"messages\": [}", 15, "the line is not JSON: expected value"),
        ("{\"messages\": \"my secret\"}", 14, "messages: expected an array, found a string"),
        ("{\"message\": []}", 1, "expected a field `payload` or a field `messages`"),
        ("[{}, \"my secret\"]", 6, "messages[1]: expected an object, found a string"),
        ("\"my secret\"", 1, "the line: expected an object, found a string"),
    ] {
        let content = format!("{{\"messages\": []}}\n\n{invalid}\n{{\"messages\": []}}\n");
        let path = write_file(&directory, "invalid.jsonl", content.as_bytes());
        for jsonl in [Jsonl::path(path), Jsonl::bytes(content)] {
            let call = fixture.client.datasets().import_jsonl(dataset.id, jsonl);
            let error = call.await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Validation);
            assert_eq!(error.message(), format!("line 3, column {column}: {problem}"));
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
            let report = import_report(&error);
            assert_eq!((report.lines(), report.records()), (3, 0));
            let line = &report.invalid_lines()[0];
            assert_eq!((line.line, line.column, &*line.problem), (3, column, problem));
        }
    }
    let missing = Jsonl::path(directory.path().join("missing.jsonl"));
    let error = fixture.client.datasets().import_jsonl(dataset.id, missing).await.unwrap_err();
    assert!(error.message().starts_with("cannot read "), "{error}");
    let failing = stream::iter([Ok(Bytes::from("{}")), Err(io::Error::other("my secret"))]);
    let call = fixture.client.datasets().import_jsonl(dataset.id, Jsonl::stream(failing));
    let error = call.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
    assert!(!error.to_string().contains("secret"), "{error}");
    assert!(fixture.take_requests().await.is_empty(), "a request was sent");
}

#[tokio::test]
async fn import_jsonl_lenient() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let datasets = fixture.client.datasets();
    let mut content = String::new();
    for (number, line) in lines(3).lines().enumerate() {
        content.push_str(&format!("{line}\nbad {number}\n"));
    }
    let call = datasets.import_jsonl(dataset.id, Jsonl::bytes(content)).lenient(true);
    let report = call.await.unwrap();
    assert_eq!((report.lines(), report.records(), report.invalid_line_count()), (6, 3, 3));
    let invalid = report.invalid_lines().iter().map(|invalid| (invalid.line, invalid.column));
    assert_eq!(invalid.collect::<Vec<_>>(), [(2, 1), (4, 1), (6, 1)]);
    assert_eq!(numbers(&fixture.client, &dataset).await, [0, 1, 2]);

    fixture.take_requests().await;
    let call = datasets.import_jsonl(dataset.id, Jsonl::bytes("bad\n".repeat(1_500))).lenient(true);
    let report = call.await.unwrap();
    assert_eq!((report.invalid_lines().len(), report.invalid_line_count()), (1_000, 1_500));
    assert!(report.files().is_empty() && fixture.take_requests().await.is_empty());
}

#[tokio::test]
async fn import_jsonl_splits_large_files() {
    let fixture = Fixture::start().await;
    let directory = TempDir::new().unwrap();
    let text = lines(100);
    let path = write_file(&directory, "many.jsonl", text.as_bytes());
    for jsonl in [Jsonl::path(path), Jsonl::reader(io::Cursor::new(text.clone()))] {
        let dataset = fixture.create_dataset().await;
        fixture.take_requests().await;
        let datasets = fixture.client.datasets();
        let call = datasets.import_jsonl(dataset.id, jsonl).max_file_bytes(text.len() as u64 / 3);
        let report = call.await.unwrap();
        assert_eq!((report.lines(), report.records(), report.files().len()), (100, 100, 4));
        let mut next = 1;
        for file in report.files() {
            assert_eq!((file.first_line, file.lines), (next, file.records));
            next += file.lines;
        }
        let requests = fixture.take_requests().await;
        let uploads = requests.iter().filter(|request| request.is_operation("upload_file"));
        assert_eq!(uploads.count(), 4);
        assert_eq!(numbers(&fixture.client, &dataset).await, (0..100).collect::<Vec<_>>());
        assert_eq!(file_count(&fixture).await, 0);
    }

    let dataset = fixture.create_dataset().await;
    let call = fixture.client.datasets().import_jsonl(dataset.id, Jsonl::bytes(text));
    let error = call.max_file_bytes(20).await.unwrap_err();
    assert_eq!(error.message(), "line 1, column 1: longer than 19 bytes");
    let call = fixture.client.datasets().import_jsonl(dataset.id, Jsonl::bytes(""));
    let error = call.max_file_bytes(1 << 40).await.unwrap_err();
    assert!(error.message().starts_with("max_file_bytes: expected 1 to"), "{error}");
}
