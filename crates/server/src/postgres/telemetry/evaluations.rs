//! Evaluations of spans. They may arrive before their spans.

use std::collections::HashMap;

use deadpool_postgres::Transaction;

use crate::postgres::params::params;
use crate::storage::{MAX_NAMED, NewSpan, StorageError, cut};

/// The first key of the advisory locks of [`exclude`] and [`lock`]; the row of the workspace is added to it.
const FIRST_LOCK: i64 = 0x6576_616c_0000_0000;

/// Waits until no evaluations are being inserted into a workspace, and keeps others from inserting any until the transaction ends.
///
/// Otherwise, spans of a new trace and evaluations of them that are inserted at the same time would not see each other.
pub(super) async fn exclude(
    transaction: &Transaction<'_>,
    workspace: i64,
) -> Result<(), StorageError> {
    let sql = "SELECT pg_advisory_xact_lock_shared($1)";
    transaction.execute_typed(sql, params![FIRST_LOCK + workspace]).await?;
    Ok(())
}

/// Keeps others from inserting spans and evaluations into a workspace until the transaction ends.
pub(super) async fn lock(
    transaction: &Transaction<'_>,
    workspace: i64,
) -> Result<(), StorageError> {
    let sql = "SELECT pg_advisory_xact_lock($1)";
    transaction.execute_typed(sql, params![FIRST_LOCK + workspace]).await?;
    Ok(())
}

/// Returns how many evaluations traces have, if any.
pub(super) async fn count(
    transaction: &Transaction<'_>,
    workspace: i64,
    trace_ids: &[&str],
) -> Result<HashMap<String, i64>, StorageError> {
    let sql = "SELECT trace_id, count(*) FROM span_evaluations WHERE workspace = $1 AND trace_id = ANY($2) GROUP BY trace_id";
    let rows = transaction.query_typed(sql, params![workspace, trace_ids.to_vec()]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Sets the conversation of evaluations that arrived before their spans.
pub(super) async fn name_conversations(
    transaction: &Transaction<'_>,
    workspace: i64,
    spans: &[&NewSpan],
) -> Result<(), StorageError> {
    let named: Vec<_> = spans.iter().filter(|span| !span.conversation_id.is_empty()).collect();
    if named.is_empty() {
        return Ok(());
    }
    let trace_ids: Vec<&str> = named.iter().map(|span| span.trace_id.as_str()).collect();
    let span_ids: Vec<&str> = named.iter().map(|span| span.span_id.as_str()).collect();
    let conversations: Vec<String> = named.iter().map(|span| cut(&span.conversation_id)).collect();
    let sql = "UPDATE span_evaluations e SET conversation_id = named.conversation_id FROM ( \
                   SELECT o.id, n.conversation_id FROM unnest($2, $3, $4) AS n (trace_id, span_id, conversation_id) \
                   JOIN span_evaluations o ON o.workspace = $1 AND o.trace_id = n.trace_id AND o.span_id = n.span_id \
                   WHERE o.conversation_id = '' ORDER BY o.id LIMIT $5 \
               ) named WHERE e.id = named.id";
    let limit = MAX_NAMED as i64;
    transaction
        .execute_typed(sql, params![workspace, trace_ids, span_ids, conversations, limit])
        .await?;
    Ok(())
}
