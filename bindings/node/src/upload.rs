//! File uploads. JavaScript pushes the content chunk by chunk.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use mistral_datasets::Upload;
use napi_derive::napi;

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
    /// Media type.
    pub content_type: Option<String>,
    /// Purpose of the file.
    pub purpose: Option<String>,
    /// Hours until the file is deleted.
    pub expiry: Option<i64>,
    /// Visibility of the file.
    pub visibility: Option<String>,
}

/// An upload and the channel for its content.
#[napi]
pub struct NativeUpload {
    native: NativeClient,
    upload: Mutex<Option<Upload>>,
    content: InputChannel<Bytes>,
}

#[napi]
impl NativeClient {
    /// Prepares `upload_file`.
    #[napi]
    pub fn prepare_upload(&self, details: UploadDetails) -> NativeUpload {
        let (content, stream) = InputChannel::new(CHUNK_BUFFER);
        let length = details.length.map(|length| length as u64);
        let upload = Upload::stream(details.file_name, stream, length)
            .content_type(details.content_type)
            .purpose(details.purpose)
            .expiry(details.expiry)
            .visibility(details.visibility);
        NativeUpload { native: self.clone(), upload: Mutex::new(Some(upload)), content }
    }
}

#[napi]
impl NativeUpload {
    /// Sends the upload while [`push`](Self::push) provides its content. May be called once.
    #[napi]
    pub async fn run(&self) -> napi::Result<CallResult<EncodedResponse>> {
        let upload = self.upload.lock().unwrap_or_else(PoisonError::into_inner).take();
        let upload =
            upload.ok_or_else(|| napi::Error::from_reason("the upload was already started"))?;
        let files = self.native.client.files();
        Ok(self.native.send(files.upload(upload)).await)
    }

    /// Pushes a chunk. Returns `false` if the caller must wait for [`ready`](Self::ready).
    #[napi]
    pub fn push(&self, chunk: &[u8]) -> bool {
        // Copied immediately, because the caller may reuse its buffer.
        self.content.push(Bytes::copy_from_slice(chunk))
    }

    /// Waits until another chunk can be pushed. Returns `false` if no more are needed.
    #[napi]
    pub async fn ready(&self) -> bool {
        self.content.ready().await
    }

    /// Marks the content as complete.
    #[napi]
    pub fn end(&self) {
        self.content.end();
    }

    /// Aborts the upload because its source failed, or because no more content is needed.
    #[napi]
    pub fn fail(&self, message: String) {
        self.content.fail(message);
    }
}
