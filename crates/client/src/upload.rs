//! What is uploaded, and how it is streamed.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use futures::{Stream, TryStreamExt};
use tokio_util::io::ReaderStream;

use crate::argument::IntoOption;
use crate::error::{Error, ErrorKind};

/// The most bytes a file may have: the service takes 512 MB.
pub(crate) const MAX_FILE_BYTES: u64 = 512 * 1024 * 1024;

/// The size of the pieces in which a file is read.
const CHUNK: usize = 64 * 1024;

/// A file to upload, and what is said about it.
///
/// ```
/// use mistral_datasets::Upload;
///
/// let upload = Upload::bytes("records.jsonl", "{\"messages\": []}\n").content_type("application/jsonl");
/// ```
pub struct Upload {
    pub(crate) file_name: String,
    content: Content,
    pub(crate) length: Option<u64>,
    pub(crate) content_type: Option<String>,
    pub(crate) purpose: Option<String>,
    pub(crate) expiry: Option<i64>,
    pub(crate) visibility: Option<String>,
}

/// Where the bytes come from.
enum Content {
    Bytes(Bytes),
    Path(PathBuf),
    /// Gone once it was sent.
    Stream(Option<BoxStream<'static, io::Result<Bytes>>>),
}

impl Upload {
    /// Uploads bytes.
    pub fn bytes(file_name: impl Into<String>, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let length = content.len() as u64;
        Self::new(file_name.into(), Content::Bytes(content), Some(length))
    }

    /// Uploads a file from the disk, under its own name, without holding it in memory.
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) when the file cannot be opened.
    pub async fn path(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let refuse = |error: io::Error| unreadable(path, &error);
        let file = tokio::fs::File::open(path).await.map_err(refuse)?;
        let metadata = file.metadata().await.map_err(refuse)?;
        if metadata.is_dir() {
            return Err(refuse(io::ErrorKind::IsADirectory.into()));
        }
        // A pipe has no length beforehand.
        let length = metadata.is_file().then_some(metadata.len());
        let name = path
            .file_name()
            .map_or_else(|| "file".to_owned(), |name| name.to_string_lossy().into_owned());
        // A pipe can be opened once only, a file as often as it is sent.
        let content = match length {
            Some(_) => Content::Path(path.to_owned()),
            None => Content::Stream(Some(ReaderStream::with_capacity(file, CHUNK).boxed())),
        };
        Ok(Self::new(name, content, length))
    }

    /// Uploads what a stream yields, pulled as fast as it is sent. It can be sent once only, and so is not repeated.
    ///
    /// `length` is the number of bytes that will come, where it is known; without it the upload is sent in chunks.
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

    /// The media type of the file.
    pub fn content_type(mut self, content_type: impl IntoOption<String>) -> Self {
        self.content_type = content_type.into_option();
        self
    }

    /// What the file is for. Datasets need no purpose, and none is sent unless one is given.
    pub fn purpose(mut self, purpose: impl IntoOption<String>) -> Self {
        self.purpose = purpose.into_option();
        self
    }

    /// After how many hours the server removes the file.
    pub fn expiry(mut self, hours: impl IntoOption<i64>) -> Self {
        self.expiry = hours.into_option();
        self
    }

    /// Who may see the file: `workspace` or `user`.
    pub fn visibility(mut self, visibility: impl IntoOption<String>) -> Self {
        self.visibility = visibility.into_option();
        self
    }

    /// The bytes from the beginning; nothing when they cannot be had again.
    async fn open(&mut self) -> Result<Option<BoxStream<'static, io::Result<Bytes>>>, Error> {
        match &mut self.content {
            Content::Bytes(bytes) => {
                let pieces = pieces(bytes.clone());
                Ok(Some(futures::stream::iter(pieces).map(Ok).boxed()))
            }
            Content::Path(path) => match tokio::fs::File::open(&path).await {
                Ok(file) => Ok(Some(ReaderStream::with_capacity(file, CHUNK).boxed())),
                Err(error) => Err(unreadable(path, &error)),
            },
            Content::Stream(stream) => Ok(stream.take()),
        }
    }

    /// The multipart body, which tells when bytes move; nothing when it cannot be made again.
    pub(crate) async fn form(
        &mut self,
        moved: Arc<dyn Fn() + Send + Sync>,
    ) -> Result<Option<reqwest::multipart::Form>, Error> {
        let Some(content) = self.open().await? else { return Ok(None) };
        let content = content.inspect_ok(move |_| moved());
        let body = reqwest::Body::wrap_stream(content);
        let mut part = match self.length {
            Some(length) => reqwest::multipart::Part::stream_with_length(body, length),
            None => reqwest::multipart::Part::stream(body),
        }
        .file_name(self.file_name.clone());
        if let Some(content_type) = &self.content_type {
            part = part.mime_str(content_type).map_err(|_| {
                Error::invalid(
                    "upload_file",
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
        // The file comes last, so that a server knows what is said about it before it comes.
        Ok(Some(form.part("file", part)))
    }
}

/// Cuts bytes into pieces, so that it shows when they move.
fn pieces(mut bytes: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let next = bytes.len().min(CHUNK);
        (next > 0).then(|| bytes.split_to(next))
    })
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::new(ErrorKind::Validation, format!("cannot read {}: {error}", path.display()))
        .with_operation("upload_file")
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
