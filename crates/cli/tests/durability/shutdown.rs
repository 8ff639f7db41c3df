//! A server that is told to stop.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::check_integrity;
use crate::kills::client;
use crate::served::Served;

const FILE: &str = "{\"messages\": []}\n";

/// An upload whose body is sent by hand.
struct Upload {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Upload {
    /// Sends the head and half the body, and waits until the server is at it.
    fn begin(served: &Served) -> Self {
        let body = format!(
            "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\n\r\n{FILE}\r\n--b--\r\n"
        );
        let (first, rest) = body.as_bytes().split_at(body.len() / 2);
        let mut stream = TcpStream::connect(address(served)).expect("it accepts");
        // The server says that it waits for the body when its handler has begun to read it.
        write!(
            stream,
            "POST /v1/files HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer a key\r\nexpect: 100-continue\r\n\
             content-type: multipart/form-data; boundary=b\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .expect("it reads");
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).expect("it answers");
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(first).expect("it reads");
        Self { stream, rest: rest.to_owned() }
    }

    /// Sends the other half, and returns the response.
    fn finish(mut self) -> String {
        self.stream.write_all(&self.rest).expect("it still reads");
        let mut response = String::new();
        self.stream.read_to_string(&mut response).expect("it answers and closes");
        response
    }
}

fn address(served: &Served) -> &str {
    served.url().strip_prefix("http://").expect("an address")
}

/// Waits until nobody can connect any more.
fn wait_until_closed(served: &Served) {
    let give_up = Instant::now() + Duration::from_secs(5);
    while TcpStream::connect(address(served)).is_ok() {
        assert!(Instant::now() < give_up, "it goes on accepting");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The log of writes has all gone into the database.
fn assert_checkpointed(directory: &Path) {
    let log = directory.join("datasets.sqlite3-wal");
    assert_eq!(log.metadata().map_or(0, |log| log.len()), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_in_flight_is_answered_and_what_it_did_is_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    let served = Served::start(directory.path());
    let created = client(&served).datasets().create("Kept for long", "").await.expect("a dataset");
    let upload = Upload::begin(&served);
    served.tell_to_stop();
    wait_until_closed(&served);
    let response = upload.finish();
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    served.wait();
    assert_checkpointed(directory.path());
    check_integrity(directory.path());

    let served = Served::start(directory.path());
    let client = client(&served);
    client.datasets().fetch(created.id).await.expect("it is kept");
    let files = client.files().list().await.expect("the files").data;
    let content = client.files().download(&*files[0].id).await.expect("its content");
    assert_eq!(content.bytes().await.expect("all of it"), FILE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_does_not_end_is_not_waited_for_for_ever() {
    let directory = tempfile::tempdir().expect("a directory");
    let served = Served::start(directory.path());
    client(&served).datasets().create("Kept for long", "").await.expect("a dataset");
    let upload = Upload::begin(&served);
    let began = Instant::now();
    served.terminate();
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_checkpointed(directory.path());

    let served = Served::start(directory.path());
    let files = client(&served).files().list().await.expect("the files").data;
    assert!(files.is_empty(), "half a file is there");
    drop(upload);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_was_under_way_is_told_to_have_failed() {
    let directory = tempfile::tempdir().expect("a directory");
    let served = Served::start(directory.path());
    let datasets = client(&served).datasets();
    let dataset = datasets.create("Kept for long", "").await.expect("a dataset").id;
    // It has so many lines that the server is told to stop before the last.
    let lines = mistral_datasets::Upload::bytes("lines.jsonl", FILE.repeat(400_000));
    let file = client(&served).files().upload(lines).await.expect("a file");
    let task = datasets.import_from_file(dataset, &*file.id).await.expect("a task");
    served.terminate();
    assert_checkpointed(directory.path());

    let served = Served::start(directory.path());
    let datasets = client(&served).datasets();
    let task = datasets.fetch_task(dataset, task.id).await.expect("the task");
    let message = task.message.as_deref();
    assert!(message.is_some_and(|message| message.contains("stopped")), "{task:?}");
    assert_eq!(datasets.list_records(dataset).await.expect("the records").records.count, 0);
}
