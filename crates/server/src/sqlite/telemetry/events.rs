//! Inserts chat completion events that are spans.

use rusqlite::{Connection, params};

use crate::storage::{NewEvent, NewSpan, StorageError};

pub(super) fn insert(
    connection: &Connection,
    workspace: i64,
    row: i64,
    span: &NewSpan,
    event: &NewEvent,
) -> Result<(), StorageError> {
    let model = match span.response_model.as_str() {
        "" => &span.request_model,
        model => model,
    };
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    // A fixture may have the same id; it is kept.
    connection
        .prepare_cached(
            "INSERT INTO events (workspace, name, span, created_at, correlation_id, model_name, total_time_elapsed, input_tokens, \
                output_tokens, nb_messages, api_agent_id, invoked_tools, first_system_message, last_user_message_preview, \
                response_messages_preview, enabled_tools, extra_fields) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, '{}') \
             ON CONFLICT (workspace, name) DO NOTHING",
        )?
        .execute(params![
            workspace,
            event.id.to_string(),
            row,
            span.start_time / 1000,
            span.trace_id,
            some(model),
            (span.end_time - span.start_time) as f64 / 1e9,
            span.usage_input_tokens,
            span.usage_output_tokens,
            event.nb_messages,
            some(&span.agent_id),
            event.invoked_tools,
            event.first_system_message,
            event.last_user_message_preview,
            event.response_messages_preview,
            event.enabled_tools,
        ])?;
    Ok(())
}
