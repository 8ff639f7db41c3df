//! Events, conversations and campaigns in SQLite.

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::budget::Cost;
use super::{SqliteStorage, workspaces};
use crate::storage::{
    Campaign, CampaignEvents, Conversation, Event, EventMessages, FixtureStore, Missing,
    NewFixtureEvent, Pending, StorageError, take_bytes,
};

pub(super) fn insert_events(
    connection: &Connection,
    workspace: Uuid,
    events: &[NewFixtureEvent],
) -> Result<(), StorageError> {
    let workspace = workspaces::find_or_create(connection, workspace)?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO events (workspace, name, created_at, correlation_id, model_name, total_time_elapsed, input_tokens, \
            output_tokens, nb_messages, api_agent_id, invoked_tools, metadata, first_system_message, \
            last_user_message_preview, response_messages_preview, enabled_tools, extra_fields, request_messages, \
            response_messages) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, '[]', ?16, ?17, ?18) \
         ON CONFLICT (workspace, name) DO UPDATE SET span = NULL, created_at = ?3, correlation_id = ?4, model_name = ?5, \
            total_time_elapsed = ?6, input_tokens = ?7, output_tokens = ?8, nb_messages = ?9, api_agent_id = ?10, \
            invoked_tools = ?11, metadata = ?12, first_system_message = ?13, last_user_message_preview = ?14, \
            response_messages_preview = ?15, enabled_tools = '[]', extra_fields = ?16, request_messages = ?17, \
            response_messages = ?18",
    )?;
    for event in events {
        let fields = &event.fields;
        statement.execute(params![
            workspace,
            event.id,
            fields.timestamp,
            fields.correlation_id,
            fields.model_name,
            fields.total_time_elapsed,
            fields.input_tokens,
            fields.output_tokens,
            fields.nb_messages,
            fields.api_agent_id,
            fields.invoked_tools,
            fields.metadata,
            fields.first_system_message,
            fields.last_user_message_preview,
            fields.response_messages_preview,
            event.extra_fields,
            event.request_messages,
            event.response_messages,
        ])?;
    }
    Ok(())
}

pub(super) fn insert_conversations(
    connection: &Connection,
    workspace: Uuid,
    conversations: &[Conversation],
) -> Result<(), StorageError> {
    let workspace = workspaces::find_or_create(connection, workspace)?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO conversations (workspace, name, messages) VALUES (?1, ?2, ?3) \
         ON CONFLICT (workspace, name) DO UPDATE SET messages = ?3",
    )?;
    for conversation in conversations {
        statement.execute(params![workspace, conversation.id, conversation.messages])?;
    }
    Ok(())
}

pub(super) fn insert_campaign(
    connection: &Connection,
    workspace: Uuid,
    campaign: &Campaign,
) -> Result<(), StorageError> {
    let workspace = workspaces::find_or_create(connection, workspace)?;
    let row: i64 = connection
        .prepare_cached(
            "INSERT INTO campaigns (workspace, uuid, name) VALUES (?1, ?2, ?3) \
             ON CONFLICT (workspace, uuid) DO UPDATE SET name = ?3, judge = NULL, status = NULL, deleted_at = NULL RETURNING id",
        )?
        .query_row(params![workspace, campaign.id, campaign.name], |row| row.get(0))?;
    connection.prepare_cached("DELETE FROM campaign_events WHERE campaign = ?1")?.execute([row])?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO campaign_events (campaign, ordinal, event) VALUES (?1, ?2, ?3)",
    )?;
    for (ordinal, event) in campaign.event_ids.iter().enumerate() {
        statement.execute(params![row, ordinal, event])?;
    }
    Ok(())
}

pub(super) fn event(
    connection: &Connection,
    workspace: i64,
    id: String,
) -> Result<Event, StorageError> {
    let found = connection
        .prepare_cached(
            "SELECT e.extra_fields, e.request_messages, e.response_messages, s.system_instructions, s.input_messages, \
                s.output_messages \
             FROM events e LEFT JOIN spans s ON s.id = e.span WHERE e.workspace = ?1 AND e.name = ?2",
        )?
        .query_row(params![workspace, id], |row| {
            let messages = match row.get(1)? {
                Some(request) => EventMessages::Chat { request, response: row.get(2)? },
                None => EventMessages::Span {
                    system_instructions: row.get(3)?,
                    input: row.get(4)?,
                    output: row.get(5)?,
                },
            };
            Ok((messages, row.get(0)?))
        })
        .optional()?;
    let Some((messages, extra_fields)) = found else {
        return Err(Missing::Event(id).into());
    };
    Ok(Event { messages, extra_fields })
}

fn conversation(
    connection: &Connection,
    workspace: i64,
    id: String,
) -> Result<Conversation, StorageError> {
    let found = connection
        .prepare_cached("SELECT messages FROM conversations WHERE workspace = ?1 AND name = ?2")?
        .query_row(params![workspace, id], |row| row.get(0))
        .optional()?;
    match found {
        Some(messages) => Ok(Conversation { id, messages }),
        None => Err(Missing::Conversation(id).into()),
    }
}

