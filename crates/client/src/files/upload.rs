//! Uploads files from memory, from disk and from streams.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use futures::{Stream, TryStreamExt};
use mistral_datasets_types as types;
use reqwest::{Method, Request};
use tokio_util::io::ReaderStream;

use crate::argument::IntoOption;
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::transport::{
    FailedResponse, FailureClass, RawResponse, ResponseInfo, Transport, decoding_error, log_retry,
    request_error, store_if_requested,
};

const OPERATION: &str = "upload_file";

/// The service's limit for one file.
pub(crate) const MAX_FILE_BYTES: u64 = 512 * 1024 * 1024;

/// The size of the chunks in which content is read and sent.
const CHUNK_SIZE: usize = 64 * 1024;

/// A file to upload.
///
/// ```
/// use mistral_datasets::Upload;
///
/// let upload = Upload::bytes("records.jsonl", "{\"messages\": []}\n").content_type("application/jsonl");
/// ```
pub struct Upload {
    file_name: String,
    content: Content,
    length: Option<u64>,
    content_type: Option<String>,
    purpose: Option<String>,
    expiry: Option<i64>,
    visibility: Option<String>,
}

enum Content {
    Bytes(Bytes),
    Path(PathBuf),
    /// `None` once the stream has been sent.
    Stream(Option<BoxStream<'static, io::Result<Bytes>>>),
}

impl Upload {
    /// Uploads bytes from memory.
    pub fn bytes(file_name: impl Into<String>, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let length = content.len() as u64;
        Self::new(file_name.into(), Content::Bytes(content), Some(length))
    }

    /// Uploads a file from disk under its own name, without loading it into memory.
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) if the file cannot be opened.
    pub async fn path(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let cannot_read = |error: io::Error| read_error(path, &error);
        let file = tokio::fs::File::open(path).await.map_err(cannot_read)?;
        let metadata = file.metadata().await.map_err(cannot_read)?;
        if metadata.is_dir() {
            return Err(cannot_read(io::ErrorKind::IsADirectory.into()));
        }
        // The length of a pipe is not known in advance.
        let length = metadata.is_file().then_some(metadata.len());
        let name = path
            .file_name()
            .map_or_else(|| "file".to_owned(), |name| name.to_string_lossy().into_owned());
        // A file can be reopened for every attempt, a pipe cannot.
        let content = match length {
            Some(_) => Content::Path(path.to_owned()),
            None => Content::Stream(Some(ReaderStream::with_capacity(file, CHUNK_SIZE).boxed())),
        };
        Ok(Self::new(name, content, length))
    }

    /// Uploads the content of a stream, which is polled only as fast as its content is sent. A stream can only be sent once, so
    /// the upload is never retried.
    ///
    /// `length` is the total number of bytes, if known; without it the upload uses chunked encoding.
    pub fn stream(
        file_name: impl Into<String>,
        content: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
        length: Option<u64>,
    ) -> Self {
        Self::new(file_name.into(), Content::Stream(Some(content.boxed())), length)
    }

    fn new(file_name: String, content: Content, length: Option<u64>) -> Self {
        Self {
            file_name,
            content,
            length,
            content_type: None,
            purpose: None,
            expiry: None,
            visibility: None,
        }
    }

    /// Sets the media type of the file, such as `application/jsonl`. Default: not sent.
    pub fn content_type(mut self, content_type: impl IntoOption<String>) -> Self {
        self.content_type = content_type.into_option();
        self
    }

    /// Sets the purpose of the file. Imports do not need one. Default: not sent.
    pub fn purpose(mut self, purpose: impl IntoOption<String>) -> Self {
        self.purpose = purpose.into_option();
        self
    }

    /// Sets the number of hours after which the server deletes the file. Default: not sent.
    pub fn expiry(mut self, hours: impl IntoOption<i64>) -> Self {
        self.expiry = hours.into_option();
        self
    }

    /// Sets who can see the file, `workspace` or `user`. Default: not sent.
    pub fn visibility(mut self, visibility: impl IntoOption<String>) -> Self {
        self.visibility = visibility.into_option();
        self
    }

    /// Returns the content from the start, or `None` if it is a stream that was already sent.
    async fn open(&mut self) -> Result<Option<BoxStream<'static, io::Result<Bytes>>>, Error> {
        match &mut self.content {
            Content::Bytes(bytes) => {
                Ok(Some(futures::stream::iter(chunks(bytes.clone())).map(Ok).boxed()))
            }
            Content::Path(path) => match tokio::fs::File::open(&path).await {
                Ok(file) => Ok(Some(ReaderStream::with_capacity(file, CHUNK_SIZE).boxed())),
                Err(error) => Err(read_error(path, &error)),
            },
            Content::Stream(stream) => Ok(stream.take()),
        }
    }

    /// Builds the multipart body, which reports every chunk to the monitor. Returns `None` if the content is a stream that
    /// was already sent.
    async fn form(
        &mut self,
        monitor: Arc<StallMonitor>,
    ) -> Result<Option<reqwest::multipart::Form>, Error> {
        let Some(content) = self.open().await? else { return Ok(None) };
        let content = content.inspect_ok(move |_| monitor.record_progress());
        let body = reqwest::Body::wrap_stream(content);
        let mut part = match self.length {
            Some(length) => reqwest::multipart::Part::stream_with_length(body, length),
            None => reqwest::multipart::Part::stream(body),
        }
        .file_name(self.file_name.clone());
        if let Some(content_type) = &self.content_type {
            part = part.mime_str(content_type).map_err(|_| {
                Error::invalid(
                    OPERATION,
                    "content_type: expected a media type such as application/jsonl".to_owned(),
                )
            })?;
        }
        let mut form = reqwest::multipart::Form::new();
        if let Some(purpose) = self.purpose.clone() {
            form = form.text("purpose", purpose);
        }
        if let Some(expiry) = self.expiry {
            form = form.text("expiry", expiry.to_string());
        }
        if let Some(visibility) = self.visibility.clone() {
            form = form.text("visibility", visibility);
        }
        // The file comes last so that the server knows the other fields before it reads the content.
        Ok(Some(form.part("file", part)))
    }
}

