//! Campaigns: judges evaluate selected events in the background.
//!
//! Campaigns have a queue and workers of their own, so that they never delay imports.

mod queue;
mod worker;

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::storage::EventMessages;

pub(crate) use queue::{CampaignParts, CampaignQueue};

/// Judges an event with the judge of a campaign.
pub(crate) trait EventJudge: Send + Sync {
    /// Returns the answer of a judge, given as JSON, for an event.
    fn judge(
        &self,
        judge: Arc<str>,
        event: JudgedEvent,
    ) -> BoxFuture<'_, Result<Answer, JudgingFailure>>;
}

/// What a judge sees of an event.
pub(crate) struct JudgedEvent {
    pub(crate) messages: EventMessages,
    /// The metadata of the event: an object, as JSON.
    pub(crate) properties: String,
}

/// The answer of a judge as JSON: a string or a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer(pub(crate) String);

/// An event could not be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JudgingFailure {
    /// It is due to the event or to the answer. Others may succeed.
    #[error("the event could not be judged")]
    Event,
    /// The endpoint failed or did not respond. Others are likely to fail as well.
    #[error("the judge endpoint failed")]
    Endpoint,
}
