//! Servers that behave badly, and every kind of error that the client has.

use std::time::Duration;

use mistral_datasets::{Client, ClientBuilder, ErrorKind, Options, RetryPolicy};
use mistral_datasets_tests::{Canned, Fixture, RawResponse};
use serde_json::json;

const LISTED: &str = r#"{"datasets": {"count": 3, "results": []}}"#;

fn client(url: &str) -> ClientBuilder {
    Client::builder().api_key("the key").server_url(url).retries(RetryPolicy::none())
}

async fn count(response: RawResponse) -> Result<i64, mistral_datasets::Error> {
    let server = Canned::always(response).await;
    Ok(client(server.url()).build()?.datasets().list().await?.datasets.count)
}

#[tokio::test]
async fn content_types_do_not_matter_and_content_does() {
    for content_type in ["text/plain", "application/octet-stream", "nonsense"] {
        let response = RawResponse::new(200, LISTED).header("content-type", content_type);
        assert_eq!(count(response).await.unwrap(), 3);
    }
    assert_eq!(count(RawResponse::new(200, LISTED)).await.unwrap(), 3);
    let login = "<html><body>Sign in to the hotel's network</body></html>";
    let error = count(RawResponse::new(200, login).header("content-type", "text/html")).await;
    let error = error.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Decoding, Some(200)));
    assert!(!format!("{error} {error:?}").contains("hotel"));
}

#[tokio::test]
async fn a_page_of_twenty_megabytes_is_read() {
    let text = "x".repeat(200_000);
    let record = json!({
        "id": "019b2bd7-96e7-7219-8c0b-45a73da50088", "dataset_id": "019b2bd7-96e7-7219-8c0b-45a73da50088",
        "created_at": "2025-12-17T10:25:07Z", "updated_at": "2025-12-17T10:25:07Z",
        "payload": {"messages": [{"role": "user", "content": text}]}, "properties": {}, "source": "OTHER",
    });
    let page = json!({"records": {"count": 100, "results": vec![record; 100]}}).to_string();
    let server = Canned::always(RawResponse::json(200, page)).await;
    let client = client(server.url()).build().unwrap();
    let page = client.datasets().list_records("slug").page_size(100).await.unwrap().records;
    assert!(page.results.iter().all(|record| record.payload.get().len() > 200_000));
}

#[tokio::test]
async fn redirects_without_end_are_an_error() {
    let server = Canned::always(RawResponse::new(307, "").header("location", "/again")).await;
    let error = client(server.url()).build().unwrap().datasets().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decoding, "{error}");
    assert!(server.requests().len() < 20);
}

#[tokio::test]
async fn a_proxy_is_gone_through_and_named_in_no_error() {
    let proxy = Canned::always(RawResponse::json(200, LISTED)).await;
    let through = proxy.url().replace("http://", "http://user:secret@");
    let client = client("http://nowhere.invalid").proxy(through).build().unwrap();
    assert_eq!(client.datasets().list().await.unwrap().datasets.count, 3);
    let request = &proxy.requests()[0];
    assert!(request.starts_with("get http://nowhere.invalid/v1/observability/datasets"));
    assert!(request.contains("proxy-authorization: basic"), "{request}");
    let closed = self::client("http://nowhere.invalid").proxy("http://u:secret@127.0.0.1:9");
    let error = closed.build().unwrap().datasets().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn a_storm_of_refusals_is_ridden_out_together() {
    let fixture = Fixture::start().await;
    let dataset = fixture.dataset().await;
    fixture.inject_fault(json!({"operation": "fetch_dataset", "status": 429, "times": 30})).await;
    let patient = RetryPolicy::default().max_attempts(20).first_delay(Duration::from_millis(10));
    let client = fixture.client_with(Options::new().retries(patient));
    let calls = (0..16).map(|_| client.datasets().fetch(dataset.id).into_future());
    for fetched in futures::future::join_all(calls).await {
        fetched.unwrap();
    }
}

#[tokio::test]
async fn a_drip_ends_with_the_timeout() {
    let fixture = Fixture::start().await;
    let drip = json!({"bytes": 1, "interval_ms": 50});
    fixture.inject_fault(json!({"operation": "list_datasets", "drip": drip, "times": null})).await;
    let hasty = Options::new().timeout(Duration::from_millis(300)).retries(RetryPolicy::none());
    let error = fixture.client_with(hasty).datasets().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

#[tokio::test]
async fn every_kind_of_error_is_met() {
    let fixture = Fixture::start().await;
    let dataset = fixture.dataset().await;
    let hasty = Options::new().timeout(Duration::from_millis(50)).retries(RetryPolicy::none());
    let client = fixture.client_with(hasty);
    let mut met = Vec::new();
    for fault in [
        json!({"status": 401}),
        json!({"status": 403}),
        json!({"status": 404}),
        json!({"status": 409}),
        json!({"status": 422}),
        json!({"status": 429}),
        json!({"status": 500}),
        json!({"status": 200, "body": "no JSON"}),
        json!({"delay_ms": 5000}),
        json!({"reset_after_bytes": 0}),
    ] {
        fixture.inject_fault(fault).await;
        met.push(client.datasets().list().await.unwrap_err().kind());
    }
    met.push(Client::builder().api_key("").build().unwrap_err().kind());
    let file = fixture.file("no JSON\n").await;
    let import = fixture.client.datasets().import_from_file(dataset.id, file).wait();
    met.push(import.await.unwrap_err().kind());
    let (cancelled, token) = fixture.client.cancellable();
    token.cancel();
    met.push(cancelled.datasets().list().await.unwrap_err().kind());
    fixture.client.close().await;
    met.push(fixture.client.datasets().list().await.unwrap_err().kind());
    for kind in ErrorKind::ALL {
        assert!(met.contains(kind), "{kind} is missing in {met:?}");
    }
}
