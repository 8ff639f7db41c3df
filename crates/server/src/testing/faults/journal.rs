//! The journal: the most recent requests of a workspace.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, Method};
use uuid::Uuid;

use crate::json::{Object, array};
use crate::time::Timestamp;

/// The maximum number of requests in a journal.
pub(super) const MAX_ENTRIES: usize = 10_000;

/// The maximum number of bytes stored of a path.
const MAX_PATH_BYTES: usize = 2 << 10;

/// The maximum number of bytes stored of all headers of a request.
const MAX_HEADER_BYTES: usize = 4 << 10;

/// Headers with secrets, which are omitted.
const SECRET_HEADERS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

/// A recorded request.
#[derive(Debug)]
pub(super) struct Entry {
    /// What the entry adds to [`Journal::bytes`].
    bytes: usize,
    number: u64,
    method: Method,
    path: Box<str>,
    operation: Option<&'static str>,
    /// Encoded by [`encode_headers`]. Consecutive requests mostly have the same headers and share them.
    headers: Arc<[u8]>,
    started_at: Timestamp,
    fault: Option<Uuid>,
    outcome: Option<Outcome>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    /// `None` if no response was started.
    pub(super) status: Option<u16>,
    pub(super) request_bytes: u64,
    pub(super) elapsed: Duration,
}

/// The data recorded when a request arrives.
pub(super) struct Arrival<'a> {
    pub(super) method: &'a Method,
    /// The path, with the query unless that contains a secret.
    pub(super) path: &'a str,
    pub(super) operation: Option<&'static str>,
    pub(super) headers: &'a HeaderMap,
}

/// The most recent requests, in order of arrival.
#[derive(Debug)]
pub(super) struct Journal {
    /// About how much memory the entries take, in bytes. Shared headers count for the first entry that has them.
    bytes: usize,
    max_bytes: usize,
    entries: VecDeque<Entry>,
    /// The number of requests recorded so far, including removed ones.
    count: u64,
    /// A buffer for encoding headers, to compare them with those of the previous request.
    buffer: Vec<u8>,
}

impl Default for Journal {
    fn default() -> Self {
        let entries = VecDeque::new();
        Self { bytes: 0, max_bytes: usize::MAX, entries, count: 0, buffer: Vec::new() }
    }
}

impl Journal {
    /// Limits the memory of the entries. The oldest ones that exceed it are removed.
    pub(super) fn limit_bytes(&mut self, max_bytes: usize) {
        self.max_bytes = max_bytes;
        self.remove_excess();
    }

    /// Returns about how much memory the entries take, in bytes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn remove_excess(&mut self) {
        while (self.bytes > self.max_bytes || self.entries.len() > MAX_ENTRIES)
            && let Some(oldest) = self.entries.pop_front()
        {
            self.bytes -= oldest.bytes;
            if let Some(next) = self.entries.front_mut()
                && Arc::ptr_eq(&next.headers, &oldest.headers)
            {
                next.bytes += oldest.headers.len();
                self.bytes += oldest.headers.len();
            }
        }
    }

    /// Records a request. Returns its number, counted from 1.
    pub(super) fn record(&mut self, arrival: &Arrival<'_>, fault: Option<Uuid>) -> u64 {
        self.count += 1;
        encode_headers(&mut self.buffer, arrival.headers);
        let (headers, header_bytes) = match self.entries.back() {
            Some(last) if *last.headers == *self.buffer => (Arc::clone(&last.headers), 0),
            _ => (Arc::from(&*self.buffer), self.buffer.len()),
        };
        let path = truncate(arrival.path);
        let bytes = size_of::<Entry>() + path.len() + header_bytes;
        self.bytes += bytes;
        self.entries.push_back(Entry {
            bytes,
            number: self.count,
            method: arrival.method.clone(),
            path: path.into(),
            operation: arrival.operation,
            headers,
            started_at: Timestamp::now(),
            fault,
            outcome: None,
        });
        self.remove_excess();
        self.count
    }

    /// Records the outcome of a request if it is still in the journal.
    pub(super) fn record_outcome(&mut self, number: u64, outcome: Outcome) {
        let first = self.count + 1 - self.entries.len() as u64;
        let index = number.checked_sub(first).and_then(|index| usize::try_from(index).ok());
        if let Some(entry) = index.and_then(|index| self.entries.get_mut(index)) {
            entry.outcome = Some(outcome);
        }
    }

    /// Removes all requests. Numbering continues, so that numbers stay unique.
    pub(super) fn clear(&mut self) {
        self.entries = VecDeque::new();
        self.bytes = 0;
    }

    /// Writes the requests as a JSON array, oldest first.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        array(out, &self.entries, |out, entry| entry.write(out));
    }
}

