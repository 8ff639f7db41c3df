//! Removes what is no longer needed in the background: expired and deleted files, old telemetry, deleted datasets, failed imports and discarded
//! workspaces. Erases what was deleted from the database and the write-ahead log.

mod expiry;
mod telemetry_sync;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::content::ContentStore;
use crate::storage::{DiskState, Retention, Storage, StorageError};
use expiry::Expiry;
#[cfg(test)]
pub(crate) use expiry::Look;
pub(crate) use expiry::{Clock, SystemClock};
pub(crate) use telemetry_sync::TelemetrySync;

/// How often expired files are looked for.
const INTERVAL: Duration = Duration::from_secs(10 * 60);

/// How long to wait after a failure, such as a full disk.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// After this many failures to truncate the write-ahead log, a warning is logged.
const WARN_AFTER: usize = 5;

/// How long the id of a deleted file is kept, so that requests with its link are attributed to its workspace.
const KEEP_DELETED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Wakes housekeeping.
#[derive(Default)]
pub(crate) struct Cleanup {
    /// There is something to remove.
    removal: Arc<Notify>,
    /// Data was deleted and must be erased.
    deletion: Notify,
}

impl Cleanup {
    /// Returns what wakes housekeeping when there is something to remove.
    pub(crate) fn removal(&self) -> Arc<Notify> {
        Arc::clone(&self.removal)
    }

    /// Starts housekeeping now: there is something to remove.
    pub(crate) fn remove(&self) {
        self.removal.notify_one();
    }

    /// Starts housekeeping soon: data was deleted. Deletions that follow each other are erased together.
    pub(crate) fn erase(&self) {
        self.deletion.notify_one();
    }
}

/// The background task that removes and erases.
pub(crate) struct Housekeeping {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) contents: Arc<dyn ContentStore>,
    pub(crate) cleanup: Arc<Cleanup>,
    pub(crate) clock: Arc<dyn Clock>,
    /// How long uploaded files are kept. `None` keeps them until they expire or are deleted.
    pub(crate) keep_uploads: Option<Duration>,
    /// How long telemetry is kept after it arrived. `None` keeps it forever.
    pub(crate) keep_traces: Option<Duration>,
    /// How long after a deletion the data is erased.
    pub(crate) erase_delay: Duration,
}

/// Removes the contents of discarded files. What fails is tried again by housekeeping.
pub(crate) async fn remove_discarded_files(
    storage: &dyn Storage,
    contents: &dyn ContentStore,
) -> Result<bool, StorageError> {
    let mut removed = false;
    loop {
        let ids = storage.discarded_files().await?;
        if ids.is_empty() {
            return Ok(removed);
        }
        contents.delete(ids.clone()).await.map_err(|error| StorageError::Failed(error.into()))?;
        storage.erase_files(ids).await?;
        removed = true;
    }
}

impl Housekeeping {
    /// Runs until it is aborted. `stored` lists the contents that existed when the server started.
    pub(crate) async fn run(self, stored: Vec<Uuid>) {
        if let Err(error) = self.remove_orphans(stored).await {
            tracing::warn!(%error, "failed to remove orphaned file contents");
        }
        let mut expiry = Expiry::default();
        // An earlier server may have stopped before it erased what it deleted.
        let mut has_deletions = true;
        let mut postponed = 0;
        loop {
            let pause = match self.run_once(&mut expiry, &mut has_deletions).await {
                Ok(true) => {
                    (has_deletions, postponed) = (false, 0);
                    INTERVAL
                }
                Ok(false) => {
                    postponed += 1;
                    if postponed == WARN_AFTER {
                        tracing::warn!(
                            "long reads keep deleted data in the write-ahead log, and the database file from shrinking"
                        );
                    }
                    RETRY_INTERVAL
                }
                Err(error) => {
                    tracing::warn!(%error, "failed to remove or erase deleted data");
                    RETRY_INTERVAL
                }
            };
            let deletion = async {
                self.cleanup.deletion.notified().await;
                // On a full disk, other writes wait for the space of what was deleted.
                if self.storage.health().disk == DiskState::Writable {
                    tokio::time::sleep(self.erase_delay).await;
                }
            };
            tokio::select! {
                () = self.cleanup.removal.notified() => has_deletions = true,
                () = deletion => has_deletions = true,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Removes stored files without metadata. A server that stopped in the middle of an upload leaves such files.
    async fn remove_orphans(&self, stored: Vec<Uuid>) -> Result<(), StorageError> {
        let orphans = self.storage.orphaned_contents(stored).await?;
        if orphans.is_empty() {
            return Ok(());
        }
        self.contents.delete(orphans).await.map_err(|error| StorageError::Failed(error.into()))
    }

    /// Removes what can be removed. If there were deletions, sets `has_deletions` and erases them. Returns false if a read in
    /// progress prevents that.
    async fn run_once(
        &self,
        expiry: &mut Expiry,
        has_deletions: &mut bool,
    ) -> Result<bool, StorageError> {
        if let Some(expired) = expiry.look(&*self.clock) {
            let before = |time: Duration| expired.minus(time);
            let retention = Retention {
                expired,
                uploaded: self.keep_uploads.map(before),
                deleted: before(KEEP_DELETED),
            };
            while self.storage.expire_files(retention).await? {
                *has_deletions = true;
            }
            if let Some(keep) = self.keep_traces {
                loop {
                    let started = Instant::now();
                    if !self.storage.expire_telemetry(before(keep)).await? {
                        break;
                    }
                    *has_deletions = true;
                    self.pause_after(started.elapsed()).await;
                }
            }
        }
        loop {
            *has_deletions |= remove_discarded_files(&*self.storage, &*self.contents).await?;
            let started = Instant::now();
            if !self.storage.reclaim().await? {
                break;
            }
            *has_deletions = true;
            self.pause_after(started.elapsed()).await;
        }
        if *has_deletions { self.erase().await } else { Ok(true) }
    }

    /// Leaves half of the time to other writes. On a full disk they wait for the space.
    async fn pause_after(&self, step: Duration) {
        if self.storage.health().disk == DiskState::Writable {
            tokio::time::sleep(step).await;
        }
    }

    /// Removes the free pages of the database, truncates the write-ahead log, and returns the space to the operating system.
    /// Returns whether no read prevented it.
    async fn erase(&self) -> Result<bool, StorageError> {
        let steps = self.storage.shrink().await?;
        // Pages that become free meanwhile are removed the next time, so that this ends on a busy server.
        for _ in 0..steps {
            let started = Instant::now();
            if self.storage.shrink().await? == 0 {
                break;
            }
            self.pause_after(started.elapsed()).await;
        }
        self.storage.release_space().await
    }
}
