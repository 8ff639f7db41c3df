//! Updates the summaries of traces.

use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::storage::{
    MAX_NAMED, NewSpan, Sender, StorageError, TraceOrigins, TraceSummary, cut, names_from_json,
    names_to_json,
};

/// Adds spans to the summary of their trace.
pub(super) fn add(
    connection: &Connection,
    workspace: i64,
    sender: Sender,
    arrived_at: i64,
    trace_id: &str,
    spans: &[&NewSpan],
) -> Result<(), StorageError> {
    let found = connection
        .prepare_cached(
            "SELECT root_span_id, root_span_name, start_time, end_time, service_name, \
                environment, conversation_id, workflow_name, agent_id, agent_name, error_message, error_count, \
                span_count, gen_ai_span_count, llm_call_count, tool_call_count, retrieval_count, evaluation_count, input_tokens, \
                output_tokens, cache_read_input_tokens, cache_creation_input_tokens, models_used, tools_used, \
                first_turn_last_input_message, first_turn_last_output_message, \
                last_turn_last_input_message, last_turn_last_output_message, origins \
             FROM traces WHERE workspace = ?1 AND trace_id = ?2",
        )?
        .query_row(params![workspace, trace_id], read)
        .optional()?;
    let mut trace = match found {
        Some(trace) => trace,
        None => TraceSummary {
            // The evaluations of a span may arrive before it.
            evaluation_count: connection
                .prepare_cached(
                    "SELECT count(*) FROM span_evaluations WHERE workspace = ?1 AND trace_id = ?2",
                )?
                .query_row(params![workspace, trace_id], |row| row.get(0))?,
            ..TraceSummary::default()
        },
    };
    for span in spans {
        trace.add(span);
    }
    if trace.evaluation_count > 0 {
        name_conversations(connection, workspace, spans)?;
    }
    write(connection, workspace, sender, arrived_at, trace_id, &trace)
}

/// Sets the conversation of evaluations that arrived before their spans.
fn name_conversations(
    connection: &Connection,
    workspace: i64,
    spans: &[&NewSpan],
) -> Result<(), StorageError> {
    let mut statement = connection.prepare_cached(
        "UPDATE span_evaluations SET conversation_id = ?4 WHERE id IN (SELECT id FROM span_evaluations \
            WHERE workspace = ?1 AND trace_id = ?2 AND span_id = ?3 AND conversation_id = '' LIMIT ?5)",
    )?;
    let mut left = MAX_NAMED;
    for span in spans.iter().filter(|span| !span.conversation_id.is_empty()) {
        let changed = statement.execute(params![
            workspace,
            span.trace_id,
            span.span_id,
            cut(&span.conversation_id),
            left,
        ])?;
        left = left.saturating_sub(changed as u64);
    }
    Ok(())
}

