//! Finds the rows that match a filter.

use futures::{TryStreamExt, pin_mut};

use super::filter::{Matching, compile};
use crate::postgres::query::Query;
use crate::postgres::time_limit::Limited;
use crate::search::Entity;
use crate::storage::{StorageError, TelemetryFilter, TelemetryPosition, TimeOrder, table};

/// The numbers of rows that are read together if some of them may not match: at first, and at most.
const BATCHES: (usize, usize) = (500, 20_000);

/// A row that matches.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) position: TelemetryPosition,
    /// The size of its large texts.
    pub(super) bytes: usize,
}

/// Returns the first rows that match after a position, at most `wanted`.
pub(super) async fn positions(
    transaction: &Limited<'_>,
    workspace: i64,
    filter: &TelemetryFilter,
    order: TimeOrder,
    mut after: Option<TelemetryPosition>,
    wanted: usize,
) -> Result<Vec<Found>, StorageError> {
    let mut found = Vec::new();
    let mut batch = BATCHES.0;
    while found.len() < wanted {
        let mut query = Query::default();
        let Matching { condition, columns, check } = compile(&mut query, workspace, filter);
        let limit = if check.is_some() { batch } else { wanted };
        push(&mut query, filter, order, after, &condition, &columns, limit);
        let rows = transaction.stream(&query).await?;
        pin_mut!(rows);
        let mut read = 0;
        while let Some(row) = rows.try_next().await? {
            transaction.check()?;
            read += 1;
            let position = TelemetryPosition { time: row.try_get(0)?, row: row.try_get(1)? };
            after = Some(position);
            let matches = match &check {
                Some(check) => check.holds(&row, FIRST_COLUMN)?,
                None => true,
            };
            if matches {
                found.push(Found { position, bytes: row.try_get::<_, i64>(2)? as usize });
            }
            if found.len() == wanted {
                return Ok(found);
            }
        }
        if read < limit {
            break;
        }
        batch = (batch * 4).min(BATCHES.1);
    }
    Ok(found)
}

/// The number of columns before those of the check.
const FIRST_COLUMN: usize = 3;

/// Builds the query for the next rows that may match.
pub(super) fn push(
    query: &mut Query<'_>,
    filter: &TelemetryFilter,
    order: TimeOrder,
    after: Option<TelemetryPosition>,
    condition: &str,
    columns: &[String],
    limit: usize,
) {
    let (table, time) = (table(filter.entity), filter.entity.time());
    let (direction, comparison) = match order {
        TimeOrder::NewestFirst => ("DESC", "<"),
        TimeOrder::OldestFirst => ("ASC", ">"),
    };
    let columns: String = columns.iter().map(|column| format!(", {column}")).collect();
    let size = size(filter.entity);
    query.push(&format!("SELECT t.{time}, t.id, {size}{columns} FROM {table} t WHERE {condition}"));
    if let Some(after) = after {
        let (after_time, row) = (query.bind(after.time), query.bind(after.row));
        query.push(&format!(" AND (t.{time}, t.id) {comparison} ({after_time}, {row})"));
    }
    let limit = query.bind(limit as i64);
    query.push(&format!(" ORDER BY t.{time} {direction}, t.id {direction} LIMIT {limit}"));
}

/// Returns an expression for the size of the large texts of a row, which is known without reading them.
fn size(entity: Entity) -> String {
    let columns: &[_] = match entity {
        Entity::Spans => &[
            "tool_call_arguments",
            "tool_call_result",
            "tool_definitions",
            "system_instructions",
            "input_messages",
            "output_messages",
            "resource_attributes",
            "span_attributes",
        ],
        Entity::Traces => &[
            "first_turn_last_input_message",
            "first_turn_last_output_message",
            "last_turn_last_input_message",
            "last_turn_last_output_message",
        ],
        Entity::Logs => &["body", "resource_attributes", "scope_attributes", "log_attributes"],
        Entity::Evaluations => &["explanation", "metadata"],
    };
    let sizes: Vec<_> = columns.iter().map(|column| format!("octet_length(t.{column})")).collect();
    format!("({})::bigint", sizes.join(" + "))
}
