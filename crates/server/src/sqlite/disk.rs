//! Stops all writes after a failed fsync.
//!
//! When fsync fails, the operating system may drop the dirty pages, and the next fsync succeeds without them. The failed one
//! cannot be retried, and a later acknowledged write could be lost with the part of the WAL before it. So nothing is written
//! until a restart, which starts from what is really on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::ffi::{SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_FSYNC};

/// Returns whether an error is a failed fsync.
pub(super) fn is_failed_sync(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_extended_error_code(), Some(SQLITE_IOERR_FSYNC | SQLITE_IOERR_DIR_FSYNC))
}

/// Remembers whether an fsync has failed. Clones share their state.
#[derive(Clone, Debug, Default)]
pub(super) struct DiskHealth(Arc<AtomicBool>);

impl DiskHealth {
    /// Records a failed fsync.
    pub(super) fn fail(&self) {
        if !self.0.swap(true, Ordering::Relaxed) {
            tracing::error!("fsync failed; all writes are rejected until the server is restarted");
        }
    }

    /// Returns whether an fsync has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
