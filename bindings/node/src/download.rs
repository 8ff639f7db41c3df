//! Downloads. JavaScript pulls them chunk by chunk.

use futures::StreamExt;
use futures::stream::BoxStream;
use mistral_datasets::{Download, Error};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::client::NativeClient;
use crate::failure::{CallResult, call_result};

/// A running download.
#[napi]
pub struct NativeDownload {
    native: NativeClient,
    length: Option<u64>,
    /// `None` once the download has ended or was cancelled.
    chunks: Mutex<Option<BoxStream<'static, Result<bytes::Bytes, Error>>>>,
    cancellation: CancellationToken,
}

impl NativeDownload {
    fn new(native: NativeClient, download: Download) -> Self {
        Self {
            native,
            length: download.length(),
            chunks: Mutex::new(Some(download.into_stream().boxed())),
            cancellation: CancellationToken::new(),
        }
    }
}

#[napi]
impl NativeDownload {
    /// Returns the content length, if the server sent one.
    #[napi(getter)]
    pub fn length(&self) -> Option<f64> {
        self.length.map(|length| length as f64)
    }

    /// Returns the next chunk. Its bytes are `undefined` at the end.
    #[napi]
    pub async fn next(&self) -> CallResult<Chunk> {
        let mut chunks = self.chunks.lock().await;
        let next = match chunks.as_mut() {
            None => None,
            Some(chunks) => tokio::select! {
                next = self.native.run(chunks.next()) => next,
                () = self.cancellation.cancelled() => None,
            },
        };
        if !matches!(next, Some(Ok(_))) {
            *chunks = None;
        }
        call_result(
            next.transpose()
                .map(|bytes| Chunk { bytes: bytes.map(|bytes| Vec::from(bytes).into()) }),
        )
    }

    /// Cancels the download and closes its connection.
    #[napi]
    pub fn cancel(&self) {
        self.cancellation.cancel();
        // A concurrent `next` holds the lock; it sees the cancellation and drops the stream itself.
        if let Ok(mut chunks) = self.chunks.try_lock() {
            *chunks = None;
        }
    }
}

/// A chunk of a download.
#[napi(object, object_from_js = false)]
pub struct Chunk {
    /// The bytes.
    pub bytes: Option<Buffer>,
}

#[napi]
impl NativeClient {
    /// `download_file`.
    #[napi]
    pub async fn download_file(&self, file_id: String) -> CallResult<NativeDownload> {
        let download = self.run(self.client.files().download(file_id)).await;
        call_result(download.map(|download| NativeDownload::new(self.clone(), download)))
    }

    /// Opens a presigned URL.
    #[napi]
    pub async fn open_link(&self, url: String) -> CallResult<NativeDownload> {
        let download = self.run(self.client.open_link(&url)).await;
        call_result(download.map(|download| NativeDownload::new(self.clone(), download)))
    }
}