fn require_events(
    connection: &Connection,
    workspace: Uuid,
    ids: Vec<String>,
) -> Result<(), StorageError> {
    let workspace = workspaces::find_or_none(connection, workspace)?;
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM events WHERE workspace = ?1 AND name = ?2")?;
    for id in ids {
        if !statement.exists(params![workspace, id])? {
            return Err(Missing::Event(id).into());
        }
    }
    Ok(())
}

fn require_conversations(
    connection: &Connection,
    workspace: Uuid,
    ids: Vec<String>,
) -> Result<(), StorageError> {
    let workspace = workspaces::find_or_none(connection, workspace)?;
    let mut statement = connection
        .prepare_cached("SELECT 1 FROM conversations WHERE workspace = ?1 AND name = ?2")?;
    for id in ids {
        if !statement.exists(params![workspace, id])? {
            return Err(Missing::Conversation(id).into());
        }
    }
    Ok(())
}

fn campaign_events(
    connection: &Connection,
    workspace: Uuid,
    campaign: Uuid,
) -> Result<CampaignEvents, StorageError> {
    let workspace = workspaces::find_or_none(connection, workspace)?;
    let campaign: i64 = connection
        .prepare_cached(
            "SELECT id FROM campaigns WHERE uuid = ?1 AND workspace = ?2 AND deleted_at IS NULL",
        )?
        .query_row(params![campaign, workspace], |row| row.get(0))
        .optional()?
        .ok_or(Missing::Campaign)?;
    let named = connection
        .prepare_cached("SELECT count(*) FROM campaign_events WHERE campaign = ?1")?
        .query_row([campaign], |row| row.get(0))?;
    let mut statement = connection.prepare_cached(
        "SELECT c.event FROM campaign_events c JOIN events e ON e.workspace = ?2 AND e.name = c.event \
         WHERE c.campaign = ?1 ORDER BY c.ordinal",
    )?;
    let existing: Vec<String> =
        statement.query_map([campaign, workspace], |row| row.get(0))?.collect::<Result<_, _>>()?;
    if existing.is_empty() {
        return Err(Missing::CampaignEvents.into());
    }
    Ok(CampaignEvents { named, existing })
}

pub(super) fn events_cost(events: &[NewFixtureEvent]) -> Cost {
    // Fields are taken from the messages or from `extra_fields`, so they are no longer than these.
    let size = |event: &NewFixtureEvent| {
        event.id.len()
            + 2 * (event.request_messages.len()
                + event.response_messages.len()
                + event.extra_fields.len())
    };
    Cost::insert(events.len() as u64, events.iter().map(|event| size(event) as u64).sum())
}

pub(super) fn conversations_cost(conversations: &[Conversation]) -> Cost {
    let size = |conversation: &Conversation| conversation.id.len() + conversation.messages.len();
    Cost::insert(conversations.len() as u64, conversations.iter().map(|c| size(c) as u64).sum())
}

pub(super) fn campaign_cost(campaign: &Campaign) -> Cost {
    let ids = campaign.event_ids.iter();
    Cost::insert(campaign.event_ids.len() as u64, ids.map(|id| id.len() as u64).sum())
}

impl FixtureStore for SqliteStorage {
    fn insert_events(&self, workspace: Uuid, events: Vec<NewFixtureEvent>) -> Pending<()> {
        self.write_costing(events_cost(&events), move |connection| {
            insert_events(connection, workspace, &events)
        })
    }

    fn insert_conversations(
        &self,
        workspace: Uuid,
        conversations: Vec<Conversation>,
    ) -> Pending<()> {
        self.write_costing(conversations_cost(&conversations), move |connection| {
            insert_conversations(connection, workspace, &conversations)
        })
    }

    fn insert_campaign(&self, workspace: Uuid, campaign: Campaign) -> Pending<()> {
        self.write_costing(campaign_cost(&campaign), move |connection| {
            insert_campaign(connection, workspace, &campaign)
        })
    }

    fn events(&self, workspace: Uuid, ids: Vec<String>, max_bytes: usize) -> Pending<Vec<Event>> {
        self.read(move |connection| {
            let workspace = workspaces::find_or_none(connection, workspace)?;
            let events = ids.into_iter().map(|id| event(connection, workspace, id));
            take_bytes(events, max_bytes, Event::bytes)
        })
    }

    fn conversations(
        &self,
        workspace: Uuid,
        ids: Vec<String>,
        max_bytes: usize,
    ) -> Pending<Vec<Conversation>> {
        self.read(move |connection| {
            let workspace = workspaces::find_or_none(connection, workspace)?;
            let found = ids.into_iter().map(|id| conversation(connection, workspace, id));
            take_bytes(found, max_bytes, |conversation| conversation.messages.len())
        })
    }

    fn require_events(&self, workspace: Uuid, ids: Vec<String>) -> Pending<()> {
        self.read(move |connection| require_events(connection, workspace, ids))
    }

    fn require_conversations(&self, workspace: Uuid, ids: Vec<String>) -> Pending<()> {
        self.read(move |connection| require_conversations(connection, workspace, ids))
    }

    fn campaign_events(&self, workspace: Uuid, campaign: Uuid) -> Pending<CampaignEvents> {
        self.read(move |connection| campaign_events(connection, workspace, campaign))
    }
}
