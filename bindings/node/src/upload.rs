//! Uploads, fed by JavaScript piece by piece.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use mistral_datasets::Upload;
use napi_derive::napi;

use crate::client::NativeClient;
use crate::failure::Outcome;
use crate::feed::Feed;
use crate::response::Response;

/// How many pieces may wait to be sent before whoever feeds them has to wait.
const PIECES_AHEAD: usize = 2;

/// What is said about an upload.
#[napi(object, object_to_js = false)]
pub struct UploadDetails {
    /// The file's name.
    pub file_name: String,
    /// How many bytes will come, where it is known.
    pub length: Option<f64>,
    /// The media type.
    pub content_type: Option<String>,
    /// What the file is for.
    pub purpose: Option<String>,
    /// After how many hours the file is removed.
    pub expiry: Option<i64>,
    /// Who may see the file.
    pub visibility: Option<String>,
}

/// An upload, and what is fed to it.
#[napi]
pub struct NativeUpload {
    native: NativeClient,
    upload: Mutex<Option<Upload>>,
    feed: Feed<Bytes>,
}

#[napi]
impl NativeClient {
    /// Prepares `upload_file`.
    #[napi]
    pub fn prepare_upload(&self, details: UploadDetails) -> NativeUpload {
        let (feed, content) = Feed::new(PIECES_AHEAD);
        let length = details.length.map(|length| length as u64);
        let upload = Upload::stream(details.file_name, content, length)
            .content_type(details.content_type)
            .purpose(details.purpose)
            .expiry(details.expiry)
            .visibility(details.visibility);
        NativeUpload { native: self.share(), upload: Mutex::new(Some(upload)), feed }
    }
}

#[napi]
impl NativeUpload {
    /// Sends the upload while [`push`](Self::push) feeds it. It is called once.
    #[napi]
    pub async fn send(&self) -> napi::Result<Outcome<Response>> {
        let upload = self.upload.lock().unwrap_or_else(PoisonError::into_inner).take();
        let upload =
            upload.ok_or_else(|| napi::Error::from_reason("the upload was sent before"))?;
        let files = self.native.client.files();
        Ok(self.native.response(files.upload(upload)).await)
    }

    /// Takes a piece. False when the next has to wait.
    #[napi]
    pub fn push(&self, piece: &[u8]) -> bool {
        // Copied at once: the caller may reuse its buffer.
        self.feed.push(Bytes::copy_from_slice(piece))
    }

    /// Waits until there is room for a piece. False when no more is wanted.
    #[napi]
    pub async fn ready(&self) -> bool {
        self.feed.ready().await
    }

    /// Says that everything was written.
    #[napi]
    pub fn end(&self) {
        self.feed.end();
    }

    /// Breaks the upload off, because what feeds it failed, or because no more is wanted.
    #[napi]
    pub fn fail(&self, problem: String) {
        self.feed.fail(problem);
    }
}
