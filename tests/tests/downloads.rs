//! Downloads and exports: edge cases beyond the behaviour suite.

use std::path::Path;
use std::time::Duration;

use futures::StreamExt;
use mistral_datasets::types::Dataset;
use mistral_datasets::{Client, ErrorKind, Options};
use mistral_datasets_tests::{CannedResponse, CannedServer, Fixture};
use serde_json::{Value, json};

/// Creates a dataset with three records, and returns it with its export.
async fn create_filled_dataset(fixture: &Fixture) -> (Dataset, String) {
    let dataset = fixture.create_dataset().await;
    for text in ["first", "second", "third"] {
        fixture.create_record(&dataset, text).await;
    }
    let link = export_link(fixture, &dataset).await;
    let export = fixture.client.open_link(&link).await.unwrap().bytes().await.unwrap();
    (dataset, String::from_utf8(export.to_vec()).unwrap())
}

async fn export_link(fixture: &Fixture, dataset: &Dataset) -> String {
    fixture.client.datasets().export_to_jsonl(dataset.id).await.unwrap().file_url
}

/// Adds fault rules for the requests that open links.
async fn inject_link_faults(fixture: &Fixture, rules: impl IntoIterator<Item = Value>) {
    for mut rule in rules {
        rule["operation"] = json!("open_link");
        fixture.inject_fault(rule).await;
    }
}

fn file_names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn invalid_range_responses_are_rejected_and_the_download_restarts() {
    let fixture = Fixture::start().await;
    let (dataset, expected) = create_filled_dataset(&fixture).await;
    let partial = |range: &str| json!({"status": 206, "headers": {"content-range": range}, "body": "something else"});
    for fault in [
        partial("bytes 0-13/1000"),
        partial("bytes 100-113/14"),
        partial("nonsense"),
        json!({"status": 206, "body": "something else"}),
        json!({"status": 416, "body": ""}),
    ] {
        inject_link_faults(&fixture, [json!({"truncate_after_bytes": 100}), fault.clone()]).await;
        fixture.take_requests().await;
        let mut written = Vec::new();
        fixture.client.datasets().export(dataset.id).to_writer(&mut written).await.unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), expected, "{fault}");
        let requests = fixture.take_requests().await;
        let ranges = requests
            .iter()
            .filter(|request| request.is_operation("open_link"))
            .map(|request| request.headers.get("range").map(String::as_str));
        assert_eq!(ranges.collect::<Vec<_>>(), [None, Some("bytes=100-"), None], "{fault}");
    }
}

#[tokio::test]
async fn an_export_restarts_if_the_file_behind_its_link_was_replaced() {
    let fixture = Fixture::start().await;
    let (dataset, expected) = create_filled_dataset(&fixture).await;
    // A new version of the export: more records, and different bytes in the existing ones.
    let other: String = ["first", "second", "third", "fourth"]
        .map(|text| format!("{{\"payload\": {{}}, \"properties\": {{\"text\": \"{text}\"}}}}\n"))
        .concat();
    let first_line = expected.find('\n').unwrap() + 1;
    let inject_replacement = || {
        inject_link_faults(
            &fixture,
            [
                json!({"truncate_after_bytes": first_line + 20}),
                json!({"status": 200, "headers": {"etag": "\"other\""}, "body": other}),
            ],
        )
    };
    let export = || fixture.client.datasets().export(dataset.id);

    inject_replacement().await;
    let directory = tempfile::tempdir().unwrap();
    for name in ["export.jsonl", "export.jsonl.gz"] {
        let path = directory.path().join(name);
        let report = export().to_path(&path).await.unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(report.bytes, bytes.len() as u64);
        if name.ends_with(".gz") {
            let text = std::io::read_to_string(flate2::read::GzDecoder::new(&*bytes)).unwrap();
            assert_eq!((report.records, text), (4, other.clone()));
        } else {
            assert_eq!((report.records, bytes), (4, other.clone().into_bytes()));
            inject_replacement().await;
        }
    }

    // What was delivered cannot be taken back.
    inject_replacement().await;
    let mut records = export().records();
    let first = records.next().await.unwrap().unwrap();
    assert_eq!(first.properties.parse::<Value>().unwrap()["text"], "first");
    let error = records.next().await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Conflict, Some("export")));
    assert!(records.next().await.is_none());
    inject_replacement().await;
    let mut written = Vec::new();
    let error = export().to_writer(&mut written).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(String::from_utf8(written).unwrap(), expected[..first_line]);

    let link = export_link(&fixture, &dataset).await;
    inject_replacement().await;
    let bytes = fixture.client.open_link(&link).await.unwrap().bytes().await.unwrap();
    assert_eq!(bytes, other);
    inject_replacement().await;
    let path = directory.path().join("download.jsonl");
    fixture.client.open_link(&link).await.unwrap().to_path(&path).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), other.clone().into_bytes());
    inject_replacement().await;
    let mut chunks = fixture.client.open_link(&link).await.unwrap().into_stream();
    let error = loop {
        match chunks.next().await.unwrap() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Conflict, Some("open_link")));
}