/// Counts an evaluation of a span.
pub(super) fn count_evaluation(
    connection: &Connection,
    workspace: i64,
    trace_id: &str,
) -> Result<(), StorageError> {
    connection
        .prepare_cached(
            "UPDATE traces SET evaluation_count = evaluation_count + 1 WHERE workspace = ?1 AND trace_id = ?2",
        )?
        .execute(params![workspace, trace_id])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<TraceSummary> {
    let names = |index| Ok::<_, rusqlite::Error>(names_from_json(row.get_ref(index)?.as_str()?));
    let origins = row.get_ref(28)?.as_blob()?;
    let origins = TraceOrigins::from_bytes(origins).ok_or(FromSqlError::InvalidBlobSize {
        expected_size: TraceOrigins::BYTES,
        blob_size: origins.len(),
    })?;
    Ok(TraceSummary {
        root_span_id: row.get(0)?,
        root_span_name: row.get(1)?,
        start_time: row.get(2)?,
        end_time: row.get(3)?,
        service_name: row.get(4)?,
        environment: row.get(5)?,
        conversation_id: row.get(6)?,
        workflow_name: row.get(7)?,
        agent_id: row.get(8)?,
        agent_name: row.get(9)?,
        error_message: row.get(10)?,
        error_count: row.get(11)?,
        span_count: row.get(12)?,
        gen_ai_span_count: row.get(13)?,
        llm_call_count: row.get(14)?,
        tool_call_count: row.get(15)?,
        retrieval_count: row.get(16)?,
        evaluation_count: row.get(17)?,
        input_tokens: row.get(18)?,
        output_tokens: row.get(19)?,
        cache_read_input_tokens: row.get(20)?,
        cache_creation_input_tokens: row.get(21)?,
        models_used: names(22)?,
        tools_used: names(23)?,
        first_turn: [row.get(24)?, row.get(25)?],
        last_turn: [row.get(26)?, row.get(27)?],
        origins,
    })
}

fn write(
    connection: &Connection,
    workspace: i64,
    sender: Sender,
    arrived_at: i64,
    trace_id: &str,
    trace: &TraceSummary,
) -> Result<(), StorageError> {
    connection
        .prepare_cached(
            "INSERT INTO traces (workspace, user_id, arrived_at, trace_id, root_span_id, root_span_name, start_time, end_time, \
                duration_ns, service_name, environment, conversation_id, workflow_name, agent_id, agent_name, \
                status_code, error_message, error_count, span_count, gen_ai_span_count, llm_call_count, \
                tool_call_count, retrieval_count, evaluation_count, input_tokens, output_tokens, \
                cache_read_input_tokens, cache_creation_input_tokens, models_used, tools_used, \
                first_turn_last_input_message, first_turn_last_output_message, last_turn_last_input_message, \
                last_turn_last_output_message, origins) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, \
                ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35) \
             ON CONFLICT (workspace, trace_id) DO UPDATE SET arrived_at = excluded.arrived_at, root_span_id = excluded.root_span_id, \
                root_span_name = excluded.root_span_name, start_time = excluded.start_time, \
                end_time = excluded.end_time, duration_ns = excluded.duration_ns, \
                service_name = excluded.service_name, environment = excluded.environment, \
                conversation_id = excluded.conversation_id, workflow_name = excluded.workflow_name, \
                agent_id = excluded.agent_id, agent_name = excluded.agent_name, status_code = excluded.status_code, \
                error_message = excluded.error_message, error_count = excluded.error_count, \
                span_count = excluded.span_count, gen_ai_span_count = excluded.gen_ai_span_count, \
                llm_call_count = excluded.llm_call_count, tool_call_count = excluded.tool_call_count, \
                retrieval_count = excluded.retrieval_count, input_tokens = excluded.input_tokens, \
                output_tokens = excluded.output_tokens, cache_read_input_tokens = excluded.cache_read_input_tokens, \
                cache_creation_input_tokens = excluded.cache_creation_input_tokens, \
                models_used = excluded.models_used, tools_used = excluded.tools_used, \
                first_turn_last_input_message = excluded.first_turn_last_input_message, \
                first_turn_last_output_message = excluded.first_turn_last_output_message, \
                last_turn_last_input_message = excluded.last_turn_last_input_message, \
                last_turn_last_output_message = excluded.last_turn_last_output_message, origins = excluded.origins",
        )?
        .execute(params![
            workspace,
            sender.user,
            arrived_at,
            trace_id,
            trace.root_span_id,
            trace.root_span_name,
            trace.start_time,
            trace.end_time,
            trace.end_time - trace.start_time,
            trace.service_name,
            trace.environment,
            trace.conversation_id,
            trace.workflow_name,
            trace.agent_id,
            trace.agent_name,
            trace.status_code(),
            trace.error_message,
            trace.error_count,
            trace.span_count,
            trace.gen_ai_span_count,
            trace.llm_call_count,
            trace.tool_call_count,
            trace.retrieval_count,
            trace.evaluation_count,
            trace.input_tokens,
            trace.output_tokens,
            trace.cache_read_input_tokens,
            trace.cache_creation_input_tokens,
            names_to_json(&trace.models_used),
            names_to_json(&trace.tools_used),
            trace.first_turn[0],
            trace.first_turn[1],
            trace.last_turn[0],
            trace.last_turn[1],
            trace.origins.to_bytes(),
        ])?;
    Ok(())
}
