//! Chat completion events in PostgreSQL.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use super::PostgresStorage;
use super::database::{Database, failed};
use super::event_filter;
use super::fixtures::messages;
use super::params::{params, storable};
use super::query::Query;
use super::selected_events::{self, NEWEST, Selected};
use super::time_limit::Limited;
use crate::storage::{
    AnnotationField, COMPARED_CHARACTERS, COMPARED_EVENTS, EVENT_PAGE_BYTES, EventDetails,
    EventField, EventFilter, EventPage, EventPosition, EventStore, EventSummary, FieldKind,
    Missing, Pending, SimilarEvents, StorageError, ValueCount, take_bytes,
};
use crate::time::Timestamp;

/// The columns of an event that [`read`] expects.
macro_rules! columns {
    () => {
        "e.id, e.name, e.created_at, e.correlation_id, e.model_name, e.total_time_elapsed, e.input_tokens, e.output_tokens, \
         e.nb_messages, e.api_agent_id, e.invoked_tools, e.metadata, e.first_system_message, e.last_user_message_preview, \
         e.response_messages_preview, e.enabled_tools, e.extra_fields"
    };
}
pub(super) use columns;

/// Most of the size of an event in bytes.
const SIZE: &str = "octet_length(e.extra_fields) + coalesce(octet_length(e.metadata), 0) + coalesce(octet_length(e.enabled_tools), 0) \
     + coalesce(octet_length(e.invoked_tools), 0) + coalesce(octet_length(e.first_system_message), 0) \
     + coalesce(octet_length(e.last_user_message_preview), 0) + coalesce(octet_length(e.response_messages_preview), 0)";

pub(super) fn read(row: &Row) -> EventSummary {
    EventSummary {
        row: row.get(0),
        id: row.get(1),
        created_at: Timestamp::from_micros(row.get(2)),
        correlation_id: row.get(3),
        model_name: row.get(4),
        total_time_elapsed: row.get(5),
        input_tokens: row.get(6),
        output_tokens: row.get(7),
        message_count: row.get(8),
        api_agent_id: row.get(9),
        invoked_tools: row.get(10),
        metadata: row.get(11),
        first_system_message: row.get(12),
        last_user_message_preview: row.get(13),
        response_messages_preview: row.get(14),
        enabled_tools: row.get(15),
        extra_fields: row.get(16),
    }
}

/// Reads the events of a page, which ends with the one that reaches a maximum size. `events` is a query for all columns of the events
/// and their number in the order of the page.
async fn read_page(
    transaction: &Limited<'_>,
    mut query: Query<'_>,
    events: &str,
) -> Result<Vec<EventSummary>, StorageError> {
    let bytes = query.bind(EVENT_PAGE_BYTES as i64);
    // The database reads a large event only if it belongs to the page.
    query.push(&format!(
        "SELECT {} FROM (SELECT e.*, sum({SIZE}) OVER (ORDER BY e.number) - ({SIZE}) AS bytes_before FROM ({events}) e) e \
         WHERE e.bytes_before < {bytes} ORDER BY e.number",
        columns!()
    ));
    let rows = transaction.run(fetch(transaction, &query)).await?;
    take_bytes(rows.iter().map(|row| Ok(read(row))), EVENT_PAGE_BYTES, EventSummary::size)
}

async fn fetch(transaction: &Transaction<'_>, query: &Query<'_>) -> Result<Vec<Row>, StorageError> {
    Ok(transaction.query_typed(&query.sql, &query.parameters()).await?)
}

async fn search(
    database: Database,
    workspace: Uuid,
    filter: EventFilter,
    after: Option<EventPosition>,
    limit: u32,
) -> Result<EventPage, StorageError> {
    if limit == 0 {
        return Ok(EventPage { events: Vec::new(), next: None });
    }
    let mut connection = database.connection().await?;
    let transaction = Limited::new(connection.read().await?);
    // One more than the page has tells whether there is a next one.
    let more = limit as usize + 1;
    let selected = selected_events::select(&transaction, workspace, &filter, after, more).await?;
    let mut query = Query::default();
    let condition = selected.condition(&mut query);
    let more = query.bind(more as i64);
    let events = format!(
        "SELECT e.*, row_number() OVER (ORDER BY {NEWEST}) AS number FROM events e WHERE {condition} \
         ORDER BY {NEWEST} LIMIT {more}"
    );
    Ok(EventPage::new(read_page(&transaction, query, &events).await?, limit))
}

