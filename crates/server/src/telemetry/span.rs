//! Projects spans to the fields of the API.

use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::attributes::{self, Attributes};
use super::messages::{self, conversation};
use crate::storage::{COLUMN_ATTRIBUTES, NewEvent, NewSpan, Turn};

/// The operations that call a language model.
const LLM_OPERATIONS: [&str; 3] = ["chat", "text_completion", "generate_content"];

/// Namespace of the ids of events.
const EVENTS: Uuid = Uuid::from_u128(0x7c1f_3d0e_52a9_5b0c_9a4e_2f6d_8b11_c0de);

/// How many bytes the attributes of a resource or a scope may take. They are stored with each of its items.
const MAX_SHARED_BYTES: usize = 64 << 10;

/// What all spans of a resource share.
pub(super) struct Resource {
    service_name: String,
    environment: String,
    attributes: String,
}

/// What all spans of an instrumentation scope share.
pub(super) struct Scope {
    name: String,
    version: String,
}

impl Scope {
    pub(super) fn new(scope: InstrumentationScope) -> Self {
        Self { name: scope.name, version: scope.version }
    }
}

/// Fails if what a resource or a scope shares with its items is too large.
pub(super) fn check_shared(shared: &[&String]) -> Result<(), &'static str> {
    match shared.iter().map(|text| text.len()).sum::<usize>() {
        0..=MAX_SHARED_BYTES => Ok(()),
        _ => Err("the attributes of a resource or a scope are larger than 64 KiB"),
    }
}

impl Resource {
    pub(super) fn new(attributes: Vec<KeyValue>) -> Self {
        let attributes = Attributes::new(attributes);
        Self {
            service_name: attributes.text(&["service.name"]),
            environment: attributes
                .text(&["deployment.environment.name", "deployment.environment"]),
            attributes: Value::from(attributes.to_map()).to_string(),
        }
    }
}

