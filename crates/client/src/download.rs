//! Bytes on their way in: the content of a file, or what a presigned link leads to.

use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::Stream;
use futures::stream::{BoxStream, StreamExt};
use reqwest::{Method, Request, Response, Url};

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::seen;
use crate::transport::{self, Key};

/// A download under way. It is read once, as a whole or piece by piece; dropping it breaks it off.
pub struct Download {
    content: BoxStream<'static, Result<Bytes, Error>>,
    length: Option<u64>,
}

impl Download {
    /// Takes over a successful reply. Between two pieces no more than `timeout` may pass.
    pub(crate) fn new(operation: &'static str, reply: Response, timeout: Duration) -> Self {
        let length = reply.content_length();
        let chunks = reply.bytes_stream();
        let content = futures::stream::unfold(Some(chunks), move |chunks| async move {
            let mut chunks = chunks?;
            match tokio::time::timeout(timeout, chunks.next()).await {
                Ok(None) => None,
                Ok(Some(Ok(bytes))) => Some((Ok(bytes), Some(chunks))),
                Ok(Some(Err(error))) => {
                    Some((Err(seen::broken(error).with_operation(operation)), None))
                }
                Err(_) => {
                    let error = Error::new(ErrorKind::Timeout, "the download paused for too long");
                    Some((Err(error.with_operation(operation)), None))
                }
            }
        });
        Self { content: content.boxed(), length }
    }

    /// How many bytes will come, where the server says it.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Reads everything into memory.
    ///
    /// # Errors
    /// [`Connection`](ErrorKind::Connection) or [`Timeout`](ErrorKind::Timeout) when the download breaks off.
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        let mut whole = BytesMut::new();
        while let Some(bytes) = self.content.next().await {
            whole.extend_from_slice(&bytes?);
        }
        Ok(whole.freeze())
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

impl Client {
    /// Opens a presigned link, such as the one of an export. The key is never sent there, and the link, which is itself a
    /// secret, appears in no error.
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) when it is no link; [`Permission`](ErrorKind::Permission) or
    /// [`NotFound`](ErrorKind::NotFound), as the server has it, when it has expired: then ask for it again.
    pub async fn open_link(&self, url: &str) -> Result<Download, Error> {
        const OPERATION: &str = "open_link";
        let url = Url::parse(url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| {
                Error::invalid(OPERATION, "url: expected an http or https link".to_owned())
            })?;
        let request = Request::new(Method::GET, url);
        let reply = transport::open(self, OPERATION, request, Key::Withheld).await?;
        Ok(Download::new(OPERATION, reply, self.transport()?.timeout()))
    }
}
