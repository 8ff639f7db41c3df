//! Campaigns: judges evaluate selected events in the background.
//!
//! Campaigns have a queue and workers of their own, so that they never delay imports.

mod lease;
mod queue;
mod worker;

pub(crate) use queue::CampaignQueue;
