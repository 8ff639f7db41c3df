//! Events, conversations and campaigns in PostgreSQL.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use super::answers::{answers, storable_json};
use super::database::Database;
use super::params::{params, storable};
use super::query::{Query, Rows};
use super::{PostgresStorage, workspaces};
use crate::storage::{
    Campaign, CampaignEvents, Conversation, Event, EventMessages, FixtureStore, Missing,
    NewFixtureEvent, Pending, StorageError, take_bytes,
};

/// Inserts events into the row of a workspace, which must be locked.
pub(super) async fn insert_events(
    transaction: &Transaction<'_>,
    workspace: i64,
    events: &[NewFixtureEvent],
) -> Result<(), StorageError> {
    let events = without_duplicates(events, |event| &event.id);
    if events.is_empty() {
        return Ok(());
    }
    let (mut query, mut rows) = (Query::default(), Rows::default());
    let workspace = query.bind(workspace);
    bind(&mut query, &mut rows, &events);
    let columns = rows.columns();
    let answers: Vec<_> = events.iter().map(|event| answers(&event.extra_fields)).collect();
    rows.add(&mut query, "answers", answers);
    // The rows have the order of the events, because those with the same time are listed by it.
    query.push(&format!(
        "INSERT INTO events (workspace, enabled_tools, {columns}, answers) \
         SELECT {workspace}, '[]', {columns}, answers::jsonb FROM {} \
         ON CONFLICT (workspace, name) DO UPDATE SET span = NULL, enabled_tools = '[]', {}",
        rows.table("n"),
        rows.assignments("excluded"),
    ));
    transaction.execute_typed(&query.sql, &query.parameters()).await?;
    Ok(())
}

fn bind<'a>(query: &mut Query<'a>, rows: &mut Rows, events: &[&'a NewFixtureEvent]) {
    let text = |text: &Option<String>| text.as_deref().map(|text| storable(text).into_owned());
    macro_rules! column {
        ($name:ident: $type:ty, $value:expr) => {
            let values = events.iter().map($value).collect::<Vec<$type>>();
            rows.add(query, stringify!($name), values);
        };
    }
    column!(name: String, |event| storable(&event.id).into_owned());
    column!(created_at: i64, |event| event.fields.timestamp);
    column!(correlation_id: Option<String>, |event| text(&event.fields.correlation_id));
    column!(model_name: Option<String>, |event| text(&event.fields.model_name));
    column!(total_time_elapsed: Option<f64>, |event| event.fields.total_time_elapsed);
    column!(input_tokens: Option<i64>, |event| event.fields.input_tokens);
    column!(output_tokens: Option<i64>, |event| event.fields.output_tokens);
    column!(nb_messages: i64, |event| event.fields.nb_messages as i64);
    column!(api_agent_id: Option<String>, |event| text(&event.fields.api_agent_id));
    column!(invoked_tools: Option<&str>, |event| event.fields.invoked_tools.as_deref());
    column!(metadata: Option<String>, |event| event.fields.metadata.as_deref().map(storable_json));
    column!(first_system_message: Option<String>, |event| text(&event.fields.first_system_message));
    column!(last_user_message_preview: Option<String>, |event| {
        text(&event.fields.last_user_message_preview)
    });
    column!(response_messages_preview: Option<String>, |event| {
        text(&event.fields.response_messages_preview)
    });
    column!(extra_fields: &str, |event| event.extra_fields.as_str());
    column!(request_messages: &str, |event| event.request_messages.as_str());
    column!(response_messages: &str, |event| event.response_messages.as_str());
}

/// Returns the last object with each id, at the place of the first one: a statement can change a row only once.
fn without_duplicates<T>(objects: &[T], id: impl Fn(&T) -> &str) -> Vec<&T> {
    let mut places = HashMap::new();
    let mut different = Vec::with_capacity(objects.len());
    for object in objects {
        let place = *places.entry(storable(id(object))).or_insert(different.len());
        match different.get_mut(place) {
            Some(earlier) => *earlier = object,
            None => different.push(object),
        }
    }
    different
}

/// Inserts conversations into the row of a workspace, which must be locked.
pub(super) async fn insert_conversations(
    transaction: &Transaction<'_>,
    workspace: i64,
    conversations: &[Conversation],
) -> Result<(), StorageError> {
    let conversations = without_duplicates(conversations, |conversation| &conversation.id);
    let names: Vec<_> = conversations.iter().map(|c| storable(&c.id)).collect();
    let messages: Vec<_> = conversations.iter().map(|c| c.messages.as_str()).collect();
    let sql = "INSERT INTO conversations (workspace, name, messages) SELECT $1, n.* FROM unnest($2, $3) n \
               ON CONFLICT (workspace, name) DO UPDATE SET messages = excluded.messages";
    transaction.execute_typed(sql, params![workspace, names, messages]).await?;
    Ok(())
}

