//! The bytes of one file, over as many connections as that takes.
//!
//! A transfer that breaks off or stalls goes on where it stopped, by a range that the server answers only while the file is
//! still the same. A server that ignores ranges is asked for the whole, and what was handed over already is passed by. The
//! attempts are bounded by the client's [`RetryPolicy`](crate::RetryPolicy), and begin anew whenever there was progress.

use std::time::Instant;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, RANGE,
};
use reqwest::{Method, Request, Response, StatusCode, Url};

use crate::error::{Error, ErrorKind};
use crate::retry::{Attempts, Failure};
use crate::seen::{self, Seen};
use crate::transport::{Key, Transport, log_retry};

/// What comes next of a file.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Some of its bytes.
    Bytes(Bytes),
    /// There is another file behind the link now, and its bytes follow from the first on. What came before is not of it.
    Restart,
}

/// A file that is being read.
pub(crate) struct Resumable {
    operation: &'static str,
    transport: Transport,
    url: Url,
    key: Key,
    /// The file as the last response described it.
    known: Option<Version>,
    /// Whether `url` is another one than that of the last response.
    renewed: bool,
    /// Whether the server is still believed to understand ranges.
    ranges: bool,
    body: Option<BoxStream<'static, reqwest::Result<Bytes>>>,
    /// How many bytes were handed over.
    offset: u64,
    /// How many bytes of the present response were handed over before.
    skip: u64,
    /// How far the transfer ever came.
    furthest: u64,
    /// The attempts since there was progress.
    attempts: Option<Attempts>,
    requests: u32,
    began: Instant,
}

impl Resumable {
    /// The file at this address. Nothing is sent yet.
    pub(crate) fn new(operation: &'static str, transport: Transport, url: Url, key: Key) -> Self {
        Self {
            operation,
            transport,
            url,
            key,
            known: None,
            renewed: false,
            ranges: true,
            body: None,
            offset: 0,
            skip: 0,
            furthest: 0,
            attempts: None,
            requests: 0,
            began: Instant::now(),
        }
    }

    /// How many bytes the file has, where the server has said it.
    pub(crate) fn length(&self) -> Option<u64> {
        self.known.as_ref().and_then(|known| known.length)
    }

    /// Makes the first connection, unless there is one.
    pub(crate) async fn open(&mut self) -> Result<(), Error> {
        if self.body.is_none() {
            self.connect().await?;
        }
        Ok(())
    }

    /// The next piece, or nothing after the last. After an error only [`renew`](Self::renew) makes it go on.
    pub(crate) async fn next(&mut self) -> Result<Option<Piece>, Error> {
        loop {
            let Some(body) = &mut self.body else {
                if self.connect().await? {
                    continue;
                }
                return Ok(Some(Piece::Restart));
            };
            let error = match tokio::time::timeout(self.transport.timeout(), body.next()).await {
                Ok(Some(Ok(bytes))) => match self.fresh(bytes) {
                    Some(bytes) => return Ok(Some(Piece::Bytes(bytes))),
                    None => continue,
                },
                Ok(None) if self.length().is_none_or(|length| self.offset >= length) => {
                    return Ok(None);
                }
                // All bytes are there, whatever happened to the connection then.
                _ if self.length() == Some(self.offset) => return Ok(None),
                Ok(None) => Error::new(ErrorKind::Connection, "the transfer ended early"),
                Ok(Some(Err(error))) => seen::broken(error),
                Err(_) => Error::new(ErrorKind::Timeout, "the transfer paused for too long"),
            };
            self.body = None;
            self.failed(Failure::Broken, error).await?;
        }
    }

    /// What of these bytes was not handed over before.
    fn fresh(&mut self, mut bytes: Bytes) -> Option<Bytes> {
        let known = self.skip.min(bytes.len() as u64);
        self.skip -= known;
        let bytes = bytes.split_off(known as usize);
        if bytes.is_empty() {
            return None;
        }
        self.offset += bytes.len() as u64;
        if self.offset > self.furthest {
            self.furthest = self.offset;
            self.attempts = None;
        }
        Some(bytes)
    }

    /// Waits before another attempt, or returns the error when there were enough without progress.
    async fn failed(&mut self, failure: Failure, error: Error) -> Result<(), Error> {
        // A transfer may take as long as it needs, but not be without progress for longer than a call may take.
        let deadline = self.transport.settings().deadline;
        let attempts =
            self.attempts.get_or_insert_with(|| self.transport.attempts(Method::GET, deadline));
        let made = attempts.made();
        match attempts.after(failure) {
            Some(delay) => {
                log_retry(self.operation, made, delay, error.kind().name());
                tokio::time::sleep(delay).await;
                Ok(())
            }
            None => {
                let error = error.with_attempts(self.requests, self.began.elapsed());
                Err(error.with_operation(self.operation))
            }
        }
    }

    /// Waits before the link is asked for again that led to this error, or returns the error when that was tried often enough.
    pub(crate) async fn expired(&mut self, error: Error) -> Result<(), Error> {
        // An expired link is like a connection that broke: the next attempt, by a new link, may go better.
        self.failed(Failure::Broken, error).await
    }

    /// Goes on by another link, which leads to the same file or to another one.
    pub(crate) fn renew(&mut self, url: Url) {
        self.url = url;
        self.renewed = true;
        self.body = None;
    }

    /// Connects, and returns whether the bytes that follow belong to those that were handed over.
    async fn connect(&mut self) -> Result<bool, Error> {
        loop {
            let request = self.request();
            let (failure, error) = match self.send(request).await {
                Ok(response) => match self.accept(response) {
                    Ok(same) => return Ok(same),
                    Err(error) => (Failure::Broken, error),
                },
                Err(failed) => failed,
            };
            self.failed(failure, error).await?;
        }
    }

