//! Chat completion events in SQLite.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use uuid::Uuid;

use super::event_filter::Query;
use super::time_limit::{SEARCH_TIME, limited};
use super::{SqliteStorage, fixtures, workspaces};
use crate::storage::{
    AnnotationField, COMPARED_EVENTS, EVENT_PAGE_BYTES, EventDetails, EventField, EventFilter,
    EventPage, EventPosition, EventStore, EventSummary, FieldKind, Missing, Pending, SimilarEvents,
    StorageError, ValueCount, take_bytes,
};
use crate::time::Timestamp;

/// A query for events, with the columns that [`read`] expects.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT e.id, e.name, e.created_at, e.correlation_id, e.model_name, e.total_time_elapsed, e.input_tokens, ",
            "e.output_tokens, e.nb_messages, e.api_agent_id, e.invoked_tools, e.metadata, e.first_system_message, ",
            "e.last_user_message_preview, e.response_messages_preview, e.enabled_tools, e.extra_fields FROM events e ",
            $rest
        )
    };
}

fn read(row: &Row<'_>) -> rusqlite::Result<EventSummary> {
    Ok(EventSummary {
        row: row.get(0)?,
        id: row.get(1)?,
        created_at: Timestamp::from_micros(row.get(2)?),
        correlation_id: row.get(3)?,
        model_name: row.get(4)?,
        total_time_elapsed: row.get(5)?,
        input_tokens: row.get(6)?,
        output_tokens: row.get(7)?,
        message_count: row.get(8)?,
        api_agent_id: row.get(9)?,
        invoked_tools: row.get(10)?,
        metadata: row.get(11)?,
        first_system_message: row.get(12)?,
        last_user_message_preview: row.get(13)?,
        response_messages_preview: row.get(14)?,
        enabled_tools: row.get(15)?,
        extra_fields: row.get(16)?,
    })
}

fn search(
    connection: &Connection,
    workspace: Uuid,
    filter: &EventFilter,
    after: Option<EventPosition>,
    limit: u32,
) -> Result<EventPage, StorageError> {
    let nothing = EventPage { events: Vec::new(), next: None };
    let Some(workspace) = workspaces::find(connection, workspace)? else { return Ok(nothing) };
    if limit == 0 {
        return Ok(nothing);
    }
    let mut query = matching(select!("WHERE "), workspace, filter);
    if let Some(EventPosition { created_at, row }) = after {
        let (time, row) = (query.bind(created_at.micros()), query.bind(row));
        query.push(&format!(" AND (e.created_at, e.id) < ({time}, {row})"));
    }
    // One more than the page has tells whether there is a next one.
    push_newest(&mut query, u64::from(limit) + 1);
    let mut statement = connection.prepare(&query.sql)?;
    let rows = statement.query_map(params_from_iter(query.parameters), read)?;
    let rows = rows.map(|row| row.map_err(StorageError::from));
    Ok(EventPage::new(take_bytes(rows, EVENT_PAGE_BYTES, EventSummary::size)?, limit))
}

/// Returns a query for the events of a workspace that match a filter.
fn matching(select: &str, workspace: i64, filter: &EventFilter) -> Query {
    let mut query = Query::default();
    query.push(select);
    let workspace = query.bind(workspace);
    query.push(&format!("e.workspace = {workspace} AND "));
    query.push_filter(filter);
    query
}

fn push_newest(query: &mut Query, limit: u64) {
    let limit = query.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    query.push(&format!(" ORDER BY e.created_at DESC, e.id DESC LIMIT {limit}"));
}

