//! Cases on exports.

use std::path::Path;
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use mistral_datasets::testing::RecordedRequest;
use mistral_datasets::types::{Dataset, RecordSource};
use mistral_datasets::{Compression, ErrorKind, Jsonl, NewRecord, Progress};
use mistral_datasets_tests::{Canned, Fixture, RawResponse};
use serde_json::{Value, json};

/// A dataset of three records.
async fn filled(fixture: &Fixture) -> Dataset {
    let dataset = fixture.dataset().await;
    for text in ["first", "zweites 😀", "third"] {
        fixture.record(&dataset, text).await;
    }
    dataset
}

/// The export as the server has it, by its link alone.
async fn exported(fixture: &Fixture, dataset: &Dataset) -> Vec<u8> {
    let link = fixture.client.datasets().export_to_jsonl(dataset.id).await.unwrap().file_url;
    fixture.client.open_link(&link).await.unwrap().bytes().await.unwrap().to_vec()
}

/// What lies in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The requests by which links were opened: their status and a header.
fn openings(requests: &[RecordedRequest], header: &str) -> Vec<(u16, String)> {
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
    let dataset = filled(&fixture).await;
    let whole = exported(&fixture, &dataset).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export.jsonl");
    std::fs::write(&path, "what was there before").unwrap();
    let report = fixture.client.datasets().export(dataset.id).to_path(&path).await.unwrap();
    assert_eq!((report.records, report.bytes), (3, whole.len() as u64));
    assert_eq!(report.path.as_deref(), Some(&*path));
    assert_eq!(std::fs::read(&path).unwrap(), whole);
    assert_eq!(names(folder.path()), ["export.jsonl"]);

    // A failure leaves what was there, and nothing else.
    fixture
        .inject_fault(
            json!({"operation": "open_link", "status": 500, "body": "down", "times": null}),
        )
        .await;
    let error = fixture.client.datasets().export(dataset.id).to_path(&path).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Server, 5), "{error}");
    assert_eq!(error.operation(), Some("export"));
    assert_eq!(std::fs::read(&path).unwrap(), whole);
    assert_eq!(names(folder.path()), ["export.jsonl"]);

    let unknown = fixture.client.datasets().export("unknown").to_path(&path).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    let nowhere = folder.path().join("missing").join("export.jsonl");
    let refused = fixture.client.datasets().export(dataset.id).to_path(nowhere).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Validation);
    assert!(refused.message().starts_with("cannot write"), "{refused}");
}

