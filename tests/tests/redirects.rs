//! Redirects of calls, downloads and uploads: where requests arrive, and with which headers.

use std::time::Duration;

use mistral_datasets::{Client, ClientBuilder, Error, ErrorKind, RetryPolicy, Upload};
use mistral_datasets_tests::{CannedResponse, CannedServer};
use serde_json::json;

const PAGE: &str = r#"{"datasets": {"count": 3}}"#;
const DATASET: &str = r#"{"id": "00000000-0000-0000-0000-000000000001", "name": "Moved", "slug": "moved", "description": "", "owner_id": "00000000-0000-0000-0000-000000000003",
    "workspace_id": "00000000-0000-0000-0000-000000000004",
    "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "deleted_at": null}"#;
const FILE: &str = r#"{"id": "00000000-0000-0000-0000-000000000002", "object": "file", "bytes": 1, "created_at": 0,
    "filename": "a.jsonl", "purpose": "batch", "sample_type": "batch_request", "source": "upload"}"#;

/// A client with fast retries, so that a redirect that is retried by mistake shows up as several requests.
fn client_of(server: &CannedServer) -> Client {
    builder_of(server).build().unwrap()
}

fn builder_of(server: &CannedServer) -> ClientBuilder {
    let fast = RetryPolicy::new().first_delay(Duration::from_millis(1));
    let builder = Client::builder().api_key("the key").server_url(server.url());
    builder.header("X-Team", "blue").retries(fast)
}

/// Starts a server at another origin, and one that redirects every request to it.
async fn redirecting(status: u16, response: CannedResponse) -> (CannedServer, CannedServer) {
    let second = CannedServer::start(response).await;
    let location = format!("{}/moved", second.url());
    (CannedServer::start(CannedResponse::redirect(status, &location)).await, second)
}

/// Starts a server that redirects the first request to itself and then sends `response`.
async fn redirecting_to_itself(status: u16, response: CannedResponse) -> CannedServer {
    CannedServer::start_sequence([CannedResponse::redirect(status, "/moved"), response]).await
}

fn has_secrets(request: &str) -> bool {
    request.contains("authorization") || request.contains("x-team")
}

#[tokio::test]
async fn reads_within_the_origin_keep_the_key_and_the_headers() {
    for status in [301, 302, 303, 307, 308] {
        let server = redirecting_to_itself(status, CannedResponse::json(200, PAGE)).await;
        assert_eq!(client_of(&server).datasets().list().await.unwrap().datasets.count, 3);
        let requests = server.requests();
        assert_eq!(server.request_lines()[1], "get /moved", "{status}");
        assert!(requests.len() == 2 && requests.iter().all(|request| has_secrets(request)));
    }
}

#[tokio::test]
async fn reads_at_another_origin_lose_the_key_and_the_headers() {
    let (first, second) = redirecting(302, CannedResponse::json(200, PAGE)).await;
    client_of(&first).datasets().list().await.unwrap();
    assert!(has_secrets(&first.requests()[0]));
    assert!(!has_secrets(&second.requests()[0]), "{:?}", second.requests());
}

#[tokio::test]
async fn the_key_does_not_come_back_after_the_first_foreign_hop() {
    let responses = [CannedResponse::redirect(307, "/two"), CannedResponse::json(200, PAGE)];
    let second = CannedServer::start_sequence(responses).await;
    let location = format!("{}/one", second.url());
    let first = CannedServer::start(CannedResponse::redirect(307, &location)).await;
    client_of(&first).datasets().list().await.unwrap();
    assert_eq!(second.request_lines(), ["get /one", "get /two"]);
    assert!(second.requests().iter().all(|request| !has_secrets(request)));

    // Another host name of the same server is another origin.
    let server = CannedServer::start_with(|url| {
        let other_origin = url.replace("127.0.0.1", "localhost");
        [
            CannedResponse::redirect(302, &format!("{other_origin}/away")),
            CannedResponse::redirect(302, &format!("{url}/back")),
            CannedResponse::json(200, PAGE),
        ]
    })
    .await;
    client_of(&server).datasets().list().await.unwrap();
    assert_eq!(server.request_lines()[1..], ["get /away", "get /back"]);
    let with_secrets: Vec<bool> =
        server.requests().iter().map(|request| has_secrets(request)).collect();
    assert_eq!(with_secrets, [true, false, false]);
}

#[tokio::test]
async fn loops_are_detected_and_not_retried() {
    let server = CannedServer::start(CannedResponse::redirect(307, "/again")).await;
    let error = client_of(&server).datasets().list().await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Decoding, 1));
    assert_eq!(server.requests().len(), 2);

    let endless = (0..30).map(|hop| CannedResponse::redirect(302, &format!("/{hop}")));
    let server = CannedServer::start_sequence(endless).await;
    let error = client_of(&server).datasets().list().await.unwrap_err();
    assert!(error.message().starts_with("more than 10 redirects"), "{error}");
    assert_eq!(server.requests().len(), 11);
}

