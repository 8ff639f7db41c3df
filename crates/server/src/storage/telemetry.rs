//! Storage of spans, log records and evaluations of spans.

use uuid::Uuid;

use super::Pending;
use crate::time::Timestamp;

/// Who sends telemetry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender {
    pub(crate) workspace: Uuid,
    pub(crate) user: Uuid,
}

/// A span. Fields are named like those of the API; text that is absent is empty, and times are nanoseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewSpan {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) parent_span_id: String,
    pub(crate) trace_state: String,
    pub(crate) start_time: i64,
    pub(crate) end_time: i64,
    pub(crate) span_name: String,
    pub(crate) span_kind: &'static str,
    pub(crate) service_name: String,
    pub(crate) environment: String,
    pub(crate) status_code: &'static str,
    pub(crate) status_message: String,
    pub(crate) error_type: String,
    pub(crate) operation_name: String,
    pub(crate) provider_name: String,
    pub(crate) request_model: String,
    pub(crate) response_model: String,
    pub(crate) response_id: String,
    pub(crate) output_type: String,
    pub(crate) conversation_id: String,
    pub(crate) data_source_id: String,
    pub(crate) agent_id: String,
    pub(crate) agent_name: String,
    pub(crate) agent_version: String,
    pub(crate) agent_description: String,
    pub(crate) workflow_name: String,
    pub(crate) prompt_name: String,
    pub(crate) tool_name: String,
    pub(crate) tool_type: String,
    pub(crate) tool_call_id: String,
    pub(crate) request_choice_count: i64,
    pub(crate) request_max_tokens: i64,
    pub(crate) request_temperature: Option<f64>,
    pub(crate) request_top_p: Option<f64>,
    pub(crate) request_top_k: Option<f64>,
    pub(crate) request_presence_penalty: Option<f64>,
    pub(crate) request_frequency_penalty: Option<f64>,
    pub(crate) request_seed: i64,
    /// A JSON array of strings, like the next two.
    pub(crate) request_stop_sequences: String,
    pub(crate) request_encoding_formats: String,
    pub(crate) response_finish_reasons: String,
    pub(crate) usage_input_tokens: i64,
    pub(crate) usage_output_tokens: i64,
    pub(crate) usage_cache_read_input_tokens: i64,
    pub(crate) usage_cache_creation_input_tokens: i64,
    pub(crate) scope_name: String,
    pub(crate) scope_version: String,
    pub(crate) tool_call_arguments: String,
    pub(crate) tool_call_result: String,
    pub(crate) tool_definitions: String,
    pub(crate) system_instructions: String,
    pub(crate) input_messages: String,
    pub(crate) output_messages: String,
    /// A JSON object of strings.
    pub(crate) resource_attributes: String,
    /// A JSON object of strings, without what the message columns hold; see [`COLUMN_ATTRIBUTES`].
    pub(crate) span_attributes: String,
    /// The text of the last message of the input and of the output, if this is a call of a language model.
    pub(crate) turn: Option<Turn>,
    /// The chat completion event that the span is, if it is one.
    pub(crate) event: Option<NewEvent>,
}

/// Attributes that have a column for their text.
///
/// To store the text once, such an attribute is left out of `span_attributes` if it is the same as the column. It is null there if the
/// column was read from elsewhere, so that no attribute of this name arrived.
pub(crate) const COLUMN_ATTRIBUTES: [(&str, &str); 6] = [
    ("gen_ai.input.messages", "input_messages"),
    ("gen_ai.output.messages", "output_messages"),
    ("gen_ai.system_instructions", "system_instructions"),
    ("gen_ai.tool.definitions", "tool_definitions"),
    ("gen_ai.tool.call.arguments", "tool_call_arguments"),
    ("gen_ai.tool.call.result", "tool_call_result"),
];

/// What a call of a language model contributes to the summary of its trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turn {
    pub(crate) last_input: String,
    pub(crate) last_output: String,
}

/// The fields of a chat completion event that its span does not have.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewEvent {
    pub(crate) id: Uuid,
    pub(crate) nb_messages: u64,
    /// JSON arrays.
    pub(crate) invoked_tools: String,
    pub(crate) enabled_tools: String,
    pub(crate) first_system_message: Option<String>,
    pub(crate) last_user_message_preview: Option<String>,
    pub(crate) response_messages_preview: Option<String>,
}