#[tokio::test]
async fn interrupted_downloads_are_resumed() {
    let fixture = Fixture::start().await;
    let text = "0123456789".repeat(1000);
    let file = fixture.upload(&text).await;
    let signed = fixture.client.files().get_signed_url(&file).await.unwrap().url;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("copy.jsonl");
    for operation in ["download_file", "open_link"] {
        fixture.inject_fault(json!({"operation": operation, "truncate_after_bytes": 4321})).await;
        fixture.inject_fault(json!({"operation": operation, "status": 503, "body": ""})).await;
        fixture.take_requests().await;
        let download = match operation {
            "open_link" => fixture.client.open_link(&signed).await.unwrap(),
            _ => fixture.client.files().download(&file).await.unwrap(),
        };
        assert_eq!(download.to_path(&path).await.unwrap(), text.len() as u64);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        let requests = fixture.take_requests().await;
        let statuses: Vec<_> = requests.iter().map(|request| request.status).collect();
        assert_eq!(statuses, [Some(200), Some(503), Some(206)], "{operation}");
    }
    assert_eq!(file_names(directory.path()), ["copy.jsonl"]);
    let result = fixture.client.files().download(&file).await.unwrap().to_path(directory.path());
    assert_eq!(result.await.unwrap_err().operation(), Some("download_file"));
}

#[tokio::test]
async fn a_stalled_transfer_is_retried() {
    let fixture = Fixture::start().await;
    let (dataset, expected) = create_filled_dataset(&fixture).await;
    let client = fixture.client_with(Options::new().timeout(Duration::from_millis(300)));
    inject_link_faults(&fixture, [json!({"drip": {"bytes": 50, "interval_ms": 5000}})]).await;
    let mut written = Vec::new();
    client.datasets().export(dataset.id).to_writer(&mut written).await.unwrap();
    assert_eq!(String::from_utf8(written).unwrap(), expected);
}

#[tokio::test]
async fn dropped_and_cancelled_exports_leave_no_files_behind() {
    let fixture = Fixture::start().await;
    let (dataset, _) = create_filled_dataset(&fixture).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("export.jsonl");
    let slow = json!({"drip": {"bytes": 10, "interval_ms": 100}, "times": null});
    inject_link_faults(&fixture, [slow]).await;
    let export = fixture.client.datasets().export(dataset.id).to_path(&path);
    assert!(tokio::time::timeout(Duration::from_millis(300), export).await.is_err());
    assert!(file_names(directory.path()).is_empty());

    let client = fixture.client.clone();
    let export = client.datasets().export(dataset.id);
    let running = tokio::spawn(async move { export.to_path(path).await });
    while file_names(directory.path()).is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    client.close().await;
    let error = running.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Cancelled, Some("export")));
    assert!(file_names(directory.path()).is_empty());
    let closed = client.datasets().export(dataset.id).to_writer(Vec::new()).await.unwrap_err();
    assert_eq!(closed.kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn a_redirect_does_not_send_the_link_as_referer() {
    let target = CannedServer::start(CannedResponse::new(200, "content")).await;
    let location = format!("{}/file", target.url().replace("127.0.0.1", "localhost"));
    let first =
        CannedServer::start(CannedResponse::new(302, "").header("location", &location)).await;
    let client = Client::builder().api_key("the key").server_url(first.url()).build().unwrap();
    let link = format!("{}/file?signature=the-signature", first.url());
    let content = client.open_link(&link).await.unwrap().bytes().await.unwrap();
    assert_eq!(content, "content");
    let request = &target.requests()[0];
    assert!(!request.contains("referer") && !request.contains("the-signature"), "{request}");
}

#[tokio::test]
async fn without_a_strong_etag_a_download_is_never_continued() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    for etag in [None, Some("W/\"a\"")] {
        let part = |body: &str| {
            let response = CannedResponse::new(200, body);
            match etag {
                Some(etag) => response.header("etag", etag),
                None => response,
            }
        };
        // The second version of the file has the same length.
        let start = || async {
            CannedServer::start_sequence([part("the first").cut_off_at(4), part("and other")]).await
        };
        let server = start().await;
        let bytes = client.open_link(server.url()).await.unwrap().bytes().await.unwrap();
        assert_eq!(bytes, "and other", "{etag:?}");
        assert!(server.requests().iter().all(|request| !request.contains("range:")));
        let server = start().await;
        let mut chunks = client.open_link(server.url()).await.unwrap().into_stream();
        assert_eq!(chunks.next().await.unwrap().unwrap(), "the ");
        assert_eq!(chunks.next().await.unwrap().unwrap_err().kind(), ErrorKind::Conflict);
    }
}