#[tokio::test]
async fn export_compressed() {
    let fixture = Fixture::start().await;
    let dataset = filled(&fixture).await;
    let whole = exported(&fixture, &dataset).await;
    let folder = tempfile::tempdir().unwrap();
    for (name, compression, expected) in [
        ("a.jsonl.gz", Compression::Auto, Compression::Gzip),
        ("a.jsonl.zst", Compression::Auto, Compression::Zstd),
        ("a.jsonl", Compression::Zstd, Compression::Zstd),
        ("b.jsonl.gz", Compression::None, Compression::None),
    ] {
        let path = folder.path().join(name);
        let export = fixture.client.datasets().export(dataset.id).compression(compression);
        let report = export.to_path(&path).await.unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!((report.records, report.bytes), (3, bytes.len() as u64));
        assert_eq!(decompressed(expected, &bytes), whole, "{name}");
    }
    let mut bytes = Vec::new();
    let export = fixture.client.datasets().export(dataset.id).compression(Compression::Gzip);
    export.to_writer(&mut bytes).await.unwrap();
    assert_eq!(decompressed(Compression::Gzip, &bytes), whole);
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
    let dataset = filled(&fixture).await;
    let whole = exported(&fixture, &dataset).await;
    let folder = tempfile::tempdir().unwrap();
    for (rule, range) in [
        (json!({"truncate_after_bytes": 100}), Some("bytes=100-")),
        (json!({"reset_after_bytes": 150}), None),
        (json!({"reset_after_bytes": 0}), Some("")),
    ] {
        let mut rule = rule;
        rule["operation"] = json!("open_link");
        fixture.inject_fault(rule).await;
        fixture.requests().await;
        let path = folder.path().join("export.jsonl");
        let report = fixture.client.datasets().export(dataset.id).to_path(&path).await.unwrap();
        assert_eq!(report.records, 3);
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        let requests = fixture.requests().await;
        let openings = openings(&requests, "range");
        assert_eq!(openings.len(), 2, "{requests:?}");
        // How much of what came before a reset can still be read is chance.
        if let Some(range) = range {
            assert_eq!(openings[1].1, range);
            assert_eq!(openings[1].0, if range.is_empty() { 200 } else { 206 });
            // The server may answer with a part only of the same file.
            let condition = &self::openings(&requests, "if-range")[1].1;
            assert_eq!(condition.starts_with('"'), !range.is_empty(), "{condition}");
        }
    }

    // A server that does not know ranges sends the whole again, and a stream goes on in the middle of it.
    let ignorant = json!([
        {"operation": "open_link", "truncate_after_bytes": 100},
        {"operation": "open_link", "status": 200, "body": String::from_utf8(whole.clone()).unwrap()},
    ]);
    fixture.inject_fault(ignorant).await;
    let lines: Vec<_> = fixture.client.datasets().export(dataset.id).lines().collect().await;
    let lines: Vec<_> = lines.into_iter().map(|line| line.unwrap().to_vec()).collect();
    assert_eq!([lines.join(&b"\n"[..]), b"\n".to_vec()].concat(), whole);

    // What never gets on is given up.
    fixture
        .inject_fault(json!({"operation": "open_link", "reset_after_bytes": 0, "times": null}))
        .await;
    let path = folder.path().join("never.jsonl");
    let error = fixture.client.datasets().export(dataset.id).to_path(&path).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connection, 5));
    assert!(!path.exists());
}

#[tokio::test]
async fn export_renews_an_expired_url() {
    let fixture = Fixture::start().await;
    let dataset = filled(&fixture).await;
    let whole = exported(&fixture, &dataset).await;
    let folder = tempfile::tempdir().unwrap();
    for status in [403, 404, 410] {
        fixture.inject_fault(json!({"operation": "open_link", "status": status, "body": ""})).await;
        fixture.requests().await;
        let path = folder.path().join("export.jsonl");
        let report = fixture.client.datasets().export(dataset.id).to_path(&path).await.unwrap();
        assert_eq!((report.records, std::fs::read(&path).unwrap()), (3, whole.clone()));
        let operations = fixture.operations().await;
        assert_eq!(
            operations,
            ["list_records", "export_to_jsonl", "open_link", "export_to_jsonl", "open_link"]
        );
    }

    // In the middle of a transfer: what was handed over is not handed over again.
    fixture
        .inject_fault(json!([
            {"operation": "open_link", "truncate_after_bytes": whole.len() - 10},
            {"operation": "open_link", "status": 403, "body": ""},
        ]))
        .await;
    let mut records = fixture.client.datasets().export(dataset.id).records();
    let mut texts = Vec::new();
    while let Some(record) = records.next().await {
        texts.push(record.unwrap().properties.parse::<Value>().unwrap()["text"].clone());
    }
    assert_eq!(texts, ["first", "zweites 😀", "third"]);
    // The same bytes behind another link are not sent again either.
    let openings = openings(&fixture.requests().await, "range");
    let statuses: Vec<_> = openings.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [200, 403, 206]);
    assert_eq!(openings[2].1, format!("bytes={}-", whole.len() - 10));

    fixture
        .inject_fault(json!({"operation": "open_link", "status": 403, "body": "", "times": null}))
        .await;
    let error = fixture.client.datasets().export(dataset.id).lines().next().await.unwrap();
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Permission);
}

