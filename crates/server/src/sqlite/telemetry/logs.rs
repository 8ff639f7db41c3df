//! Inserts log records and the evaluations that they report.

use rusqlite::{Connection, params};

use super::traces;
use crate::sqlite::budget::Cost;
use crate::sqlite::workspaces;
use crate::storage::{NewEvaluation, NewLog, Sender, StorageError};
use crate::time::Timestamp;

/// The indexes of a record, and those of an evaluation with the row of the trace that counts it.
const INDEXES: [u64; 2] = [3, 10];

/// Returns an upper bound of the cost of inserting records: in the worst case, each changes another page of every index.
pub(super) fn cost(logs: &[NewLog]) -> Cost {
    let bytes = logs.iter().map(NewLog::bytes).sum();
    let count = logs.len() as u64;
    let evaluations = logs.iter().filter(|log| log.evaluation.is_some()).count() as u64;
    let [log_indexes, evaluation_indexes] = INDEXES;
    let pages = count * log_indexes + evaluations * evaluation_indexes;
    [Cost::insert(count + evaluations, bytes), Cost::pages(pages)].into_iter().sum()
}

pub(super) fn insert(
    connection: &Connection,
    sender: Sender,
    logs: &[NewLog],
) -> Result<(), StorageError> {
    let workspace = workspaces::find_or_create(connection, sender.workspace)?;
    let arrived_at = Timestamp::now().micros();
    let mut statement = connection.prepare_cached(
        "INSERT INTO logs (workspace, user_id, arrived_at, timestamp, trace_id, span_id, trace_flags, severity_text, \
            severity_number, service_name, event_name, resource_schema_url, scope_schema_url, scope_name, scope_version, body, \
            resource_attributes, scope_attributes, log_attributes) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
    )?;
    for log in logs {
        statement.execute(params![
            workspace,
            sender.user,
            arrived_at,
            log.timestamp,
            log.trace_id,
            log.span_id,
            log.trace_flags,
            log.severity_text,
            log.severity_number,
            log.service_name,
            log.event_name,
            log.resource_schema_url,
            log.scope_schema_url,
            log.scope_name,
            log.scope_version,
            log.body,
            log.resource_attributes,
            log.scope_attributes,
            log.log_attributes,
        ])?;
        if let Some(evaluation) = &log.evaluation {
            insert_evaluation(connection, workspace, sender, arrived_at, log, evaluation)?;
        }
    }
    Ok(())
}

fn insert_evaluation(
    connection: &Connection,
    workspace: i64,
    sender: Sender,
    arrived_at: i64,
    log: &NewLog,
    evaluation: &NewEvaluation,
) -> Result<(), StorageError> {
    connection
        .prepare_cached(
            "INSERT INTO span_evaluations (workspace, user_id, arrived_at, trace_id, span_id, response_id, conversation_id, \
                timestamp, evaluation_name, score_value, score_label, explanation, metadata) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, coalesce(nullif(?7, ''), (SELECT substr(conversation_id, 1, 1024) FROM spans \
                WHERE workspace = ?1 AND trace_id = ?4 AND span_id = ?5), ''), ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            workspace,
            sender.user,
            arrived_at,
            log.trace_id,
            log.span_id,
            evaluation.response_id,
            evaluation.conversation_id,
            log.timestamp,
            evaluation.evaluation_name,
            evaluation.score_value,
            evaluation.score_label,
            evaluation.explanation,
            evaluation.metadata,
        ])?;
    traces::count_evaluation(connection, workspace, &log.trace_id)
}
