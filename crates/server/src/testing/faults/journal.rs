//! What came: the newest requests of a workspace.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, Method};
use uuid::Uuid;

use crate::json::{Object, array};
use crate::time::Timestamp;

/// So many requests are remembered.
pub(super) const NEWEST: usize = 10_000;

/// So many bytes of a path, and of all headers together, are remembered. Who sends more sends it to try the server, and ten
/// thousand such requests would fill its memory.
const PATH: usize = 2 << 10;
const HEADERS: usize = 4 << 10;

/// Headers that hold secrets.
const SECRET: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

/// A request.
#[derive(Debug)]
pub(super) struct Entry {
    number: u64,
    method: Method,
    path: Box<str>,
    operation: Option<&'static str>,
    /// Packed. Clients send much the same headers every time, so that neighbours mostly share them.
    headers: Arc<[u8]>,
    started_at: Timestamp,
    fault: Option<Uuid>,
    end: Option<Outcome>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    /// There is none where no response was begun.
    pub(super) status: Option<u16>,
    pub(super) request_bytes: u64,
    pub(super) elapsed: Duration,
}

/// What is noted of a request when it comes.
pub(super) struct Arrival<'a> {
    pub(super) method: &'a Method,
    /// With the query where that holds no secret.
    pub(super) path: &'a str,
    pub(super) operation: Option<&'static str>,
    pub(super) headers: &'a HeaderMap,
}

/// The newest requests, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Journal {
    entries: VecDeque<Entry>,
    /// How many requests there were.
    count: u64,
    /// Where headers are packed before it is known whether they are those of the last request.
    scratch: Vec<u8>,
}

impl Journal {
    /// Notes a request. Answers its number, counted from 1.
    pub(super) fn begin(&mut self, arrival: &Arrival<'_>, fault: Option<Uuid>) -> u64 {
        self.count += 1;
        if self.entries.len() == NEWEST {
            self.entries.pop_front();
        }
        pack(&mut self.scratch, arrival.headers);
        let headers = match self.entries.back() {
            Some(last) if *last.headers == *self.scratch => Arc::clone(&last.headers),
            _ => Arc::from(&*self.scratch),
        };
        self.entries.push_back(Entry {
            number: self.count,
            method: arrival.method.clone(),
            path: shortened(arrival.path).into(),
            operation: arrival.operation,
            headers,
            started_at: Timestamp::now(),
            fault,
            end: None,
        });
        self.count
    }

    /// Notes how a request ended, unless it is forgotten.
    pub(super) fn end(&mut self, number: u64, outcome: Outcome) {
        let first = self.count + 1 - self.entries.len() as u64;
        let index = number.checked_sub(first).and_then(|index| usize::try_from(index).ok());
        if let Some(entry) = index.and_then(|index| self.entries.get_mut(index)) {
            entry.end = Some(outcome);
        }
    }

    /// Forgets what came. The numbers go on, so that none is given twice.
    pub(super) fn clear(&mut self) {
        self.entries = VecDeque::new();
    }

    /// The requests as JSON, the oldest first.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        array(out, &self.entries, |out, entry| entry.write(out));
    }
}

impl Entry {
    fn write(&self, out: &mut Vec<u8>) {
        Object::write(out, |object| {
            let end = self.end;
            object.integer("number", self.number);
            object.string("method", self.method.as_str());
            object.string("path", &self.path);
            object.optional_string("operation", self.operation);
            object.optional_integer("status", end.and_then(|end| end.status));
            object.optional_integer("request_bytes", end.map(|end| end.request_bytes));
            Object::write(object.field("headers"), |object| write_packed(object, &self.headers));
            object.time("started_at", self.started_at);
            match end {
                None => object.raw("elapsed_ms", "null"),
                Some(end) => {
                    let elapsed = end.elapsed.as_secs_f64() * 1000.0;
                    object.raw("elapsed_ms", format!("{elapsed:.3}"));
                }
            }
            match self.fault {
                None => object.raw("fault", "null"),
                Some(id) => object.uuid("fault", id),
            }
        });
    }
}