/// Returns an id as hexadecimal digits, unless it has the wrong length or consists of zeros.
pub(super) fn hex_id(id: &[u8], length: usize) -> Option<String> {
    use std::fmt::Write;

    let is_valid = id.len() == length && id.iter().any(|byte| *byte != 0);
    is_valid.then(|| {
        id.iter().fold(String::with_capacity(2 * length), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    })
}

/// Returns a time in nanoseconds, as far as the storage can represent it.
pub(super) fn nanoseconds(time: u64) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

/// Projects a span, or returns why it cannot be stored.
pub(super) fn project(
    span: Span,
    resource: &Resource,
    scope: &Scope,
    workspace: Uuid,
) -> Result<NewSpan, &'static str> {
    check_shared(&[&resource.attributes, &scope.name, &scope.version])?;
    let trace_id = hex_id(&span.trace_id, 16).ok_or("the trace ID of a span is invalid")?;
    let span_id = hex_id(&span.span_id, 8).ok_or("the span ID of a span is invalid")?;
    let start_time = nanoseconds(span.start_time_unix_nano);
    let end_time = nanoseconds(span.end_time_unix_nano).max(start_time);
    let status = span.status.unwrap_or_default();
    let attributes = Attributes::new(span.attributes);
    let text = |keys: &[&str]| attributes.text(keys);
    let mut new = NewSpan {
        parent_span_id: hex_id(&span.parent_span_id, 8).unwrap_or_default(),
        trace_state: span.trace_state,
        start_time,
        end_time,
        span_name: span.name,
        span_kind: kind(span.kind),
        service_name: resource.service_name.clone(),
        environment: resource.environment.clone(),
        status_code: status_code(&status),
        status_message: status.message,
        error_type: text(&["error.type"]),
        operation_name: text(&["gen_ai.operation.name"]),
        provider_name: text(&["gen_ai.provider.name", "gen_ai.system"]),
        request_model: text(&["gen_ai.request.model"]),
        response_model: text(&["gen_ai.response.model"]),
        response_id: text(&["gen_ai.response.id"]),
        output_type: text(&["gen_ai.output.type"]),
        conversation_id: text(&["gen_ai.conversation.id"]),
        data_source_id: text(&["gen_ai.data_source.id"]),
        agent_id: text(&["gen_ai.agent.id"]),
        agent_name: text(&["gen_ai.agent.name"]),
        agent_version: text(&["gen_ai.agent.version"]),
        agent_description: text(&["gen_ai.agent.description"]),
        workflow_name: text(&["gen_ai.workflow.name"]),
        prompt_name: text(&["gen_ai.prompt.name"]),
        tool_name: text(&["gen_ai.tool.name"]),
        tool_type: text(&["gen_ai.tool.type"]),
        tool_call_id: text(&["gen_ai.tool.call.id"]),
        request_choice_count: attributes.integer(&["gen_ai.request.choice.count"]),
        request_max_tokens: attributes.integer(&["gen_ai.request.max_tokens"]),
        request_temperature: attributes.number(&["gen_ai.request.temperature"]),
        request_top_p: attributes.number(&["gen_ai.request.top_p"]),
        request_top_k: attributes.number(&["gen_ai.request.top_k"]),
        request_presence_penalty: attributes.number(&["gen_ai.request.presence_penalty"]),
        request_frequency_penalty: attributes.number(&["gen_ai.request.frequency_penalty"]),
        request_seed: attributes.integer(&["gen_ai.request.seed"]),
        request_stop_sequences: attributes.strings(&["gen_ai.request.stop_sequences"]),
        request_encoding_formats: attributes.strings(&["gen_ai.request.encoding_formats"]),
        response_finish_reasons: attributes.strings(&["gen_ai.response.finish_reasons"]),
        usage_input_tokens: attributes
            .integer(&["gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"]),
        usage_output_tokens: attributes
            .integer(&["gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"]),
        usage_cache_read_input_tokens: attributes
            .integer(&["gen_ai.usage.cache_read.input_tokens"]),
        usage_cache_creation_input_tokens: attributes
            .integer(&["gen_ai.usage.cache_creation.input_tokens"]),
        scope_name: scope.name.clone(),
        scope_version: scope.version.clone(),
        resource_attributes: resource.attributes.clone(),
        trace_id,
        span_id,
        ..NewSpan::default()
    };
    project_messages(&mut new, &attributes, span.events);
    derive(&mut new, workspace);
    Ok(new)
}

/// Fills the columns of messages and tool calls, and the attributes without what these columns hold.
fn project_messages(new: &mut NewSpan, attributes: &Attributes, events: Vec<Event>) {
    let mut map = attributes.to_map();
    let (input, output) = message_events(events);
    let mut column = |key: &str, others: &[&str], from_events: Option<Vec<Value>>| {
        let received = attributes.any(&[key]);
        let other = || attributes.any(others).map(|value| decoded(&attributes::text(value)));
        let from_events = || from_events.map(|messages| Value::from(messages).to_string());
        let column = match received {
            Some(value) => decoded(&attributes::text(value)),
            None => other().or_else(from_events).unwrap_or_default(),
        };
        match map.get(key) {
            Some(received) if received.as_str() == Some(&*column) => {
                map.shift_remove(key);
            }
            Some(_) => {}
            None if column.is_empty() => {}
            None => {
                map.insert(key.to_owned(), Value::Null);
            }
        }
        column
    };
    let [input_key, output_key, instructions, tools, arguments, result] =
        COLUMN_ATTRIBUTES.map(|(key, _)| key);
    new.input_messages = column(input_key, &["gen_ai.prompt"], input);
    new.output_messages = column(output_key, &["gen_ai.completion"], output);
    new.system_instructions = column(instructions, &[], None);
    new.tool_definitions = column(tools, &[], None);
    new.tool_call_arguments = column(arguments, &[], None);
    new.tool_call_result = column(result, &[], None);
    new.span_attributes = Value::from(map).to_string();
}

