//! How far transfers have come, on its way to a listener.

use mistral_datasets::Progress;
use napi_derive::napi;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// How far a transfer has come.
#[napi(object, object_from_js = false)]
pub struct NativeProgress {
    /// What is being done.
    pub phase: &'static str,
    /// How many bytes were moved so far.
    pub bytes: f64,
    /// How many bytes there are to move.
    pub total_bytes: Option<f64>,
    /// How many records were dealt with so far.
    pub records: f64,
    /// How many records there are to deal with.
    pub total_records: Option<f64>,
}

/// What a listener is told from. Its end is that of the transfer. The client says something a few times a second, so that
/// little waits here.
pub struct Watched(Mutex<UnboundedReceiver<NativeProgress>>);

impl Watched {
    /// What a listener is told from, and what tells it.
    pub fn new() -> (Self, Teller) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(Mutex::new(receiver)), Teller(sender))
    }

    /// The next thing to tell; absent at the end.
    pub async fn next(&self) -> Option<NativeProgress> {
        self.0.lock().await.recv().await
    }
}

/// Tells a listener.
pub struct Teller(UnboundedSender<NativeProgress>);

impl Teller {
    /// Tells how far the transfer is.
    pub fn tell(&self, progress: &Progress) {
        // Whoever listened may have stopped.
        let _ = self.0.send(NativeProgress {
            phase: progress.phase,
            bytes: progress.bytes as f64,
            total_bytes: progress.total_bytes.map(|bytes| bytes as f64),
            records: progress.records as f64,
            total_records: progress.total_records.map(|records| records as f64),
        });
    }
}
