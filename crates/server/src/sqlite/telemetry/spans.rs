//! Inserts spans, together with their events and the summaries of their traces.

use std::collections::{BTreeMap, HashSet};

use rusqlite::{Connection, params};

use super::{events, traces};
use crate::sqlite::budget::Cost;
use crate::sqlite::workspaces;
use crate::storage::{MAX_NAMED, MAX_SUMMARY_BYTES, NewSpan, Sender, StorageError};
use crate::time::Timestamp;

const INSERT: &str = "INSERT INTO spans (workspace, user_id, arrived_at, trace_id, span_id, parent_span_id, trace_state, \
     start_time, end_time, duration_ns, span_name, span_kind, service_name, status_code, status_message, error_type, \
     operation_name, provider_name, request_model, response_model, response_id, output_type, conversation_id, \
     data_source_id, agent_id, agent_name, agent_version, agent_description, workflow_name, prompt_name, tool_name, tool_type, \
     tool_call_id, request_choice_count, request_max_tokens, request_temperature, request_top_p, request_top_k, \
     request_presence_penalty, request_frequency_penalty, request_seed, request_stop_sequences, request_encoding_formats, \
     response_finish_reasons, usage_input_tokens, usage_output_tokens, usage_cache_read_input_tokens, \
     usage_cache_creation_input_tokens, scope_name, scope_version, tool_call_arguments, tool_call_result, tool_definitions, \
     system_instructions, input_messages, output_messages, resource_attributes, span_attributes) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, \
     ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38, ?39, ?40, ?41, ?42, ?43, ?44, ?45, ?46, ?47, ?48, \
     ?49, ?50, ?51, ?52, ?53, ?54, ?55, ?56, ?57, ?58) ON CONFLICT (workspace, trace_id, span_id) DO NOTHING";

/// The indexes of a span, of an event, and of a trace.
const INDEXES: [u64; 3] = [6, 4, 4];

/// Returns an upper bound of the cost of inserting spans: in the worst case, each changes another page of every index.
pub(super) fn cost(spans: &[NewSpan]) -> Cost {
    let bytes = spans.iter().map(NewSpan::bytes).sum();
    let count = spans.len() as u64;
    let events = spans.iter().filter(|span| span.event.is_some()).count() as u64;
    let traces: HashSet<&str> = spans.iter().map(|span| &*span.trace_id).collect();
    let traces = traces.len() as u64;
    let [span_indexes, event_indexes, trace_indexes] = INDEXES;
    let pages = count * span_indexes + events * event_indexes + traces * trace_indexes;
    let is_named = spans.iter().any(|span| !span.conversation_id.is_empty());
    let named = if is_named { MAX_NAMED } else { 0 };
    let rows = Cost::insert(count + events, bytes);
    let summaries = Cost::insert(traces, traces * MAX_SUMMARY_BYTES);
    [rows, summaries, Cost::pages(pages + named)].into_iter().sum()
}

pub(super) fn insert(
    connection: &Connection,
    sender: Sender,
    spans: &[NewSpan],
) -> Result<(), StorageError> {
    let workspace = workspaces::find_or_create(connection, sender.workspace)?;
    let arrived_at = Timestamp::now().micros();
    let mut statement = connection.prepare_cached(INSERT)?;
    // In a fixed order, so that the rows of equal requests have equal ids.
    let mut by_trace: BTreeMap<&str, Vec<&NewSpan>> = BTreeMap::new();
    for span in spans {
        let inserted = statement.execute(params![
            workspace,
            sender.user,
            arrived_at,
            span.trace_id,
            span.span_id,
            span.parent_span_id,
            span.trace_state,
            span.start_time,
            span.end_time,
            span.end_time - span.start_time,
            span.span_name,
            span.span_kind,
            span.service_name,
            span.status_code,
            span.status_message,
            span.error_type,
            span.operation_name,
            span.provider_name,
            span.request_model,
            span.response_model,
            span.response_id,
            span.output_type,
            span.conversation_id,
            span.data_source_id,
            span.agent_id,
            span.agent_name,
            span.agent_version,
            span.agent_description,
            span.workflow_name,
            span.prompt_name,
            span.tool_name,
            span.tool_type,
            span.tool_call_id,
            span.request_choice_count,
            span.request_max_tokens,
            span.request_temperature,
            span.request_top_p,
            span.request_top_k,
            span.request_presence_penalty,
            span.request_frequency_penalty,
            span.request_seed,
            span.request_stop_sequences,
            span.request_encoding_formats,
            span.response_finish_reasons,
            span.usage_input_tokens,
            span.usage_output_tokens,
            span.usage_cache_read_input_tokens,
            span.usage_cache_creation_input_tokens,
            span.scope_name,
            span.scope_version,
            span.tool_call_arguments,
            span.tool_call_result,
            span.tool_definitions,
            span.system_instructions,
            span.input_messages,
            span.output_messages,
            span.resource_attributes,
            span.span_attributes,
        ])?;
        // Exporters send a request again if they have no response.
        if inserted == 0 {
            continue;
        }
        if let Some(event) = &span.event {
            events::insert(connection, workspace, connection.last_insert_rowid(), span, event)?;
        }
        by_trace.entry(&span.trace_id).or_default().push(span);
    }
    for (trace_id, spans) in by_trace {
        traces::add(connection, workspace, sender, arrived_at, trace_id, &spans)?;
    }
    Ok(())
}
