//! A server that answers every request with what a test has told it to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One canned response.
#[derive(Clone, Debug)]
pub struct RawResponse {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    delay: Duration,
}

impl RawResponse {
    /// A response of JSON.
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        Self::new(status, body.into()).header("content-type", "application/json")
    }

    /// A response of any bytes.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), delay: Duration::ZERO }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Waits before answering.
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// A server of canned responses, which remembers what it was asked. It stops when the runtime of its test does.
#[derive(Debug)]
pub struct Canned {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Canned {
    /// Starts a server that gives every request the same response.
    pub async fn always(response: RawResponse) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port is free");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, response.clone(), seen.clone()));
            }
        });
        Self { url, requests }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The heads of the requests so far: the request line and the headers, in lower case.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no test panics while it holds the lock").clone()
    }
}

/// Answers one request and closes the connection.
async fn answer(mut stream: TcpStream, response: RawResponse, seen: Arc<Mutex<Vec<String>>>) {
    let mut received = Vec::new();
    let end = loop {
        if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        match stream.read_buf(&mut received).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    };
    let head = String::from_utf8_lossy(&received[..end]).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok())
        .unwrap_or(0);
    while received.len() < end + 4 + length {
        match stream.read_buf(&mut received).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    seen.lock().expect("no test panics while it holds the lock").push(head);
    tokio::time::sleep(response.delay).await;
    let mut text = format!("HTTP/1.1 {} Canned\r\nconnection: close\r\n", response.status);
    if response.status != 204 {
        text.push_str(&format!("content-length: {}\r\n", response.body.len()));
    }
    for (name, value) in &response.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    // The client may have gone away; then nobody waits for the answer.
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.write_all(&response.body).await;
    let _ = stream.shutdown().await;
}
