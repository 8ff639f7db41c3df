//! The fields of each entity, in the order of responses.

use super::fields::Field;
use super::fields::Kind::{self, *};

const fn field(name: &'static str, label: &'static str, kind: Kind, group: &'static str) -> Field {
    Field { name, label, kind, group, source: None, in_response: true }
}

impl Field {
    /// Sets the attribute that the field is read from.
    const fn from(mut self, attribute: &'static str) -> Self {
        self.source = Some(attribute);
        self
    }

    const fn only_searched(mut self) -> Self {
        self.in_response = false;
        self
    }
}

pub(super) const SPANS: &[Field] = &[
    field("trace_id", "Trace ID", Text, "span"),
    field("span_id", "Span ID", Text, "span"),
    field("parent_span_id", "Parent span ID", Text, "span"),
    field("trace_state", "Trace state", Text, "span"),
    field("span_name", "Span name", Text, "span"),
    field("span_kind", "Span kind", Enum, "span"),
    field("start_time", "Start time", Time, "span"),
    field("end_time", "End time", Time, "span"),
    field("duration_ns", "Duration in nanoseconds", Integer, "span"),
    field("status_code", "Status code", Enum, "span"),
    field("status_message", "Status message", Text, "span"),
    field("service_name", "Service name", Enum, "span").from("service.name"),
    field("error_type", "Error type", Enum, "span").from("error.type"),
    field("scope_name", "Scope name", Enum, "span"),
    field("scope_version", "Scope version", Text, "span"),
    field("operation_name", "Operation name", Enum, "gen_ai").from("gen_ai.operation.name"),
    field("provider_name", "Provider name", Enum, "gen_ai").from("gen_ai.provider.name"),
    field("output_type", "Output type", Enum, "gen_ai").from("gen_ai.output.type"),
    field("conversation_id", "Conversation ID", Text, "gen_ai").from("gen_ai.conversation.id"),
    field("data_source_id", "Data source ID", Text, "gen_ai").from("gen_ai.data_source.id"),
    field("workflow_name", "Workflow name", Enum, "gen_ai").from("gen_ai.workflow.name"),
    field("prompt_name", "Prompt name", Enum, "gen_ai").from("gen_ai.prompt.name"),
    field("agent_id", "Agent ID", Enum, "agent").from("gen_ai.agent.id"),
    field("agent_name", "Agent name", Enum, "agent").from("gen_ai.agent.name"),
    field("agent_version", "Agent version", Enum, "agent").from("gen_ai.agent.version"),
    field("agent_description", "Agent description", Text, "agent").from("gen_ai.agent.description"),
    field("request_model", "Request model", Enum, "request").from("gen_ai.request.model"),
    field("response_model", "Response model", Enum, "response").from("gen_ai.response.model"),
    field("response_id", "Response ID", Text, "response").from("gen_ai.response.id"),
    field("tool_name", "Tool name", Enum, "tool").from("gen_ai.tool.name"),
    field("tool_type", "Tool type", Enum, "tool").from("gen_ai.tool.type"),
    field("tool_call_id", "Tool call ID", Text, "tool").from("gen_ai.tool.call.id"),
    field("tool_call_arguments", "Tool call arguments", Text, "tool")
        .from("gen_ai.tool.call.arguments"),
    field("tool_call_result", "Tool call result", Text, "tool").from("gen_ai.tool.call.result"),
    field("tool_definitions", "Tool definitions", Text, "tool").from("gen_ai.tool.definitions"),
    field("input_messages", "Input messages", Text, "messages").from("gen_ai.input.messages"),
    field("output_messages", "Output messages", Text, "messages").from("gen_ai.output.messages"),
    field("system_instructions", "System instructions", Text, "messages")
        .from("gen_ai.system_instructions"),
    field("request_choice_count", "Request choice count", Integer, "request")
        .from("gen_ai.request.choice.count"),
    field("request_max_tokens", "Request max tokens", Integer, "request")
        .from("gen_ai.request.max_tokens"),
    field("request_seed", "Request seed", Integer, "request").from("gen_ai.request.seed"),
    field("request_temperature", "Request temperature", Real, "request")
        .from("gen_ai.request.temperature"),
    field("request_top_p", "Request top p", Real, "request").from("gen_ai.request.top_p"),
    field("request_top_k", "Request top k", Real, "request").from("gen_ai.request.top_k"),
    field("request_presence_penalty", "Request presence penalty", Real, "request")
        .from("gen_ai.request.presence_penalty"),
    field("request_frequency_penalty", "Request frequency penalty", Real, "request")
        .from("gen_ai.request.frequency_penalty"),
    field("request_stop_sequences", "Request stop sequences", List, "request")
        .from("gen_ai.request.stop_sequences"),
    field("request_encoding_formats", "Request encoding formats", List, "request")
        .from("gen_ai.request.encoding_formats"),
    field("response_finish_reasons", "Response finish reasons", List, "response")
        .from("gen_ai.response.finish_reasons"),
    field("usage_input_tokens", "Usage input tokens", Integer, "usage")
        .from("gen_ai.usage.input_tokens"),
    field("usage_output_tokens", "Usage output tokens", Integer, "usage")
        .from("gen_ai.usage.output_tokens"),
    field("usage_cache_read_input_tokens", "Usage cache read input tokens", Integer, "usage")
        .from("gen_ai.usage.cache_read.input_tokens"),
    field(
        "usage_cache_creation_input_tokens",
        "Usage cache creation input tokens",
        Integer,
        "usage",
    )
    .from("gen_ai.usage.cache_creation.input_tokens"),
    field("resource_attributes", "Resource attributes", Map, "attributes"),
    field("span_attributes", "Span attributes", Map, "attributes"),
];

