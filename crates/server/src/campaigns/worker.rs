//! A worker takes campaigns from the queue and runs them, one at a time.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use serde_json::{Map, Value};
use tokio::sync::Notify;
use uuid::Uuid;

use super::lease;
use super::queue::Running;
use crate::judging::{JudgeDefinition, JudgeError, Judgement, Judging, Turn};
use crate::storage::{
    ClaimedCampaign, EventDetails, Missing, Pending, Storage, StorageError, Verdict, WaitingEvent,
};
use crate::telemetry;

/// How often a campaign is started without judging an event. One that makes the server crash would otherwise do so forever.
const MAX_ATTEMPTS: u32 = 5;

/// After this many failures of the endpoint in a row, a campaign breaks off.
const MAX_FAILURES: u32 = 20;

/// How many events are read from the queue at once.
const BATCH: u32 = 200;

/// How long to wait after a failure of the storage, such as a full disk.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// A worker.
pub(super) struct Worker {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) judging: Judging,
    /// Identifies this server in the queue.
    pub(super) claimant: Uuid,
    /// How many events of a campaign wait for their turn or are judged.
    pub(super) judgements: usize,
    /// Notified when a campaign can be claimed.
    pub(super) wake: Arc<Notify>,
    pub(super) running: Arc<Running>,
}

/// Why a campaign ends before all of its events are judged.
#[derive(Debug, thiserror::Error)]
enum Break {
    /// It was deleted, its workspace was reset, or another server has taken it over.
    #[error("the campaign no longer runs on this server")]
    Lost,
    #[error("the server has no judge endpoint; start it with `--judge-url`")]
    NoEndpoint,
    #[error("the judge endpoint failed {MAX_FAILURES} times in a row")]
    Endpoint,
    #[error("the server stopped {MAX_ATTEMPTS} times during the campaign without judging an event")]
    Attempts,
    #[error("the judge of the campaign cannot be read")]
    Judge(#[source] serde_json::Error),
    #[error("the storage failed")]
    Storage(#[source] StorageError),
    #[error("the campaign panicked")]
    Panic,
}

impl From<StorageError> for Break {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Missing(Missing::Campaign) => Self::Lost,
            error => Self::Storage(error),
        }
    }
}

impl Worker {
    /// Runs until it is aborted.
    pub(super) async fn run(&self) {
        loop {
            match self.storage.claim_campaign(self.claimant).await {
                Ok(Some(campaign)) => {
                    // Notifications are merged, so there may be more campaigns than workers were woken.
                    self.wake.notify_one();
                    self.campaign(campaign).await;
                }
                Ok(None) => self.wake.notified().await,
                Err(error) => {
                    tracing::debug!(%error, "failed to claim a campaign");
                    let _ = tokio::time::timeout(RETRY_INTERVAL, self.wake.notified()).await;
                }
            }
        }
    }

    /// Runs a campaign to its end.
    async fn campaign(&self, campaign: ClaimedCampaign) {
        let running = self.running.add(&campaign);
        let judging = AssertUnwindSafe(self.judge_events(&campaign)).catch_unwind();
        let renewing = lease::renew(self.storage.campaign_lease(), || {
            self.storage.renew_campaign(campaign.key)
        });
        let ended = tokio::select! {
            ended = judging => ended.unwrap_or(Err(Break::Panic)),
            () = running.cancelled() => Err(Break::Lost),
            () = renewing => Err(Break::Lost),
        };
        let broke_off = match ended {
            Ok(()) => false,
            Err(Break::Lost) => return,
            Err(reason) => {
                let source = std::error::Error::source(&reason).map(ToString::to_string);
                tracing::warn!(campaign = %campaign.id, %reason, source, "a campaign broke off");
                true
            }
        };
        retry(|| self.storage.end_campaign(campaign.key, broke_off)).await.unwrap_or_else(|error| {
            tracing::error!(campaign = %campaign.id, %error, "failed to store the end of a campaign");
        });
    }

