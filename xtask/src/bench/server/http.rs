//! The few requests that set a measurement up, one connection each. What is measured goes through the load program.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::bench::runner::API_KEY;

/// GETs a path, with the benchmark's key, and returns the body of a good response.
pub fn get(port: u16, path: &str, accept: Option<&str>) -> Result<String, String> {
    exchange(port, "GET", path, accept, "")
}

/// Sends JSON and returns the response's, or null where there is none.
pub fn call(port: u16, method: &str, path: &str, body: &Value) -> Result<Value, String> {
    let response = exchange(port, method, path, None, &body.to_string())?;
    if response.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&response).map_err(|error| format!("{method} {path}: {error}: {response}"))
}

fn exchange(
    port: u16,
    method: &str,
    path: &str,
    accept: Option<&str>,
    body: &str,
) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("{method} {path}: {error}");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(failed)?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).map_err(failed)?;
    // HTTP/1.0, so that the body is plain and ends with the connection.
    let head = format!(
        "{method} {path} HTTP/1.0\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {API_KEY}\r\naccept: {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        accept.unwrap_or("*/*"),
        body.len()
    );
    stream.write_all(head.as_bytes()).map_err(failed)?;
    stream.write_all(body.as_bytes()).map_err(failed)?;
    let mut response = String::new();
    stream.read_to_string(&mut response).map_err(failed)?;
    let (head, body) =
        response.split_once("\r\n\r\n").ok_or_else(|| format!("{method} {path}: no response"))?;
    if head.split(' ').nth(1).is_some_and(|status| status.starts_with('2')) {
        return Ok(body.to_owned());
    }
    Err(format!("{method} {path}: {}", response.trim()))
}
