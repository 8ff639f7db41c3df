//! Searches of telemetry in PostgreSQL.
//!
//! What PostgreSQL evaluates differently from other storages is evaluated here instead: regular expressions, patterns that ignore case,
//! tokens, and lists in attributes. The database then returns the rows that may match, with what is needed to decide.

mod aggregate;
mod conditions;
mod evaluation;
mod filter;
mod literals;
mod node;
#[cfg(test)]
mod plan_tests;
mod positions;

use std::collections::HashMap;

use futures::{TryStreamExt, pin_mut};
use tokio_postgres::Row;
use uuid::Uuid;

use super::database::Database;
use super::params::{params, storable};
use super::query::Query;
use super::time_limit::Limited;
use super::{PostgresStorage, workspaces};
use crate::search::{Entity, Target};
use crate::storage::{
    Aggregation, AggregationResult, Missing, Pending, StorageError, TelemetryFilter, TelemetryPage,
    TelemetryPosition, TelemetryRow, TelemetrySearch, TimeOrder, row_columns, table, write_row,
};
use filter::Matching;
use positions::{Found, positions};

/// A page ends with the row with which it reaches this size in bytes.
const PAGE_BYTES: usize = 4 << 20;

async fn search(
    database: Database,
    filter: TelemetryFilter,
    order: TimeOrder,
    after: Option<TelemetryPosition>,
    limit: u32,
) -> Result<TelemetryPage, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = Limited::new(connection.read().await?);
    let workspace =
        transaction.run(workspaces::find_or_none(&transaction, filter.workspace)).await?;
    if let Some(trace_id) = &filter.trace_id {
        find_trace(&transaction, workspace, trace_id).await?;
    }
    // One more than the page has, which tells whether there is a next page.
    let wanted = if limit > 0 { limit as usize + 1 } else { 0 };
    let found = positions(&transaction, workspace, &filter, order, after, wanted).await?;
    let read = within_page(&found[..found.len().min(limit as usize)]);
    let objects = objects(&transaction, &filter, read).await?;
    let mut rows = vec![b'['];
    let mut written = 0;
    for object in objects {
        if written > 0 {
            rows.push(b',');
        }
        rows.extend_from_slice(&object);
        written += 1;
        if rows.len() >= PAGE_BYTES {
            break;
        }
    }
    rows.push(b']');
    let has_more = written < found.len();
    let next = found[..written].last().filter(|_| has_more).map(|found| found.position);
    Ok(TelemetryPage { rows, next })
}

/// Returns the rows up to the one with which their text reaches the size of a page.
fn within_page(found: &[Found]) -> &[Found] {
    let mut bytes = 0;
    let is_full = |found: &Found| {
        bytes += found.bytes;
        bytes >= PAGE_BYTES
    };
    let end = found.iter().position(is_full).map_or(found.len(), |index| index + 1);
    &found[..end]
}

/// Returns rows as objects of the API, in their order.
async fn objects(
    transaction: &Limited<'_>,
    filter: &TelemetryFilter,
    found: &[Found],
) -> Result<Vec<Vec<u8>>, StorageError> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let entity = filter.entity;
    // The id comes last, because the other columns are found by their number.
    let sql =
        format!("SELECT {}, id FROM {} WHERE id = ANY ($1)", row_columns(entity), table(entity));
    let ids: Vec<i64> = found.iter().map(|found| found.position.row).collect();
    let mut objects: HashMap<i64, Vec<u8>> = HashMap::new();
    let mut query = Query::default();
    query.bind(ids.clone());
    query.push(&sql);
    let rows = transaction.stream(&query).await?;
    pin_mut!(rows);
    while let Some(row) = rows.try_next().await? {
        let mut object = Vec::new();
        write_row(&mut object, &row, filter.workspace, entity)?;
        objects.insert(row.try_get(row.len() - 1)?, object);
    }
    Ok(ids.iter().filter_map(|id| objects.remove(id)).collect())
}

