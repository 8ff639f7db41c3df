//! The two operations on files that the generator cannot express: the multipart upload and the streamed download.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Method, Url};

use mistral_datasets_core_client::types;

use crate::argument::IntoId;
use crate::calls::Files;
use crate::check::Checks;
use crate::download::{self, Download};
use crate::envelope;
use crate::error::{Error, ErrorKind};
use crate::transport::Seen;
use crate::upload::{MAX_FILE_BYTES, Upload};

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
    /// otherwise as the server and the connection have it. The upload is not repeated by itself.
    ///
    /// Sends `POST /v1/files`.
    pub async fn upload(&self, upload: Upload) -> Result<types::File, Error> {
        const OPERATION: &str = "upload_file";
        let transport = self.client.transport()?;
        if upload.file_name.is_empty() {
            return Err(Error::invalid(OPERATION, "file_name: must not be empty".to_owned()));
        }
        if upload.length.is_some_and(|length| length > MAX_FILE_BYTES) {
            return Err(Error::invalid(OPERATION, "file: expected at most 512 MB".to_owned()));
        }
        let progress = Arc::new(Progress::default());
        let form = upload.form({
            let progress = progress.clone();
            move || progress.moved()
        })?;
        let request = transport
            .http()
            .request(Method::POST, format!("{}/v1/files", self.client.server_url()))
            .multipart(form)
            .build()
            .map_err(|error| Seen::default().broken(error).with_operation(OPERATION))?;
        let reply = tokio::select! {
            reply = transport.send(OPERATION, request) => {
                reply.map_err(|error| Seen::default().broken(error).with_operation(OPERATION))?
            }
            () = progress.stalled(transport.timeout()) => {
                let error = Error::new(ErrorKind::Timeout, "the upload paused for too long");
                return Err(error.with_operation(OPERATION));
            }
        };
        let mut seen = Seen::default();
        seen.reply(&reply);
        let status = reply.status();
        let bytes = match tokio::time::timeout(transport.timeout(), reply.bytes()).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) => return Err(seen.broken(error).with_operation(OPERATION)),
            Err(_) => {
                let error = Error::new(ErrorKind::Timeout, "the reply did not come in time");
                return Err(error.with_operation(OPERATION));
            }
        };
        if !status.is_success() {
            seen.failed(envelope::read(status.as_u16(), &bytes));
            return Err(seen.refused().with_operation(OPERATION));
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| seen.unreadable(&error).with_operation(OPERATION))
    }

    /// Downloads the bytes of an uploaded file.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when there is no such file; otherwise as the server and the connection have it.
    ///
    /// Sends `GET /v1/files/{file_id}/content`.
    pub async fn download(&self, file_id: impl IntoId) -> Result<Download, Error> {
        const OPERATION: &str = "download_file";
        let transport = self.client.transport()?;
        let file_id = file_id.into_id();
        Checks::new(OPERATION).segment("file_id", &file_id)?;
        let mut url =
            Url::parse(self.client.server_url()).expect("the client checked its server's URL");
        url.path_segments_mut()
            .expect("an http URL has a path")
            .extend(["v1", "files", &file_id, "content"]);
        let request = reqwest::Request::new(Method::GET, url);
        let reply = tokio::time::timeout(transport.timeout(), transport.send(OPERATION, request))
            .await
            .map_err(|_| {
                Error::new(ErrorKind::Timeout, "no reply in time").with_operation(OPERATION)
            })?
            .map_err(|error| Seen::default().broken(error).with_operation(OPERATION))?;
        download::accept(OPERATION, reply, transport.timeout()).await
    }
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
