//! Storage of seeds: the initial data of workspaces.

use std::sync::Arc;

use uuid::Uuid;

use super::{Campaign, Conversation, NewFixtureEvent, NewRecord, Pending};

/// The initial data of a workspace.
pub(crate) struct Seed {
    /// Identifies the content of the seed.
    pub(crate) digest: [u8; 32],
    pub(crate) datasets: Vec<SeedDataset>,
    pub(crate) events: Vec<NewFixtureEvent>,
    pub(crate) conversations: Vec<Conversation>,
    pub(crate) campaigns: Vec<Campaign>,
}

/// A dataset of a seed, with its records.
pub(crate) struct SeedDataset {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) records: Vec<NewRecord>,
}

/// Inserts seeds.
pub(crate) trait SeedStore {
    /// Inserts a seed into a workspace atomically, unless it was inserted before.
    ///
    /// In a workspace that had another seed, datasets whose names exist are left alone. Events, conversations and campaigns
    /// replace existing ones with the same ids.
    fn insert_seed(&self, workspace: Uuid, owner: Uuid, seed: Arc<Seed>) -> Pending<()>;

    /// Removes everything from a workspace and inserts the seed, atomically. See [`Storage::reset`](super::Storage::reset).
    fn reset_to_seed(&self, workspace: Uuid, owner: Uuid, seed: Arc<Seed>) -> Pending<()>;
}
