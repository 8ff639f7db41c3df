//! Exports and progress callbacks.

use std::path::Path;
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use mistral_datasets::testing::RecordedRequest;
use mistral_datasets::types::{Dataset, RecordSource};
use mistral_datasets::{Compression, ErrorKind, Jsonl, NewRecord, Progress};
use mistral_datasets_tests::{CannedResponse, CannedServer, Fixture};
use serde_json::{Value, json};

/// Creates a dataset with three records.
async fn create_filled_dataset(fixture: &Fixture) -> Dataset {
    let dataset = fixture.create_dataset().await;
    for text in ["first", "zweites 😀", "third"] {
        fixture.create_record(&dataset, text).await;
    }
    dataset
}

/// Downloads the export by its link, without the export API of the client.
async fn download_export(fixture: &Fixture, dataset: &Dataset) -> Vec<u8> {
    let link = fixture.client.datasets().export_to_jsonl(dataset.id).await.unwrap().file_url;
    fixture.client.open_link(&link).await.unwrap().bytes().await.unwrap().to_vec()
}

/// Returns the names of a directory's entries.
fn file_names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Returns the status and a header of each request that opened a link.
fn link_requests(requests: &[RecordedRequest], header: &str) -> Vec<(u16, String)> {
    let links = requests.iter().filter(|request| request.is_operation("open_link"));
    links
        .map(|request| {
            let header = request.headers.get(header).cloned().unwrap_or_default();
            (request.status.unwrap_or_default(), header)
        })
        .collect()
}

#[tokio::test]
async fn export_to_file() {
    let fixture = Fixture::start().await;
    let dataset = create_filled_dataset(&fixture).await;
    let expected = download_export(&fixture, &dataset).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("export.jsonl");
    std::fs::write(&path, "previous content").unwrap();
    let report = fixture.client.datasets().export(dataset.id).to_path(&path).await.unwrap();
    assert_eq!((report.records, report.bytes), (3, expected.len() as u64));
    assert_eq!(report.path.as_deref(), Some(&*path));
    assert_eq!(std::fs::read(&path).unwrap(), expected);
    assert_eq!(file_names(directory.path()), ["export.jsonl"]);

    // A failed export leaves the existing file unchanged, and no temporary file.
    fixture
        .inject_fault(
            json!({"operation": "open_link", "status": 500, "body": "down", "times": null}),
        )
        .await;
    let error = fixture.client.datasets().export(dataset.id).to_path(&path).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Server, 5), "{error}");
    assert_eq!(error.operation(), Some("export"));
    assert_eq!(std::fs::read(&path).unwrap(), expected);
    assert_eq!(file_names(directory.path()), ["export.jsonl"]);

    let unknown = fixture.client.datasets().export("unknown").to_path(&path).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    let missing = directory.path().join("missing").join("export.jsonl");
    let error = fixture.client.datasets().export(dataset.id).to_path(missing).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
    assert!(error.message().starts_with("cannot write"), "{error}");
}

#[tokio::test]
async fn export_compressed() {
    let fixture = Fixture::start().await;
    let dataset = create_filled_dataset(&fixture).await;
    let expected = download_export(&fixture, &dataset).await;
    let directory = tempfile::tempdir().unwrap();
    for (name, option, compression) in [
        ("a.jsonl.gz", Compression::Auto, Compression::Gzip),
        ("a.jsonl.zst", Compression::Auto, Compression::Zstd),
        ("a.jsonl", Compression::Zstd, Compression::Zstd),
        ("b.jsonl.gz", Compression::None, Compression::None),
    ] {
        let path = directory.path().join(name);
        let export = fixture.client.datasets().export(dataset.id).compression(option);
        let report = export.to_path(&path).await.unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!((report.records, report.bytes), (3, bytes.len() as u64));
        assert_eq!(decompressed(compression, &bytes), expected, "{name}");
    }
    let mut bytes = Vec::new();
    let export = fixture.client.datasets().export(dataset.id).compression(Compression::Gzip);
    export.to_writer(&mut bytes).await.unwrap();
    assert_eq!(decompressed(Compression::Gzip, &bytes), expected);
}

