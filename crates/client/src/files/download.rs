//! Downloads the content of uploaded files and presigned links.

use std::fmt;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use futures::Stream;
use futures::stream::StreamExt;
use reqwest::Url;
use tokio::io::AsyncWriteExt;

use super::atomic_file::Target;
use super::resumable_download::{DownloadEvent, ResumableDownload, restarted};
use crate::client::Client;
use crate::error::Error;
use crate::path::write_error;
use crate::transport::Auth;

/// A download in progress. Its content can be read once: into memory, to a file, or as a stream.
///
/// If the connection is lost or stalls, the download is resumed on a new one; see [`RetryPolicy`](crate::RetryPolicy). That
/// requires that the server identifies the version of the file with a strong `ETag`. Otherwise the download starts again, which
/// a stream cannot do. Dropping the download cancels it.
pub struct Download {
    client: Client,
    operation: &'static str,
    file: ResumableDownload,
}

impl Download {
    /// Connects to the server and returns the download.
    pub(crate) async fn open(
        client: Client,
        operation: &'static str,
        mut file: ResumableDownload,
    ) -> Result<Self, Error> {
        client.until_cancelled(operation, file.open()).await?;
        Ok(Self { client, operation, file })
    }

    async fn next(&mut self) -> Result<Option<DownloadEvent>, Error> {
        self.client.until_cancelled(self.operation, self.file.next()).await
    }

    /// Returns the size of the content in bytes, if the server sent it.
    pub fn length(&self) -> Option<u64> {
        self.file.length()
    }

    /// Reads the whole content into memory.
    ///
    /// # Errors
    /// [`Connection`](crate::ErrorKind::Connection) or [`Timeout`](crate::ErrorKind::Timeout) if the retries are exhausted.
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        let mut content = BytesMut::new();
        while let Some(event) = self.next().await? {
            match event {
                DownloadEvent::Chunk(bytes) => content.extend_from_slice(&bytes),
                DownloadEvent::Restart => content.clear(),
            }
        }
        Ok(content.freeze())
    }

    /// Writes the content to a file and returns the number of bytes written.
    ///
    /// The file is created, or replaced, only after its content has been written completely and synced to disk. If the
    /// download fails or is dropped, nothing is left behind. A path that is not a regular file, such as a pipe, is written to
    /// directly.
    ///
    /// # Errors
    /// [`Validation`](crate::ErrorKind::Validation) if the file cannot be written, and the errors of [`bytes`](Self::bytes). If the
    /// path is not a regular file, also those of [`into_stream`](Self::into_stream).
    pub async fn to_path(self, path: impl Into<PathBuf>) -> Result<u64, Error> {
        let (operation, path) = (self.operation, path.into());
        self.write(&path).await.map_err(|error| error.with_operation(operation))
    }

    async fn write(mut self, path: &Path) -> Result<u64, Error> {
        let (mut writer, file) = match Target::open(path).await? {
            Target::Stream(stream) => (stream, None),
            Target::File(file) => (file.writer()?, Some(file)),
        };
        let cannot_write = |error| write_error(path, error);
        let mut written = 0;
        while let Some(event) = self.next().await? {
            match (event, &file) {
                (DownloadEvent::Chunk(bytes), _) => {
                    writer.write_all(&bytes).await.map_err(cannot_write)?;
                    written += bytes.len() as u64;
                }
                (DownloadEvent::Restart, Some(file)) => {
                    // Pending writes of the old content must complete before the file is cleared.
                    writer.shutdown().await.map_err(cannot_write)?;
                    file.clear().await?;
                    (writer, written) = (file.writer()?, 0);
                }
                (DownloadEvent::Restart, None) => return Err(restarted()),
            }
        }
        writer.shutdown().await.map_err(cannot_write)?;
        if let Some(file) = file {
            file.commit().await?;
        }
        Ok(written)
    }

    /// Returns the content as a stream of chunks, which ends after an error.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if the connection was lost and the server cannot continue the same version of the
    /// file, and the errors of [`bytes`](Self::bytes).
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send + Unpin + 'static {
        let operation = self.operation;
        let content = futures::stream::unfold(Some(self), move |state| async move {
            let mut download = state?;
            match download.next().await.transpose()? {
                Ok(DownloadEvent::Chunk(bytes)) => Some((Ok(bytes), Some(download))),
                Ok(DownloadEvent::Restart) => {
                    Some((Err(restarted().with_operation(operation)), None))
                }
                Err(error) => Some((Err(error), None)),
            }
        });
        content.fuse().boxed()
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").field("length", &self.length()).finish_non_exhaustive()
    }
}

/// Parses a link if it is an http or https URL.
pub(crate) fn parse_link(url: &str) -> Option<Url> {
    Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

impl Client {
    /// Downloads the content of a presigned link, such as the link of an export.
    ///
    /// The API key is not sent to the link's host. The link is a secret itself and appears in no error.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// let link = client.files().get_signed_url("a file's id").await?.url;
    /// let bytes = client.open_link(&link).await?.bytes().await?;
    /// println!("{} bytes", bytes.len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Validation`](crate::ErrorKind::Validation) if the URL is invalid. If the link has expired,
    /// [`Permission`](crate::ErrorKind::Permission) or [`NotFound`](crate::ErrorKind::NotFound), depending on the server; request a new
    /// link then.
    pub async fn open_link(&self, url: &str) -> Result<Download, Error> {
        const OPERATION: &str = "open_link";
        let transport = self.transport()?.clone();
        let url = parse_link(url).ok_or_else(|| {
            Error::invalid(OPERATION, "url: expected an http or https URL".to_owned())
        })?;
        let file = ResumableDownload::new(OPERATION, transport, url, Auth::None);
        Download::open(self.clone(), OPERATION, file).await
    }
}
