//! Deletes telemetry that is older than it is kept. Several servers may do so at the same time.

use deadpool_postgres::Transaction;
use futures::try_join;

use crate::postgres::database::Database;
use crate::postgres::params::params;
use crate::storage::StorageError;
use crate::time::Timestamp;

/// The maximum number of rows that one step deletes of a table.
pub(super) const ROWS: i64 = 500;

/// Delete some rows that arrived before a time, oldest first.
const OTHERS: [&str; 2] = [
    "DELETE FROM logs WHERE id = ANY (ARRAY (SELECT id FROM logs WHERE arrived_at < $1 ORDER BY arrived_at LIMIT $2 \
     FOR UPDATE SKIP LOCKED))",
    "DELETE FROM span_evaluations WHERE id = ANY (ARRAY (SELECT id FROM span_evaluations WHERE arrived_at < $1 \
     ORDER BY arrived_at LIMIT $2 FOR UPDATE SKIP LOCKED))",
];

/// Runs one step. Returns whether there may be more to delete.
pub(super) async fn step(database: Database, before: Timestamp) -> Result<bool, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    let mut has_deleted = delete_spans(&transaction, before).await?;
    for sql in OTHERS {
        if !has_deleted {
            let deleted = transaction.execute_typed(sql, params![before.micros(), ROWS]).await?;
            has_deleted = deleted > 0;
        }
    }
    transaction.commit().await?;
    Ok(has_deleted)
}

/// Deletes spans, their events, and the traces that have no others. Traces that are being changed are left for the next step.
async fn delete_spans(
    transaction: &Transaction<'_>,
    before: Timestamp,
) -> Result<bool, StorageError> {
    let sql = "SELECT s.id, t.id FROM (SELECT id, workspace, trace_id FROM spans WHERE arrived_at < $1 \
                   ORDER BY arrived_at, id LIMIT $2) s \
               JOIN traces t ON t.workspace = s.workspace AND t.trace_id = s.trace_id FOR UPDATE OF t SKIP LOCKED";
    let rows = transaction.query_typed(sql, params![before.micros(), ROWS]).await?;
    if rows.is_empty() {
        return Ok(false);
    }
    let spans: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    let mut traces: Vec<i64> = rows.iter().map(|row| row.get(1)).collect();
    traces.sort_unstable();
    traces.dedup();
    let without_spans = "DELETE FROM traces t WHERE t.id = ANY ($1) AND NOT EXISTS \
                         (SELECT 1 FROM spans s WHERE s.workspace = t.workspace AND s.trace_id = t.trace_id)";
    // The statements are sent together, and executed in this order.
    let delete = async |sql, ids: &Vec<i64>| transaction.execute_typed(sql, params![ids]).await;
    try_join!(
        delete("DELETE FROM events WHERE span = ANY ($1)", &spans),
        delete("DELETE FROM spans WHERE id = ANY ($1)", &spans),
        delete(without_spans, &traces),
    )?;
    Ok(true)
}
