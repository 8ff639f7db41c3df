//! Deletes telemetry that is older than it is kept.

use rusqlite::{Connection, params};

use crate::storage::StorageError;
use crate::time::Timestamp;

/// The maximum number of rows that one step deletes of a table.
pub(super) const ROWS: usize = 200;

/// Delete some rows that arrived before a time, oldest first. Rows arrive in the order of their ids. The events of a span are deleted
/// before it.
const STATEMENTS: [&str; 5] = [
    "DELETE FROM events WHERE span IN \
     (SELECT id FROM (SELECT id, arrived_at FROM spans ORDER BY id LIMIT ?2) WHERE arrived_at < ?1)",
    "DELETE FROM spans WHERE id IN \
     (SELECT id FROM (SELECT id, arrived_at FROM spans ORDER BY id LIMIT ?2) WHERE arrived_at < ?1)",
    "DELETE FROM logs WHERE id IN \
     (SELECT id FROM (SELECT id, arrived_at FROM logs ORDER BY id LIMIT ?2) WHERE arrived_at < ?1)",
    "DELETE FROM span_evaluations WHERE id IN \
     (SELECT id FROM (SELECT id, arrived_at FROM span_evaluations ORDER BY id LIMIT ?2) WHERE arrived_at < ?1)",
    // A trace gets later when further spans arrive, so the order of the ids is not that of the arrival.
    "DELETE FROM traces WHERE id IN (SELECT id FROM traces WHERE arrived_at < ?1 ORDER BY arrived_at LIMIT ?2)",
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