pub(super) const TRACES: &[Field] = &[
    field("trace_id", "Trace ID", Text, "trace"),
    field("root_span_id", "Root span ID", Text, "trace"),
    field("root_span_name", "Root span name", Enum, "trace"),
    field("start_time", "Start time", Time, "trace"),
    field("end_time", "End time", Time, "trace"),
    field("duration_ns", "Duration in nanoseconds", Integer, "trace"),
    field("service_name", "Service name", Enum, "trace"),
    field("environment", "Environment", Enum, "trace"),
    field("conversation_id", "Conversation ID", Text, "gen_ai"),
    field("workflow_name", "Workflow name", Enum, "gen_ai"),
    field("agent_id", "Agent ID", Enum, "agent"),
    field("agent_name", "Agent name", Enum, "agent"),
    field("status_code", "Status code", Enum, "trace"),
    field("error_count", "Error count", Integer, "trace"),
    field("span_count", "Span count", Integer, "trace"),
    field("gen_ai_span_count", "GenAI span count", Integer, "gen_ai"),
    field("llm_call_count", "LLM call count", Integer, "gen_ai"),
    field("tool_call_count", "Tool call count", Integer, "gen_ai"),
    field("retrieval_count", "Retrieval count", Integer, "gen_ai"),
    field("evaluation_count", "Evaluation count", Integer, "gen_ai"),
    field("input_tokens", "Input tokens", Integer, "usage"),
    field("output_tokens", "Output tokens", Integer, "usage"),
    field("cache_read_input_tokens", "Cache read input tokens", Integer, "usage"),
    field("cache_creation_input_tokens", "Cache creation input tokens", Integer, "usage"),
    field("models_used", "Models used", List, "gen_ai"),
    field("tools_used", "Tools used", List, "gen_ai"),
    field("first_turn_last_input_message", "First turn last input message", Text, "messages"),
    field("first_turn_last_output_message", "First turn last output message", Text, "messages"),
    field("last_turn_last_input_message", "Last turn last input message", Text, "messages"),
    field("last_turn_last_output_message", "Last turn last output message", Text, "messages"),
    field("error_message", "Error message", Text, "trace").only_searched(),
    field("resource_attributes", "Resource attributes of any span", Map, "attributes")
        .only_searched(),
    field("span_attributes", "Attributes of any span", Map, "attributes").only_searched(),
];

pub(super) const LOGS: &[Field] = &[
    field("timestamp", "Timestamp", Time, "log"),
    field("trace_id", "Trace ID", Text, "log"),
    field("span_id", "Span ID", Text, "log"),
    field("trace_flags", "Trace flags", Integer, "log"),
    field("severity_text", "Severity text", Enum, "log"),
    field("severity_number", "Severity number", Integer, "log"),
    field("service_name", "Service name", Enum, "log").from("service.name"),
    field("body", "Body", Text, "log"),
    field("event_name", "Event name", Enum, "log"),
    field("resource_schema_url", "Resource schema URL", Text, "log"),
    field("scope_schema_url", "Scope schema URL", Text, "log"),
    field("scope_name", "Scope name", Enum, "log"),
    field("scope_version", "Scope version", Text, "log"),
    field("resource_attributes", "Resource attributes", Map, "attributes"),
    field("scope_attributes", "Scope attributes", Map, "attributes"),
    field("log_attributes", "Log attributes", Map, "attributes"),
];

pub(super) const EVALUATIONS: &[Field] = &[
    field("trace_id", "Trace ID", Text, "evaluation"),
    field("span_id", "Span ID", Text, "evaluation"),
    field("response_id", "Response ID", Text, "evaluation").from("gen_ai.response.id"),
    field("conversation_id", "Conversation ID", Text, "evaluation").from("gen_ai.conversation.id"),
    field("timestamp", "Timestamp", Time, "evaluation"),
    field("evaluation_name", "Evaluation name", Enum, "evaluation").from("gen_ai.evaluation.name"),
    field("score_value", "Score value", Real, "evaluation").from("gen_ai.evaluation.score.value"),
    field("score_label", "Score label", Enum, "evaluation").from("gen_ai.evaluation.score.label"),
    field("explanation", "Explanation", Text, "evaluation").from("gen_ai.evaluation.explanation"),
    field("metadata", "Metadata", Map, "attributes"),
];
