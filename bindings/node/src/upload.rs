//! File uploads. JavaScript passes the content at once, or pushes it chunk by chunk.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use mistral_datasets::Upload;
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use tokio::sync::mpsc;

use crate::client::NativeClient;
use crate::encode::EncodedResponse;
use crate::failure::CallResult;
use crate::input_channel::InputChannel;

/// Number of chunks buffered before the source has to wait.
const CHUNK_BUFFER: usize = 2;

/// Metadata of an upload.
#[napi(object, object_to_js = false)]
pub struct UploadDetails {
    /// File name.
    pub file_name: String,
    /// Content length in bytes, if known.
    pub length: Option<f64>,
    /// Whether the content can be read again for another attempt. Its length must be known.
    pub reopenable: Option<bool>,
    /// Media type.
    pub content_type: Option<String>,
    /// Purpose of the file.
    pub purpose: Option<String>,
    /// Hours until the file is deleted.
    pub expiry: Option<i64>,
    /// Visibility of the file.
    pub visibility: Option<String>,
}

/// An upload, and the channels for its content.
#[napi]
pub struct NativeUpload {
    native: NativeClient,
    upload: Mutex<Option<Upload>>,
    contents: tokio::sync::Mutex<mpsc::UnboundedReceiver<NativeContent>>,
}

/// The channel for the content of one attempt.
#[napi]
pub struct NativeContent {
    chunks: InputChannel<Bytes>,
}

#[napi]
impl NativeClient {
    /// Prepares `upload_file`. Without `content`, the content is pushed.
    #[napi]
    pub fn prepare_upload(
        &self,
        details: UploadDetails,
        content: Option<Uint8Array>,
    ) -> NativeUpload {
        let (sender, contents) = mpsc::unbounded_channel();
        let open = move || {
            let (chunks, stream) = InputChannel::new(CHUNK_BUFFER);
            // The receiver is gone if JavaScript no longer needs the upload; that is fine.
            let _ = sender.send(NativeContent { chunks });
            stream
        };
        let length = details.length.map(|length| length as u64);
        let name = details.file_name;
        let upload = match (content, length) {
            // Copied, because the caller may reuse its buffer.
            (Some(content), _) => Upload::bytes(name, Bytes::copy_from_slice(&content)),
            (None, Some(length)) if details.reopenable.unwrap_or_default() => {
                Upload::reopenable(name, length, open)
            }
            (None, length) => Upload::stream(name, open(), length),
        };
        let upload = upload
            .content_type(details.content_type)
            .purpose(details.purpose)
            .expiry(details.expiry)
            .visibility(details.visibility);
        NativeUpload {
            native: self.clone(),
            upload: Mutex::new(Some(upload)),
            contents: tokio::sync::Mutex::new(contents),
        }
    }
}

#[napi]
impl NativeUpload {
    /// Sends the upload. May be called once.
    #[napi]
    pub async fn run(&self) -> napi::Result<CallResult<EncodedResponse>> {
        let upload = self.upload.lock().unwrap_or_else(PoisonError::into_inner).take();
        let upload =
            upload.ok_or_else(|| napi::Error::from_reason("the upload was already started"))?;
        let files = self.native.client.files();
        Ok(self.native.send(files.upload(upload)).await)
    }

    /// Returns the channel for the content of a stream, which can be read once only. Its source must be read immediately,
    /// because an error event of a stream that nobody reads ends the process.
    #[napi]
    pub fn stream_content(&self) -> Option<NativeContent> {
        self.contents.try_lock().ok()?.try_recv().ok()
    }

    /// Waits until an attempt needs the content from its start. Returns `undefined` when no further attempt follows.
    #[napi]
    pub async fn next_content(&self) -> Option<NativeContent> {
        self.contents.lock().await.recv().await
    }
}

#[napi]
impl NativeContent {
    /// Pushes a chunk. Returns `false` if the caller must wait for [`ready`](Self::ready).
    #[napi]
    pub fn push(&self, chunk: &[u8]) -> bool {
        // Copied immediately, because the caller may reuse its buffer.
        self.chunks.push(Bytes::copy_from_slice(chunk))
    }

    /// Waits until another chunk can be pushed. Returns `false` if no more are needed.
    #[napi]
    pub async fn ready(&self) -> bool {
        self.chunks.ready().await
    }

    /// Marks the content as complete.
    #[napi]
    pub fn end(&self) {
        self.chunks.end();
    }

    /// Aborts the attempt because the source failed.
    #[napi]
    pub fn fail(&self, message: String) {
        self.chunks.fail(message);
    }
}
