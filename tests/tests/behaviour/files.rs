//! Files, signed links and exports.

use std::io::Write;

use mistral_datasets::{ErrorKind, Upload};
use mistral_datasets_tests::{Fixture, plain_http};
use serde_json::json;

const TEXT: &str = "{\"messages\": [{\"role\": \"user\", \"content\": \"Grüße\"}]}\n";

#[tokio::test]
async fn upload_file_from_bytes() {
    let fixture = Fixture::start().await;
    let upload = Upload::bytes("häufig gefragt.jsonl", TEXT);
    let file = fixture.client.files().upload(upload).await.unwrap();
    assert_eq!(file.filename, "häufig gefragt.jsonl");
    assert_eq!((file.bytes, file.object.as_str()), (Some(TEXT.len() as i64), "file"));
    assert!(!file.id.is_empty());
}

#[tokio::test]
async fn upload_file_streamed() {
    let fixture = Fixture::start().await;
    let mut source = tempfile::Builder::new().suffix(".jsonl").tempfile().unwrap();
    let line = TEXT.repeat(50);
    for _ in 0..1000 {
        source.write_all(line.as_bytes()).unwrap();
    }
    let upload = Upload::path(source.path()).await.unwrap();
    let file = fixture.client.files().upload(upload).await.unwrap();
    assert_eq!(file.bytes, Some(TEXT.len() as i64 * 50_000));

    let chunks = (0..10).map(|_| Ok(bytes::Bytes::from_static(TEXT.as_bytes())));
    let upload = Upload::stream("chunks.jsonl", futures::stream::iter(chunks), None);
    let file = fixture.client.files().upload(upload).await.unwrap();
    assert_eq!(file.bytes, Some(TEXT.len() as i64 * 10));

    let error = Upload::path("no such file").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
}

#[tokio::test]
async fn list_files() {
    let fixture = Fixture::start().await;
    let first = fixture.upload("1").await;
    let second = fixture.upload("2").await;
    let third = fixture.upload("3").await;
    let response = fixture.client.files().list().await.unwrap();
    let ids: Vec<_> = response.data.iter().map(|file| file.id.clone()).collect();
    assert_eq!((ids, response.total), (vec![third, second, first.clone()], Some(3)));
    let response = fixture.client.files().list().page(1).page_size(2).await.unwrap();
    assert_eq!(response.data.iter().map(|file| &file.id).collect::<Vec<_>>(), [&first]);
}

#[tokio::test]
async fn retrieve_file() {
    let fixture = Fixture::start().await;
    let uploaded = fixture.client.files().upload(Upload::bytes("a.jsonl", TEXT)).await.unwrap();
    let mut retrieved = fixture.client.files().retrieve(&uploaded.id).await.unwrap();
    assert_eq!(retrieved.deleted.take(), Some(false));
    assert_eq!(retrieved, uploaded);
}

#[tokio::test]
async fn delete_file() {
    let fixture = Fixture::start().await;
    let id = fixture.upload(TEXT).await;
    let files = fixture.client.files();
    let response = files.delete(&id).await.unwrap();
    assert_eq!((response.id, response.deleted), (id.clone(), true));
    for error in [
        files.retrieve(&id).await.unwrap_err(),
        files.delete(&id).await.unwrap_err(),
        files.download(&id).await.unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.status()), (ErrorKind::NotFound, Some(404)));
    }
    let response = files.list().await.unwrap();
    assert_eq!(response.total, Some(0));
}

#[tokio::test]
async fn download_file() {
    let fixture = Fixture::start().await;
    let bytes: Vec<u8> = (0..300_000_u32).map(|number| number as u8).collect();
    let upload = Upload::bytes("any.bin", bytes.clone());
    let file = fixture.client.files().upload(upload).await.unwrap();
    let download = fixture.client.files().download(&file.id).await.unwrap();
    assert_eq!(download.length(), Some(300_000));
    assert_eq!(download.bytes().await.unwrap(), bytes);
}

#[tokio::test]
async fn signed_url_needs_no_key() {
    let fixture = Fixture::start().await;
    let id = fixture.upload(TEXT).await;
    let link = fixture.client.files().get_signed_url(&id).expiry(1).await.unwrap().url;
    assert!(link.starts_with(&fixture.url()), "the link points to another server");
    let response = plain_http().get(&link).send().await.unwrap();
    assert_eq!(
        (response.status(), response.text().await.unwrap().as_str()),
        (reqwest::StatusCode::OK, TEXT)
    );
    let bytes = fixture.client.open_link(&link).await.unwrap().bytes().await.unwrap();
    assert_eq!(bytes, TEXT);
    let altered = link.replace(&id, &uuid::Uuid::new_v4().to_string()) + "0";
    assert!(!plain_http().get(&altered).send().await.unwrap().status().is_success());
    let error = fixture.client.files().get_signed_url(&id).expiry(0).await.unwrap_err();
    assert_eq!(error.message(), "expiry: expected at least 1, found 0");
}

#[tokio::test]
async fn export_then_import() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let datasets = fixture.client.datasets();
    let formatted = "{\n  \"messages\" : [ ],\n\t\"text\": \"a \\n b\"\n}";
    let payload = mistral_datasets::RawJson::from_string(formatted.to_owned()).unwrap();
    datasets.create_record(dataset.id, payload, json!({"n": 1})).await.unwrap();
    for number in 0..250 {
        fixture.create_record(&dataset, &format!("number {number} \u{2028} 😀")).await;
    }
    let link = datasets.export_to_jsonl(dataset.id).await.unwrap().file_url;
    let export = fixture.client.open_link(&link).await.unwrap().bytes().await.unwrap();
    assert_eq!(export.iter().filter(|byte| **byte == b'\n').count(), 251);

    let copy = fixture.create_dataset().await;
    let file = fixture.client.files().upload(Upload::bytes("export.jsonl", export)).await.unwrap();
    let task = datasets.import_from_file(copy.id, file.id).await.unwrap();
    let task = fixture.wait_until_finished(task).await;
    assert_eq!(task.result.unwrap().imported_record_count, 251, "{:?}", task.message);
    for page in 1..=3 {
        let read = async |id| {
            let listing = datasets.list_records(id).page_size(100).page(page);
            let records = listing.await.unwrap().records.results;
            let values = records.iter().map(|record| {
                let value: serde_json::Value = record.payload.parse().unwrap();
                (value, record.properties.get().to_owned())
            });
            values.collect::<Vec<_>>()
        };
        let (original, copied) = (read(dataset.id).await, read(copy.id).await);
        assert!(!original.is_empty());
        assert_eq!(original, copied);
    }
}
