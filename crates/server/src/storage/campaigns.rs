//! Storage of campaigns: judges that evaluate selected events, and how far they have come.
//!
//! The events are selected when a campaign is created. The answer for an event is stored in the event, in the same transaction that
//! marks the event as done, so that a campaign that was interrupted continues with the others.

use std::time::Duration;

use mistral_datasets_types::TaskStatus;
use uuid::Uuid;

use super::{EventSummary, Listed, Pending, QueueLimits, Window};
use crate::time::Timestamp;

/// A campaign to be created.
#[derive(Clone, Debug)]
pub(crate) struct NewCampaign {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) owner: Uuid,
    pub(crate) max_events: u32,
    /// The filter of the events, as JSON.
    pub(crate) search_params: String,
    pub(crate) judge: CampaignJudge,
    /// The ids of the selected events.
    pub(crate) event_ids: Vec<String>,
}

/// The judge of a campaign.
#[derive(Clone, Debug)]
pub(crate) struct CampaignJudge {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    /// The possible answers, or `None` if the answer is a number.
    pub(crate) options: Option<Vec<String>>,
    /// The judge as it is returned in responses, as JSON.
    pub(crate) copy: String,
}

/// A campaign.
#[derive(Clone, Debug)]
pub(crate) struct CampaignEntry {
    pub(crate) id: Uuid,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) owner: Uuid,
    pub(crate) workspace: Uuid,
    pub(crate) max_events: u32,
    /// The filter of the events, as JSON.
    pub(crate) search_params: String,
    /// The judge when the campaign was created, as JSON.
    pub(crate) judge_copy: String,
}

/// A campaign whose turn has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimedCampaign {
    pub(crate) key: CampaignKey,
    pub(crate) id: Uuid,
    pub(crate) workspace: Uuid,
    /// The judge when the campaign was created, as JSON.
    pub(crate) judge_copy: String,
    /// How often the campaign was claimed since the last event was done, including this time.
    pub(crate) attempts: u32,
}

/// Identifies a claim of a campaign over all workspaces. It is the right to write the results of the campaign, and is valid until the
/// campaign is claimed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CampaignKey {
    pub(crate) row: i64,
    /// How often the campaign was claimed until now, or 0 if only one server can use the storage.
    pub(crate) epoch: i64,
}

/// An event that a campaign has not judged yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WaitingEvent {
    pub(crate) ordinal: i64,
    pub(crate) id: String,
}

/// The outcome for an event of a campaign.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// The answer as JSON, and the size of the event in bytes.
    Answer { json: String, event_bytes: usize },
    /// The event could not be judged.
    Failed,
}

/// Stores campaigns and the queue of running ones.
///
/// A *claimant* is a running server, as for imports: a campaign that belongs to a claimant that no longer exists is resumed. If only one
/// server can use the storage, every other claimant no longer exists. If several servers share it, a claimant exists as long as it
/// extends the [lease](Self::campaign_lease) of its campaigns.
///
/// A campaign can be taken over although its claimant still runs. From then on, the earlier claim has no effect: the campaign no longer
/// runs for it.
pub(crate) trait CampaignStore {
    /// Returns for how long a claim prevents others from taking the campaign over, or `None` if only one server can use the storage.
    fn campaign_lease(&self) -> Option<Duration>;

    /// Creates a running campaign and queues it.
    ///
    /// Fails with [`StorageError::QueueFull`](super::StorageError::QueueFull) if a limit is reached.
    fn create_campaign(
        &self,
        workspace: Uuid,
        new: NewCampaign,
        limits: QueueLimits,
    ) -> Pending<CampaignEntry>;

    /// Returns a campaign.
    fn campaign(&self, workspace: Uuid, id: Uuid) -> Pending<CampaignEntry>;

    /// Lists campaigns whose name contains a text, newest first.
    fn campaigns(
        &self,
        workspace: Uuid,
        containing: Option<String>,
        window: Window,
    ) -> Pending<Listed<CampaignEntry>>;

    /// Returns the status of a campaign.
    fn campaign_status(&self, workspace: Uuid, id: Uuid) -> Pending<TaskStatus>;

    /// Lists the events of a campaign that still exist, in the order in which they were selected.
    fn selected_events(
        &self,
        workspace: Uuid,
        id: Uuid,
        window: Window,
    ) -> Pending<Listed<EventSummary>>;

    /// Deletes a campaign. Its annotations remain. [`reclaim`](super::Storage::reclaim) frees the space.
    fn delete_campaign(&self, workspace: Uuid, id: Uuid) -> Pending<()>;

    /// Assigns the next campaign to a claimant and returns it, or `None` if none is waiting. Chooses the workspace with the fewest
    /// campaigns that run for existing claimants.
    fn claim_campaign(&self, claimant: Uuid) -> Pending<Option<ClaimedCampaign>>;

    /// Extends the lease of a claim.
    ///
    /// Fails if the campaign no longer runs.
    fn renew_campaign(&self, campaign: CampaignKey) -> Pending<()>;

    /// Gives the running campaigns of a claimant back, which has stopped judging, so that others need not wait until their leases end.
    fn release_campaigns(&self, claimant: Uuid) -> Pending<()>;

    /// Returns the next events of a running campaign that were not judged, after an ordinal.
    ///
    /// Fails if the campaign no longer runs.
    fn waiting_events(
        &self,
        campaign: CampaignKey,
        after: Option<i64>,
        limit: u32,
    ) -> Pending<Vec<WaitingEvent>>;

    /// Stores the outcome for an event.
    ///
    /// Fails if the campaign no longer runs.
    fn store_verdict(&self, campaign: CampaignKey, ordinal: i64, verdict: Verdict) -> Pending<()>;

    /// Ends a running campaign: COMPLETED if an event was annotated, else FAILED. It is FAILED as well if it `broke_off`.
    fn end_campaign(&self, campaign: CampaignKey, broke_off: bool) -> Pending<()>;
}
