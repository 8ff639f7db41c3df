//! Graceful shutdown.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::check_integrity;
use crate::kills::client;
use crate::server::TestServer;

const FILE: &str = "{\"messages\": []}\n";

/// An upload whose body is sent in two parts.
struct PartialUpload {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl PartialUpload {
    /// Sends the headers and half of the body, after the server has started to read it.
    fn start(server: &TestServer) -> Self {
        let body = format!(
            "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\n\r\n{FILE}\r\n--b--\r\n"
        );
        let (first, rest) = body.as_bytes().split_at(body.len() / 2);
        let mut stream = TcpStream::connect(address(server)).expect("server accepts");
        // The server sends `100 Continue` when its handler starts to read the body.
        write!(
            stream,
            "POST /v1/files HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer a key\r\nexpect: 100-continue\r\n\
             content-type: multipart/form-data; boundary=b\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .expect("server reads");
        let mut response = [0; 25];
        stream.read_exact(&mut response).expect("server responds");
        assert_eq!(&response, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(first).expect("server reads");
        Self { stream, rest: rest.to_owned() }
    }

    /// Sends the rest of the body and returns the response.
    fn finish(mut self) -> String {
        self.stream.write_all(&self.rest).expect("server still reads");
        let mut response = String::new();
        self.stream.read_to_string(&mut response).expect("server responds and closes");
        response
    }
}

fn address(server: &TestServer) -> &str {
    server.url().strip_prefix("http://").expect("http URL")
}

/// Waits until the server no longer accepts connections.
fn wait_until_closed(server: &TestServer) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while TcpStream::connect(address(server)).is_ok() {
        assert!(Instant::now() < deadline, "the server still accepts connections");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Checks that the WAL was checkpointed into the database.
fn assert_checkpointed(directory: &Path) {
    let wal = directory.join("datasets.sqlite3-wal");
    assert_eq!(wal.metadata().map_or(0, |metadata| metadata.len()), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_in_flight_is_completed_and_durable() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let server = TestServer::start(directory.path());
    let created =
        client(&server).datasets().create("Refund requests", "").await.expect("dataset is created");
    let upload = PartialUpload::start(&server);
    server.send_sigterm();
    wait_until_closed(&server);
    let response = upload.finish();
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    server.wait();
    assert_checkpointed(directory.path());
    check_integrity(directory.path());

    let server = TestServer::start(directory.path());
    let client = client(&server);
    client.datasets().fetch(created.id).await.expect("dataset is durable");
    let files = client.files().list().await.expect("files are listed").data;
    let content = client.files().download(&*files[0].id).await.expect("file is downloaded");
    assert_eq!(content.bytes().await.expect("content is complete"), FILE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_request_does_not_block_shutdown() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let server = TestServer::start(directory.path());
    client(&server).datasets().create("Refund requests", "").await.expect("dataset is created");
    let upload = PartialUpload::start(&server);
    let started = Instant::now();
    server.shutdown();
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert_checkpointed(directory.path());

    let server = TestServer::start(directory.path());
    let files = client(&server).files().list().await.expect("files are listed").data;
    assert!(files.is_empty(), "a partial file was stored");
    drop(upload);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_import_is_resumed_after_a_restart() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let server = TestServer::start(directory.path());
    let datasets = client(&server).datasets();
    let dataset = datasets.create("Refund requests", "").await.expect("dataset is created").id;
    // Enough lines that the import is still running when the server is stopped.
    let lines = mistral_datasets::Upload::bytes("lines.jsonl", FILE.repeat(400_000));
    let file = client(&server).files().upload(lines).await.expect("file is uploaded");
    let task = datasets.import_from_file(dataset, &*file.id).await.expect("import is started");
    server.shutdown();
    assert_checkpointed(directory.path());

    let server = TestServer::start(directory.path());
    let datasets = client(&server).datasets();
    let interrupted = datasets.fetch_task(dataset, task.id).await.expect("task is fetched");
    assert_eq!(interrupted.status.as_str(), "RUNNING", "{interrupted:?}");
    datasets.task(dataset, task.id).wait().await.expect("the import completes");
    let records = datasets.list_records(dataset).await.expect("records are listed").records;
    assert_eq!(records.count, 400_000);
}