fn decompressed(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    use std::io::Read;

    let mut text = Vec::new();
    match compression {
        Compression::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut text).unwrap(),
        Compression::Zstd => zstd::Decoder::new(bytes).unwrap().read_to_end(&mut text).unwrap(),
        Compression::Auto | Compression::None => return bytes.to_vec(),
    };
    text
}

#[tokio::test]
async fn export_resumes() {
    let fixture = Fixture::start().await;
    let dataset = create_filled_dataset(&fixture).await;
    let expected = download_export(&fixture, &dataset).await;
    let directory = tempfile::tempdir().unwrap();
    for (rule, range) in [
        (json!({"truncate_after_bytes": 100}), Some("bytes=100-")),
        (json!({"reset_after_bytes": 150}), None),
        (json!({"reset_after_bytes": 0}), Some("")),
    ] {
        let mut rule = rule;
        rule["operation"] = json!("open_link");
        fixture.inject_fault(rule).await;
        fixture.take_requests().await;
        let path = directory.path().join("export.jsonl");
        let report = fixture.client.datasets().export(dataset.id).to_path(&path).await.unwrap();
        assert_eq!(report.records, 3);
        assert_eq!(std::fs::read(&path).unwrap(), expected);
        let requests = fixture.take_requests().await;
        let ranges = link_requests(&requests, "range");
        assert_eq!(ranges.len(), 2, "{requests:?}");
        // After a reset, how many of the received bytes can be read is not deterministic.
        if let Some(range) = range {
            assert_eq!(ranges[1].1, range);
            assert_eq!(ranges[1].0, if range.is_empty() { 200 } else { 206 });
            // The range applies only to the same version of the file.
            let condition = &link_requests(&requests, "if-range")[1].1;
            assert_eq!(condition.starts_with('"'), !range.is_empty(), "{condition}");
        }
    }

    // A server without range support sends the whole file again; a stream skips the bytes it has delivered.
    let without_ranges = json!([
        {"operation": "open_link", "truncate_after_bytes": 100},
        {"operation": "open_link", "status": 200, "body": String::from_utf8(expected.clone()).unwrap()},
    ]);
    fixture.inject_fault(without_ranges).await;
    let lines: Vec<_> = fixture.client.datasets().export(dataset.id).lines().collect().await;
    let lines: Vec<_> = lines.into_iter().map(|line| line.unwrap().to_vec()).collect();
    assert_eq!([lines.join(&b"\n"[..]), b"\n".to_vec()].concat(), expected);

    // Without any progress, the export gives up.
    fixture
        .inject_fault(json!({"operation": "open_link", "reset_after_bytes": 0, "times": null}))
        .await;
    let path = directory.path().join("unfinished.jsonl");
    let error = fixture.client.datasets().export(dataset.id).to_path(&path).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connection, 5));
    assert!(!path.exists());
}

#[tokio::test]
async fn export_renews_an_expired_url() {
    let fixture = Fixture::start().await;
    let dataset = create_filled_dataset(&fixture).await;
    let expected = download_export(&fixture, &dataset).await;
    let directory = tempfile::tempdir().unwrap();
    for status in [403, 404, 410] {
        fixture.inject_fault(json!({"operation": "open_link", "status": status, "body": ""})).await;
        fixture.take_requests().await;
        let path = directory.path().join("export.jsonl");
        let report = fixture.client.datasets().export(dataset.id).to_path(&path).await.unwrap();
        assert_eq!((report.records, std::fs::read(&path).unwrap()), (3, expected.clone()));
        let operations = fixture.take_operations().await;
        assert_eq!(
            operations,
            ["list_records", "export_to_jsonl", "open_link", "export_to_jsonl", "open_link"]
        );
    }

    // In the middle of a transfer: delivered records are not delivered again.
    fixture
        .inject_fault(json!([
            {"operation": "open_link", "truncate_after_bytes": expected.len() - 10},
            {"operation": "open_link", "status": 403, "body": ""},
        ]))
        .await;
    let mut records = fixture.client.datasets().export(dataset.id).records();
    let mut texts = Vec::new();
    while let Some(record) = records.next().await {
        texts.push(record.unwrap().properties.parse::<Value>().unwrap()["text"].clone());
    }
    assert_eq!(texts, ["first", "zweites 😀", "third"]);
    // The new link is opened at the position already reached.
    let ranges = link_requests(&fixture.take_requests().await, "range");
    let statuses: Vec<_> = ranges.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [200, 403, 206]);
    assert_eq!(ranges[2].1, format!("bytes={}-", expected.len() - 10));

    fixture
        .inject_fault(json!({"operation": "open_link", "status": 403, "body": "", "times": null}))
        .await;
    let error = fixture.client.datasets().export(dataset.id).lines().next().await.unwrap();
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Permission);
}