/// Asserts that a write was refused, naming the target.
fn assert_refused(error: &Error, target: &CannedServer, redirecting: &CannedServer) {
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Configuration, 1), "{error}");
    assert!(error.message().contains(target.url()), "{error}");
    assert!(error.hint().unwrap().contains("server_url"), "{error:?}");
    assert_eq!(redirecting.requests().len(), 1);
}

#[tokio::test]
async fn writes_are_not_redirected_to_another_origin() {
    for status in [301, 302, 303, 307, 308] {
        let (first, second) = redirecting(status, CannedResponse::json(201, DATASET)).await;
        let datasets = client_of(&first).datasets();
        let error = datasets.create("Refund requests", "").await.unwrap_err();
        assert_refused(&error, &second, &first);
        assert_eq!(error.is_ambiguous(), status == 303, "{status}");

        let (first, second) = redirecting(status, CannedResponse::new(204, "")).await;
        let error = client_of(&first).datasets().delete("a-dataset").await.unwrap_err();
        assert_refused(&error, &second, &first);

        let (first, second) = redirecting(status, CannedResponse::json(200, DATASET)).await;
        let update = client_of(&first).datasets().update("a-dataset").name("Another name");
        assert_refused(&update.await.unwrap_err(), &second, &first);

        let (first, second) = redirecting(status, CannedResponse::json(200, FILE)).await;
        let upload = client_of(&first).files().upload(Upload::bytes("a.jsonl", "{}"));
        assert_refused(&upload.await.unwrap_err(), &second, &first);
        assert!(second.requests().is_empty());
    }
}

#[tokio::test]
async fn writes_follow_only_307_and_308_within_the_origin() {
    for status in [307, 308] {
        let server = redirecting_to_itself(status, CannedResponse::json(201, DATASET)).await;
        client_of(&server).datasets().create("Refund requests", "").await.unwrap();
        assert_eq!(server.request_lines()[1], "post /moved");
        assert_eq!(server.bodies()[0], server.bodies()[1]);

        let server = redirecting_to_itself(status, CannedResponse::json(200, FILE)).await;
        let upload = Upload::bytes("a.jsonl", "the content");
        client_of(&server).files().upload(upload).await.unwrap();
        assert!(server.bodies().iter().all(|body| body.contains("the content")));
    }
    for status in [301, 302, 303] {
        let server = redirecting_to_itself(status, CannedResponse::json(201, DATASET)).await;
        let error = client_of(&server).datasets().create("Refund requests", "").await.unwrap_err();
        assert_refused(&error, &server, &server);
    }
}

#[tokio::test]
async fn a_redirected_stream_cannot_be_sent_again() {
    let server = redirecting_to_itself(307, CannedResponse::json(200, FILE)).await;
    let content = futures::stream::iter([Ok(bytes::Bytes::from_static(b"{}"))]);
    let upload = Upload::stream("a.jsonl", content, Some(2));
    let error = client_of(&server).files().upload(upload).await.unwrap_err();
    assert!(error.message().contains("only be read once"), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn links_never_receive_the_key_or_the_headers() {
    let (first, second) = redirecting(302, CannedResponse::new(200, "content")).await;
    let link = format!("{}/file?signature=secret", first.url());
    let download = client_of(&first).open_link(&link).await.unwrap();
    assert_eq!(download.bytes().await.unwrap(), "content");
    for server in [first, second] {
        assert!(server.requests().iter().all(|request| !has_secrets(request)));
        assert!(server.requests().iter().all(|request| !request.contains("referer")));
    }
}

#[tokio::test]
async fn a_refused_connection_after_a_redirect_names_its_host_and_is_not_repeated_for_writes() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let first =
        CannedServer::start(CannedResponse::redirect(302, &format!("http://{closed}/"))).await;
    let once = RetryPolicy::new().max_retries(1).first_delay(Duration::from_millis(1));
    let client = builder_of(&first).retries(once).build().unwrap();
    let error = client.datasets().list().await.unwrap_err();
    assert!(error.message().contains(&closed.to_string()), "{error}");
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connection, 2));
    let error = client.datasets().create("Refund requests", "").await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Configuration, 1));
    assert_eq!(first.requests().len(), 3);
    let error = client.datasets().create_record("d", json!({}), json!({})).await.unwrap_err();
    assert_eq!(error.attempts(), 1, "{error}");
}
