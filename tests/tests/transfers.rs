//! What transfers from links do about servers that are odder than any case of the behaviour suite.

use std::path::Path;
use std::time::Duration;

use mistral_datasets::types::Dataset;
use mistral_datasets::{Client, ErrorKind, Options};
use mistral_datasets_tests::{Canned, Fixture, RawResponse};
use serde_json::{Value, json};

/// A dataset of three records, and the export of it.
async fn filled(fixture: &Fixture) -> (Dataset, String) {
    let dataset = fixture.dataset().await;
    for text in ["first", "second", "third"] {
        fixture.record(&dataset, text).await;
    }
    let link = link(fixture, &dataset).await;
    let export = fixture.client.open_link(&link).await.unwrap().bytes().await.unwrap();
    (dataset, String::from_utf8(export.to_vec()).unwrap())
}

async fn link(fixture: &Fixture, dataset: &Dataset) -> String {
    fixture.client.datasets().export_to_jsonl(dataset.id).await.unwrap().file_url
}

/// Rules for the requests that open links, one after the other.
async fn spoil(fixture: &Fixture, rules: impl IntoIterator<Item = Value>) {
    for mut rule in rules {
        rule["operation"] = json!("open_link");
        fixture.inject_fault(rule).await;
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_range_that_was_not_asked_for_is_not_taken() {
    let fixture = Fixture::start().await;
    let (dataset, whole) = filled(&fixture).await;
    let odd = |range: &str| json!({"status": 206, "headers": {"content-range": range}, "body": "something else"});
    for odd in [
        odd("bytes 0-13/1000"),
        odd("bytes 100-113/14"),
        odd("nonsense"),
        json!({"status": 206, "body": "something else"}),
        json!({"status": 416, "body": ""}),
    ] {
        spoil(&fixture, [json!({"truncate_after_bytes": 100}), odd.clone()]).await;
        fixture.requests().await;
        let mut written = Vec::new();
        fixture.client.datasets().export(dataset.id).to_writer(&mut written).await.unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), whole, "{odd}");
        let requests = fixture.requests().await;
        let ranges = requests
            .iter()
            .filter(|request| request.is_operation("open_link"))
            .map(|request| request.headers.get("range").map(String::as_str));
        assert_eq!(ranges.collect::<Vec<_>>(), [None, Some("bytes=100-"), None], "{odd}");
    }
}

#[tokio::test]
async fn another_file_in_the_place_is_read_from_its_beginning() {
    let fixture = Fixture::start().await;
    let (dataset, whole) = filled(&fixture).await;
    // Another export: more records, and other bytes in those that were there.
    let other: String = ["first", "second", "third", "fourth"]
        .map(|text| format!("{{\"payload\": {{}}, \"properties\": {{\"text\": \"{text}\"}}}}\n"))
        .concat();
    let first_line = whole.find('\n').unwrap() + 1;
    let spoiled = || {
        spoil(
            &fixture,
            [
                json!({"truncate_after_bytes": first_line + 20}),
                json!({"status": 200, "headers": {"etag": "\"other\""}, "body": other}),
            ],
        )
    };
    let export = || fixture.client.datasets().export(dataset.id);

    spoiled().await;
    let folder = tempfile::tempdir().unwrap();
    for name in ["export.jsonl", "export.jsonl.gz"] {
        let path = folder.path().join(name);
        let report = export().to_path(&path).await.unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(report.bytes, bytes.len() as u64);
        if name.ends_with(".gz") {
            let text = std::io::read_to_string(flate2::read::GzDecoder::new(&*bytes)).unwrap();
            assert_eq!((report.records, text), (4, other.clone()));
        } else {
            assert_eq!((report.records, bytes), (4, other.clone().into_bytes()));
            spoiled().await;
        }
    }

    // What a stream has handed over it does not hand over again, and no line is made of two.
    spoiled().await;
    let mut records = export().records();
    let mut texts = Vec::new();
    while let Some(record) = records.next().await {
        texts.push(record.unwrap().properties.parse::<Value>().unwrap()["text"].clone());
    }
    assert_eq!(texts, ["first", "second", "third", "fourth"]);
    spoiled().await;
    let mut written = Vec::new();
    export().to_writer(&mut written).await.unwrap();
    let second_line = other.find('\n').unwrap() + 1;
    let expected = format!("{}{}", &whole[..first_line], &other[second_line..]);
    assert_eq!(String::from_utf8(written).unwrap(), expected);

    // A plain download cannot know what to do about it.
    let link = link(&fixture, &dataset).await;
    spoiled().await;
    let error = fixture.client.open_link(&link).await.unwrap().bytes().await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Conflict, Some("open_link")));
}