/// Decodes the escapes in JSON text, so that a search finds the characters. Other text is returned as it is.
fn decoded(text: &str) -> String {
    if !text.contains("\\u") {
        return text.to_owned();
    }
    serde_json::from_str::<Value>(text).map_or_else(|_| text.to_owned(), |value| value.to_string())
}

/// Returns the messages that instrumentations before version 1.36 of the conventions send as events of the span.
fn message_events(events: Vec<Event>) -> (Option<Vec<Value>>, Option<Vec<Value>>) {
    let (mut input, mut output) = (Vec::new(), Vec::new());
    for event in events {
        let attributes = Attributes::new(event.attributes);
        let body = |key: &str| {
            let value = attributes.any(&[key])?;
            let value = attributes::json(value, 0);
            // Structured values are sent as JSON text, where attributes of events may not be structured.
            let parsed = value.as_str().filter(|_| key != "content" && key != "role");
            let parsed = parsed.and_then(|text| serde_json::from_str(text).ok());
            Some(parsed.unwrap_or(value))
        };
        if event.name == "gen_ai.choice" {
            let mut message = match body("message") {
                Some(Value::Object(fields)) => fields,
                Some(text) => Map::from_iter([("content".to_owned(), text)]),
                None => fields(&body, &["content", "tool_calls"]),
            };
            message.entry("role").or_insert_with(|| "assistant".into());
            message.extend(fields(&body, &["finish_reason"]));
            output.push(message.into());
        } else if let Some(role) = event
            .name
            .strip_prefix("gen_ai.")
            .and_then(|name| name.strip_suffix(".message"))
            .filter(|role| ["system", "user", "assistant", "tool"].contains(role))
        {
            let mut message = Map::from_iter([("role".to_owned(), json!(role))]);
            message.extend(fields(&body, &["role", "content", "tool_calls"]));
            if let Some(id) = body("id") {
                message.insert("tool_call_id".to_owned(), id);
            }
            input.push(message.into());
        }
    }
    let some = |messages: Vec<Value>| (!messages.is_empty()).then_some(messages);
    (some(input), some(output))
}

fn fields(body: &impl Fn(&str) -> Option<Value>, names: &[&str]) -> Map<String, Value> {
    names.iter().filter_map(|name| Some(((*name).to_owned(), body(name)?))).collect()
}

/// Adds what the span contributes to its trace, and its event.
fn derive(new: &mut NewSpan, workspace: Uuid) {
    if !LLM_OPERATIONS.contains(&new.operation_name.as_str()) {
        return;
    }
    let conversation =
        conversation(&new.system_instructions, &new.input_messages, &new.output_messages);
    new.turn = Some(Turn {
        last_input: conversation.last_input(),
        last_output: conversation.last_output(),
    });
    if new.operation_name == "chat" {
        let identity = format!("{workspace}/{}/{}", new.trace_id, new.span_id);
        new.event = Some(NewEvent {
            id: Uuid::new_v5(&EVENTS, identity.as_bytes()),
            nb_messages: (conversation.request.len() + conversation.response.len()) as u64,
            invoked_tools: conversation.invoked_tools(),
            enabled_tools: messages::tools(&new.tool_definitions),
            first_system_message: conversation.first_system_message(),
            last_user_message_preview: conversation.last_user_message(),
            response_messages_preview: conversation.response(),
        });
    }
}

fn kind(kind: i32) -> &'static str {
    match SpanKind::try_from(kind) {
        Ok(SpanKind::Internal) => "Internal",
        Ok(SpanKind::Server) => "Server",
        Ok(SpanKind::Client) => "Client",
        Ok(SpanKind::Producer) => "Producer",
        Ok(SpanKind::Consumer) => "Consumer",
        Ok(SpanKind::Unspecified) | Err(_) => "Unspecified",
    }
}

