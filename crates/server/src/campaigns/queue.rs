//! The campaign queue: runs the workers that take campaigns from the storage, and cancels running campaigns.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::worker::Worker;
use crate::judging::Judging;
use crate::limits::Limits;
use crate::storage::{
    CampaignEntry, CampaignKey, ClaimedCampaign, NewCampaign, Pending, QueueLimits, Storage,
};

/// How many campaigns run at the same time. They take turns at judging.
const WORKERS: usize = 4;

/// How often to look for campaigns of other servers, which may have stopped, if several servers share the storage.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// How long stopping waits until the campaigns are given back.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);

/// The maximum number of unfinished campaigns.
const LIMITS: QueueLimits = QueueLimits { workspace: 100, total: 1_000 };

/// Runs campaigns in the background.
///
/// The queue itself is in the storage, so it survives a restart.
pub(crate) struct CampaignQueue {
    storage: Arc<dyn Storage>,
    /// Identifies this server in the queue.
    claimant: Uuid,
    /// Wakes a worker when a campaign can be claimed.
    wake: Arc<Notify>,
    running: Arc<Running>,
    tasks: Mutex<JoinSet<()>>,
}

/// The campaigns that run, with the tokens that cancel them.
#[derive(Default)]
pub(super) struct Running(Mutex<HashMap<CampaignKey, RunningCampaign>>);

struct RunningCampaign {
    workspace: Uuid,
    id: Uuid,
    token: CancellationToken,
}

impl CampaignQueue {
    /// Starts the workers. They continue with the campaigns that an earlier server did not finish; without an endpoint of judges,
    /// these fail.
    pub(crate) fn start(storage: Arc<dyn Storage>, judging: &Judging, limits: &Limits) -> Self {
        let (wake, running) = (Arc::<Notify>::default(), Arc::<Running>::default());
        let claimant = Uuid::now_v7();
        let mut tasks = JoinSet::new();
        for _ in 0..WORKERS {
            let worker = Worker {
                storage: Arc::clone(&storage),
                judging: judging.clone(),
                claimant,
                judgements: limits.effective_judgements(),
                wake: Arc::clone(&wake),
                running: Arc::clone(&running),
            };
            tasks.spawn(async move { worker.run().await });
        }
        if storage.campaign_lease().is_some() {
            tasks.spawn(poll(Arc::clone(&wake)));
        }
        Self { storage, claimant, wake, running, tasks: Mutex::new(tasks) }
    }

    /// Creates a campaign and queues it.
    pub(crate) fn submit(&self, workspace: Uuid, new: NewCampaign) -> Pending<CampaignEntry> {
        let (queued, wake) =
            (self.storage.create_campaign(workspace, new, LIMITS), Arc::clone(&self.wake));
        // A separate task, so that the campaign is started even if the caller is cancelled.
        let queued = tokio::spawn(async move {
            let queued = queued.await;
            wake.notify_one();
            queued
        });
        Box::pin(async move {
            queued
                .await
                .unwrap_or_else(|error| Err(crate::storage::StorageError::Failed(error.into())))
        })
    }

    /// Stops judging for a deleted campaign.
    pub(crate) fn cancel(&self, workspace: Uuid, id: Uuid) {
        self.running.cancel(|campaign| (campaign.workspace, campaign.id) == (workspace, id));
    }

    /// Stops judging for the campaigns of a workspace that was reset.
    pub(crate) fn cancel_all(&self, workspace: Uuid) {
        self.running.cancel(|campaign| campaign.workspace == workspace);
    }

    /// Aborts all campaigns and waits until they have ended. Another server resumes them, or the next one.
    pub(crate) async fn stop(&self) {
        let mut tasks =
            std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
        let releasing = self.storage.release_campaigns(self.claimant);
        if !matches!(tokio::time::timeout(RELEASE_TIMEOUT, releasing).await, Ok(Ok(()))) {
            tracing::debug!("failed to give campaigns back; their leases end by themselves");
        }
    }
}

/// Wakes a worker at intervals, in case another server has stopped.
async fn poll(wake: Arc<Notify>) {
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        wake.notify_one();
    }
}

impl Running {
    fn lock(&self) -> MutexGuard<'_, HashMap<CampaignKey, RunningCampaign>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cancel(&self, is_meant: impl Fn(&RunningCampaign) -> bool) {
        self.lock().values().filter(|campaign| is_meant(campaign)).for_each(|c| c.token.cancel());
    }

    /// Adds a campaign until the guard is dropped.
    pub(super) fn add(self: &Arc<Self>, campaign: &ClaimedCampaign) -> RunningGuard {
        let token = CancellationToken::new();
        let ClaimedCampaign { key, id, workspace, .. } = *campaign;
        self.lock().insert(key, RunningCampaign { workspace, id, token: token.clone() });
        RunningGuard { running: Arc::clone(self), key, token }
    }
}

/// A campaign that runs.
pub(super) struct RunningGuard {
    running: Arc<Running>,
    key: CampaignKey,
    token: CancellationToken,
}

impl RunningGuard {
    /// Returns when the campaign is cancelled.
    pub(super) async fn cancelled(&self) {
        self.token.cancelled().await;
    }
}

impl Drop for RunningGuard {
    fn drop(&mut self) {
        self.running.lock().remove(&self.key);
    }
}
