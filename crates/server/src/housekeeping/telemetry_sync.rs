//! Syncs received telemetry to disk.

use std::time::Duration;

use tokio::sync::Notify;

use crate::storage::Storage;

/// How long received telemetry is not synced at most. Syncing after every request would limit how many spans can be received.
const DELAY: Duration = Duration::from_millis(500);

/// Wakes the task that syncs telemetry.
#[derive(Default)]
pub(crate) struct TelemetrySync(Notify);

impl TelemetrySync {
    /// Requests that the telemetry committed until now is synced soon.
    pub(crate) fn request(&self) {
        self.0.notify_one();
    }

    /// Syncs when requested, until the future is dropped.
    pub(crate) async fn run(&self, storage: &dyn Storage) {
        loop {
            self.0.notified().await;
            tokio::time::sleep(DELAY).await;
            if let Err(error) = storage.sync_telemetry().await {
                tracing::warn!(%error, "failed to sync telemetry");
            }
        }
    }
}
