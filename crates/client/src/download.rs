//! Bytes on their way in: the content of a file, or what a presigned link leads to.

use std::fmt;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use futures::Stream;
use futures::stream::{BoxStream, StreamExt};
use reqwest::Url;
use tokio::io::AsyncWriteExt;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::resume::{Piece, Resumable};
use crate::transport::Key;
use crate::whole_file::{Target, unwritable};

/// A download under way. It is read once, as a whole or piece by piece; dropping it breaks it off. Where the connection breaks
/// or stalls it goes on by another one; see [`RetryPolicy`](crate::RetryPolicy).
pub struct Download {
    operation: &'static str,
    content: BoxStream<'static, Result<Bytes, Error>>,
    length: Option<u64>,
}

impl Download {
    /// Connects to a file and returns its bytes.
    pub(crate) async fn open(
        client: Client,
        operation: &'static str,
        mut file: Resumable,
    ) -> Result<Self, Error> {
        client.until_closed(operation, file.open()).await?;
        let length = file.length();
        let content = futures::stream::unfold(Some((client, file)), move |state| async move {
            let (client, mut file) = state?;
            match client.until_closed(operation, file.next()).await {
                Ok(None) => None,
                Ok(Some(Piece::Bytes(bytes))) => Some((Ok(bytes), Some((client, file)))),
                Ok(Some(Piece::Restart)) => {
                    let message = "the file was replaced by another during the download";
                    let error = Error::new(ErrorKind::Conflict, message);
                    Some((Err(error.with_operation(operation)), None))
                }
                Err(error) => Some((Err(error), None)),
            }
        });
        Ok(Self { operation, content: content.fuse().boxed(), length })
    }

    /// How many bytes will come, where the server says it.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Reads everything into memory.
    ///
    /// # Errors
    /// [`Connection`](ErrorKind::Connection) or [`Timeout`](ErrorKind::Timeout) when the download breaks off for good;
    /// [`Conflict`](ErrorKind::Conflict) when it broke off and there was another file in the place when it went on.
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        let mut whole = BytesMut::new();
        while let Some(bytes) = self.content.next().await {
            whole.extend_from_slice(&bytes?);
        }
        Ok(whole.freeze())
    }

    /// Writes everything to a file and returns the number of its bytes. The file appears when it is whole and on the disk;
    /// until then an existing one stays as it is, and nothing is left behind when the download fails or is dropped. What
    /// is there and is no file, such as a pipe, is written to directly.
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) when the file cannot be written; otherwise as [`bytes`](Self::bytes).
    pub async fn to_path(self, path: impl Into<PathBuf>) -> Result<u64, Error> {
        let (operation, path) = (self.operation, path.into());
        self.write(&path).await.map_err(|error| error.with_operation(operation))
    }

    async fn write(mut self, path: &Path) -> Result<u64, Error> {
        let (mut writer, unfinished) = match Target::open(path).await? {
            Target::Stream(stream) => (stream, None),
            Target::File(file) => (file.writer()?, Some(file)),
        };
        let refuse = |error| unwritable(path, error);
        let mut written = 0;
        while let Some(bytes) = self.content.next().await {
            let bytes = bytes?;
            writer.write_all(&bytes).await.map_err(refuse)?;
            written += bytes.len() as u64;
        }
        writer.shutdown().await.map_err(refuse)?;
        if let Some(file) = unfinished {
            file.finish().await?;
        }
        Ok(written)
    }

    /// The pieces as they come. An error is the last item.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send + Unpin + 'static {
        self.content
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").field("length", &self.length).finish_non_exhaustive()
    }
}

/// The address of a link, if it is one that can be opened.
pub(crate) fn link(url: &str) -> Option<Url> {
    Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

impl Client {
    /// Opens a presigned link, such as the one of an export. The key is never sent there, and the link, which is itself a
    /// secret, appears in no error.
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
    /// [`Validation`](ErrorKind::Validation) when it is no link; [`Permission`](ErrorKind::Permission) or
    /// [`NotFound`](ErrorKind::NotFound), as the server has it, when it has expired: then ask for it again.
    pub async fn open_link(&self, url: &str) -> Result<Download, Error> {
        const OPERATION: &str = "open_link";
        let transport = self.transport()?.clone();
        let url = link(url).ok_or_else(|| {
            Error::invalid(OPERATION, "url: expected an http or https link".to_owned())
        })?;
        let file = Resumable::new(OPERATION, transport, url, Key::Withheld);
        Download::open(self.clone(), OPERATION, file).await
    }
}