#[tokio::test]
async fn export_checks_the_line_count() {
    let fixture = Fixture::start().await;
    let dataset = filled(&fixture).await;
    let lie = |times: Value| {
        let body = json!({"records": {"count": 5, "results": []}});
        json!({"operation": "list_records", "status": 200, "body": body, "times": times})
    };
    // Records that were deleted before the export was made are not missing.
    fixture.inject_fault(lie(json!(1))).await;
    let report = fixture.client.datasets().export(dataset.id).to_writer(Vec::new()).await.unwrap();
    assert_eq!(report.records, 3);

    fixture.inject_fault(lie(Value::Null)).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export.jsonl");
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
    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn export_records() {
    let fixture = Fixture::start().await;
    let dataset = filled(&fixture).await;
    let stored = fixture.records(&dataset).await;
    fixture.requests().await;
    let mut records = fixture.client.datasets().export(dataset.id).records();
    assert!(fixture.requests().await.is_empty(), "nothing is sent before somebody asks");
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
    let dataset = filled(&fixture).await;
    let whole = exported(&fixture, &dataset).await;
    let mut written = Vec::new();
    let report =
        fixture.client.datasets().export(dataset.id).to_writer(&mut written).await.unwrap();
    assert_eq!((report.records, report.bytes, report.path), (3, whole.len() as u64, None));
    assert_eq!(written, whole);

    // Neither the key nor a further header goes to the link's host, and a last line needs no end.
    let elsewhere = Canned::always(RawResponse::new(200, "{\"payload\": {}}")).await;
    let link = format!("{}/file?signature=secret", elsewhere.url());
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
    let request = &elsewhere.requests()[0];
    assert!(request.contains("accept-encoding: identity"), "{request}");
    assert!(!request.contains("authorization") && !request.contains("x-secret"), "{request}");

    let broken = fixture.client.datasets().export(dataset.id).to_writer(Broken).await.unwrap_err();
    assert!(broken.message().starts_with("cannot write"), "{broken}");
    let source = std::error::Error::source(&broken).unwrap();
    let source = source.downcast_ref::<std::io::Error>().unwrap();
    assert_eq!(source.kind(), std::io::ErrorKind::BrokenPipe);
}

/// A writer that nobody reads from any more.
struct Broken;

impl tokio::io::AsyncWrite for Broken {
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

/// What a callback was told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Progress>>>);

impl Told {
    fn callback(&self) -> impl FnMut(&Progress) + Send + 'static {
        let told = self.0.clone();
        move |progress| told.lock().unwrap().push(*progress)
    }

    /// Checks that the numbers of each phase only grow, and returns the last of a phase.
    fn last(&self, phase: &str) -> Progress {
        let told = self.0.lock().unwrap();
        for pair in told.windows(2).filter(|pair| pair[0].phase == pair[1].phase) {
            assert!(pair[0].bytes <= pair[1].bytes && pair[0].records <= pair[1].records);
        }
        *told.iter().rfind(|progress| progress.phase == phase).expect("the phase was told")
    }
}

#[tokio::test]
async fn transfer_reports_progress() {
    let fixture = Fixture::start().await;
    let dataset = filled(&fixture).await;
    let whole = exported(&fixture, &dataset).await;
    let datasets = fixture.client.datasets();

    let told = Told::default();
    let export = datasets.export(dataset.id).on_progress(told.callback());
    export.to_writer(Vec::new()).await.unwrap();
    let last = told.last("export");
    assert_eq!((last.bytes, last.total_bytes), (whole.len() as u64, Some(whole.len() as u64)));
    assert_eq!((last.records, last.total_records), (3, Some(3)));

    let told = Told::default();
    let import = datasets.import_jsonl(dataset.id, Jsonl::bytes(whole.clone()));
    import.on_progress(told.callback()).await.unwrap();
    assert_eq!((told.last("check").bytes, told.last("check").records), (whole.len() as u64, 3));
    assert!(told.last("upload").bytes >= whole.len() as u64);
    assert_eq!(told.last("import").records, 3);

    let told = Told::default();
    let record = NewRecord::new(json!({"messages": []}), json!({})).unwrap();
    let create = datasets.create_records_iter(dataset.id, vec![record; 5]);
    create.on_progress(told.callback()).await.unwrap();
    assert_eq!(told.last("send").records, 5);
}
