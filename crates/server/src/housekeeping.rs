//! Frees space in the background: expired files, deleted datasets, failed imports and discarded workspaces.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::content::ContentStore;
use crate::storage::{Storage, StorageError};

/// How often expired files are looked for.
const INTERVAL: Duration = Duration::from_secs(10 * 60);

/// How long to wait after a failure, such as a full disk.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// How often returning freed space to the operating system is tried.
const RELEASE_ATTEMPTS: usize = 5;

/// The background task that frees space.
pub(crate) struct Housekeeping {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) contents: ContentStore,
    /// Wakes the task when something was deleted.
    pub(crate) wake: Arc<Notify>,
}

impl Housekeeping {
    /// Runs until it is aborted. `stored` lists the files that were stored when the server started.
    pub(crate) async fn run(self, stored: Vec<Uuid>) {
        if let Err(error) = self.remove_orphans(stored).await {
            tracing::warn!(%error, "failed to remove orphaned file contents");
        }
        loop {
            let pause = match self.run_once().await {
                Ok(()) => INTERVAL,
                Err(error) => {
                    tracing::warn!(%error, "failed to free space");
                    RETRY_INTERVAL
                }
            };
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Removes stored files without metadata. A server that stopped in the middle of an upload or a deletion leaves such files.
    async fn remove_orphans(&self, stored: Vec<Uuid>) -> Result<(), StorageError> {
        let orphans = self.storage.orphaned_contents(stored).await?;
        self.remove(orphans).await
    }

    async fn run_once(&self) -> Result<(), StorageError> {
        let expired = self.storage.expire_files().await?;
        self.remove(expired).await?;
        let mut reclaimed = false;
        // Pausing as long as each step took leaves half of the time to other writes.
        loop {
            let started = Instant::now();
            if !self.storage.reclaim().await? {
                break;
            }
            reclaimed = true;
            tokio::time::sleep(started.elapsed()).await;
        }
        if reclaimed { self.release_space().await } else { Ok(()) }
    }

    /// Returns what was reclaimed to the operating system, once no read prevents it.
    async fn release_space(&self) -> Result<(), StorageError> {
        for _ in 0..RELEASE_ATTEMPTS {
            if self.storage.release_space().await? {
                return Ok(());
            }
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
        tracing::warn!("long reads keep the database file from shrinking");
        Ok(())
    }

    async fn remove(&self, ids: Vec<Uuid>) -> Result<(), StorageError> {
        if ids.is_empty() {
            return Ok(());
        }
        let contents = self.contents.clone();
        match tokio::task::spawn_blocking(move || contents.remove(&ids)).await {
            Ok(removed) => Ok(removed?),
            Err(panic) => Err(StorageError::Failed(panic.into())),
        }
    }
}
