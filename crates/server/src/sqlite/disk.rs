//! Whether the disk still keeps what it is told to keep.
//!
//! When a flush fails, the system forgets what was to be flushed: the next flush succeeds without it. So one that failed cannot
//! be made up for, and a write that is acknowledged after it might be lost with what lies before it in the log. From then on
//! nothing is written. A restart begins with what really is on the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::ffi::{SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_FSYNC};

/// Whether an error is a failed flush.
pub(super) fn is_failed_flush(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_extended_error_code(), Some(SQLITE_IOERR_FSYNC | SQLITE_IOERR_DIR_FSYNC))
}

/// Remembers whether a flush has failed. Its clones know of each other's.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<AtomicBool>);

impl Disk {
    /// Takes note of a failed flush.
    pub(super) fn fail(&self) {
        if !self.0.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "the disk failed to keep what was written; nothing more is written until the server is restarted"
            );
        }
    }

    /// Whether a flush has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
