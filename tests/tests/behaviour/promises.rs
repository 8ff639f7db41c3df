//! Redirects, retries and transfers that must not lose, repeat or reveal anything.

use std::time::{Duration, Instant};

use bytes::Bytes;
use mistral_datasets::types::Dataset;
use mistral_datasets::{
    Client, ErrorKind, NewRecord, Options, RetryPolicy, Strategy, Upload, WithResponse,
};
use mistral_datasets_tests::{CannedResponse, CannedServer, Fixture};
use serde_json::json;

fn client_of(server: &CannedServer) -> Client {
    let builder = Client::builder().api_key("the key").server_url(server.url());
    builder.header("X-Team", "blue").build().unwrap()
}

#[tokio::test]
async fn redirected_writes_are_refused() {
    let other = CannedServer::start(CannedResponse::new(204, "")).await;
    for (status, location) in [(307, other.url()), (302, "/moved")] {
        let server = CannedServer::start(CannedResponse::redirect(status, location)).await;
        let target = if status == 307 { other.url() } else { server.url() };
        let datasets = client_of(&server).datasets();
        let created = datasets.create("Refund requests", "").await.unwrap_err();
        let deleted = datasets.delete("a-dataset").await.unwrap_err();
        for error in [created, deleted] {
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::Configuration, 1), "{error}");
            assert!(error.message().contains(target), "{error}");
            assert!(error.hint().unwrap().contains("server_url"));
        }
        assert_eq!(server.requests().len(), 2);
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn redirect_loops_end_a_call() {
    let server = CannedServer::start(CannedResponse::redirect(307, "/again")).await;
    let error = client_of(&server).datasets().list().await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Decoding, 1), "{error}");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn redirected_reads_drop_headers() {
    let page = CannedResponse::json(200, r#"{"datasets": {"count": 3}}"#);
    let other = CannedServer::start(page).await;
    let server = CannedServer::start(CannedResponse::redirect(302, other.url())).await;
    assert_eq!(client_of(&server).datasets().list().await.unwrap().datasets.count, 3);
    let (first, second) = (&server.requests()[0], &other.requests()[0]);
    assert!(first.contains("authorization: bearer the key") && first.contains("x-team: blue"));
    assert!(!second.contains("authorization") && !second.contains("x-team"), "{second}");
}

#[tokio::test]
async fn lost_deletion_succeeds() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let file = fixture.upload("{}\n").await;
    for operation in ["delete_dataset", "delete_file"] {
        let lost = json!({"operation": operation, "carry_out": true, "reset_after_bytes": 0});
        fixture.inject_fault(lost).await;
    }
    let deletion = fixture.client.datasets().delete(dataset.id).with_response();
    assert_eq!(deletion.await.unwrap().1.attempts(), 2);
    let deleted = fixture.client.files().delete(&file).await.unwrap();
    assert!(deleted.deleted && deleted.id == file);
    let error = fixture.client.datasets().delete(dataset.id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn unavailable_writes_are_retried_unless_disabled() {
    let fixture = Fixture::start().await;
    let unavailable = json!({
        "operation": "create_dataset", "status": 503, "headers": {"retry-after": "0"},
    });
    fixture.inject_fault(unavailable.clone()).await;
    fixture.create_dataset().await;
    fixture.inject_fault(unavailable).await;
    let policy = RetryPolicy::new().retry_unavailable_writes(false);
    let client = fixture.client_with(Options::new().retries(policy));
    let error = client.datasets().create("Refund requests", "").await.unwrap_err();
    assert!(error.attempts() == 1 && error.is_ambiguous(), "{error}");
}

#[tokio::test]
async fn retry_policies_merge() {
    let fixture = Fixture::start().await;
    fixture.inject_fault(json!({"operation": "list_datasets", "status": 500, "times": null})).await;
    let client = fixture.client_with(Options::new().retries(RetryPolicy::new().max_retries(1)));
    let faster = Options::new().retries(RetryPolicy::new().first_delay(Duration::ZERO));
    let error = client.with_options(faster).unwrap().datasets().list().await.unwrap_err();
    assert_eq!(error.attempts(), 2);
}

#[tokio::test]
async fn retry_budget_is_reported() {
    let fixture = Fixture::start().await;
    fixture.inject_fault(json!({"operation": "list_datasets", "status": 500, "times": null})).await;
    let eager = RetryPolicy::new().max_retries(10_000).first_delay(Duration::ZERO);
    let client = fixture.client_with(Options::new().retries(eager.max_delay(Duration::ZERO)));
    let error = client.datasets().list().await.unwrap_err();
    assert!(error.to_string().contains("retry budget"), "{error}");
    assert!((50..500).contains(&error.attempts()), "{error}");
}

#[tokio::test]
async fn bulk_creation_obeys_max_retries() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    fixture.inject_fault(json!({"operation": "create_record", "status": 429, "times": null})).await;
    for (policy, attempts) in
        [(RetryPolicy::new(), 10), (RetryPolicy::new().max_retries(2), 3), (RetryPolicy::none(), 1)]
    {
        fixture.take_requests().await;
        let client = fixture.client_with(Options::new().retries(policy.max_delay(Duration::ZERO)));
        let record = NewRecord::new(json!({"messages": []}), json!({})).unwrap();
        let create = client.datasets().create_records_iter(dataset.id, [record]);
        let error = create.strategy(Strategy::Single).await.unwrap_err();
        assert_eq!(error.attempts(), attempts, "{error}");
        assert_eq!(fixture.take_requests().await.len(), attempts as usize);
    }
}

#[tokio::test]
async fn stream_uploads_are_not_retried() {
    let fixture = Fixture::start().await;
    let limited = json!({
        "operation": "upload_file", "status": 429, "headers": {"retry-after": "30"}, "times": null,
    });
    fixture.inject_fault(limited).await;
    let content = futures::stream::iter([Ok(Bytes::from_static(b"{}\n"))]);
    let started = Instant::now();
    let upload = fixture.client.files().upload(Upload::stream("a.jsonl", content, None));
    let error = upload.await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::RateLimit, 1));
}

/// Makes the next download break after the first record, and continue with another file.
async fn replace_export(fixture: &Fixture, dataset: &Dataset) {
    let link = fixture.client.datasets().export_to_jsonl(dataset.id).await.unwrap().file_url;
    let export = fixture.client.open_link(&link).await.unwrap().bytes().await.unwrap();
    let first_line = export.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let other = "{\"payload\": {}, \"properties\": {\"text\": \"other\"}}\n".repeat(3);
    for fault in [
        json!({"truncate_after_bytes": first_line + 20}),
        json!({"status": 200, "headers": {"etag": "\"other\""}, "body": other}),
    ] {
        let mut fault = fault;
        fault["operation"] = json!("open_link");
        fixture.inject_fault(fault).await;
    }
}

#[tokio::test]
async fn export_of_a_changed_file_is_a_conflict() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    for text in ["first", "second", "third"] {
        fixture.create_record(&dataset, text).await;
    }
    replace_export(&fixture, &dataset).await;
    let mut records = fixture.client.datasets().export(dataset.id).records();
    records.next().await.unwrap().unwrap();
    assert_eq!(records.next().await.unwrap().unwrap_err().kind(), ErrorKind::Conflict);

    replace_export(&fixture, &dataset).await;
    let export = fixture.client.datasets().export(dataset.id);
    let error = export.to_writer(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);

    replace_export(&fixture, &dataset).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("export.jsonl");
    let report = fixture.client.datasets().export(dataset.id).to_path(&path).await.unwrap();
    assert_eq!(report.records, 3, "a file is started again");
}