/// Returns the ids of the newest events that match a filter.
async fn ids(
    database: Database,
    workspace: Uuid,
    filter: EventFilter,
    limit: u32,
) -> Result<Vec<String>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = Limited::new(connection.read().await?);
    let selected =
        selected_events::select(&transaction, workspace, &filter, None, limit as usize).await?;
    let mut query = Query::default();
    let condition = selected.condition(&mut query);
    let limit = query.bind(i64::from(limit));
    query.push(&format!(
        "SELECT e.name FROM events e WHERE {condition} ORDER BY {NEWEST} LIMIT {limit}"
    ));
    let rows = transaction.run(fetch(&transaction, &query)).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

async fn details(
    database: Database,
    workspace: Uuid,
    id: String,
) -> Result<EventDetails, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    let sql = concat!(
        "SELECT ",
        columns!(),
        ", e.request_messages, e.response_messages, s.system_instructions, s.input_messages, s.output_messages \
         FROM workspaces w JOIN events e ON e.workspace = w.id LEFT JOIN spans s ON s.id = e.span \
         WHERE w.uuid = $1 AND NOT w.discarded AND e.name = $2"
    );
    let row = transaction.query_typed_opt(sql, params![workspace, storable(&id)]).await?;
    let Some(row) = row else { return Err(Missing::Event(id).into()) };
    Ok(EventDetails { summary: read(&row), messages: messages(&row, 17) })
}

async fn similar(
    database: Database,
    workspace: Uuid,
    id: String,
    limit: usize,
) -> Result<Vec<EventSummary>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = Limited::new(connection.read().await?);
    let sql = "SELECT e.workspace, e.id, e.last_user_message_preview FROM workspaces w JOIN events e ON e.workspace = w.id \
               WHERE w.uuid = $1 AND NOT w.discarded AND e.name = $2";
    let row = transaction.query_typed_opt(sql, params![workspace, storable(&id)]).await?;
    let Some(row) = row else { return Err(Missing::Event(id).into()) };
    let (workspace, event): (i64, i64) = (row.get(0), row.get(1));
    let Some(message) = row.get::<_, Option<String>>(2) else { return Ok(Vec::new()) };
    let compared = compared(&transaction, workspace, event).await?;
    // Off the runtime, because it takes long.
    let comparing = tokio::task::spawn_blocking(move || {
        let mut similar = SimilarEvents::to(&message);
        compared.iter().for_each(|row| similar.compare(row.get(0), row.get(1)));
        similar.rows(limit)
    });
    let rows = comparing.await.map_err(failed)?;
    let mut query = Query::default();
    let rows = query.bind(rows);
    let events = format!(
        "SELECT e.*, s.number FROM unnest({rows}) WITH ORDINALITY AS s (id, number) JOIN events e ON e.id = s.id"
    );
    read_page(&transaction, query, &events).await
}

/// Reads the rows and messages of the newest events with a message, except one event.
async fn compared(
    transaction: &Limited<'_>,
    workspace: i64,
    except: i64,
) -> Result<Vec<Row>, StorageError> {
    let sql = "SELECT e.id, left(e.last_user_message_preview, $4::int) FROM events e WHERE e.workspace = $1 AND e.id <> $2 \
               AND e.last_user_message_preview IS NOT NULL ORDER BY e.created_at DESC, e.id DESC LIMIT $3";
    let (limit, characters) = (i64::from(COMPARED_EVENTS), COMPARED_CHARACTERS as i64);
    transaction
        .run(async {
            Ok(transaction.query_typed(sql, params![workspace, except, limit, characters]).await?)
        })
        .await
}

async fn count_values(
    database: Database,
    workspace: Uuid,
    field: EventField,
    filter: EventFilter,
    limit: u32,
) -> Result<Vec<ValueCount>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = Limited::new(connection.read().await?);
    let selected =
        selected_events::select(&transaction, workspace, &filter, None, usize::MAX).await?;
    let query = counting(&field, &selected, limit);
    let rows = transaction.run(fetch(&transaction, &query)).await?;
    let kind = field.kind();
    let count =
        |row: &Row| ValueCount { value: value(kind, row), count: row.get::<_, i64>(0) as u64 };
    Ok(rows.iter().map(count).collect())
}

