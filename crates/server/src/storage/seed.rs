//! What a workspace begins with.

use std::sync::Arc;

use uuid::Uuid;

use super::{Campaign, Conversation, Event, NewRecord, Pending};

/// What a workspace begins with.
pub(crate) struct Seed {
    /// Tells one seed from another.
    pub(crate) digest: [u8; 32],
    pub(crate) datasets: Vec<SeedDataset>,
    pub(crate) events: Vec<Event>,
    pub(crate) conversations: Vec<Conversation>,
    pub(crate) campaigns: Vec<Campaign>,
}

/// A dataset of a seed, with its records.
pub(crate) struct SeedDataset {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) records: Vec<NewRecord>,
}

/// Plants seeds.
pub(crate) trait SeedStore {
    /// Plants a seed in a workspace, all of it or nothing, unless the workspace has had it. One that has had another
    /// keeps the datasets whose names it has; events, conversations and campaigns replace those of their ids.
    fn insert_seed(&self, workspace: Uuid, owner: Uuid, seed: Arc<Seed>) -> Pending<()>;

    /// Empties a workspace and plants the seed, in one step. Answers which files' contents are no longer needed.
    fn reset_to_seed(&self, workspace: Uuid, owner: Uuid, seed: Arc<Seed>) -> Pending<Vec<Uuid>>;
}