async fn find_trace(
    transaction: &Limited<'_>,
    workspace: i64,
    trace_id: &str,
) -> Result<(), StorageError> {
    let sql = "SELECT 1 FROM traces WHERE workspace = $1 AND trace_id = $2";
    let found = transaction.query_typed_opt(sql, params![workspace, storable(trace_id)]).await?;
    found.map(|_| ()).ok_or_else(|| Missing::Trace.into())
}

async fn trace(
    database: Database,
    workspace: Uuid,
    trace_id: String,
) -> Result<Vec<u8>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    let sql = format!(
        "SELECT {} FROM traces WHERE trace_id = $2 \
         AND workspace = (SELECT id FROM workspaces WHERE uuid = $1 AND NOT discarded)",
        row_columns(Entity::Traces)
    );
    let row = transaction.query_typed_opt(&sql, params![workspace, storable(&trace_id)]).await?;
    let row = row.ok_or(Missing::Trace)?;
    let mut object = Vec::new();
    write_row(&mut object, &row, workspace, Entity::Traces)?;
    Ok(object)
}

async fn span(
    database: Database,
    filter: TelemetryFilter,
    trace_id: String,
    span_id: String,
) -> Result<Vec<u8>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = Limited::new(connection.read().await?);
    let workspace =
        transaction.run(workspaces::find_or_none(&transaction, filter.workspace)).await?;
    find_trace(&transaction, workspace, &trace_id).await?;
    let mut query = Query::default();
    let Matching { condition, .. } = filter::compile(&mut query, workspace, &filter);
    let (trace_id, span_id) =
        (query.bind(storable(&trace_id).into_owned()), query.bind(storable(&span_id).into_owned()));
    query.push(&format!(
        "SELECT {} FROM spans t WHERE {condition} AND t.trace_id = {trace_id} AND t.span_id = {span_id}",
        row_columns(Entity::Spans)
    ));
    let row = transaction.query_typed_opt(&query.sql, &query.parameters()).await?;
    let row = row.ok_or(Missing::Span)?;
    let mut object = Vec::new();
    write_row(&mut object, &row, filter.workspace, Entity::Spans)?;
    Ok(object)
}

impl TelemetryRow for Row {
    type Error = tokio_postgres::Error;

    fn uuid(&self, column: usize) -> Result<Uuid, Self::Error> {
        self.try_get(column)
    }

    fn text(&self, column: usize) -> Result<&str, Self::Error> {
        self.try_get(column)
    }

    fn integer(&self, column: usize) -> Result<i64, Self::Error> {
        self.try_get(column)
    }

    fn real(&self, column: usize) -> Result<Option<f64>, Self::Error> {
        self.try_get(column)
    }
}

impl TelemetrySearch for PostgresStorage {
    fn search_telemetry(
        &self,
        filter: TelemetryFilter,
        order: TimeOrder,
        after: Option<TelemetryPosition>,
        limit: u32,
    ) -> Pending<TelemetryPage> {
        Box::pin(search(self.database.clone(), filter, order, after, limit))
    }

    fn trace(&self, workspace: Uuid, trace_id: String) -> Pending<Vec<u8>> {
        Box::pin(trace(self.database.clone(), workspace, trace_id))
    }

    fn span(&self, filter: TelemetryFilter, trace_id: String, span_id: String) -> Pending<Vec<u8>> {
        Box::pin(span(self.database.clone(), filter, trace_id, span_id))
    }

    fn aggregate_telemetry(
        &self,
        filter: TelemetryFilter,
        aggregation: Aggregation,
    ) -> Pending<AggregationResult> {
        Box::pin(aggregate::aggregate(self.database.clone(), filter, aggregation))
    }

    fn telemetry_values(
        &self,
        filter: TelemetryFilter,
        target: Target,
        limit: u32,
    ) -> Pending<Vec<String>> {
        Box::pin(aggregate::values(self.database.clone(), filter, target, limit))
    }
}
