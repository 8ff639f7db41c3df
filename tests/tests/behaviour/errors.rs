//! Configuration and connection errors, and the secrecy of keys, links and conversations.

use std::time::Duration;

use mistral_datasets::{Client, ClientBuilder, ErrorKind, RetryPolicy};
use mistral_datasets_tests::{CannedResponse, CannedServer, Fixture};
use serde_json::json;
use uuid::Uuid;

/// Returns a client builder without retries.
fn without_retries(url: &str) -> ClientBuilder {
    Client::builder().api_key("k").server_url(url).retries(RetryPolicy::none())
}

#[tokio::test]
async fn missing_key_is_a_configuration_error() {
    // The environment may contain a key. A blank key counts as missing.
    let error = Client::builder().api_key(" ").build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.message().contains("MISTRAL_API_KEY"), "{error}");
}

#[tokio::test]
async fn rejected_key_is_an_authentication_error() {
    let fixture = Fixture::start_with(vec!["right".to_owned()], "wrong".to_owned()).await;
    let error = fixture.client.datasets().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication);
    assert_eq!((error.status(), error.code()), (Some(401), Some("AUTH_UNAUTHORIZED")));
    let client = Client::builder().api_key("right").server_url(fixture.url()).build().unwrap();
    client.datasets().list().await.unwrap();
}

#[tokio::test]
async fn unreachable_server_is_a_connection_error() {
    let client = without_retries("http://127.0.0.1:9").build().unwrap();
    for error in [
        client.datasets().list().await.unwrap_err(),
        client.files().download("file").await.unwrap_err(),
        client.files().upload(mistral_datasets::Upload::bytes("a", "b")).await.unwrap_err(),
        client.open_link("http://127.0.0.1:9/link?signature=abc").await.unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.status()), (ErrorKind::Connection, None));
        assert!(error.message().contains("127.0.0.1:9"), "{error}");
        assert!(error.is_retryable() && error.operation().is_some() && error.hint().is_some());
        assert!(std::error::Error::source(&error).is_some());
        assert!(!format!("{error} {error:?}").contains("signature"), "{error:?}");
    }
}

#[tokio::test]
async fn slow_server_is_a_timeout_error() {
    let response =
        CannedResponse::json(200, r#"{"datasets": {"count": 0}}"#).delay(Duration::from_secs(20));
    let server = CannedServer::start(response).await;
    let client = without_retries(server.url()).timeout(Duration::from_millis(100)).build().unwrap();
    for error in [
        client.datasets().list().await.unwrap_err(),
        client.files().download("file").await.unwrap_err(),
        client.files().upload(mistral_datasets::Upload::bytes("a", "b")).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn secrets_stay_out_of_errors() {
    let body = r#"{"detail": [{"loc": ["body"], "msg": "bad", "input": "the conversation"}]}"#;
    let server = CannedServer::start(CannedResponse::json(422, body)).await;
    let client = without_retries(server.url()).api_key("the key").build().unwrap();
    let payload = json!({"messages": [{"role": "user", "content": "the conversation"}]});
    let call = client.datasets().create_record("dataset", &payload, json!({}));
    let printed = format!("{call:?} {client:?}");
    let error = call.await.unwrap_err();
    let link = format!("{}/file?signature=the-signature", server.url());
    let rejected = client.open_link(&link).await.unwrap_err();
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let export = fixture.client.datasets().export_to_jsonl(dataset.id).await.unwrap();
    let (_, query) = export.file_url.split_once('?').expect("link is signed");
    assert!(!format!("{export:?}").contains(query), "{export:?}");
    let printed = format!("{printed} {error} {error:?} {rejected} {rejected:?}");
    for secret in ["the key", "the conversation", "the-signature"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[tokio::test]
async fn key_is_not_sent_to_other_hosts() {
    let other =
        CannedServer::start(CannedResponse::json(200, r#"{"datasets": {"count": 3}}"#)).await;
    let location = format!("{}/datasets", other.url().replace("127.0.0.1", "localhost"));
    let first =
        CannedServer::start(CannedResponse::new(307, "").header("location", &location)).await;
    let client = Client::builder().api_key("the key").server_url(first.url()).build().unwrap();
    assert_eq!(client.datasets().list().await.unwrap().datasets.count, 3);
    client.open_link(&location).await.unwrap();
    assert!(first.requests()[0].contains("authorization: bearer the key"));
    let requests = other.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert!(!request.contains("authorization"), "{request}");
    }
    let error = client.open_link(&format!("file:///{}", Uuid::nil())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
}
