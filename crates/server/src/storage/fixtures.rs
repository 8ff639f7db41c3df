//! What a test plants so that imports have something to read: in the service it comes from other products.

use uuid::Uuid;

use super::Pending;

/// A chat completion event, as the explorer would show it. The members are JSON text.
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) request_messages: String,
    pub(crate) response_messages: String,
    pub(crate) extra_fields: String,
}

/// A conversation held in the playground; the messages are JSON text.
pub(crate) struct Conversation {
    pub(crate) id: String,
    pub(crate) messages: String,
}

/// A named selection of events. An event that it names need not be there.
#[derive(Clone, Debug)]
pub(crate) struct Campaign {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) event_ids: Vec<String>,
}

/// The events a campaign names, and those of them that are there.
#[derive(Clone, Debug)]
pub(crate) struct CampaignEvents {
    pub(crate) named: u64,
    pub(crate) present: Vec<String>,
}

/// Keeps what is planted.
pub(crate) trait FixtureStore {
    /// Plants events; one with the id of an older one replaces it.
    fn insert_events(&self, workspace: Uuid, events: Vec<Event>) -> Pending<()>;

    /// Plants conversations; one with the id of an older one replaces it.
    fn insert_conversations(
        &self,
        workspace: Uuid,
        conversations: Vec<Conversation>,
    ) -> Pending<()>;

    /// Plants a campaign; one with the id of an older one replaces it.
    fn insert_campaign(&self, workspace: Uuid, campaign: Campaign) -> Pending<()>;

    /// Events by their ids, in the order of the ids. The first one missing fails it.
    fn events(&self, workspace: Uuid, ids: Vec<String>) -> Pending<Vec<Event>>;

    /// Conversations by their ids, in the order of the ids. The first one missing fails it.
    fn conversations(&self, workspace: Uuid, ids: Vec<String>) -> Pending<Vec<Conversation>>;

    /// Fails if one of the events is not there.
    fn require_events(&self, workspace: Uuid, ids: Vec<String>) -> Pending<()>;

    /// Fails if one of the conversations is not there.
    fn require_conversations(&self, workspace: Uuid, ids: Vec<String>) -> Pending<()>;

    /// What a campaign selects. Fails when it selects nothing that is there.
    fn campaign_events(&self, workspace: Uuid, campaign: Uuid) -> Pending<CampaignEvents>;
}