#[tokio::test]
async fn downloads_go_on_where_they_broke_off() {
    let fixture = Fixture::start().await;
    let text = "0123456789".repeat(1000);
    let file = fixture.file(&text).await;
    let signed = fixture.client.files().get_signed_url(&file).await.unwrap().url;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.jsonl");
    for operation in ["download_file", "open_link"] {
        fixture.inject_fault(json!({"operation": operation, "truncate_after_bytes": 4321})).await;
        fixture.inject_fault(json!({"operation": operation, "status": 503, "body": ""})).await;
        fixture.requests().await;
        let download = match operation {
            "open_link" => fixture.client.open_link(&signed).await.unwrap(),
            _ => fixture.client.files().download(&file).await.unwrap(),
        };
        assert_eq!(download.to_path(&path).await.unwrap(), text.len() as u64);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        let requests = fixture.requests().await;
        let statuses: Vec<_> = requests.iter().map(|request| request.status).collect();
        assert_eq!(statuses, [Some(200), Some(503), Some(206)], "{operation}");
    }
    assert_eq!(names(folder.path()), ["copy.jsonl"]);
    let refused = fixture.client.files().download(&file).await.unwrap().to_path(folder.path());
    assert_eq!(refused.await.unwrap_err().operation(), Some("download_file"));
}

#[tokio::test]
async fn a_stalled_transfer_is_made_again() {
    let fixture = Fixture::start().await;
    let (dataset, whole) = filled(&fixture).await;
    let client = fixture.client_with(Options::new().timeout(Duration::from_millis(300)));
    spoil(&fixture, [json!({"drip": {"bytes": 50, "interval_ms": 5000}})]).await;
    let mut written = Vec::new();
    client.datasets().export(dataset.id).to_writer(&mut written).await.unwrap();
    assert_eq!(String::from_utf8(written).unwrap(), whole);
}

#[tokio::test]
async fn what_is_dropped_or_closed_leaves_nothing_behind() {
    let fixture = Fixture::start().await;
    let (dataset, _) = filled(&fixture).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export.jsonl");
    let slow = json!({"drip": {"bytes": 10, "interval_ms": 100}, "times": null});
    spoil(&fixture, [slow]).await;
    let export = fixture.client.datasets().export(dataset.id).to_path(&path);
    assert!(tokio::time::timeout(Duration::from_millis(300), export).await.is_err());
    assert!(names(folder.path()).is_empty());

    let client = fixture.client.clone();
    let export = client.datasets().export(dataset.id);
    let running = tokio::spawn(async move { export.to_path(path).await });
    while names(folder.path()).is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    client.close().await;
    let error = running.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Cancelled, Some("export")));
    assert!(names(folder.path()).is_empty());
    let closed = client.datasets().export(dataset.id).to_writer(Vec::new()).await.unwrap_err();
    assert_eq!(closed.kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn a_redirect_does_not_tell_the_link_that_led_there() {
    let last = Canned::always(RawResponse::new(200, "content")).await;
    let elsewhere = format!("{}/elsewhere", last.url().replace("127.0.0.1", "localhost"));
    let first = Canned::always(RawResponse::new(302, "").header("location", &elsewhere)).await;
    let client = Client::builder().api_key("the key").server_url(first.url()).build().unwrap();
    let link = format!("{}/file?signature=the-signature", first.url());
    let content = client.open_link(&link).await.unwrap().bytes().await.unwrap();
    assert_eq!(content, "content");
    let request = &last.requests()[0];
    assert!(!request.contains("referer") && !request.contains("the-signature"), "{request}");
}
