//! Downloads a file, resuming after lost or stalled connections.
//!
//! A download is resumed with a range request if the server identified the version of the file with a strong `ETag`, the only
//! validator that guarantees equal bytes. `If-Range` makes the server send the whole file if it has changed. Without such an
//! `ETag`, or if the file has changed, the download starts again from the beginning of the file, which the caller learns from
//! [`DownloadEvent::Restart`]. If the server sends the same version but ignores the range, the bytes that were already
//! delivered are skipped.
//!
//! The [`RetryPolicy`](crate::RetryPolicy) limits the retries; progress resets the limit.

use std::time::Instant;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, RANGE,
};
use reqwest::{Method, Request, Response, StatusCode, Url};

use crate::error::{Error, ErrorKind};
use crate::transport::{Attempts, Auth, Failure, Transport};

/// An event of a download.
#[derive(Debug)]
pub(crate) enum DownloadEvent {
    /// The next bytes of the file.
    Chunk(Bytes),
    /// The following chunks start from the beginning of the file, which may be another version. Discard the chunks so far.
    Restart,
}

/// Returns the error for a restarted download whose earlier chunks cannot be discarded.
pub(crate) fn restarted() -> Error {
    let message =
        "the connection was lost, and the server cannot continue the same version of the file";
    let error = Error::new(ErrorKind::Conflict, message);
    error.with_hint("start again, or write to a file, which can be started again automatically")
}

/// A download that survives connection failures and renewed links.
pub(crate) struct ResumableDownload {
    operation: &'static str,
    transport: Transport,
    url: Url,
    auth: Auth,
    /// The version of the file according to the last response.
    version: Option<FileVersion>,
    /// Whether to send range requests. Cleared if the server responds with a wrong range.
    use_ranges: bool,
    body: Option<BoxStream<'static, reqwest::Result<Bytes>>>,
    /// The number of bytes delivered.
    offset: u64,
    /// How many bytes of the current response still have to be skipped because they were already delivered.
    skip: u64,
    /// The highest `offset` so far.
    max_offset: u64,
    /// The attempts since the last progress.
    attempts: Option<Attempts>,
    request_count: u32,
    started: Instant,
}

impl ResumableDownload {
    /// Creates a download. Nothing is sent yet.
    pub(crate) fn new(operation: &'static str, transport: Transport, url: Url, auth: Auth) -> Self {
        Self {
            operation,
            transport,
            url,
            auth,
            version: None,
            use_ranges: true,
            body: None,
            offset: 0,
            skip: 0,
            max_offset: 0,
            attempts: None,
            request_count: 0,
            started: Instant::now(),
        }
    }

    /// Returns the size of the file, if the server sent it.
    pub(crate) fn length(&self) -> Option<u64> {
        self.version.as_ref().and_then(|version| version.length)
    }

    /// Connects to the server unless it is connected already.
    pub(crate) async fn open(&mut self) -> Result<(), Error> {
        if self.body.is_none() {
            self.connect().await?;
        }
        Ok(())
    }

    /// Returns the next event, or `None` at the end of the file. After an error, the download can only be continued with
    /// [`renew`](Self::renew).
    pub(crate) async fn next(&mut self) -> Result<Option<DownloadEvent>, Error> {
        loop {
            let Some(body) = &mut self.body else {
                if self.connect().await? {
                    continue;
                }
                return Ok(Some(DownloadEvent::Restart));
            };
            let failure = match tokio::time::timeout(self.transport.timeout(), body.next()).await {
                Ok(Some(Ok(bytes))) => match self.undelivered(bytes) {
                    Some(bytes) => return Ok(Some(DownloadEvent::Chunk(bytes))),
                    None => continue,
                },
                Ok(None) if self.length().is_none_or(|length| self.offset >= length) => {
                    return Ok(None);
                }
                // The file is complete; how the connection ended does not matter.
                _ if self.length() == Some(self.offset) => return Ok(None),
                Ok(None) => Failure::connection_lost(Error::new(
                    ErrorKind::Connection,
                    "the download ended early",
                )),
                Ok(Some(Err(error))) => {
                    self.transport.request_failure(error, false, Some(&self.url))
                }
                Err(_) => self.transport.timed_out("no progress of the download from", &self.url),
            };
            self.body = None;
            self.wait_for_retry(failure).await?;
        }
    }

