//! Uploads files from memory, from disk and from streams.

use std::fmt;
use std::future::{Future, IntoFuture, ready};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use futures::{Stream, TryStreamExt};
use mistral_datasets_types as types;
use reqwest::{Method, Url};
use tokio_util::io::ReaderStream;

use crate::argument::IntoOption;
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::path::read_error;
use crate::transport::{
    Auth, Failure, RawResponse, ResponseInfo, SingleRequest, Transport, decoding_error,
    failed_response, store_if_requested,
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
    /// A source that can be read several times.
    Reopenable(Box<dyn FnMut() -> ByteStream + Send>),
    /// `None` once the stream has been sent.
    Stream(Option<ByteStream>),
}

/// The chunks of a file.
type ByteStream = BoxStream<'static, io::Result<Bytes>>;

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
    /// [`Validation`](crate::ErrorKind::Validation) if the file cannot be opened.
    pub async fn path(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let cannot_read = |error: io::Error| read_error(path, error).with_operation(OPERATION);
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
    /// the upload is never retried; see [`reopenable`](Self::reopenable).
    ///
    /// `length` is the total number of bytes, if known; without it the upload uses chunked encoding. A stream of unknown length
    /// that yields nothing was probably read before, so it is an error. To upload an empty file from a stream, pass the length 0.
    pub fn stream(
        file_name: impl Into<String>,
        content: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
        length: Option<u64>,
    ) -> Self {
        Self::new(file_name.into(), Content::Stream(Some(content.boxed())), length)
    }

    /// Uploads the content of a stream that can be opened again, so that the upload can be retried.
    ///
    /// `open` is called for every attempt and must return the same `length` bytes each time. A stream of an earlier attempt is
    /// dropped before.
    ///
    /// ```
    /// use mistral_datasets::Upload;
    ///
    /// let lines = ["{\"messages\": []}\n", "{\"messages\": []}\n"];
    /// let length = lines.iter().map(|line| line.len() as u64).sum();
    /// let upload = Upload::reopenable("records.jsonl", length, move || {
    ///     futures::stream::iter(lines.map(|line| Ok(line.into())))
    /// });
    /// ```
    pub fn reopenable<S>(
        file_name: impl Into<String>,
        length: u64,
        mut open: impl FnMut() -> S + Send + 'static,
    ) -> Self
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let open = Box::new(move || open().boxed());
        Self::new(file_name.into(), Content::Reopenable(open), Some(length))
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

    /// Returns whether the content can be sent once only.
    fn is_one_shot(&self) -> bool {
        matches!(self.content, Content::Stream(_))
    }

    /// Fails if the content is a stream of unknown length that yields nothing. Waits for the first chunk.
    async fn require_content(&mut self) -> Result<(), Error> {
        let Content::Stream(Some(stream)) = &mut self.content else { return Ok(()) };
        if self.length.is_some() {
            return Ok(());
        }
        let is_filled = |chunk: &io::Result<Bytes>| !matches!(chunk, Ok(bytes) if bytes.is_empty());
        let Some(first) = stream.by_ref().filter(|chunk| ready(is_filled(chunk))).next().await
        else {
            let message = "file: the source is empty; pass empty bytes to upload an empty file";
            return Err(Error::invalid(OPERATION, message.to_owned())
                .with_hint("if the source was read before, rewind it or open it again"));
        };
        if let Content::Stream(stream) = &mut self.content {
            *stream =
                stream.take().map(|rest| futures::stream::once(ready(first)).chain(rest).boxed());
        }
        Ok(())
    }

    /// Returns the content from the start, or `None` if it is a stream that was already sent.
    fn open(&mut self) -> Result<Option<ByteStream>, Error> {
        match &mut self.content {
            Content::Bytes(bytes) => {
                Ok(Some(futures::stream::iter(chunks(bytes.clone())).map(Ok).boxed()))
            }
            Content::Path(path) => match std::fs::File::open(&path) {
                Ok(file) => {
                    let file = tokio::fs::File::from_std(file);
                    Ok(Some(ReaderStream::with_capacity(file, CHUNK_SIZE).boxed()))
                }
                Err(error) => Err(read_error(path, error).with_operation(OPERATION)),
            },
            Content::Reopenable(open) => Ok(Some(open())),
            Content::Stream(stream) => Ok(stream.take()),
        }
    }

    /// Builds the multipart body, which reports every chunk to the monitor. Returns `None` if the content is a stream that
    /// was already sent.
    fn form(
        &mut self,
        monitor: Arc<StallMonitor>,
    ) -> Result<Option<reqwest::multipart::Form>, Error> {
        let Some(content) = self.open()? else { return Ok(None) };
        let content = content.inspect_ok(move |_| monitor.record_progress());
        let body = reqwest::Body::wrap_stream(content);
        let mut part = match self.length {
            Some(length) => reqwest::multipart::Part::stream_with_length(body, length),
            None => reqwest::multipart::Part::stream(body),
        }
        .file_name(encode_file_name(&self.file_name));
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

/// Percent-encodes the characters that would end the file name or its header, as browsers do.
///
/// reqwest escapes them with a backslash, which leaves line breaks in the header.
fn encode_file_name(name: &str) -> String {
    name.replace('\r', "%0D").replace('\n', "%0A").replace('"', "%22")
}

/// Splits bytes into chunks, so that sending them can be observed.
fn chunks(mut bytes: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let next = bytes.len().min(CHUNK_SIZE);
        (next > 0).then(|| bytes.split_to(next))
    })
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

/// An [`upload`](crate::calls::Files::upload) call.
#[derive(Debug)]
#[must_use = "a call is sent when it is awaited"]
pub struct UploadFile {
    client: Client,
    upload: Upload,
}

impl UploadFile {
    pub(super) fn new(client: Client, upload: Upload) -> Self {
        Self { client, upload }
    }

    async fn send(self) -> Result<types::File, Error> {
        let Self { client, upload } = self;
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
}

impl IntoFuture for UploadFile {
    type Output = Result<types::File, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl SingleRequest for UploadFile {}

/// Sends an upload, with retries.
async fn send_with_retries(
    transport: &Transport,
    url: &str,
    mut upload: Upload,
) -> Result<types::File, Error> {
    // An upload may take any amount of time as long as it makes progress.
    let mut attempts = transport.start_attempts(Method::POST, Duration::MAX);
    if upload.is_one_shot() {
        attempts = attempts.only_once();
    }
    let has_content = tokio::time::timeout(transport.timeout(), upload.require_content());
    match has_content.await {
        Ok(has_content) => has_content?,
        Err(_) => {
            let message = "the upload made no progress within the timeout";
            return Err(Error::new(ErrorKind::Timeout, message).with_operation(OPERATION));
        }
    }
    loop {
        let failure = match attempt(transport, url, &mut upload).await {
            Ok((info, response)) => {
                store_if_requested(|| RawResponse {
                    status: response.status().as_u16(),
                    headers: response.headers().clone(),
                    body: response.body().clone(),
                    elapsed: attempts.elapsed(),
                    attempts: attempts.count(),
                });
                return types::decode::from_body(response.body()).map_err(|error| {
                    let error = info.add_to(decoding_error(&error));
                    error.with_attempts(attempts.count(), attempts.elapsed())
                });
            }
            Err(failure) => failure,
        };
        attempts.retry(OPERATION, failure).await?;
    }
}

/// Sends an upload once and reads the response.
async fn attempt(
    transport: &Transport,
    url: &str,
    upload: &mut Upload,
) -> Result<(ResponseInfo, http::Response<Bytes>), Failure> {
    let target = Url::parse(url).expect("the server URL was validated");
    let monitor = Arc::new(StallMonitor::start());
    let request = || {
        let Some(form) = upload.form(monitor.clone())? else { return Ok(None) };
        let request = transport.http().post(url).multipart(form).build();
        request.map(Some).map_err(|_| Error::invalid(OPERATION, "invalid request".to_owned()))
    };
    let response = tokio::select! {
        response = transport.exchange(OPERATION, Auth::ApiKey, request) => response?,
        () = monitor.stalled(transport.timeout()) => {
            return Err(transport.timed_out("no progress of the upload to", &target));
        }
    };
    let (status, headers) = (response.status(), response.headers().clone());
    let info = transport.response_info(&response);
    let url = response.url().clone();
    let body = match tokio::time::timeout(transport.timeout(), response.bytes()).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => Err(transport.request_failure(error, false, Some(&url))),
        Err(_) => Err(transport.timed_out("no complete response from", &url)),
    };
    let body = body
        .map_err(|Failure { class, error }| Failure { class, error: info.clone().add_to(error) })?;
    if status.is_success() {
        let mut response = http::Response::new(body);
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        return Ok((info, response));
    }
    Err(failed_response(info, &body))
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
            let idle = self.started.elapsed().saturating_sub(Duration::from_millis(last));
            let Some(remaining) = timeout.checked_sub(idle).filter(|left| !left.is_zero()) else {
                return;
            };
            tokio::time::sleep(remaining).await;
        }
    }
}