fn shortened(path: &str) -> &str {
    let mut end = path.len().min(PATH);
    while !path.is_char_boundary(end) {
        end -= 1;
    }
    &path[..end]
}

/// Packs the headers of a request as lines of a name, a colon and a value, none of which can hold the next: it is done for
/// every request, but reading them for few. What exceeds the bound is left out.
fn pack(lines: &mut Vec<u8>, headers: &HeaderMap) {
    lines.clear();
    for (name, value) in headers.iter().filter(|(name, _)| !SECRET.contains(name)) {
        let (name, value) = (name.as_str().as_bytes(), value.as_bytes());
        if lines.len() + name.len() + value.len() + 2 <= HEADERS {
            lines.extend_from_slice(name);
            lines.push(b':');
            lines.extend_from_slice(value);
            lines.push(b'\n');
        }
    }
}

/// Writes packed headers as the fields of an object, those of one name, which follow each other, joined as HTTP allows.
fn write_packed(object: &mut Object<'_>, lines: &[u8]) {
    let lines = String::from_utf8_lossy(lines);
    let mut lines = lines.lines().filter_map(|line| line.split_once(':')).peekable();
    while let Some((name, value)) = lines.next() {
        let mut joined = value.to_owned();
        while let Some((_, more)) = lines.next_if(|(next, _)| *next == name) {
            joined.push_str(", ");
            joined.push_str(more);
        }
        object.string(name, &joined);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::{Value, json};

    use super::*;

    fn read(journal: &Journal) -> Vec<Value> {
        let mut out = Vec::new();
        journal.write(&mut out);
        serde_json::from_slice(&out).unwrap()
    }

    fn begin(journal: &mut Journal, path: &str, headers: &HeaderMap) -> u64 {
        let arrival =
            Arrival { method: &Method::GET, path, operation: Some("list_files"), headers };
        journal.begin(&arrival, None)
    }

    const OUTCOME: Outcome =
        Outcome { status: Some(200), request_bytes: 7, elapsed: Duration::from_micros(1500) };

    #[test]
    fn the_newest_are_kept_and_find_their_ends() {
        let mut journal = Journal::default();
        let headers = HeaderMap::new();
        for n in 1..=NEWEST as u64 + 5 {
            assert_eq!(begin(&mut journal, &format!("/{n}"), &headers), n);
        }
        // One that is forgotten, the oldest there is, the newest, and one that never was.
        for number in [5, 6, NEWEST as u64 + 5, NEWEST as u64 + 6] {
            journal.end(number, OUTCOME);
        }
        let requests = read(&journal);
        assert_eq!(requests.len(), NEWEST);
        assert_eq!((&requests[0]["number"], &requests[0]["path"]), (&json!(6), &json!("/6")));
        assert_eq!(requests[0]["elapsed_ms"], json!(1.5));
        assert_eq!(requests[1]["status"], Value::Null);
        assert_eq!(requests[NEWEST - 1]["status"], 200);
        journal.clear();
        journal.end(7, OUTCOME);
        assert!(read(&journal).is_empty());
        assert_eq!(begin(&mut journal, "/", &headers), NEWEST as u64 + 6);
    }

    #[test]
    fn headers_are_shown_without_secrets_and_within_bounds() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer secret"),
            ("cookie", "secret"),
            ("proxy-authorization", "secret"),
            ("accept", "a"),
            ("accept", "\"b\""),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers.insert("x-long", HeaderValue::from_str(&"x".repeat(HEADERS)).unwrap());
        headers.insert("x-after", HeaderValue::from_bytes(b"\xff").unwrap());
        let mut journal = Journal::default();
        begin(&mut journal, &"ä".repeat(PATH), &headers);
        begin(&mut journal, "/", &headers);
        let requests = read(&journal);
        assert_eq!(requests[0]["headers"], json!({"accept": "a, \"b\"", "x-after": "\u{fffd}"}));
        assert_eq!(requests[0]["path"].as_str().unwrap().len(), PATH);
        assert!(Arc::ptr_eq(&journal.entries[0].headers, &journal.entries[1].headers));
    }
}
