//! A chat endpoint that judges ask. Its answers depend only on the prompt.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// What a prompt contains to make the endpoint fail.
pub const FAILURE: &str = "make the endpoint fail";

/// A running endpoint. Its thread ends with the process.
pub struct ChatServer {
    pub url: String,
    requests: Arc<AtomicUsize>,
    is_slow: Arc<AtomicBool>,
}

impl ChatServer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (requests, is_slow) = <(Arc<AtomicUsize>, Arc<AtomicBool>)>::default();
        let (counter, slow) = (requests.clone(), is_slow.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (counter, slow) = (counter.clone(), slow.clone());
                thread::spawn(move || {
                    while let Some(body) = read_request(&stream) {
                        if slow.load(Ordering::SeqCst) {
                            thread::sleep(Duration::from_secs(30));
                        }
                        counter.fetch_add(1, Ordering::SeqCst);
                        respond(&stream, &body);
                    }
                });
            }
        });
        Self { url, requests, is_slow }
    }

    /// Returns how many requests were answered.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Sets whether answers take half a minute.
    pub fn set_slow(&self, is_slow: bool) {
        self.is_slow.store(is_slow, Ordering::SeqCst);
    }
}

fn read_request(stream: &TcpStream) -> Option<Value> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

/// Answers with the only number in the prompt for a score, or with the label that the prompt contains last.
fn respond(mut stream: &TcpStream, body: &Value) {
    let prompt = body["messages"].to_string();
    let answer = &body["response_format"]["json_schema"]["schema"]["properties"]["answer"];
    let answer = match answer["enum"].as_array() {
        Some(labels) => {
            let position =
                |label: &Value| prompt.rfind(&format!("says {}", label.as_str().unwrap()));
            let label = labels.iter().max_by_key(|label| position(label)).unwrap();
            label.clone()
        }
        None => {
            let (_, number) = prompt.rsplit_once("rated ").unwrap_or(("", "0"));
            let number = number.split(|c: char| !c.is_ascii_digit()).next().unwrap();
            json!(number.parse::<f64>().unwrap())
        }
    };
    let content = json!({"analysis": "As it says.", "answer": answer}).to_string();
    let (status, body) = if prompt.contains(FAILURE) {
        ("400 Bad Request", json!({"message": "no"}))
    } else {
        ("200 OK", json!({"choices": [{"message": {"role": "assistant", "content": content}}]}))
    };
    let body = body.to_string();
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
}