#[tokio::test]
async fn export_checks_the_line_count() {
    let fixture = Fixture::start().await;
    let dataset = create_filled_dataset(&fixture).await;
    let wrong_count = |times: Value| {
        let body = json!({"records": {"count": 5, "results": []}});
        json!({"operation": "list_records", "status": 200, "body": body, "times": times})
    };
    // Records deleted before the export was created are not missing: the count is compared again.
    fixture.inject_fault(wrong_count(json!(1))).await;
    let report = fixture.client.datasets().export(dataset.id).to_writer(Vec::new()).await.unwrap();
    assert_eq!(report.records, 3);

    fixture.inject_fault(wrong_count(Value::Null)).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("export.jsonl");
    let export = || fixture.client.datasets().export(dataset.id);
    let errors = [
        export().to_path(&path).await.unwrap_err(),
        export().to_writer(Vec::new()).await.unwrap_err(),
        export().lines().collect::<Vec<_>>().await.pop().unwrap().unwrap_err(),
        export().records().collect::<Vec<_>>().await.pop().unwrap().unwrap_err(),
    ];
    for error in errors {
        assert_eq!((error.kind(), error.operation()), (ErrorKind::Decoding, Some("export")));
        assert!(error.message().contains("2 of 5 records are missing"), "{error}");
    }
    assert!(file_names(directory.path()).is_empty());
}

#[tokio::test]
async fn export_records() {
    let fixture = Fixture::start().await;
    let dataset = create_filled_dataset(&fixture).await;
    let stored = fixture.list_records(&dataset).await;
    fixture.take_requests().await;
    let mut records = fixture.client.datasets().export(dataset.id).records();
    assert!(
        fixture.take_requests().await.is_empty(),
        "a request was sent before the first record was polled"
    );
    for stored in &stored {
        let record = records.next().await.unwrap().unwrap();
        assert_eq!(
            (record.id, &record.source),
            (Some(stored.id), &Some(RecordSource::DirectInput))
        );
        assert_eq!(record.payload.get(), stored.payload.get());
        assert_eq!(record.properties.get(), stored.properties.get());
        assert!(record.extra.contains_key("created_at"));
    }
    assert!(records.next().await.is_none() && records.next().await.is_none());

    let lines = "{\"payload\": {\"messages\": []}}\n\nthe conversation\n";
    fixture.inject_fault(json!({"operation": "open_link", "status": 200, "body": lines})).await;
    let mut records = fixture.client.datasets().export(dataset.id).records();
    assert_eq!(records.next().await.unwrap().unwrap().properties.get(), "{}");
    let error = records.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decoding);
    let printed = format!("{error} {error:?}");
    assert!(printed.contains("record 2") && !printed.contains("the conversation"), "{printed}");
    assert!(records.next().await.is_none());
}

