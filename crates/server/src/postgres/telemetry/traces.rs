//! Reads and updates the summaries of traces.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use crate::postgres::database::failed;
use crate::postgres::params::params;
use crate::postgres::query::{Query, Rows};
use crate::storage::{
    NewSpan, Sender, StorageError, TraceOrigins, TraceSummary, names_from_json, names_to_json,
};

/// The summary of a trace whose row is locked.
pub(super) struct Locked {
    row: i64,
    pub(super) summary: TraceSummary,
    /// Whether spans were added.
    pub(super) is_changed: bool,
}

impl Locked {
    /// Adds a span to a trace that has as many evaluations, if it is new: they may arrive before their spans.
    pub(super) fn add(&mut self, span: &NewSpan, evaluations: i64) {
        if self.summary.span_count == 0 {
            self.summary.evaluation_count = evaluations;
        }
        self.summary.add(span);
        self.is_changed = true;
    }
}

/// A summary that was not written by a server.
#[derive(Debug, thiserror::Error)]
#[error("the summary of a trace is damaged")]
struct Damaged;

/// Locks the rows of traces until the transaction ends, in the order of `trace_ids`, which has to be ascending. Creates those that are
/// missing.
pub(super) async fn lock(
    transaction: &Transaction<'_>,
    workspace: i64,
    sender: Sender,
    arrived_at: i64,
    trace_ids: &[&str],
) -> Result<HashMap<String, Locked>, StorageError> {
    let sql = "INSERT INTO traces AS t (workspace, user_id, arrived_at, trace_id) SELECT $1, $2, $3, n.* FROM unnest($4) n \
               ON CONFLICT (workspace, trace_id) DO UPDATE SET arrived_at = greatest(t.arrived_at, excluded.arrived_at) \
               RETURNING id, trace_id, root_span_id, root_span_name, start_time, end_time, service_name, environment, \
                   conversation_id, workflow_name, agent_id, agent_name, error_message, error_count, span_count, \
                   gen_ai_span_count, llm_call_count, tool_call_count, retrieval_count, evaluation_count, input_tokens, \
                   output_tokens, cache_read_input_tokens, cache_creation_input_tokens, models_used, tools_used, \
                   first_turn_last_input_message, first_turn_last_output_message, last_turn_last_input_message, \
                   last_turn_last_output_message, origins";
    let rows = transaction
        .query_typed(sql, params![workspace, sender.user, arrived_at, trace_ids.to_vec()])
        .await?;
    rows.iter()
        .map(|row| {
            Ok((row.get(1), Locked { row: row.get(0), summary: read(row)?, is_changed: false }))
        })
        .collect()
}

fn read(row: &Row) -> Result<TraceSummary, StorageError> {
    if row.get::<_, i64>("span_count") == 0 {
        return Ok(TraceSummary::default());
    }
    Ok(TraceSummary {
        root_span_id: row.get("root_span_id"),
        root_span_name: row.get("root_span_name"),
        start_time: row.get("start_time"),
        end_time: row.get("end_time"),
        service_name: row.get("service_name"),
        environment: row.get("environment"),
        conversation_id: row.get("conversation_id"),
        workflow_name: row.get("workflow_name"),
        agent_id: row.get("agent_id"),
        agent_name: row.get("agent_name"),
        error_message: row.get("error_message"),
        error_count: row.get("error_count"),
        span_count: row.get("span_count"),
        gen_ai_span_count: row.get("gen_ai_span_count"),
        llm_call_count: row.get("llm_call_count"),
        tool_call_count: row.get("tool_call_count"),
        retrieval_count: row.get("retrieval_count"),
        evaluation_count: row.get("evaluation_count"),
        input_tokens: row.get("input_tokens"),
        output_tokens: row.get("output_tokens"),
        cache_read_input_tokens: row.get("cache_read_input_tokens"),
        cache_creation_input_tokens: row.get("cache_creation_input_tokens"),
        models_used: names_from_json(row.get("models_used")),
        tools_used: names_from_json(row.get("tools_used")),
        first_turn: [
            row.get("first_turn_last_input_message"),
            row.get("first_turn_last_output_message"),
        ],
        last_turn: [
            row.get("last_turn_last_input_message"),
            row.get("last_turn_last_output_message"),
        ],
        origins: TraceOrigins::from_bytes(row.get("origins")).ok_or_else(|| failed(Damaged))?,
    })
}

/// Writes summaries.
pub(super) async fn update(
    transaction: &Transaction<'_>,
    changed: &[&Locked],
) -> Result<(), StorageError> {
    if changed.is_empty() {
        return Ok(());
    }
    let (mut query, mut rows) = (Query::default(), Rows::default());
    bind(&mut query, &mut rows, changed);
    let assignments = rows.assignments("n");
    rows.add(&mut query, "id", changed.iter().map(|one| one.row).collect::<Vec<_>>());
    let rows = rows.table("n");
    query.push(&format!("UPDATE traces t SET {assignments} FROM {rows} WHERE t.id = n.id"));
    transaction.execute_typed(&query.sql, &query.parameters()).await?;
    Ok(())
}

fn bind<'a>(query: &mut Query<'a>, rows: &mut Rows, changed: &[&'a Locked]) {
    macro_rules! columns {
        ($type:ty, $as:ident, [$($column:ident),+ $(,)?]) => {
            $(column!($column: $type, |summary| summary.$column.$as());)+
        };
    }
    macro_rules! column {
        ($name:ident: $type:ty, $value:expr) => {
            let value: fn(&'a TraceSummary) -> $type = $value;
            let values = changed.iter().map(|locked| value(&locked.summary)).collect::<Vec<_>>();
            rows.add(query, stringify!($name), values);
        };
    }
    columns!(
        &'a str,
        as_str,
        [
            root_span_id,
            root_span_name,
            service_name,
            environment,
            conversation_id,
            workflow_name,
            agent_id,
            agent_name,
            error_message
        ]
    );
    columns!(
        i64,
        clone,
        [
            start_time,
            end_time,
            error_count,
            span_count,
            gen_ai_span_count,
            llm_call_count,
            tool_call_count,
            retrieval_count,
            evaluation_count,
            input_tokens,
            output_tokens,
            cache_read_input_tokens,
            cache_creation_input_tokens
        ]
    );
    column!(duration_ns: i64, |summary| summary.end_time - summary.start_time);
    column!(status_code: &'a str, |summary| summary.status_code());
    column!(models_used: String, |summary| names_to_json(&summary.models_used));
    column!(tools_used: String, |summary| names_to_json(&summary.tools_used));
    column!(first_turn_last_input_message: &'a str, |summary| &summary.first_turn[0]);
    column!(first_turn_last_output_message: &'a str, |summary| &summary.first_turn[1]);
    column!(last_turn_last_input_message: &'a str, |summary| &summary.last_turn[0]);
    column!(last_turn_last_output_message: &'a str, |summary| &summary.last_turn[1]);
    column!(origins: Vec<u8>, |summary| summary.origins.to_bytes());
}