    async fn judge_events(&self, campaign: &ClaimedCampaign) -> Result<(), Break> {
        self.judging.require_endpoint().map_err(|_| Break::NoEndpoint)?;
        if campaign.attempts > MAX_ATTEMPTS {
            return Err(Break::Attempts);
        }
        if campaign.attempts > 1 {
            tracing::info!(campaign = %campaign.id, "resuming a campaign");
        }
        let run = Arc::new(Run {
            storage: Arc::clone(&self.storage),
            judging: self.judging.clone(),
            definition: Arc::new(serde_json::from_str(&campaign.judge_copy).map_err(Break::Judge)?),
            campaign: campaign.clone(),
            failures: AtomicU32::new(0),
        });
        // The judgements are part of this task, so that they end with it.
        let mut judgements = FuturesUnordered::new();
        let (mut waiting, mut last) = (VecDeque::new(), None);
        loop {
            while judgements.len() < self.judgements {
                if waiting.is_empty() {
                    let reading = || self.storage.waiting_events(campaign.key, last, BATCH);
                    waiting = retry(reading).await?.into();
                }
                let Some(event) = waiting.pop_front() else { break };
                last = Some(event.ordinal);
                judgements.push(Arc::clone(&run).judge_event(event).boxed());
            }
            match judgements.next().await {
                Some(done) => done?,
                None => return Ok(()),
            }
        }
    }
}

/// A campaign that runs.
struct Run {
    storage: Arc<dyn Storage>,
    judging: Judging,
    definition: Arc<JudgeDefinition>,
    campaign: ClaimedCampaign,
    /// How often the endpoint failed since the last answer.
    failures: AtomicU32,
}

impl Run {
    async fn judge_event(self: Arc<Self>, waiting: WaitingEvent) -> Result<(), Break> {
        let turn = self.judging.turn().await.map_err(|_| Break::NoEndpoint)?;
        let storage = &self.storage;
        let ClaimedCampaign { key, workspace, id: campaign, .. } = self.campaign;
        let event = match retry(|| storage.event_details(workspace, waiting.id.clone())).await {
            Ok(event) => Some(event),
            // It was deleted after the campaign was created.
            Err(StorageError::Missing(Missing::Event(_))) => None,
            Err(error) => return Err(error.into()),
        };
        let mut verdict = Verdict::Failed;
        if let Some(event) = event {
            let event_bytes = event.size();
            match judge(turn, Arc::clone(&self.definition), event).await {
                Ok(judgement) => {
                    self.failures.store(0, Ordering::Relaxed);
                    verdict = Verdict::Answer { json: judgement.answer.to_string(), event_bytes };
                }
                Err(failure) => {
                    tracing::debug!(%campaign, ordinal = waiting.ordinal, %failure, "an event was not judged");
                    if failure.is_of_endpoint()
                        && self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_FAILURES
                    {
                        return Err(Break::Endpoint);
                    }
                }
            }
        }
        let storing = || storage.store_verdict(key, waiting.ordinal, verdict.clone());
        Ok(retry(storing).await?)
    }
}

/// Judges an event. The judge sees its messages, and its metadata as properties.
async fn judge(
    turn: Turn<'_>,
    definition: Arc<JudgeDefinition>,
    event: EventDetails,
) -> Result<Judgement, JudgeError> {
    let unreadable = |_| JudgeError::Conversation("the messages cannot be read".to_owned());
    let messages: Vec<Value> = telemetry::conversation_of(event.messages).map_err(unreadable)?;
    let metadata = event.summary.metadata.as_deref().unwrap_or("{}");
    let properties: Map<String, Value> = serde_json::from_str(metadata).unwrap_or_default();
    turn.judge(definition, messages, properties).await
}

/// Runs an operation of the storage. Retries while the disk is full or another program has locked the database, or
/// the database is not available.
async fn retry<T>(operation: impl Fn() -> Pending<T>) -> Result<T, StorageError> {
    loop {
        match operation().await {
            Err(
                StorageError::Full | StorageError::Busy { .. } | StorageError::Unavailable { .. },
            ) => {
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
            result => return result,
        }
    }
}
