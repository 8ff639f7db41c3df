//! Uploads, fed by JavaScript piece by piece.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::stream;
use mistral_datasets::Upload;
use napi::Env;
use napi::bindgen_prelude::PromiseRaw;
use napi_derive::napi;
use tokio::sync::mpsc;

use crate::client::NativeClient;
use crate::failure::Outcome;
use crate::reply::Reply;

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

/// An upload and the channel that its bytes go through.
#[napi]
pub struct NativeUpload {
    native: NativeClient,
    upload: Mutex<Option<Upload>>,
    pieces: Mutex<Option<mpsc::Sender<Bytes>>>,
    aborted: Arc<AtomicBool>,
}

#[napi]
impl NativeClient {
    /// Prepares `upload_file`.
    #[napi]
    pub fn prepare_upload(&self, details: UploadDetails) -> NativeUpload {
        let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
        let aborted = Arc::new(AtomicBool::new(false));
        let content =
            stream::unfold((receiver, aborted.clone()), |(mut receiver, aborted)| async {
                match receiver.recv().await {
                    Some(piece) => Some((Ok(piece), (receiver, aborted))),
                    // What was broken off must not look like a shorter file.
                    None if aborted.swap(false, Ordering::AcqRel) => {
                        let error = io::Error::other("the content could not be read");
                        Some((Err(error), (receiver, aborted)))
                    }
                    None => None,
                }
            });
        let length = details.length.map(|length| length as u64);
        let upload = Upload::stream(details.file_name, content, length)
            .content_type(details.content_type)
            .purpose(details.purpose)
            .expiry(details.expiry)
            .visibility(details.visibility);
        NativeUpload {
            native: self.share(),
            upload: Mutex::new(Some(upload)),
            pieces: Mutex::new(Some(sender)),
            aborted,
        }
    }
}

#[napi]
impl NativeUpload {
    /// Sends the upload while [`write`](Self::write) feeds it. It is called once.
    #[napi]
    pub async fn send(&self) -> napi::Result<Outcome<Reply>> {
        let upload = self.upload.lock().unwrap_or_else(PoisonError::into_inner).take();
        let upload =
            upload.ok_or_else(|| napi::Error::from_reason("the upload was sent before"))?;
        let files = self.native.client.files();
        Ok(self.native.reply(files.upload(upload)).await)
    }

    /// Takes the next piece, as soon as there is room for it. False when no more is wanted.
    #[napi]
    pub fn write<'env>(
        &self,
        env: &'env Env,
        piece: &[u8],
    ) -> napi::Result<PromiseRaw<'env, bool>> {
        // Copied at once: the caller may reuse its buffer.
        let piece = Bytes::copy_from_slice(piece);
        let sender = self.pieces.lock().unwrap_or_else(PoisonError::into_inner).clone();
        env.spawn_future(async move {
            Ok(match sender {
                Some(sender) => sender.send(piece).await.is_ok(),
                None => false,
            })
        })
    }

    /// Says that everything was written.
    #[napi]
    pub fn end(&self) {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Breaks the upload off, because what feeds it failed.
    #[napi]
    pub fn abort(&self) {
        self.aborted.store(true, Ordering::Release);
        self.end();
    }
}