    /// Strips the bytes that were already delivered and records progress.
    fn undelivered(&mut self, mut bytes: Bytes) -> Option<Bytes> {
        let skipped = self.skip.min(bytes.len() as u64);
        self.skip -= skipped;
        let bytes = bytes.split_off(skipped as usize);
        if bytes.is_empty() {
            return None;
        }
        self.offset += bytes.len() as u64;
        if self.offset > self.max_offset {
            self.max_offset = self.offset;
            self.attempts = None;
        }
        Some(bytes)
    }

    /// Waits before the next attempt, or returns the error if the retries without progress are exhausted.
    async fn wait_for_retry(&mut self, failure: Failure) -> Result<(), Error> {
        // The deadline of a call limits the time without progress, not the whole download.
        let deadline = self.transport.settings().deadline;
        let attempts = self
            .attempts
            .get_or_insert_with(|| self.transport.start_attempts(Method::GET, deadline));
        attempts.retry(self.operation, failure).await.map_err(|error| {
            let error = error.with_attempts(self.request_count, self.started.elapsed());
            error.with_operation(self.operation)
        })
    }

    /// Waits before requesting a new link in place of the expired one, or returns the error if the retries are exhausted.
    pub(crate) async fn wait_for_renewal(&mut self, error: Error) -> Result<(), Error> {
        // An expired link is retried like a lost connection.
        self.wait_for_retry(Failure::connection_lost(error)).await
    }

    /// Continues with another link, which may refer to the same file or to a new version of it.
    pub(crate) fn renew(&mut self, url: Url) {
        self.url = url;
        self.body = None;
    }

    /// Connects to the server. Returns `false` if the response is a different version of the file.
    async fn connect(&mut self) -> Result<bool, Error> {
        loop {
            let request = self.request();
            let failure = match self.send(request).await {
                Ok(response) => match self.accept(response) {
                    Ok(continues) => return Ok(continues),
                    Err(error) => Failure::connection_lost(error),
                },
                Err(failure) => failure,
            };
            self.wait_for_retry(failure).await?;
        }
    }

    fn request(&self) -> Request {
        let mut request = Request::new(Method::GET, self.url.clone());
        let headers = request.headers_mut();
        // Ranges refer to the encoded bytes, so the file must be sent without encoding.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if self.use_ranges
            && self.offset > 0
            && let Some(FileVersion { etag: Some(etag), length: Some(_) }) = &self.version
            && is_strong(etag)
        {
            let range = format!("bytes={}-", self.offset);
            headers.insert(RANGE, range.parse().expect("a range is a valid header value"));
            headers.insert(IF_RANGE, etag.clone());
        }
        request
    }

    /// Sends a request once.
    async fn send(&mut self, request: Request) -> Result<Response, Failure> {
        self.request_count += 1;
        let has_range = request.headers().contains_key(RANGE);
        let failure = match self.transport.open(self.operation, request, self.auth).await {
            Ok(response) => return Ok(response),
            Err(failure) => failure,
        };
        let range_not_satisfiable = StatusCode::RANGE_NOT_SATISFIABLE.as_u16();
        if has_range && failure.error.status() == Some(range_not_satisfiable) {
            // The file is shorter now. Request all of it; `accept` will find that it is a different version.
            self.use_ranges = false;
            return Err(Failure::connection_lost(failure.error));
        }
        Err(failure)
    }