/// Returns a query for the most frequent values of a field: how many events have each, the value, and for answers whether it is a number.
fn counting(field: &EventField, selected: &Selected<'_>, limit: u32) -> Query<'static> {
    /// Numbers precede texts.
    const ANSWERS: &str = "jsonb_typeof(value), CASE WHEN jsonb_typeof(value) = 'number' THEN value::numeric END, \
                           (value #>> '{}') COLLATE \"C\"";
    let mut query = Query::default();
    let mut value = event_filter::field(&mut query, field);
    let mut items = String::new();
    let mut columns = "events, value";
    let mut order = "value COLLATE \"C\"";
    match field.kind() {
        FieldKind::Text => {}
        FieldKind::Integer | FieldKind::Real | FieldKind::Time => order = "value",
        FieldKind::Answer => {
            columns = "events, value #>> '{}', jsonb_typeof(value) = 'number'";
            order = ANSWERS;
        }
        FieldKind::List => {
            items = format!(", jsonb_array_elements_text({value}) AS i (item)");
            "i.item".clone_into(&mut value);
        }
        FieldKind::Map => {
            items = format!(", json_object_keys({value}::json) AS i (item)");
            "i.item".clone_into(&mut value);
        }
    }
    let condition = selected.condition(&mut query);
    let limit = query.bind(i64::from(limit));
    query.push(&format!(
        "SELECT {columns} FROM (SELECT {value} AS value, count(*) AS events FROM events e{items} WHERE {condition} GROUP BY 1) v \
         WHERE value IS NOT NULL ORDER BY events DESC, {order} LIMIT {limit}"
    ));
    query
}

/// Returns a value that was counted as text.
fn value(kind: FieldKind, row: &Row) -> String {
    match kind {
        FieldKind::Time => Timestamp::from_micros(row.get(1)).to_string(),
        FieldKind::Integer => row.get::<_, i64>(1).to_string(),
        FieldKind::Real => row.get::<_, f64>(1).to_string(),
        FieldKind::Answer if row.get(2) => {
            let number: String = row.get(1);
            match number.parse::<f64>() {
                Ok(real) if number.parse::<i64>().is_err() => real.to_string(),
                _ => number,
            }
        }
        _ => row.get(1),
    }
}

async fn annotations(
    database: Database,
    workspace: Uuid,
) -> Result<Vec<AnnotationField>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    let sql = "SELECT a.judge, a.name, a.options FROM workspaces w JOIN event_annotations a ON a.workspace = w.id \
               WHERE w.uuid = $1 AND NOT w.discarded ORDER BY a.name, a.judge";
    let rows = transaction.query_typed(sql, params![workspace]).await?;
    let field = |row: &Row| {
        let options = row.get::<_, Option<&str>>(2).map(serde_json::from_str).transpose();
        let options = options.map_err(failed)?;
        Ok(AnnotationField { judge: row.get(0), name: row.get(1), options })
    };
    rows.iter().map(field).collect()
}

impl EventStore for PostgresStorage {
    fn search_events(
        &self,
        workspace: Uuid,
        filter: EventFilter,
        after: Option<EventPosition>,
        limit: u32,
    ) -> Pending<EventPage> {
        Box::pin(search(self.database.clone(), workspace, filter, after, limit))
    }

    fn search_event_ids(
        &self,
        workspace: Uuid,
        filter: EventFilter,
        limit: u32,
    ) -> Pending<Vec<String>> {
        Box::pin(ids(self.database.clone(), workspace, filter, limit))
    }

    fn event_details(&self, workspace: Uuid, id: String) -> Pending<EventDetails> {
        Box::pin(details(self.database.clone(), workspace, id))
    }

    fn similar_events(
        &self,
        workspace: Uuid,
        id: String,
        limit: usize,
    ) -> Pending<Vec<EventSummary>> {
        Box::pin(similar(self.database.clone(), workspace, id, limit))
    }

    fn count_event_values(
        &self,
        workspace: Uuid,
        field: EventField,
        filter: EventFilter,
        limit: u32,
    ) -> Pending<Vec<ValueCount>> {
        Box::pin(count_values(self.database.clone(), workspace, field, filter, limit))
    }

    fn annotation_fields(&self, workspace: Uuid) -> Pending<Vec<AnnotationField>> {
        Box::pin(annotations(self.database.clone(), workspace))
    }
}
