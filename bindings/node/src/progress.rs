//! Forwards progress updates to JavaScript.

use mistral_datasets::Progress;
use napi_derive::napi;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// Progress of a transfer.
#[napi(object, object_from_js = false)]
pub struct NativeProgress {
    /// The current phase.
    pub phase: &'static str,
    /// Bytes transferred so far.
    pub bytes: f64,
    /// Total bytes to transfer.
    pub total_bytes: Option<f64>,
    /// Records processed so far.
    pub records: f64,
    /// Total records to process.
    pub total_records: Option<f64>,
}

/// Receives progress updates. The queue is unbounded, but the client sends only a few updates per second.
pub struct ProgressReceiver(Mutex<UnboundedReceiver<NativeProgress>>);

/// Creates a connected sender and receiver.
pub fn progress_channel() -> (ProgressSender, ProgressReceiver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (ProgressSender(sender), ProgressReceiver(Mutex::new(receiver)))
}

impl ProgressReceiver {
    /// Returns the next update, or `None` when the transfer has ended.
    pub async fn next(&self) -> Option<NativeProgress> {
        self.0.lock().await.recv().await
    }
}

/// Sends progress updates.
pub struct ProgressSender(UnboundedSender<NativeProgress>);

impl ProgressSender {
    /// Sends an update.
    pub fn send(&self, progress: &Progress) {
        // The receiver may have been dropped; that is fine.
        let _ = self.0.send(NativeProgress {
            phase: progress.phase,
            bytes: progress.bytes as f64,
            total_bytes: progress.total_bytes.map(|bytes| bytes as f64),
            records: progress.records as f64,
            total_records: progress.total_records.map(|records| records as f64),
        });
    }
}