    fn request(&self) -> Request {
        let mut request = Request::new(Method::GET, self.url.clone());
        let headers = request.headers_mut();
        // A range counts the bytes that are sent, which must be those of the file.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(known) = &self.known
            && self.ranges
            && self.offset > 0
            && known.length.is_some()
        {
            let etag = known.etag.as_ref().filter(|etag| is_strong(etag));
            // Without a tag nothing tells the file behind another link from the first one.
            if self.renewed && etag.is_none() {
                return request;
            }
            let range = format!("bytes={}-", self.offset);
            headers.insert(RANGE, range.parse().expect("a number is no odd character"));
            if let Some(etag) = etag {
                headers.insert(IF_RANGE, etag.clone());
            }
        }
        request
    }

    /// Sends a request once. What it says of a failure is joined with the error.
    async fn send(&mut self, request: Request) -> Result<Response, (Failure, Error)> {
        self.requests += 1;
        let ranged = request.headers().contains_key(RANGE);
        let mut seen = Seen::default();
        seen.attempt(self.requests, false);
        let (failure, error) =
            match self.transport.open(self.operation, request, self.key, &mut seen).await {
                Ok(response) => return Ok(response),
                Err(failed) => failed,
            };
        let error = seen.joined(error);
        if ranged && error.status() == Some(StatusCode::RANGE_NOT_SATISFIABLE.as_u16()) {
            // There is a shorter file now. It is read as a whole, and then found to be another one.
            self.ranges = false;
            return Err((Failure::Broken, error));
        }
        Err((failure, error))
    }

    /// Takes over a good response, and returns whether it is of the file that was read so far.
    fn accept(&mut self, response: Response) -> Result<bool, Error> {
        let now = Version::of(&response);
        let partial = response.status() == StatusCode::PARTIAL_CONTENT;
        let same = self.known.as_ref().is_none_or(|known| known.is(&now, self.renewed));
        if partial && !(same && range_start(response.headers()) == Some(self.offset)) {
            self.ranges = false;
            let message = "the server sent another part of the file than was asked for";
            return Err(Error::new(ErrorKind::Decoding, message));
        }
        let continues = same || self.offset == 0;
        if !same {
            self.offset = 0;
            self.ranges = true;
        }
        self.skip = if partial { 0 } else { self.offset };
        self.known = Some(now);
        self.renewed = false;
        self.body = Some(response.bytes_stream().boxed());
        Ok(continues)
    }
}

/// What tells one version of a file from another.
#[derive(Debug, PartialEq, Eq)]
struct Version {
    etag: Option<HeaderValue>,
    length: Option<u64>,
}

impl Version {
    fn of(response: &Response) -> Self {
        let headers = response.headers();
        let length = if response.status() == StatusCode::PARTIAL_CONTENT {
            text(headers, CONTENT_RANGE.as_str())
                .and_then(|range| range.rsplit_once('/')?.1.trim().parse().ok())
        } else {
            text(headers, CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok())
        };
        Self { etag: headers.get(ETAG).cloned(), length }
    }

    /// Whether both are surely the same. Behind another link that takes a tag and a length.
    fn is(&self, other: &Self, renewed: bool) -> bool {
        let sure = self.etag.as_ref().is_some_and(is_strong) && self.length.is_some();
        self == other && (sure || !renewed)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Whether equal tags mean equal bytes.
fn is_strong(etag: &HeaderValue) -> bool {
    etag.as_bytes().starts_with(b"\"")
}

/// The first byte of the range that a partial response says it has.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = text(headers, CONTENT_RANGE.as_str())?.trim().strip_prefix("bytes ")?;
    range.split_once('-')?.0.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(etag: Option<&'static str>, length: Option<u64>) -> Version {
        Version { etag: etag.map(HeaderValue::from_static), length }
    }

    fn response(status: u16, headers: &[(&str, &str)]) -> Response {
        let mut builder = http::Response::builder().status(status);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body("").unwrap().into()
    }

    #[test]
    fn a_version_is_read_from_whole_and_partial_responses() {
        let whole = Version::of(&response(200, &[("etag", "\"a\""), ("content-length", "10")]));
        let part = Version::of(&response(
            206,
            &[("etag", "\"a\""), ("content-length", "3"), ("content-range", "bytes 7-9/10")],
        ));
        assert_eq!(whole, version(Some("\"a\""), Some(10)));
        assert_eq!(whole, part);
        assert_eq!(Version::of(&response(200, &[])), version(None, None));
    }

    #[test]
    fn behind_another_link_only_tag_and_length_together_say_the_same() {
        let sure = version(Some("\"a\""), Some(10));
        assert!(sure.is(&version(Some("\"a\""), Some(10)), true));
        for other in [
            version(Some("\"b\""), Some(10)),
            version(Some("\"a\""), Some(11)),
            version(None, Some(10)),
        ] {
            assert!(!sure.is(&other, true) && !sure.is(&other, false));
        }
        for (etag, length) in [(None, Some(10)), (Some("W/\"a\""), Some(10)), (Some("\"a\""), None)]
        {
            let vague = version(etag, length);
            assert!(vague.is(&version(etag, length), false));
            assert!(!vague.is(&version(etag, length), true));
        }
    }

    #[test]
    fn a_range_says_where_it_begins() {
        let start = |range: &str| range_start(response(206, &[("content-range", range)]).headers());
        assert_eq!(start("bytes 7-9/10"), Some(7));
        assert_eq!(start("bytes 0-9/*"), Some(0));
        for range in ["bytes */10", "lines 1-2/3", "7-9/10", ""] {
            assert_eq!(start(range), None, "{range}");
        }
    }
}