/// Inserts a campaign into the row of a workspace, which must be locked.
pub(super) async fn insert_campaign(
    transaction: &Transaction<'_>,
    workspace: i64,
    campaign: &Campaign,
) -> Result<(), StorageError> {
    // A server that runs the earlier campaign has lost it.
    let sql = "INSERT INTO campaigns (workspace, uuid, name) VALUES ($1, $2, $3) ON CONFLICT (workspace, uuid) DO UPDATE SET \
               name = excluded.name, judge = NULL, status = NULL, deleted_at = NULL, epoch = campaigns.epoch + 1 RETURNING id";
    let name = storable(&campaign.name);
    let row = transaction.query_typed_one(sql, params![workspace, campaign.id, name]).await?;
    let row: i64 = row.get(0);
    let sql = "DELETE FROM campaign_events WHERE campaign = $1";
    transaction.execute_typed(sql, params![row]).await?;
    insert_campaign_events(transaction, row, &campaign.event_ids, None).await
}

/// Inserts the events of a campaign, all in one state.
pub(super) async fn insert_campaign_events(
    transaction: &Transaction<'_>,
    campaign: i64,
    event_ids: &[String],
    state: Option<&str>,
) -> Result<(), StorageError> {
    let ids: Vec<_> = event_ids.iter().map(|id| storable(id)).collect();
    let sql = "INSERT INTO campaign_events (campaign, ordinal, event, state) \
               SELECT $1, i.number - 1, i.event, $3 FROM unnest($2) WITH ORDINALITY AS i (event, number)";
    transaction.execute_typed(sql, params![campaign, ids, state]).await?;
    Ok(())
}

/// Returns the messages of an event from five columns of a row: two with chat messages, and three of the span.
pub(super) fn messages(row: &Row, first: usize) -> EventMessages {
    let text = |column: usize| row.get::<_, Option<String>>(first + column);
    match text(0) {
        Some(request) => EventMessages::Chat { request, response: text(1).unwrap_or_default() },
        None => EventMessages::Span {
            system_instructions: text(2).unwrap_or_default(),
            input: text(3).unwrap_or_default(),
            output: text(4).unwrap_or_default(),
        },
    }
}

/// The ids of a parameter with their numbers, starting from 1, and the table of the objects with these ids. The row of the workspace,
/// like that of an object that does not exist, is null if nothing was written to it.
macro_rules! by_ids {
    ($table:literal) => {
        concat!(
            "unnest($2) WITH ORDINALITY AS i (name, number) LEFT JOIN ",
            $table,
            " o ON o.workspace = (SELECT id FROM workspaces WHERE uuid = $1 AND NOT discarded) AND o.name = i.name "
        )
    };
}

async fn events(
    database: Database,
    workspace: Uuid,
    ids: Vec<String>,
    max_bytes: usize,
) -> Result<Vec<Event>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    let names: Vec<_> = ids.iter().map(|id| storable(id)).collect();
    // Events after those that reach the size are not read.
    let sql = concat!(
        "SELECT number, id IS NOT NULL, extra_fields, request_messages, response_messages, system_instructions, input_messages, \
            output_messages \
         FROM (SELECT i.number, o.id, o.extra_fields, o.request_messages, o.response_messages, s.system_instructions, \
            s.input_messages, s.output_messages, sum(size) OVER (ORDER BY i.number) - size AS bytes_before FROM ",
        by_ids!("events"),
        "LEFT JOIN spans s ON s.id = o.span CROSS JOIN LATERAL (SELECT coalesce(octet_length(o.extra_fields) \
            + coalesce(octet_length(o.request_messages) + octet_length(o.response_messages), \
            octet_length(s.system_instructions) + octet_length(s.input_messages) + octet_length(s.output_messages)), 0) AS size) z \
         ) f WHERE bytes_before < $3 ORDER BY number"
    );
    let max = i64::try_from(max_bytes.max(1)).unwrap_or(i64::MAX);
    let rows = transaction.query_typed(sql, params![workspace, names, max]).await?;
    let event = |row: &Row| match row.get(1) {
        true => Ok(Event { extra_fields: row.get(2), messages: messages(row, 3) }),
        false => Err(Missing::Event(id_at(&ids, row)).into()),
    };
    take_bytes(rows.iter().map(event), max_bytes, Event::bytes)
}

async fn conversations(
    database: Database,
    workspace: Uuid,
    ids: Vec<String>,
    max_bytes: usize,
) -> Result<Vec<Conversation>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    let names: Vec<_> = ids.iter().map(|id| storable(id)).collect();
    let sql = concat!(
        "SELECT number, messages FROM (SELECT i.number, o.messages, sum(coalesce(octet_length(o.messages), 0)) OVER \
            (ORDER BY i.number) - coalesce(octet_length(o.messages), 0) AS bytes_before FROM ",
        by_ids!("conversations"),
        ") f WHERE bytes_before < $3 ORDER BY number"
    );
    let max = i64::try_from(max_bytes.max(1)).unwrap_or(i64::MAX);
    let rows = transaction.query_typed(sql, params![workspace, names, max]).await?;
    let conversation = |row: &Row| match row.get(1) {
        Some(messages) => Ok(Conversation { id: id_at(&ids, row), messages }),
        None => Err(Missing::Conversation(id_at(&ids, row)).into()),
    };
    take_bytes(rows.iter().map(conversation), max_bytes, |found| found.messages.len())
}