/// Splits bytes into chunks, so that sending them can be observed.
fn chunks(mut bytes: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let next = bytes.len().min(CHUNK_SIZE);
        (next > 0).then(|| bytes.split_to(next))
    })
}

fn read_error(path: &Path, error: &io::Error) -> Error {
    Error::new(ErrorKind::Validation, format!("cannot read {}: {error}", path.display()))
        .with_operation(OPERATION)
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("file_name", &self.file_name)
            .field("length", &self.length)
            .field("content_type", &self.content_type)
            .field("purpose", &self.purpose)
            .field("expiry", &self.expiry)
            .field("visibility", &self.visibility)
            .finish_non_exhaustive()
    }
}

/// Sends an upload, with retries.
pub(super) async fn send(client: &Client, upload: Upload) -> Result<types::File, Error> {
    if upload.file_name.is_empty() {
        return Err(Error::invalid(OPERATION, "file_name: must not be empty".to_owned()));
    }
    if upload.length.is_some_and(|length| length > MAX_FILE_BYTES) {
        return Err(Error::invalid(OPERATION, "file: expected at most 512 MB".to_owned()));
    }
    let transport = client.transport()?;
    let url = format!("{}/v1/files", client.server_url());
    client.until_cancelled(OPERATION, send_with_retries(transport, &url, upload)).await
}

async fn send_with_retries(
    transport: &Transport,
    url: &str,
    mut upload: Upload,
) -> Result<types::File, Error> {
    // An upload may take any amount of time as long as it makes progress.
    let mut attempts = transport.start_attempts(Method::POST, Duration::MAX);
    let mut last_error = None;
    loop {
        let monitor = Arc::new(StallMonitor::start());
        let Some(form) = upload.form(monitor.clone()).await? else {
            return Err(last_error.expect("a stream is available for the first attempt"));
        };
        let result = match transport.http().post(url).multipart(form).build() {
            Ok(request) => attempt(transport, request, &monitor).await,
            Err(error) => Err((FailureClass::NotSent, request_error(error))),
        };
        let (class, error) = match result {
            Ok((info, response)) => {
                store_if_requested(|| RawResponse {
                    status: response.status().as_u16(),
                    headers: response.headers().clone(),
                    body: response.body().clone(),
                    elapsed: attempts.elapsed(),
                    attempts: attempts.count(),
                });
                return serde_json::from_slice(response.body()).map_err(|error| {
                    let error = info.add_to(decoding_error(&error));
                    error.with_attempts(attempts.count(), attempts.elapsed())
                });
            }
            Err(failed) => failed,
        };
        let attempt = attempts.count();
        let error = error
            .with_ambiguity(class.is_ambiguous(&Method::POST))
            .with_attempts(attempt, attempts.elapsed());
        match attempts.next_delay(class) {
            Some(delay) => {
                log_retry(OPERATION, attempt, delay, error.kind().name());
                tokio::time::sleep(delay).await;
                last_error = Some(error);
            }
            None => return Err(error),
        }
    }
}

/// Sends an upload once and reads the response.
async fn attempt(
    transport: &Transport,
    request: Request,
    monitor: &StallMonitor,
) -> Result<(ResponseInfo, http::Response<Bytes>), (FailureClass, Error)> {
    let timed_out =
        |message: &str| (FailureClass::ConnectionLost, Error::new(ErrorKind::Timeout, message));
    let failed = |error: reqwest::Error| (FailureClass::of(&error), request_error(error));
    let response = tokio::select! {
        response = transport.send(OPERATION, request) => response.map_err(failed)?,
        () = monitor.stalled(transport.timeout()) => {
            return Err(timed_out("the upload made no progress within the timeout"));
        }
    };
    let (status, headers) = (response.status(), response.headers().clone());
    let info = ResponseInfo::new(status.as_u16(), &headers);
    let body = match tokio::time::timeout(transport.timeout(), response.bytes()).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => Err(failed(error)),
        Err(_) => Err(timed_out("no complete response within the timeout")),
    };
    let body = body.map_err(|(class, error)| (class, info.clone().add_to(error)))?;
    if status.is_success() {
        let mut response = http::Response::new(body);
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        return Ok((info, response));
    }
    let failed = FailedResponse::new(info, &body);
    Err((failed.class(), failed.into_error()))
}

/// Detects uploads that make no progress.
struct StallMonitor {
    started: Instant,
    /// When the last chunk was sent, in milliseconds since `started`.
    last_progress_ms: AtomicU64,
}

impl StallMonitor {
    fn start() -> Self {
        Self { started: Instant::now(), last_progress_ms: 0.into() }
    }

    fn record_progress(&self) {
        let elapsed = self.started.elapsed().as_millis() as u64;
        self.last_progress_ms.store(elapsed, Ordering::Relaxed);
    }

    /// Returns once there has been no progress for `timeout`.
    async fn stalled(&self, timeout: Duration) {
        loop {
            let last = self.last_progress_ms.load(Ordering::Relaxed);
            let until = self.started + Duration::from_millis(last) + timeout;
            if Instant::now() >= until {
                return;
            }
            tokio::time::sleep_until(until.into()).await;
        }
    }
}
