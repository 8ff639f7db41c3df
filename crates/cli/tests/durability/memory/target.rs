//! A server under attack, and the requests of the attackers.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::MIB;
use crate::server::TestServer;

/// The path of the datasets.
pub const DATASETS: &str = "/v1/observability/datasets";

/// The number of bytes of a response that are kept.
const KEPT: usize = 64 << 10;

/// The content type of [`form`].
const FORM: &str = "multipart/form-data; boundary=B";

/// A new server with default settings and a data directory of its own.
pub struct Target {
    server: TestServer,
    _directory: TempDir,
}

/// What an attacker received.
#[derive(Default)]
pub struct Response {
    /// `None` if the server closed the connection first: a client that is still sending may miss an early response.
    pub status: Option<u16>,
    /// The length of the body in bytes.
    pub length: usize,
    /// The beginning of the body.
    body: Vec<u8>,
}

impl Response {
    /// Returns the beginning of the body.
    fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("expected JSON: {self:?}"))
    }

    /// Returns the ID of the new object, which is its first field. The rest of the body may be too large to be parsed.
    fn id(&self) -> String {
        let text = self.text();
        let id = text.strip_prefix(r#"{"id":""#).and_then(|rest| rest.split('"').next());
        id.unwrap_or_else(|| panic!("no ID: {self:?}")).to_owned()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let beginning: String = self.text().chars().take(300).collect();
        write!(formatter, "{:?}, {} bytes: {beginning}", self.status, self.length)
    }
}

impl Target {
    /// Starts a server.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        Self { server: TestServer::start(&directory.path().join("data")), _directory: directory }
    }

    pub fn process_id(&self) -> u32 {
        self.server.process_id()
    }

    /// Opens a connection.
    pub fn connect(&self) -> TcpStream {
        let address = self.server.url().strip_prefix("http://").expect("http URL");
        let stream = TcpStream::connect(address).expect("the server accepts");
        stream.set_read_timeout(Some(Duration::from_secs(300))).expect("a valid timeout");
        stream
    }

    /// Sends a request on a connection of its own.
    fn request(&self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Response {
        let mut stream = self.connect();
        let head = head(method, path, content_type, body.len());
        // The server may reject the request before it has received the body.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        read_response(&mut stream)
    }

    pub fn get(&self, path: &str) -> Response {
        self.request("GET", path, "application/json", b"")
    }

    pub fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Response {
        self.request("POST", path, "application/json", body.as_ref())
    }

    /// Uploads a file with a body created by [`form`].
    pub fn upload(&self, form: &[u8]) -> Response {
        self.request("POST", "/v1/files", FORM, form)
    }

    pub fn create_file(&self, content: &[u8]) -> String {
        self.upload(&form(content)).id()
    }

    /// Creates a dataset and returns its path.
    pub fn create_dataset(&self) -> String {
        let created = self.post(DATASETS, r#"{"name":"Attacked","description":""}"#);
        format!("{DATASETS}/{}", created.id())
    }

    /// Creates a record of `size` bytes and returns its ID.
    pub fn create_record(&self, dataset: &str, size: usize) -> String {
        self.post(&format!("{dataset}/records"), record(size)).id()
    }

    /// Starts an import and returns the path of its task.
    pub fn start_import(&self, dataset: &str, kind: &str, body: &Value) -> String {
        let started = self.post(&format!("{dataset}/imports/{kind}"), body.to_string());
        format!("{dataset}/tasks/{}", started.id())
    }

    /// Waits until a task has ended, and returns it.
    pub fn wait_for_task(&self, task: &str) -> Value {
        loop {
            let state = self.get(task).json();
            if state["status"] != json!("RUNNING") {
                return state;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Returns the head of a request after whose response the server closes the connection.
pub fn head(method: &str, path: &str, content_type: &str, length: usize) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer a key\r\nconnection: close\r\n\
         content-type: {content_type}\r\ncontent-length: {length}\r\n\r\n"
    )
}

/// Returns the body that creates a record of `size` bytes.
pub fn record(size: usize) -> String {
    let text = "x".repeat(size);
    format!(r#"{{"payload":{{"messages":[],"x":"{text}"}},"properties":{{}}}}"#)
}

/// Returns the body that uploads a file.
pub fn form(content: &[u8]) -> Vec<u8> {
    let head = "--B\r\ncontent-disposition: form-data; name=\"file\"; filename=\"f.jsonl\"\r\n\r\n";
    [head.as_bytes(), content, b"\r\n--B--\r\n"].concat()
}

/// Returns an array of `item` that has about `size` bytes as JSON.
pub fn array(item: &str, size: usize) -> String {
    let mut items = format!("{item},").repeat(size / (item.len() + 1));
    items.pop();
    format!("[{items}]")
}

/// Reads a response until the server closes the connection.
fn read_response(stream: &mut TcpStream) -> Response {
    let (mut kept, mut length) = (Vec::new(), 0);
    let mut buffer = vec![0; MIB];
    // An error ends a response too: the server resets the connection if the client is still sending.
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        kept.extend_from_slice(&buffer[..count.min(KEPT - kept.len())]);
        length += count;
    }
    parse(kept, length).unwrap_or_default()
}

/// Parses the beginning of a response of `length` bytes.
fn parse(kept: Vec<u8>, length: usize) -> Option<Response> {
    let end = kept.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let status = std::str::from_utf8(kept.get(9..12)?).ok()?.parse().ok();
    Some(Response { status, length: length - end, body: kept[end..].to_vec() })
}

/// A connection that is used for one request after the other.
pub struct KeptAlive(TcpStream);

impl KeptAlive {
    pub fn open(target: &Target) -> Self {
        Self(target.connect())
    }

    /// Sends a `GET` request with further headers, reads the response and returns its status.
    ///
    /// # Errors
    /// Fails if the server has closed the connection.
    pub fn get(&mut self, path: &str, headers: &str) -> io::Result<u16> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
        self.0.write_all(request.as_bytes())?;
        let mut response = Vec::new();
        let mut buffer = [0; 8 << 10];
        loop {
            let count = self.0.read(&mut buffer)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            response.extend_from_slice(&buffer[..count]);
            if let Some(status) = complete(&response) {
                return Ok(status);
            }
        }
    }
}

/// Returns the status of a response with a `content-length` header, once it is complete.
fn complete(response: &[u8]) -> Option<u16> {
    let end = response.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&response[..end]).expect("the head is text");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.expect("a length").parse().expect("the length is a number");
    (response.len() >= end + length).then(|| head[9..12].parse().expect("the status is a number"))
}
