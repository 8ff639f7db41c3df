//! Searches of telemetry in SQLite.

mod aggregate;
mod filter;
mod rows;

use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use uuid::Uuid;

use super::event_filter::Query;
use super::time_limit::{SEARCH_TIME, limited};
use super::{SqliteStorage, workspaces};
use crate::search::{Entity, Target};
use crate::storage::{
    Aggregation, AggregationResult, Missing, Pending, StorageError, TelemetryFilter, TelemetryPage,
    TelemetryPosition, TelemetrySearch, TimeOrder,
};
use filter::{from_clause, push_filter};
use rows::RowReader;

/// A page ends with the row with which it reaches this size in bytes.
const PAGE_BYTES: usize = 4 << 20;

fn search(
    connection: &Connection,
    filter: &TelemetryFilter,
    order: TimeOrder,
    after: Option<TelemetryPosition>,
    limit: u32,
) -> Result<TelemetryPage, StorageError> {
    let workspace = workspaces::find(connection, filter.workspace)?;
    if let Some(trace_id) = &filter.trace_id {
        find_trace(connection, workspace, trace_id)?;
    }
    let positions = match workspace {
        Some(workspace) if limit > 0 => {
            positions(connection, workspace, filter, order, after, limit)?
        }
        _ => Vec::new(),
    };
    let reader = RowReader::new(filter.workspace, filter.entity);
    let mut rows = vec![b'['];
    let mut written = 0;
    // Of a full page, there is one position more, which tells whether there is a next page.
    for position in positions.iter().take(limit as usize) {
        if written > 0 {
            rows.push(b',');
        }
        reader.write(connection, position.row, &mut rows)?;
        written += 1;
        if rows.len() >= PAGE_BYTES {
            break;
        }
    }
    rows.push(b']');
    let has_more = written < positions.len();
    let next = positions[..written].last().copied().filter(|_| has_more);
    Ok(TelemetryPage { rows, next })
}