/// Returns the id with the number in the first column of a row.
fn id_at(ids: &[String], row: &Row) -> String {
    ids.get(row.get::<_, i64>(0) as usize - 1).cloned().unwrap_or_default()
}

/// Fails if the object with one of the ids does not exist. `sql` returns the number of the first such id.
async fn require(
    database: Database,
    workspace: Uuid,
    ids: Vec<String>,
    sql: &'static str,
    missing: fn(String) -> Missing,
) -> Result<(), StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    let names: Vec<_> = ids.iter().map(|id| storable(id)).collect();
    match transaction.query_typed_opt(sql, params![workspace, names]).await? {
        Some(row) => Err(missing(id_at(&ids, &row)).into()),
        None => Ok(()),
    }
}

async fn campaign_events(
    database: Database,
    workspace: Uuid,
    campaign: Uuid,
) -> Result<CampaignEvents, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    let sql = "SELECT c.id, (SELECT count(*) FROM campaign_events WHERE campaign = c.id) FROM campaigns c \
               JOIN workspaces w ON w.id = c.workspace \
               WHERE w.uuid = $1 AND NOT w.discarded AND c.uuid = $2 AND c.deleted_at IS NULL";
    let row = transaction.query_typed_opt(sql, params![workspace, campaign]).await?;
    let row = row.ok_or(Missing::Campaign)?;
    let (campaign, named): (i64, i64) = (row.get(0), row.get(1));
    let sql = "SELECT s.event FROM campaigns c JOIN campaign_events s ON s.campaign = c.id \
               JOIN events e ON e.workspace = c.workspace AND e.name = s.event WHERE c.id = $1 ORDER BY s.ordinal";
    let rows = transaction.query_typed(sql, params![campaign]).await?;
    if rows.is_empty() {
        return Err(Missing::CampaignEvents.into());
    }
    Ok(CampaignEvents {
        named: named as u64,
        existing: rows.iter().map(|row| row.get(0)).collect(),
    })
}

impl FixtureStore for PostgresStorage {
    fn insert_events(&self, workspace: Uuid, events: Vec<NewFixtureEvent>) -> Pending<()> {
        let database = self.database.clone();
        Box::pin(async move {
            let mut connection = database.connection().await?;
            let transaction = connection.write().await?;
            let row = workspaces::lock(&transaction, workspace).await?;
            insert_events(&transaction, row, &events).await?;
            transaction.commit().await
        })
    }

    fn insert_conversations(
        &self,
        workspace: Uuid,
        conversations: Vec<Conversation>,
    ) -> Pending<()> {
        let database = self.database.clone();
        Box::pin(async move {
            let mut connection = database.connection().await?;
            let transaction = connection.write().await?;
            let row = workspaces::lock(&transaction, workspace).await?;
            insert_conversations(&transaction, row, &conversations).await?;
            transaction.commit().await
        })
    }

    fn insert_campaign(&self, workspace: Uuid, campaign: Campaign) -> Pending<()> {
        let database = self.database.clone();
        Box::pin(async move {
            let mut connection = database.connection().await?;
            let transaction = connection.write().await?;
            let row = workspaces::lock(&transaction, workspace).await?;
            insert_campaign(&transaction, row, &campaign).await?;
            transaction.commit().await
        })
    }

    fn events(&self, workspace: Uuid, ids: Vec<String>, max_bytes: usize) -> Pending<Vec<Event>> {
        Box::pin(events(self.database.clone(), workspace, ids, max_bytes))
    }

    fn conversations(
        &self,
        workspace: Uuid,
        ids: Vec<String>,
        max_bytes: usize,
    ) -> Pending<Vec<Conversation>> {
        Box::pin(conversations(self.database.clone(), workspace, ids, max_bytes))
    }

    fn require_events(&self, workspace: Uuid, ids: Vec<String>) -> Pending<()> {
        let sql = concat!(
            "SELECT i.number FROM ",
            by_ids!("events"),
            "WHERE o.name IS NULL ORDER BY i.number LIMIT 1"
        );
        Box::pin(require(self.database.clone(), workspace, ids, sql, Missing::Event))
    }

    fn require_conversations(&self, workspace: Uuid, ids: Vec<String>) -> Pending<()> {
        let sql = concat!(
            "SELECT i.number FROM ",
            by_ids!("conversations"),
            "WHERE o.name IS NULL ORDER BY i.number LIMIT 1"
        );
        Box::pin(require(self.database.clone(), workspace, ids, sql, Missing::Conversation))
    }

    fn campaign_events(&self, workspace: Uuid, campaign: Uuid) -> Pending<CampaignEvents> {
        Box::pin(campaign_events(self.database.clone(), workspace, campaign))
    }
}
