//! Storage of events, conversations and campaigns: the sources of imports.
//!
//! Events are also received as telemetry; all of these can be inserted as fixtures.

use uuid::Uuid;

use super::Pending;

/// A chat completion event that a test inserts. All fields except the id are JSON.
#[derive(Clone, Debug)]
pub(crate) struct NewFixtureEvent {
    pub(crate) id: String,
    pub(crate) request_messages: String,
    pub(crate) response_messages: String,
    pub(crate) extra_fields: String,
    pub(crate) fields: EventFields,
}

/// The fields of an event by which events are searched. Arrays and objects are JSON.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventFields {
    /// In microseconds.
    pub(crate) timestamp: i64,
    pub(crate) correlation_id: Option<String>,
    pub(crate) model_name: Option<String>,
    pub(crate) total_time_elapsed: Option<f64>,
    pub(crate) input_tokens: Option<i64>,
    pub(crate) output_tokens: Option<i64>,
    pub(crate) nb_messages: u64,
    pub(crate) api_agent_id: Option<String>,
    pub(crate) invoked_tools: Option<String>,
    pub(crate) metadata: Option<String>,
    pub(crate) first_system_message: Option<String>,
    pub(crate) last_user_message_preview: Option<String>,
    pub(crate) response_messages_preview: Option<String>,
}

/// A chat completion event. `extra_fields` is JSON.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) messages: EventMessages,
    pub(crate) extra_fields: String,
}

/// The messages of an event.
#[derive(Clone, Debug)]
pub(crate) enum EventMessages {
    /// JSON arrays of messages in the form of the chat API.
    Chat { request: String, response: String },
    /// The columns of a span, which have to be converted.
    Span { system_instructions: String, input: String, output: String },
}

impl Event {
    /// Returns the size of the event in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.messages.bytes() + self.extra_fields.len()
    }
}

impl EventMessages {
    /// Returns the size of the messages in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Chat { request, response } => request.len() + response.len(),
            Self::Span { system_instructions, input, output } => {
                system_instructions.len() + input.len() + output.len()
            }
        }
    }
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
    fn insert_events(&self, workspace: Uuid, events: Vec<NewFixtureEvent>) -> Pending<()>;

    /// Inserts conversations. An existing conversation with the same id is replaced.
    fn insert_conversations(
        &self,
        workspace: Uuid,
        conversations: Vec<Conversation>,
    ) -> Pending<()>;

    /// Inserts a campaign. An existing campaign with the same id is replaced.
    fn insert_campaign(&self, workspace: Uuid, campaign: Campaign) -> Pending<()>;

    /// Returns events in the order of `ids`: at least one, and no more after those that together reach `max_bytes`. Fails at the
    /// first one that does not exist.
    fn events(&self, workspace: Uuid, ids: Vec<String>, max_bytes: usize) -> Pending<Vec<Event>>;

    /// Like [`events`](Self::events), for conversations.
    fn conversations(
        &self,
        workspace: Uuid,
        ids: Vec<String>,
        max_bytes: usize,
    ) -> Pending<Vec<Conversation>>;

    /// Fails if one of the events does not exist.
    fn require_events(&self, workspace: Uuid, ids: Vec<String>) -> Pending<()>;

    /// Fails if one of the conversations does not exist.
    fn require_conversations(&self, workspace: Uuid, ids: Vec<String>) -> Pending<()>;

    /// Returns the events of a campaign. Fails if none of them exists.
    fn campaign_events(&self, workspace: Uuid, campaign: Uuid) -> Pending<CampaignEvents>;
}