fn status_code(status: &Status) -> &'static str {
    match StatusCode::try_from(status.code) {
        Ok(StatusCode::Ok) => "Ok",
        Ok(StatusCode::Error) => "Error",
        Ok(StatusCode::Unset) | Err(_) => "Unset",
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::AnyValue;
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;

    use super::*;

    fn attribute(key: &str, value: &str) -> KeyValue {
        let value = Some(Any::StringValue(value.to_owned()));
        KeyValue { key: key.to_owned(), value: Some(AnyValue { value }), ..KeyValue::default() }
    }

    fn projected(attributes: Vec<KeyValue>, events: Vec<Event>) -> NewSpan {
        let span = Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            attributes,
            events,
            ..Span::default()
        };
        project(
            span,
            &Resource::new(Vec::new()),
            &Scope::new(InstrumentationScope::default()),
            Uuid::nil(),
        )
        .unwrap()
    }

    #[test]
    fn text_of_messages_is_stored_once_and_decoded() {
        let plain = r#"[{"role":"user","parts":[{"type":"text","content":"été"}]}]"#;
        let span = projected(vec![attribute("gen_ai.input.messages", plain)], Vec::new());
        assert_eq!((span.input_messages.as_str(), span.span_attributes.as_str()), (plain, "{}"));

        let escaped = r#"[{"role":"user","parts":[{"type":"text","content":"\u00e9t\u00e9"}]}]"#;
        let span = projected(vec![attribute("gen_ai.input.messages", escaped)], Vec::new());
        assert_eq!(span.input_messages, plain);
        let kept: Value = serde_json::from_str(&span.span_attributes).unwrap();
        assert_eq!(kept, json!({"gen_ai.input.messages": escaped}));
    }

    #[test]
    fn earlier_names_are_read() {
        let span = projected(
            vec![
                attribute("gen_ai.operation.name", "chat"),
                attribute("gen_ai.system", "openai"),
                attribute("gen_ai.usage.prompt_tokens", "7"),
                attribute("gen_ai.usage.completion_tokens", "[REDACTED]"),
                attribute("gen_ai.prompt", "Hello"),
            ],
            Vec::new(),
        );
        assert_eq!((span.provider_name.as_str(), span.usage_input_tokens), ("openai", 7));
        assert_eq!((span.usage_output_tokens, span.input_messages.as_str()), (0, "Hello"));
        let kept: Value = serde_json::from_str(&span.span_attributes).unwrap();
        assert_eq!(
            (&kept["gen_ai.input.messages"], &kept["gen_ai.prompt"]),
            (&Value::Null, &json!("Hello"))
        );
        let event = span.event.unwrap();
        assert_eq!(event.last_user_message_preview.as_deref(), Some("Hello"));
    }

    #[test]
    fn message_events_become_messages() {
        let event = |name: &str, attributes| Event {
            name: name.to_owned(),
            attributes,
            ..Event::default()
        };
        let choice = r#"{"role":"assistant","content":"Sunny."}"#;
        let span = projected(
            vec![attribute("gen_ai.operation.name", "chat")],
            vec![
                event("gen_ai.user.message", vec![attribute("content", "Weather?")]),
                event(
                    "gen_ai.choice",
                    vec![attribute("message", choice), attribute("finish_reason", "stop")],
                ),
                event("exception", Vec::new()),
            ],
        );
        let conversation = conversation("", &span.input_messages, &span.output_messages);
        assert_eq!(conversation.request, [json!({"role": "user", "content": "Weather?"})]);
        assert_eq!(conversation.response, [json!({"role": "assistant", "content": "Sunny."})]);
    }

    #[test]
    fn the_id_of_an_event_depends_on_workspace_trace_and_span() {
        let chat = || vec![attribute("gen_ai.operation.name", "chat")];
        let id = |span: NewSpan| span.event.unwrap().id;
        assert_eq!(id(projected(chat(), Vec::new())), id(projected(chat(), Vec::new())));
        assert!(
            projected(vec![attribute("gen_ai.operation.name", "embeddings")], Vec::new())
                .event
                .is_none()
        );
    }
}
