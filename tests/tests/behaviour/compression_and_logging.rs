//! Compressed responses, and the client's log.

use std::io;
use std::sync::{Arc, Mutex};

use mistral_datasets::{Client, ClientBuilder, ErrorKind, RetryPolicy};
use mistral_datasets_tests::{CannedResponse, CannedServer, Fixture};
use serde_json::json;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;
use tracing_subscriber::fmt::MakeWriter;

/// `{"datasets": {"count": 3, "results": []}}`, compressed by gzip and by brotli.
const GZIPPED: [u8; 58] = [
    31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 171, 86, 74, 73, 44, 73, 44, 78, 45, 41, 86, 178, 82, 168, 86,
    74, 206, 47, 205, 43, 81, 178, 82, 48, 214, 81, 80, 42, 74, 45, 46, 205, 1, 139, 71, 199, 214,
    214, 2, 0, 90, 238, 150, 186, 41, 0, 0, 0,
];
const BROTLI: [u8; 45] = [
    11, 20, 128, 123, 34, 100, 97, 116, 97, 115, 101, 116, 115, 34, 58, 32, 123, 34, 99, 111, 117,
    110, 116, 34, 58, 32, 51, 44, 32, 34, 114, 101, 115, 117, 108, 116, 115, 34, 58, 32, 91, 93,
    125, 125, 3,
];

fn client(url: &str) -> ClientBuilder {
    Client::builder().api_key("the key").server_url(url).retries(RetryPolicy::none())
}

async fn count(response: CannedResponse) -> Result<i64, mistral_datasets::Error> {
    let server = CannedServer::start(response).await;
    Ok(client(server.url()).build()?.datasets().list().await?.datasets.count)
}

#[tokio::test]
async fn compressed_responses_are_decoded() {
    for (encoding, body) in [("gzip", GZIPPED.to_vec()), ("br", BROTLI.to_vec())] {
        let response = CannedResponse::new(200, body).header("content-encoding", encoding);
        let response = response.header("content-type", "application/json");
        let server = CannedServer::start(response).await;
        let client = client(server.url()).build().unwrap();
        assert_eq!(client.datasets().list().await.unwrap().datasets.count, 3, "{encoding}");
        let request = &server.requests()[0];
        assert!(request.contains("accept-encoding") && request.contains(encoding), "{request}");
    }
    let invalid = CannedResponse::new(200, "not gzip").header("content-encoding", "gzip");
    let kind = count(invalid).await.unwrap_err().kind();
    assert!(matches!(kind, ErrorKind::Decoding | ErrorKind::Connection), "{kind}");
}

/// A log that is written to memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn calls_are_logged_without_secrets() {
    let fixture =
        Fixture::start_with(vec!["the-secret-key".to_owned()], "the-secret-key".to_owned()).await;
    let log = Log::default();
    // With a single subscriber in the process, tracing caches whether an event is enabled, and another test's thread without a
    // subscriber could decide it. A second subscriber disables that.
    let _second = tracing::Dispatch::new(NoSubscriber::new());
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    let calls = async {
        let dataset = fixture.create_dataset().await;
        fixture.inject_fault(json!({"operation": "list_records", "status": 503})).await;
        fixture.create_record(&dataset, "a private word").await;
        fixture.list_records(&dataset).await;
        let link = fixture.client.datasets().export_to_jsonl(dataset.id).await.unwrap().file_url;
        fixture.client.open_link(&link).await.unwrap().bytes().await.unwrap();
        link
    };
    let link = calls.with_subscriber(subscriber).await;
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for expected in ["create_record", "list_records", "status=503", "retry", "request_id="] {
        assert!(logged.contains(expected), "{expected}: {logged}");
    }
    let query = link.split_once('?').expect("link is signed").1;
    for secret in ["the-secret-key", "a private word", query] {
        assert!(!logged.contains(secret), "{logged}");
    }
}