impl Entry {
    fn write(&self, out: &mut Vec<u8>) {
        Object::write(out, |object| {
            let outcome = self.outcome;
            object.integer("number", self.number);
            object.string("method", self.method.as_str());
            object.string("path", &self.path);
            object.optional_string("operation", self.operation);
            object.optional_integer("status", outcome.and_then(|outcome| outcome.status));
            object.optional_integer("request_bytes", outcome.map(|outcome| outcome.request_bytes));
            Object::write(object.field("headers"), |object| write_headers(object, &self.headers));
            object.time("started_at", self.started_at);
            match outcome {
                None => object.raw("elapsed_ms", "null"),
                Some(outcome) => {
                    let elapsed = outcome.elapsed.as_secs_f64() * 1000.0;
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

fn truncate(path: &str) -> &str {
    let mut end = path.len().min(MAX_PATH_BYTES);
    while !path.is_char_boundary(end) {
        end -= 1;
    }
    &path[..end]
}

/// Encodes headers as lines of `name:value`, which is unambiguous because names contain no colons and values no line breaks.
///
/// This runs for every request, while few journals are read, so it must be cheap. Headers that exceed the limit are omitted.
fn encode_headers(lines: &mut Vec<u8>, headers: &HeaderMap) {
    lines.clear();
    for (name, value) in headers.iter().filter(|(name, _)| !SECRET_HEADERS.contains(name)) {
        let (name, value) = (name.as_str().as_bytes(), value.as_bytes());
        if lines.len() + name.len() + value.len() + 2 <= MAX_HEADER_BYTES {
            lines.extend_from_slice(name);
            lines.push(b':');
            lines.extend_from_slice(value);
            lines.push(b'\n');
        }
    }
}

/// Writes encoded headers as the fields of an object. The values of repeated headers, which are consecutive, are joined with
/// commas.
fn write_headers(object: &mut Object<'_>, lines: &[u8]) {
    let lines = String::from_utf8_lossy(lines);
    let mut lines = lines.lines().filter_map(|line| line.split_once(':')).peekable();
    while let Some((name, value)) = lines.next() {
        let mut joined = value.to_owned();
        while let Some((_, value)) = lines.next_if(|(next, _)| *next == name) {
            joined.push_str(", ");
            joined.push_str(value);
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

    fn record(journal: &mut Journal, path: &str, headers: &HeaderMap) -> u64 {
        let arrival =
            Arrival { method: &Method::GET, path, operation: Some("list_files"), headers };
        journal.record(&arrival, None)
    }

    const OUTCOME: Outcome =
        Outcome { status: Some(200), request_bytes: 7, elapsed: Duration::from_micros(1500) };

    #[test]
    fn the_newest_entries_are_kept_and_get_their_outcome() {
        let mut journal = Journal::default();
        let headers = HeaderMap::new();
        for n in 1..=MAX_ENTRIES as u64 + 5 {
            assert_eq!(record(&mut journal, &format!("/{n}"), &headers), n);
        }
        // A removed entry, the oldest one, the newest one, and one that does not exist.
        for number in [5, 6, MAX_ENTRIES as u64 + 5, MAX_ENTRIES as u64 + 6] {
            journal.record_outcome(number, OUTCOME);
        }
        let requests = read(&journal);
        assert_eq!(requests.len(), MAX_ENTRIES);
        assert_eq!((&requests[0]["number"], &requests[0]["path"]), (&json!(6), &json!("/6")));
        assert_eq!(requests[0]["elapsed_ms"], json!(1.5));
        assert_eq!(requests[1]["status"], Value::Null);
        assert_eq!(requests[MAX_ENTRIES - 1]["status"], 200);
        journal.clear();
        journal.record_outcome(7, OUTCOME);
        assert!(read(&journal).is_empty());
        assert_eq!(record(&mut journal, "/", &headers), MAX_ENTRIES as u64 + 6);
    }

    #[test]
    fn the_oldest_entries_are_removed_above_a_size() {
        let mut journal = Journal::default();
        let mut headers = HeaderMap::new();
        headers.insert("x", HeaderValue::from_str(&"x".repeat(1_000)).unwrap());
        for _ in 0..100 {
            record(&mut journal, "/", &headers);
        }
        // The headers are shared.
        assert!(journal.bytes() < 40_000, "{}", journal.bytes());
        journal.limit_bytes(10_000);
        let kept = read(&journal).len();
        assert!((10..100).contains(&kept), "{kept}");
        for n in 0..100 {
            headers.insert("y", n.into());
            record(&mut journal, "/", &headers);
        }
        assert!(journal.bytes() <= 10_000 && (5..10).contains(&read(&journal).len()));
        let recount = journal.entries.iter().map(|entry| entry.bytes).sum::<usize>();
        assert_eq!(recount, journal.bytes());
        journal.clear();
        assert_eq!(journal.bytes(), 0);
    }

    #[test]
    fn headers_are_recorded_without_secrets_and_within_limits() {
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
        headers.insert("x-long", HeaderValue::from_str(&"x".repeat(MAX_HEADER_BYTES)).unwrap());
        headers.insert("x-after", HeaderValue::from_bytes(b"\xff").unwrap());
        let mut journal = Journal::default();
        record(&mut journal, &"ä".repeat(MAX_PATH_BYTES), &headers);
        record(&mut journal, "/", &headers);
        let requests = read(&journal);
        assert_eq!(requests[0]["headers"], json!({"accept": "a, \"b\"", "x-after": "\u{fffd}"}));
        assert_eq!(requests[0]["path"].as_str().unwrap().len(), MAX_PATH_BYTES);
        assert!(Arc::ptr_eq(&journal.entries[0].headers, &journal.entries[1].headers));
    }
}