#[tokio::test]
async fn export_to_writer() {
    let fixture = Fixture::start().await;
    let dataset = create_filled_dataset(&fixture).await;
    let expected = download_export(&fixture, &dataset).await;
    let mut written = Vec::new();
    let report =
        fixture.client.datasets().export(dataset.id).to_writer(&mut written).await.unwrap();
    assert_eq!((report.records, report.bytes, report.path), (3, expected.len() as u64, None));
    assert_eq!(written, expected);

    // Neither the API key nor custom headers are sent to the link's host. The last line needs no line break.
    let other_server = CannedServer::start(CannedResponse::new(200, "{\"payload\": {}}")).await;
    let link = format!("{}/file?signature=secret", other_server.url());
    fixture
        .inject_fault(json!([
            {"operation": "list_records", "status": 200, "body": {"records": {"count": 1}}},
            {"operation": "export_to_jsonl", "status": 200, "body": {"file_url": link}},
        ]))
        .await;
    let options = mistral_datasets::Options::new().header("x-secret", "value");
    let client = fixture.client_with(options);
    let mut written = Vec::new();
    let report = client.datasets().export(dataset.id).to_writer(&mut written).await.unwrap();
    assert_eq!((report.records, &*written), (1, &b"{\"payload\": {}}\n"[..]));
    let request = &other_server.requests()[0];
    assert!(request.contains("accept-encoding: identity"), "{request}");
    assert!(!request.contains("authorization") && !request.contains("x-secret"), "{request}");

    let error =
        fixture.client.datasets().export(dataset.id).to_writer(BrokenPipe).await.unwrap_err();
    assert!(error.message().starts_with("cannot write"), "{error}");
    let source = std::error::Error::source(&error).unwrap();
    let source = source.downcast_ref::<std::io::Error>().unwrap();
    assert_eq!(source.kind(), std::io::ErrorKind::BrokenPipe);
}

/// A writer that always fails with a broken pipe.
struct BrokenPipe;

impl tokio::io::AsyncWrite for BrokenPipe {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::task::Poll::Ready(Err(std::io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

/// The updates a progress callback received.
#[derive(Clone, Default)]
struct ProgressLog(Arc<Mutex<Vec<Progress>>>);

impl ProgressLog {
    fn callback(&self) -> impl FnMut(&Progress) + Send + 'static {
        let updates = self.0.clone();
        move |progress| updates.lock().unwrap().push(*progress)
    }

    /// Checks that the numbers never decrease within a phase, and returns the last update of a phase.
    fn last(&self, phase: &str) -> Progress {
        let updates = self.0.lock().unwrap();
        for pair in updates.windows(2).filter(|pair| pair[0].phase == pair[1].phase) {
            assert!(pair[0].bytes <= pair[1].bytes && pair[0].records <= pair[1].records);
        }
        *updates.iter().rfind(|progress| progress.phase == phase).expect("phase was reported")
    }
}

#[tokio::test]
async fn transfer_reports_progress() {
    let fixture = Fixture::start().await;
    let dataset = create_filled_dataset(&fixture).await;
    let expected = download_export(&fixture, &dataset).await;
    let datasets = fixture.client.datasets();

    let progress = ProgressLog::default();
    let export = datasets.export(dataset.id).on_progress(progress.callback());
    export.to_writer(Vec::new()).await.unwrap();
    let last = progress.last("export");
    assert_eq!(
        (last.bytes, last.total_bytes),
        (expected.len() as u64, Some(expected.len() as u64))
    );
    assert_eq!((last.records, last.total_records), (3, Some(3)));

    let progress = ProgressLog::default();
    let import = datasets.import_jsonl(dataset.id, Jsonl::bytes(expected.clone()));
    import.on_progress(progress.callback()).await.unwrap();
    assert_eq!(
        (progress.last("check").bytes, progress.last("check").records),
        (expected.len() as u64, 3)
    );
    assert!(progress.last("upload").bytes >= expected.len() as u64);
    assert_eq!(progress.last("import").records, 3);

    let progress = ProgressLog::default();
    let record = NewRecord::new(json!({"messages": []}), json!({})).unwrap();
    let create = datasets.create_records_iter(dataset.id, vec![record; 5]);
    create.on_progress(progress.callback()).await.unwrap();
    assert_eq!(progress.last("send").records, 5);
}
