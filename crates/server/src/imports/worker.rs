//! A worker takes imports from the queue and runs them, one at a time.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join;
use futures::{FutureExt, TryFutureExt};
use tokio::sync::Notify;
use uuid::Uuid;

use super::lease::while_claimed;
use super::line::LineRules;
use super::queue::retry_until_stored;
use super::source::{ImportError, Source};
use crate::content::ContentStore;
use crate::storage::{Claim, ClaimedImport, ImportCounts, Storage, StorageError};

/// How often an import is started without making progress. An import that makes the server crash would otherwise do so forever.
const MAX_ATTEMPTS: u32 = 5;

/// How long to wait after a failure to claim an import, such as a full disk.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// A worker.
pub(super) struct Worker {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) contents: Arc<dyn ContentStore>,
    pub(super) rules: LineRules,
    /// Identifies this server in the queue.
    pub(super) claimant: Uuid,
    /// Notified when an import can be claimed.
    pub(super) wake: Arc<Notify>,
    /// Notified when an import has ended and something may have to be removed.
    pub(super) cleanup: Arc<Notify>,
}

impl Worker {
    /// Runs until it is aborted.
    pub(super) async fn run(&self) {
        loop {
            match self.storage.claim_import(self.claimant).await {
                Ok(Some(import)) => {
                    // Notifications are merged, so there may be more imports than workers were woken.
                    self.wake.notify_one();
                    self.import(import).await;
                }
                Ok(None) => self.wake.notified().await,
                Err(error) => {
                    tracing::debug!(%error, "failed to claim an import");
                    let _ = tokio::time::timeout(RETRY_INTERVAL, self.wake.notified()).await;
                }
            }
        }
    }

    /// Runs an import to its end, or until another server takes it over.
    async fn import(&self, import: ClaimedImport) {
        let claim = import.claim;
        let copying = AssertUnwindSafe(self.copy_records(import)).catch_unwind();
        let result = match while_claimed(&*self.storage, claim, copying).await {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(ImportError::Internal("the import panicked".into())),
            None => Err(ImportError::Storage(StorageError::ClaimLost)),
        };
        if let Err(error) = result {
            self.end(claim, error).await;
        }
        // There may be ids or staged records to remove, or the content of a file that was deleted during the import.
        self.cleanup.notify_one();
    }

    /// Fails an import, unless it will be resumed.
    async fn end(&self, claim: Claim, error: ImportError) {
        let task = claim.task;
        let is_resumed = match &error {
            ImportError::Rejected(_) => false,
            ImportError::Storage(StorageError::ClaimLost) => {
                tracing::info!(%task, "another server continues an import");
                return;
            }
            ImportError::Storage(cause) => {
                // The claim expires, because nobody extends it. This also covers a commit whose outcome is unknown: the import is
                // resumed where its staged records end, if it has not ended.
                let is_resumed = self.storage.import_lease().is_some();
                if is_resumed {
                    tracing::warn!(%task, %cause, "an import was interrupted and will be resumed");
                } else {
                    tracing::error!(%task, %cause, "an import failed");
                }
                is_resumed
            }
            ImportError::Internal(cause) => {
                tracing::error!(%task, %cause, "an import failed");
                false
            }
        };
        if !is_resumed {
            let message = error.to_string();
            retry_until_stored(task, || self.storage.fail_import(claim, message.clone())).await;
        }
    }

    async fn copy_records(&self, import: ClaimedImport) -> Result<(), ImportError> {
        let ClaimedImport { mut claim, skipped, .. } = import;
        check_attempts(&import)?;
        let source = Source::open(&import, &self.storage, &*self.contents, self.rules).await?;
        let (mut source, mut chunk) = source.next_chunk().await?;
        while !chunk.last {
            let is_large = chunk.is_large();
            let staged = claim.after_staging(chunk.records.len());
            let staging =
                self.storage.stage_records(claim, chunk.records, chunk.end, chunk.progress);
            let staging = staging.map_err(ImportError::from);
            (source, chunk) = stage_and_read(is_large, staging, source.next_chunk()).await?;
            claim = staged;
        }
        let imported = claim.after_staging(chunk.records.len()).staged;
        let counts = ImportCounts { requested: imported + skipped, imported, skipped };
        self.storage.finish_import(claim, chunk.records, counts).await?;
        Ok(())
    }
}

/// Stages a chunk and reads the next one, which is validated while the first one is written. After a large chunk it is read only
/// when the memory of that chunk is free again.
async fn stage_and_read<T>(
    is_large: bool,
    staging: impl Future<Output = Result<(), ImportError>>,
    reading: impl Future<Output = Result<T, ImportError>>,
) -> Result<T, ImportError> {
    if is_large {
        staging.await?;
        return reading.await;
    }
    let (next, ()) = try_join(reading, staging).await?;
    Ok(next)
}

/// Fails an import that must not be started again.
fn check_attempts(import: &ClaimedImport) -> Result<(), ImportError> {
    if import.is_stuck {
        let message =
            "a fault rule blocked the import until the server was restarted; nothing was imported";
        return Err(ImportError::Rejected(message.to_owned()));
    }
    if import.attempts > MAX_ATTEMPTS {
        return Err(ImportError::Rejected(format!(
            "the import was interrupted {MAX_ATTEMPTS} times without making progress; nothing was imported"
        )));
    }
    let Claim { task, staged, .. } = import.claim;
    if import.attempts > 1 || staged > 0 {
        tracing::info!(%task, staged, "resuming an import");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn the_next_chunk_is_read_ahead_unless_the_current_one_is_large() {
        for is_large in [false, true] {
            let (is_reading, was_read_ahead) = (Cell::new(false), Cell::new(false));
            let staging = async {
                tokio::task::yield_now().await;
                was_read_ahead.set(is_reading.get());
                Ok(())
            };
            let reading = async {
                is_reading.set(true);
                Ok("next")
            };
            assert_eq!(stage_and_read(is_large, staging, reading).await.unwrap(), "next");
            assert_eq!(was_read_ahead.get(), !is_large);
        }
    }
}