impl NewSpan {
    /// Returns the size of all text in bytes, as often as it is stored.
    pub(crate) fn bytes(&self) -> u64 {
        let event = self.event.as_ref().map_or(0, |event| {
            let previews = [
                &event.first_system_message,
                &event.last_user_message_preview,
                &event.response_messages_preview,
            ];
            let previews = previews.into_iter().flatten().map(String::len).sum::<usize>();
            // The model is in the row and in its index.
            let model = 2 * self.request_model.len().max(self.response_model.len());
            event.invoked_tools.len() + event.enabled_tools.len() + previews + model
        });
        let turn =
            self.turn.as_ref().map_or(0, |turn| turn.last_input.len() + turn.last_output.len());
        let large = [
            &self.tool_call_arguments,
            &self.tool_call_result,
            &self.tool_definitions,
            &self.system_instructions,
            &self.input_messages,
            &self.output_messages,
            &self.resource_attributes,
            &self.span_attributes,
        ];
        let native = [
            &self.trace_state,
            &self.span_name,
            &self.status_message,
            &self.scope_name,
            &self.scope_version,
        ];
        let indexed = [&self.request_model, &self.operation_name, &self.conversation_id];
        let text = [&large[..], &native[..], &indexed[..]].concat();
        let text = text.into_iter().map(String::len).sum::<usize>();
        // The other columns are attributes, and no longer than these.
        let columns = self.span_attributes.len() + self.resource_attributes.len();
        (event + turn + text + columns + 1024) as u64
    }
}

/// A log record. Fields are named like those of the API.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewLog {
    pub(crate) timestamp: i64,
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) trace_flags: i64,
    pub(crate) severity_text: String,
    pub(crate) severity_number: i64,
    pub(crate) service_name: String,
    pub(crate) event_name: String,
    pub(crate) resource_schema_url: String,
    pub(crate) scope_schema_url: String,
    pub(crate) scope_name: String,
    pub(crate) scope_version: String,
    pub(crate) body: String,
    pub(crate) resource_attributes: String,
    pub(crate) scope_attributes: String,
    pub(crate) log_attributes: String,
    /// The evaluation that the record reports, if it does.
    pub(crate) evaluation: Option<NewEvaluation>,
}

/// An evaluation of the span that its log record names.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewEvaluation {
    pub(crate) response_id: String,
    /// Empty to take that of the span, once it has arrived.
    pub(crate) conversation_id: String,
    pub(crate) evaluation_name: String,
    pub(crate) score_value: f64,
    pub(crate) score_label: String,
    pub(crate) explanation: String,
    /// A JSON object of strings.
    pub(crate) metadata: String,
}

impl NewLog {
    /// Returns the size of all text in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let evaluation = self.evaluation.as_ref().map_or(0, |evaluation| {
            // The other columns are attributes, and no longer than these. The name is in an index, too.
            2 * self.log_attributes.len() + evaluation.metadata.len() + 512
        });
        let long = [
            &self.body,
            &self.severity_text,
            &self.service_name,
            &self.event_name,
            &self.resource_schema_url,
            &self.scope_schema_url,
            &self.scope_name,
            &self.scope_version,
            &self.resource_attributes,
            &self.scope_attributes,
            &self.log_attributes,
        ];
        (long.into_iter().map(String::len).sum::<usize>() + evaluation + 512) as u64
    }
}

/// Stores telemetry.
pub(crate) trait TelemetryStore {
    /// Inserts spans, the chat completion events that they are, and updates the summaries of their traces. A span that exists already
    /// is skipped. Unlike other writes, this one is not durable until [`sync_telemetry`](Self::sync_telemetry) completes; until then, a
    /// crash of the machine may lose it, but a crash of the process does not.
    fn insert_spans(&self, sender: Sender, spans: Vec<NewSpan>) -> Pending<()>;

    /// Inserts log records, and the evaluations that they report. Durability is as for spans.
    fn insert_logs(&self, sender: Sender, logs: Vec<NewLog>) -> Pending<()>;

    /// Makes the telemetry durable that was inserted before.
    fn sync_telemetry(&self) -> Pending<()>;

    /// Deletes a bounded number of spans, traces, log records and evaluations that arrived before a time. Returns whether there may be
    /// more.
    fn expire_telemetry(&self, arrived_before: Timestamp) -> Pending<bool>;
}