/// Returns the ids of the newest events that match a filter.
fn ids(
    connection: &Connection,
    workspace: Uuid,
    filter: &EventFilter,
    limit: u32,
) -> Result<Vec<String>, StorageError> {
    let Some(workspace) = workspaces::find(connection, workspace)? else { return Ok(Vec::new()) };
    let mut query = matching("SELECT e.name FROM events e WHERE ", workspace, filter);
    push_newest(&mut query, limit.into());
    let mut statement = connection.prepare(&query.sql)?;
    let ids = statement.query_map(params_from_iter(query.parameters), |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

fn find(
    connection: &Connection,
    workspace: i64,
    id: &str,
) -> Result<Option<EventSummary>, StorageError> {
    let found = connection
        .prepare_cached(select!("WHERE e.workspace = ?1 AND e.name = ?2"))?
        .query_row(params![workspace, id], read)
        .optional()?;
    Ok(found)
}

/// Returns an event whose extra fields are only annotations. Those of a fixture may be large.
pub(super) fn annotated(connection: &Connection, row: i64) -> Result<EventSummary, StorageError> {
    let event = connection.prepare_cached(select!("WHERE e.id = ?1"))?.query_row([row], read)?;
    Ok(event.with_annotations_only())
}

fn details(
    connection: &Connection,
    workspace: Uuid,
    id: String,
) -> Result<EventDetails, StorageError> {
    let workspace = workspaces::find(connection, workspace)?;
    let summary = workspace.map(|row| find(connection, row, &id)).transpose()?.flatten();
    let (Some(workspace), Some(summary)) = (workspace, summary) else {
        return Err(Missing::Event(id).into());
    };
    let event = fixtures::event(connection, workspace, id)?;
    Ok(EventDetails { summary, messages: event.messages })
}

fn similar(
    connection: &Connection,
    workspace: Uuid,
    id: String,
    limit: usize,
) -> Result<Vec<EventSummary>, StorageError> {
    let workspace = workspaces::find(connection, workspace)?;
    let found = workspace.map(|row| find(connection, row, &id)).transpose()?.flatten();
    let (Some(workspace), Some(event)) = (workspace, found) else {
        return Err(Missing::Event(id).into());
    };
    let Some(message) = event.last_user_message_preview.as_deref() else { return Ok(Vec::new()) };
    let mut similar = SimilarEvents::to(message);
    let mut statement = connection.prepare_cached(
        "SELECT e.id, e.last_user_message_preview FROM events e WHERE e.workspace = ?1 AND e.id <> ?2 \
         AND e.last_user_message_preview IS NOT NULL ORDER BY e.created_at DESC, e.id DESC LIMIT ?3",
    )?;
    let mut rows = statement.query(params![workspace, event.row, COMPARED_EVENTS])?;
    while let Some(row) = rows.next()? {
        similar.compare(row.get(0)?, row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?);
    }
    let mut statement = connection.prepare_cached(select!("WHERE e.id = ?1"))?;
    let events = similar.rows(limit).into_iter().map(|row| Ok(statement.query_row([row], read)?));
    take_bytes(events, EVENT_PAGE_BYTES, EventSummary::size)
}

fn count_values(
    connection: &Connection,
    workspace: Uuid,
    field: &EventField,
    filter: &EventFilter,
    limit: u32,
) -> Result<Vec<ValueCount>, StorageError> {
    let Some(workspace) = workspaces::find(connection, workspace)? else { return Ok(Vec::new()) };
    let mut query = Query::default();
    let value = query.field(field);
    let (value, from) = match field.kind() {
        FieldKind::List => ("v.value".to_owned(), format!("events e, json_each({value}) v")),
        FieldKind::Map => ("v.key".to_owned(), format!("events e, json_each({value}) v")),
        _ => (value, "events e".to_owned()),
    };
    let bound = query.bind(workspace);
    query.push(&format!(
        "SELECT {value} AS option, count(*) AS events FROM {from} WHERE e.workspace = {bound} AND "
    ));
    query.push_filter(filter);
    let limit = query.bind(i64::from(limit));
    query.push(&format!(
        " GROUP BY 1 HAVING option IS NOT NULL ORDER BY events DESC, option LIMIT {limit}"
    ));
    let mut statement = connection.prepare(&query.sql)?;
    let counts = statement.query_map(params_from_iter(query.parameters), |row| {
        let value = match row.get(0)? {
            Value::Integer(time) if field.kind() == FieldKind::Time => {
                Timestamp::from_micros(time).to_string()
            }
            Value::Integer(number) => number.to_string(),
            Value::Real(number) => number.to_string(),
            Value::Text(text) => text,
            Value::Null | Value::Blob(_) => String::new(),
        };
        Ok(ValueCount { value, count: row.get(1)? })
    })?;
    Ok(counts.collect::<Result<_, _>>()?)
}

fn annotations(
    connection: &Connection,
    workspace: Uuid,
) -> Result<Vec<AnnotationField>, StorageError> {
    let Some(workspace) = workspaces::find(connection, workspace)? else { return Ok(Vec::new()) };
    let mut statement = connection.prepare_cached(
        "SELECT judge, name, options FROM event_annotations WHERE workspace = ?1 ORDER BY name, judge",
    )?;
    let mut rows = statement.query([workspace])?;
    let mut annotations = Vec::new();
    while let Some(row) = rows.next()? {
        let options: Option<String> = row.get(2)?;
        let options = options.as_deref().map(serde_json::from_str).transpose();
        annotations.push(AnnotationField {
            judge: row.get(0)?,
            name: row.get(1)?,
            options: options.map_err(|error| StorageError::Failed(error.into()))?,
        });
    }
    Ok(annotations)
}

impl EventStore for SqliteStorage {
    fn search_events(
        &self,
        workspace: Uuid,
        filter: EventFilter,
        after: Option<EventPosition>,
        limit: u32,
    ) -> Pending<EventPage> {
        self.read(move |connection| {
            limited(SEARCH_TIME, || search(connection, workspace, &filter, after, limit))
        })
    }

    fn search_event_ids(
        &self,
        workspace: Uuid,
        filter: EventFilter,
        limit: u32,
    ) -> Pending<Vec<String>> {
        self.read(move |connection| {
            limited(SEARCH_TIME, || ids(connection, workspace, &filter, limit))
        })
    }

    fn event_details(&self, workspace: Uuid, id: String) -> Pending<EventDetails> {
        self.read(move |connection| details(connection, workspace, id))
    }

    fn similar_events(
        &self,
        workspace: Uuid,
        id: String,
        limit: usize,
    ) -> Pending<Vec<EventSummary>> {
        self.read(move |connection| {
            limited(SEARCH_TIME, || similar(connection, workspace, id, limit))
        })
    }

    fn count_event_values(
        &self,
        workspace: Uuid,
        field: EventField,
        filter: EventFilter,
        limit: u32,
    ) -> Pending<Vec<ValueCount>> {
        self.read(move |connection| {
            limited(SEARCH_TIME, || count_values(connection, workspace, &field, &filter, limit))
        })
    }

    fn annotation_fields(&self, workspace: Uuid) -> Pending<Vec<AnnotationField>> {
        self.look_up(move |connection| annotations(connection, workspace))
    }
}