/// Returns the positions of rows that match: one more than `limit` if there are that many.
fn positions(
    connection: &Connection,
    workspace: i64,
    filter: &TelemetryFilter,
    order: TimeOrder,
    after: Option<TelemetryPosition>,
    limit: u32,
) -> Result<Vec<TelemetryPosition>, StorageError> {
    let query = positions_query(workspace, filter, order, after, limit);
    let mut statement = connection.prepare(&query.sql)?;
    let rows = statement.query_map(params_from_iter(query.parameters), |row| {
        Ok(TelemetryPosition { time: row.get(0)?, row: row.get(1)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn positions_query(
    workspace: i64,
    filter: &TelemetryFilter,
    order: TimeOrder,
    after: Option<TelemetryPosition>,
    limit: u32,
) -> Query {
    let time = filter.entity.time();
    let (direction, comparison) = match order {
        TimeOrder::NewestFirst => ("DESC", "<"),
        TimeOrder::OldestFirst => ("ASC", ">"),
    };
    let mut query = Query::default();
    query.push(&format!("SELECT t.{time}, t.id FROM {} WHERE ", from_clause(filter)));
    push_filter(&mut query, workspace, filter);
    if let Some(after) = after {
        let (after_time, row) = (query.bind(after.time), query.bind(after.row));
        query.push(&format!(" AND (t.{time}, t.id) {comparison} ({after_time}, {row})"));
    }
    let limit = query.bind(i64::from(limit) + 1);
    query.push(&format!(" ORDER BY t.{time} {direction}, t.id {direction} LIMIT {limit}"));
    query
}

/// Returns the row of a trace.
fn find_trace(
    connection: &Connection,
    workspace: Option<i64>,
    trace_id: &str,
) -> Result<i64, StorageError> {
    let found = connection
        .prepare_cached("SELECT id FROM traces WHERE workspace = ?1 AND trace_id = ?2")?
        .query_row(params![workspace, trace_id], |row| row.get(0))
        .optional()?;
    found.ok_or_else(|| Missing::Trace.into())
}

fn trace(
    connection: &Connection,
    workspace: Uuid,
    trace_id: &str,
) -> Result<Vec<u8>, StorageError> {
    let row = find_trace(connection, workspaces::find(connection, workspace)?, trace_id)?;
    let mut object = Vec::new();
    RowReader::new(workspace, Entity::Traces).write(connection, row, &mut object)?;
    Ok(object)
}

fn span(
    connection: &Connection,
    filter: &TelemetryFilter,
    trace_id: &str,
    span_id: &str,
) -> Result<Vec<u8>, StorageError> {
    let workspace = workspaces::find(connection, filter.workspace)?;
    find_trace(connection, workspace, trace_id)?;
    let mut query = Query::default();
    query.push("SELECT t.id FROM spans t WHERE ");
    push_filter(&mut query, workspace.unwrap_or_default(), filter);
    let (trace_id, span_id) = (query.bind(trace_id.to_owned()), query.bind(span_id.to_owned()));
    query.push(&format!(" AND t.trace_id = {trace_id} AND t.span_id = {span_id}"));
    let mut statement = connection.prepare_cached(&query.sql)?;
    let row =
        statement.query_row(params_from_iter(query.parameters), |row| row.get(0)).optional()?;
    let row = row.ok_or(Missing::Span)?;
    let mut object = Vec::new();
    RowReader::new(filter.workspace, Entity::Spans).write(connection, row, &mut object)?;
    Ok(object)
}

impl TelemetrySearch for SqliteStorage {
    fn search_telemetry(
        &self,
        filter: TelemetryFilter,
        order: TimeOrder,
        after: Option<TelemetryPosition>,
        limit: u32,
    ) -> Pending<TelemetryPage> {
        self.read(move |connection| {
            limited(SEARCH_TIME, || search(connection, &filter, order, after, limit))
        })
    }

    fn trace(&self, workspace: Uuid, trace_id: String) -> Pending<Vec<u8>> {
        self.look_up(move |connection| trace(connection, workspace, &trace_id))
    }

    fn span(&self, filter: TelemetryFilter, trace_id: String, span_id: String) -> Pending<Vec<u8>> {
        self.look_up(move |connection| span(connection, &filter, &trace_id, &span_id))
    }

    fn aggregate_telemetry(
        &self,
        filter: TelemetryFilter,
        aggregation: Aggregation,
    ) -> Pending<AggregationResult> {
        self.read(move |connection| {
            limited(SEARCH_TIME, || aggregate::aggregate(connection, &filter, &aggregation))
        })
    }

    fn telemetry_values(
        &self,
        filter: TelemetryFilter,
        target: Target,
        limit: u32,
    ) -> Pending<Vec<String>> {
        self.read(move |connection| {
            limited(SEARCH_TIME, || aggregate::values(connection, &filter, &target, limit))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search;

    /// Returns how SQLite runs a search.
    fn plan(
        storage: &SqliteStorage,
        entity: Entity,
        expression: &str,
        trace_id: Option<&str>,
    ) -> String {
        let mut filter = TelemetryFilter::new(Uuid::nil(), entity);
        filter.expression = search::parse(entity, expression).unwrap();
        filter.trace_id = trace_id.map(str::to_owned);
        let after = Some(TelemetryPosition { time: 1, row: 1 });
        let query = positions_query(1, &filter, TimeOrder::NewestFirst, after, 50);
        let plan = storage.look_up(move |connection| {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", query.sql))?;
            let steps = statement
                .query_map(params_from_iter(query.parameters), |row| row.get::<_, String>(3))?;
            Ok(steps.collect::<Result<Vec<_>, _>>()?.join("; "))
        });
        futures::executor::block_on(plan).unwrap()
    }

    #[test]
    fn searches_use_the_most_selective_index() {
        let directory = tempfile::tempdir().unwrap();
        let storage = SqliteStorage::open_in(directory.path());
        let model = "request_model = 'a' AND start_time > '2026-08-01'";
        for (entity, expression, trace_id, index) in [
            (Entity::Spans, "", None, "spans_by_time"),
            (Entity::Spans, "", Some("a"), "spans_by_trace"),
            (
                Entity::Spans,
                model,
                None,
                "spans_by_model (workspace=? AND request_model=? AND start_time>? AND start_time<?)",
            ),
            (
                Entity::Spans,
                "operation_name = 'chat' AND request_model = 'a'",
                None,
                "spans_by_model",
            ),
            (Entity::Spans, "request_model = 'a' AND trace_id = 'b'", None, "spans_by_trace"),
            (
                Entity::Spans,
                "request_model = 'a' AND conversation_id = 'b'",
                None,
                "spans_by_conversation",
            ),
            (Entity::Spans, "trace_id = 'a' OR span_id = 'b'", None, "spans_by_time"),
            (
                Entity::Spans,
                "span_attributes['gen_ai.request.model'] = 'a'",
                None,
                "spans_by_model",
            ),
            (Entity::Traces, "trace_id = 'a'", None, "traces_by_trace"),
            (
                Entity::Traces,
                "span_attributes['gen_ai.request.model'] = 'a'",
                None,
                "spans_by_trace",
            ),
            (Entity::Logs, "trace_id = 'a'", None, "logs_by_trace"),
            (Entity::Logs, "trace_id = ''", None, "logs_by_time"),
            (Entity::Evaluations, "trace_id = 'a'", None, "span_evaluations_by_span"),
        ] {
            let plan = plan(&storage, entity, expression, trace_id);
            assert!(plan.contains(index), "{expression}: {plan}");
        }
        assert!(!plan(&storage, Entity::Spans, model, None).contains("TEMP B-TREE"));
    }
}
