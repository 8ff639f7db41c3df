//! Misbehaving servers and proxies, and all error kinds of the client.

use std::time::Duration;

use mistral_datasets::{Client, ClientBuilder, ErrorKind, Options, RetryPolicy};
use mistral_datasets_tests::{CannedResponse, CannedServer, Fixture};
use serde_json::json;

const LISTED: &str = r#"{"datasets": {"count": 3, "results": []}}"#;

fn client(url: &str) -> ClientBuilder {
    Client::builder().api_key("the key").server_url(url).retries(RetryPolicy::none())
}

async fn count(response: CannedResponse) -> Result<i64, mistral_datasets::Error> {
    let server = CannedServer::start(response).await;
    Ok(client(server.url()).build()?.datasets().list().await?.datasets.count)
}

#[tokio::test]
async fn the_body_is_parsed_regardless_of_its_content_type() {
    for content_type in ["text/plain", "application/octet-stream", "nonsense"] {
        let response = CannedResponse::new(200, LISTED).header("content-type", content_type);
        assert_eq!(count(response).await.unwrap(), 3);
    }
    assert_eq!(count(CannedResponse::new(200, LISTED)).await.unwrap(), 3);
    let login_page = "<html><body>Sign in to the hotel's network</body></html>";
    let error =
        count(CannedResponse::new(200, login_page).header("content-type", "text/html")).await;
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
    let server = CannedServer::start(CannedResponse::json(200, page)).await;
    let client = client(server.url()).build().unwrap();
    let page = client.datasets().list_records("slug").page_size(100).await.unwrap().records;
    assert!(page.results.iter().all(|record| record.payload.get().len() > 200_000));
}

#[tokio::test]
async fn a_redirect_loop_is_an_error() {
    let server =
        CannedServer::start(CannedResponse::new(307, "").header("location", "/again")).await;
    let error = client(server.url()).build().unwrap().datasets().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decoding, "{error}");
    assert!(server.requests().len() < 20);
}

#[tokio::test]
async fn a_proxy_is_used_and_its_password_stays_out_of_errors() {
    let proxy = CannedServer::start(CannedResponse::json(200, LISTED)).await;
    let proxy_url = proxy.url().replace("http://", "http://user:secret@");
    let client = client("http://nowhere.invalid").proxy(proxy_url).build().unwrap();
    assert_eq!(client.datasets().list().await.unwrap().datasets.count, 3);
    let request = &proxy.requests()[0];
    assert!(request.starts_with("get http://nowhere.invalid/v1/observability/datasets"));
    assert!(request.contains("proxy-authorization: basic"), "{request}");
    let unreachable = self::client("http://nowhere.invalid").proxy("http://u:secret@127.0.0.1:9");
    let error = unreachable.build().unwrap().datasets().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn concurrent_calls_succeed_after_many_rate_limit_errors() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    fixture.inject_fault(json!({"operation": "fetch_dataset", "status": 429, "times": 30})).await;
    let policy = RetryPolicy::new().max_retries(19).first_delay(Duration::from_millis(10));
    let client = fixture.client_with(Options::new().retries(policy));
    let calls = (0..16).map(|_| client.datasets().fetch(dataset.id).into_future());
    for fetched in futures::future::join_all(calls).await {
        fetched.unwrap();
    }
}

#[tokio::test]
async fn a_slow_body_causes_a_timeout() {
    let fixture = Fixture::start().await;
    let drip = json!({"bytes": 1, "interval_ms": 50});
    fixture.inject_fault(json!({"operation": "list_datasets", "drip": drip, "times": null})).await;
    let short_timeout =
        Options::new().timeout(Duration::from_millis(300)).retries(RetryPolicy::none());
    let error = fixture.client_with(short_timeout).datasets().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

#[tokio::test]
async fn every_error_kind_occurs() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let short_timeout =
        Options::new().timeout(Duration::from_millis(500)).retries(RetryPolicy::none());
    let client = fixture.client_with(short_timeout);
    let mut kinds = Vec::new();
    for fault in [
        json!({"status": 401}),
        json!({"status": 403}),
        json!({"status": 404}),
        json!({"status": 409}),
        json!({"status": 422}),
        json!({"status": 429}),
        json!({"status": 500}),
        json!({"status": 200, "body": "not JSON"}),
        json!({"delay_ms": 5000}),
        json!({"reset_after_bytes": 0}),
    ] {
        fixture.inject_fault(fault).await;
        kinds.push(client.datasets().list().await.unwrap_err().kind());
    }
    kinds.push(Client::builder().api_key("").build().unwrap_err().kind());
    let file = fixture.upload("not JSON\n").await;
    let import = fixture.client.datasets().import_from_file(dataset.id, file).wait();
    kinds.push(import.await.unwrap_err().kind());
    let (cancelled, token) = fixture.client.cancellable();
    token.cancel();
    kinds.push(cancelled.datasets().list().await.unwrap_err().kind());
    fixture.client.close().await;
    kinds.push(fixture.client.datasets().list().await.unwrap_err().kind());
    for kind in ErrorKind::ALL {
        assert!(kinds.contains(kind), "{kind} is missing in {kinds:?}");
    }
}
