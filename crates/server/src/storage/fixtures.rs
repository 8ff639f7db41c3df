//! Storage of events, conversations and campaigns: the sources of imports.
//!
//! The service gets them from other products. Here, tests insert them as fixtures.

use uuid::Uuid;

use super::Pending;

/// A chat completion event. All fields except the id are JSON.
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) request_messages: String,
    pub(crate) response_messages: String,
    pub(crate) extra_fields: String,
}

/// A playground conversation. The messages are JSON.
pub(crate) struct Conversation {
    pub(crate) id: String,
    pub(crate) messages: String,
}

/// A named selection of events. The events need not exist.
#[derive(Clone, Debug)]
pub(crate) struct Campaign {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) event_ids: Vec<String>,
}

/// The events of a campaign.
#[derive(Clone, Debug)]
pub(crate) struct CampaignEvents {
    /// How many events the campaign names.
    pub(crate) named: u64,
    /// Those that exist.
    pub(crate) existing: Vec<String>,
}

/// Stores events, conversations and campaigns.
pub(crate) trait FixtureStore {
    /// Inserts events. An existing event with the same id is replaced.
    fn insert_events(&self, workspace: Uuid, events: Vec<Event>) -> Pending<()>;

    /// Inserts conversations. An existing conversation with the same id is replaced.
    fn insert_conversations(
        &self,
        workspace: Uuid,
        conversations: Vec<Conversation>,
    ) -> Pending<()>;

    /// Inserts a campaign. An existing campaign with the same id is replaced.
    fn insert_campaign(&self, workspace: Uuid, campaign: Campaign) -> Pending<()>;

    /// Returns events in the order of `ids`, at least one, until they reach [`BATCH_BYTES`](super::BATCH_BYTES). Fails at the
    /// first one that does not exist.
    fn events(&self, workspace: Uuid, ids: Vec<String>) -> Pending<Vec<Event>>;

    /// Returns conversations in the order of `ids`, at least one, until they reach [`BATCH_BYTES`](super::BATCH_BYTES). Fails at the
    /// first one that does not exist.
    fn conversations(&self, workspace: Uuid, ids: Vec<String>) -> Pending<Vec<Conversation>>;

    /// Fails if one of the events does not exist.
    fn require_events(&self, workspace: Uuid, ids: Vec<String>) -> Pending<()>;

    /// Fails if one of the conversations does not exist.
    fn require_conversations(&self, workspace: Uuid, ids: Vec<String>) -> Pending<()>;

    /// Returns the events of a campaign. Fails if none of them exists.
    fn campaign_events(&self, workspace: Uuid, campaign: Uuid) -> Pending<CampaignEvents>;
}
