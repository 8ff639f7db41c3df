//! Deletes telemetry that is older than it is kept.

use rusqlite::{Connection, params};

use crate::storage::StorageError;
use crate::time::Timestamp;

/// The maximum number of rows that one step deletes of a table.
pub(super) const ROWS: usize = 200;

/// An upper bound of how many rows one step deletes, and of the indexes that it changes in units of a row's.
pub(super) const DELETIONS: usize = 3 * ROWS;

/// Delete some rows that arrived before a time, oldest first. The events of a span are deleted before it, and a trace after its spans.
const STATEMENTS: [&str; 5] = [
    "DELETE FROM events WHERE span IN (SELECT id FROM spans WHERE arrived_at < ?1 ORDER BY arrived_at, id LIMIT ?2)",
    "DELETE FROM spans WHERE id IN (SELECT id FROM spans WHERE arrived_at < ?1 ORDER BY arrived_at, id LIMIT ?2)",
    "DELETE FROM logs WHERE id IN (SELECT id FROM logs WHERE arrived_at < ?1 ORDER BY arrived_at LIMIT ?2)",
    "DELETE FROM span_evaluations WHERE id IN \
     (SELECT id FROM span_evaluations WHERE arrived_at < ?1 ORDER BY arrived_at LIMIT ?2)",
    // The clock may have been set back between the spans of a trace.
    "DELETE FROM traces WHERE id IN (SELECT id FROM traces WHERE arrived_at < ?1 AND NOT EXISTS \
        (SELECT 1 FROM spans WHERE spans.workspace = traces.workspace AND spans.trace_id = traces.trace_id) \
     ORDER BY arrived_at LIMIT ?2)",
];

/// Runs one step. Returns whether there may be more to delete.
pub(super) fn step(connection: &Connection, before: Timestamp) -> Result<bool, StorageError> {
    let [events, spans, others @ ..] = STATEMENTS;
    let parameters = params![before.micros(), ROWS as i64];
    connection.prepare_cached(events)?.execute(parameters)?;
    if connection.prepare_cached(spans)?.execute(parameters)? > 0 {
        return Ok(true);
    }
    for sql in others {
        if connection.prepare_cached(sql)?.execute(parameters)? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}
