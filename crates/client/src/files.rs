//! The two operations on files that the generator cannot express: the multipart upload and the streamed download.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mistral_datasets_types as types;
use reqwest::{Method, Request, Url};

use crate::argument::IntoId;
use crate::calls::Files;
use crate::check::Checks;
use crate::download::Download;
use crate::envelope;
use crate::error::{Error, ErrorKind};
use crate::raw_response::{self, RawResponse};
use crate::resume::Resumable;
use crate::retry::{self, Failure};
use crate::seen::{self, Seen};
use crate::transport::{Key, Transport, failure, log_retry};
use crate::upload::{MAX_FILE_BYTES, Upload};

/// The document's name of the upload.
const UPLOAD: &str = "upload_file";

impl Files {
    /// Uploads a file of at most 512 MB, which an import can then read. It is streamed and never held in memory.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// use mistral_datasets::Upload;
    ///
    /// let file = client.files().upload(Upload::path("records.jsonl").await?).await?;
    /// println!("{} is {}", file.filename, file.id);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) before anything is sent when the file has no name or is known to be too large;
    /// otherwise as the server and the connection have it. It is repeated
    /// only when it surely was not carried out, and not at all when it is a stream.
    ///
    /// Sends `POST /v1/files`.
    pub async fn upload(&self, upload: Upload) -> Result<types::File, Error> {
        if upload.file_name.is_empty() {
            return Err(Error::invalid(UPLOAD, "file_name: must not be empty".to_owned()));
        }
        if upload.length.is_some_and(|length| length > MAX_FILE_BYTES) {
            return Err(Error::invalid(UPLOAD, "file: expected at most 512 MB".to_owned()));
        }
        let transport = self.client.transport()?;
        self.client.until_closed(UPLOAD, self.send(transport, upload)).await
    }

    /// Sends an upload as often as it surely was not carried out and can be made again.
    async fn send(&self, transport: &Transport, mut upload: Upload) -> Result<types::File, Error> {
        let url = format!("{}/v1/files", self.client.server_url());
        // Large files take their time; what must not take long is a pause.
        let mut attempts = transport.attempts(Method::POST, Duration::MAX);
        let mut last = None;
        loop {
            let progress = Arc::new(Progress::default());
            let moved = progress.clone();
            let Some(form) = upload.form(Arc::new(move || moved.moved())).await? else {
                return Err(last.expect("a stream can be sent once"));
            };
            let mut seen = Seen::default();
            seen.attempt(attempts.made(), true);
            let request = transport.http().post(&url).multipart(form).build();
            let result = match request {
                Ok(request) => once(transport, request, &progress, &mut seen).await,
                Err(error) => Err((Failure::NotSent, seen::broken(error))),
            };
            let (failure, error) = match result {
                Ok(whole) => {
                    raw_response::offer(|| RawResponse {
                        status: whole.status().as_u16(),
                        headers: whole.headers().clone(),
                        body: whole.body().clone(),
                        elapsed: attempts.elapsed(),
                        attempts: attempts.made(),
                    });
                    let file = serde_json::from_slice(whole.body());
                    return file.map_err(|error| seen.unreadable(&error));
                }
                Err(failed) => failed,
            };
            seen.lasted(attempts.elapsed());
            seen.ended(failure.is_ambiguous(&Method::POST), error.message().to_owned());
            let made = attempts.made();
            let error = seen.joined(error);
            match attempts.after(failure) {
                Some(delay) => {
                    log_retry(UPLOAD, made, delay, error.kind().name());
                    tokio::time::sleep(delay).await;
                    last = Some(error);
                }
                None => return Err(error),
            }
        }
    }

    /// Downloads the bytes of an uploaded file.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when there is no such file; otherwise as the server and the connection have it.
    ///
    /// Sends `GET /v1/files/{file_id}/content`.
    pub async fn download(&self, file_id: impl IntoId) -> Result<Download, Error> {
        const OPERATION: &str = "download_file";
        let file_id = file_id.into_id();
        Checks::new(OPERATION).segment("file_id", &file_id)?;
        let mut url =
            Url::parse(self.client.server_url()).expect("the client checked its server's URL");
        url.path_segments_mut()
            .expect("an http URL has a path")
            .extend(["v1", "files", &file_id, "content"]);
        let file = Resumable::new(OPERATION, self.client.transport()?.clone(), url, Key::Sent);
        Download::open(self.client.clone(), OPERATION, file).await
    }
}

/// Sends an upload once and reads the response.
async fn once(
    transport: &Transport,
    request: Request,
    progress: &Progress,
    seen: &mut Seen,
) -> Result<http::Response<Bytes>, (Failure, Error)> {
    let timed_out = |message: &str| (Failure::Broken, Error::new(ErrorKind::Timeout, message));
    let broken = |error: reqwest::Error| (failure(&error), seen::broken(error));
    let response = tokio::select! {
        response = transport.send(UPLOAD, request) => response.map_err(broken)?,
        () = progress.stalled(transport.timeout()) => {
            return Err(timed_out("the upload paused for too long"));
        }
    };
    let status = response.status();
    let headers = response.headers().clone();
    seen.response(status.as_u16(), &headers);
    let bytes = tokio::time::timeout(transport.timeout(), response.bytes())
        .await
        .map_err(|_| timed_out("the response did not come in time"))?
        .map_err(broken)?;
    if status.is_success() {
        let mut whole = http::Response::new(bytes);
        (*whole.status_mut(), *whole.headers_mut()) = (status, headers);
        return Ok(whole);
    }
    let status = status.as_u16();
    let failure = Failure::Refused { status, retry_after: retry::retry_after(&headers) };
    Err((failure, envelope::read(status, &bytes).into_error(status)))
}

/// When an upload last moved. An upload may take as long as it needs, but not pause for longer than the timeout.
struct Progress {
    began: Instant,
    last_ms: std::sync::atomic::AtomicU64,
}

impl Default for Progress {
    fn default() -> Self {
        Self { began: Instant::now(), last_ms: 0.into() }
    }
}

impl Progress {
    fn moved(&self) {
        let elapsed = self.began.elapsed().as_millis() as u64;
        self.last_ms.store(elapsed, std::sync::atomic::Ordering::Relaxed);
    }

    /// Returns when nothing has moved for that time.
    async fn stalled(&self, timeout: Duration) {
        loop {
            let last = self.last_ms.load(std::sync::atomic::Ordering::Relaxed);
            let until = self.began + Duration::from_millis(last) + timeout;
            if Instant::now() >= until {
                return;
            }
            tokio::time::sleep_until(until.into()).await;
        }
    }
}
