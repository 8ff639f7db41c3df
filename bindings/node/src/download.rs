//! Downloads, pulled by JavaScript piece by piece.

use futures::StreamExt;
use futures::stream::BoxStream;
use mistral_datasets::{Download, Error};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::client::NativeClient;
use crate::failure::{Outcome, outcome};

/// A download under way.
#[napi]
pub struct NativeDownload {
    native: NativeClient,
    length: Option<u64>,
    /// `None` once it has ended or was broken off.
    pieces: Mutex<Option<BoxStream<'static, Result<bytes::Bytes, Error>>>>,
    cancelled: CancellationToken,
}

impl NativeDownload {
    fn new(native: NativeClient, download: Download) -> Self {
        Self {
            native,
            length: download.length(),
            pieces: Mutex::new(Some(download.into_stream().boxed())),
            cancelled: CancellationToken::new(),
        }
    }
}

#[napi]
impl NativeDownload {
    /// How many bytes will come, where the server says it.
    #[napi(getter)]
    pub fn length(&self) -> Option<f64> {
        self.length.map(|length| length as f64)
    }

    /// The next piece; its bytes are absent at the end.
    #[napi]
    pub async fn next(&self) -> Outcome<Piece> {
        let mut pieces = self.pieces.lock().await;
        let next = match pieces.as_mut() {
            None => None,
            Some(pieces) => tokio::select! {
                next = self.native.run(pieces.next()) => next,
                () = self.cancelled.cancelled() => None,
            },
        };
        if !matches!(next, Some(Ok(_))) {
            *pieces = None;
        }
        outcome(
            next.transpose()
                .map(|bytes| Piece { bytes: bytes.map(|bytes| Vec::from(bytes).into()) }),
        )
    }

    /// Breaks the download off and closes its connection.
    #[napi]
    pub fn cancel(&self) {
        self.cancelled.cancel();
        // Where a piece is being waited for, that wait sees the cancellation and lets go of the rest.
        if let Ok(mut pieces) = self.pieces.try_lock() {
            *pieces = None;
        }
    }
}

/// One piece of a download.
#[napi(object, object_from_js = false)]
pub struct Piece {
    /// The bytes.
    pub bytes: Option<Buffer>,
}

#[napi]
impl NativeClient {
    /// `download_file`.
    #[napi]
    pub async fn download_file(&self, file_id: String) -> Outcome<NativeDownload> {
        let download = self.run(self.client.files().download(file_id)).await;
        outcome(download.map(|download| NativeDownload::new(self.share(), download)))
    }

    /// Opens a presigned link.
    #[napi]
    pub async fn open_link(&self, url: String) -> Outcome<NativeDownload> {
        let download = self.run(self.client.open_link(&url)).await;
        outcome(download.map(|download| NativeDownload::new(self.share(), download)))
    }
}
