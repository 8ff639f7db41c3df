//! A server that sends canned responses, independent of the request.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A canned response.
#[derive(Clone, Debug)]
pub struct CannedResponse {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    delay: Duration,
    /// After how many bytes of the body the connection is closed. `None` if the response is complete.
    cut_off_at: Option<usize>,
}

impl CannedResponse {
    /// Creates a JSON response.
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        Self::new(status, body.into()).header("content-type", "application/json")
    }

    /// Creates a response without headers.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            delay: Duration::ZERO,
            cut_off_at: None,
        }
    }

    /// Creates a redirect.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::new(status, "").header("location", location)
    }

    /// Closes the connection after the request was read, without a response.
    pub fn lost() -> Self {
        Self::new(0, "")
    }

    /// Closes the connection after this many bytes of the body.
    pub fn cut_off_at(mut self, bytes: usize) -> Self {
        self.cut_off_at = Some(bytes);
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Delays the response.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// A server that sends canned responses and records the requests. It stops with the test's runtime.
#[derive(Debug)]
pub struct CannedServer {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl CannedServer {
    /// Starts a server that sends `response` to every request.
    pub async fn start(response: CannedResponse) -> Self {
        Self::start_sequence([response]).await
    }

    /// Starts a server that sends one response after the other, and the last one to all further requests.
    pub async fn start_sequence(responses: impl IntoIterator<Item = CannedResponse>) -> Self {
        Self::start_with(|_| responses).await
    }

    /// Starts a server whose responses depend on its base URL, such as redirects to itself under another host name.
    pub async fn start_with<R: IntoIterator<Item = CannedResponse>>(
        responses: impl FnOnce(&str) -> R,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port is free");
        let url = format!("http://{}", listener.local_addr().expect("listener is bound"));
        let responses = responses(&url);
        let server = Self { url, requests: Arc::default(), bodies: Arc::default() };
        let (requests, bodies) = (server.requests.clone(), server.bodies.clone());
        let responses: Arc<Mutex<VecDeque<_>>> =
            Arc::new(Mutex::new(responses.into_iter().collect()));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (responses, requests) = (responses.clone(), requests.clone());
                let bodies = bodies.clone();
                tokio::spawn(async move {
                    let mut stream = stream;
                    let Some((head, body)) = read_request(&mut stream).await else { return };
                    requests.lock().expect("lock is not poisoned").push(head);
                    bodies.lock().expect("lock is not poisoned").push(body);
                    let response = {
                        let mut responses = responses.lock().expect("lock is not poisoned");
                        match responses.len() {
                            1 => responses[0].clone(),
                            _ => responses.pop_front().expect("there is a response"),
                        }
                    };
                    respond(stream, response).await;
                });
            }
        });
        server
    }

    /// Returns the base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the request line and headers of each request so far, in lower case.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("lock is not poisoned").clone()
    }

    /// Returns the request line of each request so far, in lower case and without the HTTP version.
    pub fn request_lines(&self) -> Vec<String> {
        let line = |head: String| head.split(" http/").next().unwrap_or_default().to_owned();
        self.requests().into_iter().map(line).collect()
    }

    /// Returns the body of each request so far.
    pub fn bodies(&self) -> Vec<String> {
        self.bodies.lock().expect("lock is not poisoned").clone()
    }
}

/// Reads one request, and returns its request line and headers in lower case, and its body.
async fn read_request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut received = Vec::new();
    let end = loop {
        if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        match stream.read_buf(&mut received).await {
            Ok(0) | Err(_) => return None,
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
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
    }
    // Test uploads are smaller than one chunk of a chunked body.
    let is_chunked = head.contains("transfer-encoding: chunked");
    while is_chunked && !received.ends_with(b"0\r\n\r\n") {
        match stream.read_buf(&mut received).await {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
    }
    Some((head, String::from_utf8_lossy(&received[end + 4..]).into_owned()))
}

/// Sends a response and closes the connection.
async fn respond(mut stream: TcpStream, response: CannedResponse) {
    tokio::time::sleep(response.delay).await;
    if response.status == 0 {
        return;
    }
    let mut text = format!("HTTP/1.1 {} CannedServer\r\nconnection: close\r\n", response.status);
    let has_length = response.headers.iter().any(|(name, _)| name == "transfer-encoding");
    if response.status != 204 && !has_length {
        text.push_str(&format!("content-length: {}\r\n", response.body.len()));
    }
    for (name, value) in &response.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    // The client may have disconnected; that is fine.
    let _ = stream.write_all(text.as_bytes()).await;
    let end = response.cut_off_at.unwrap_or(response.body.len());
    let _ = stream.write_all(&response.body[..end]).await;
    let _ = stream.shutdown().await;
}