    /// Starts reading a successful response. Returns whether it continues the bytes delivered so far.
    fn accept(&mut self, response: Response) -> Result<bool, Error> {
        let version = FileVersion::of(&response);
        let is_partial = response.status() == StatusCode::PARTIAL_CONTENT;
        let is_same = self.version.as_ref().is_some_and(|known| known.is_certainly(&version));
        if is_partial && !(is_same && range_start(response.headers()) == Some(self.offset)) {
            self.use_ranges = false;
            let message = "the server sent a different range than was requested";
            return Err(Error::new(ErrorKind::Decoding, message));
        }
        let continues = is_same || self.offset == 0;
        if !is_same {
            self.offset = 0;
            self.use_ranges = true;
        }
        self.skip = if is_partial { 0 } else { self.offset };
        self.version = Some(version);
        self.body = Some(response.bytes_stream().boxed());
        Ok(continues)
    }
}

/// Identifies a version of a file.
#[derive(Debug, PartialEq, Eq)]
struct FileVersion {
    etag: Option<HeaderValue>,
    length: Option<u64>,
}

impl FileVersion {
    fn of(response: &Response) -> Self {
        let headers = response.headers();
        let length = if response.status() == StatusCode::PARTIAL_CONTENT {
            header_str(headers, CONTENT_RANGE.as_str())
                .and_then(|range| range.rsplit_once('/')?.1.trim().parse().ok())
        } else {
            header_str(headers, CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok())
        };
        Self { etag: headers.get(ETAG).cloned(), length }
    }

    /// Returns whether both are certainly the same version, and so have the same bytes.
    fn is_certainly(&self, other: &Self) -> bool {
        self.etag.as_ref().is_some_and(is_strong) && self.length.is_some() && self == other
    }
}

fn header_str<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Returns whether equal ETags guarantee equal bytes.
fn is_strong(etag: &HeaderValue) -> bool {
    etag.as_bytes().starts_with(b"\"")
}

/// Parses the first byte position of a `Content-Range` header.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = header_str(headers, CONTENT_RANGE.as_str())?.trim().strip_prefix("bytes ")?;
    range.split_once('-')?.0.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(etag: Option<&'static str>, length: Option<u64>) -> FileVersion {
        FileVersion { etag: etag.map(HeaderValue::from_static), length }
    }

    fn response(status: u16, headers: &[(&str, &str)]) -> Response {
        let mut builder = http::Response::builder().status(status);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body("").unwrap().into()
    }

    #[test]
    fn the_version_is_read_from_full_and_partial_responses() {
        let full = FileVersion::of(&response(200, &[("etag", "\"a\""), ("content-length", "10")]));
        let part = FileVersion::of(&response(
            206,
            &[("etag", "\"a\""), ("content-length", "3"), ("content-range", "bytes 7-9/10")],
        ));
        assert_eq!(full, version(Some("\"a\""), Some(10)));
        assert_eq!(full, part);
        assert_eq!(FileVersion::of(&response(200, &[])), version(None, None));
    }

    #[test]
    fn only_a_strong_etag_and_a_length_identify_a_version() {
        let certain = version(Some("\"a\""), Some(10));
        assert!(certain.is_certainly(&certain));
        for other in [
            version(Some("\"b\""), Some(10)),
            version(Some("\"a\""), Some(11)),
            version(None, Some(10)),
        ] {
            assert!(!certain.is_certainly(&other));
        }
        for (etag, length) in
            [(None, None), (None, Some(10)), (Some("W/\"a\""), Some(10)), (Some("\"a\""), None)]
        {
            assert!(!version(etag, length).is_certainly(&version(etag, length)));
        }
    }

    #[test]
    fn content_range_start_is_parsed() {
        let start = |range: &str| range_start(response(206, &[("content-range", range)]).headers());
        assert_eq!(start("bytes 7-9/10"), Some(7));
        assert_eq!(start("bytes 0-9/*"), Some(0));
        for range in ["bytes */10", "lines 1-2/3", "7-9/10", ""] {
            assert_eq!(start(range), None, "{range}");
        }
    }
}
