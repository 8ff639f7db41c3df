//! Chat completion events: their messages, and the fields of fixtures.

use serde_json::{Map, Value};

use super::messages::{Conversation, conversation};
use crate::storage::{EventFields, EventMessages};

/// Returns the messages of the request and of the response, each as a JSON array.
pub(crate) fn messages(messages: EventMessages) -> [String; 2] {
    match messages {
        EventMessages::Chat { request, response } => [request, response],
        EventMessages::Span { system_instructions, input, output } => {
            let conversation = conversation(&system_instructions, &input, &output);
            [conversation.request, conversation.response]
                .map(|messages| Value::from(messages).to_string())
        }
    }
}

/// Returns the messages of the request, followed by those of the response.
pub(crate) fn conversation_of(event: EventMessages) -> serde_json::Result<Vec<Value>> {
    let [request, response] = messages(event);
    let mut messages: Vec<Value> = serde_json::from_str(&request)?;
    messages.append(&mut serde_json::from_str(&response)?);
    Ok(messages)
}

/// Returns the fields of a fixture: those named in its `extra_fields`, and what follows from its messages. `now` is the time in
/// microseconds, for fixtures that have none. `timestamp` parses a time.
///
/// A value of the wrong type is not a field; it stays in `extra_fields`.
pub(crate) fn fixture_fields(
    request: &str,
    response: &str,
    extra_fields: &str,
    now: i64,
    timestamp: impl Fn(&str) -> Option<i64>,
) -> EventFields {
    let array = |text: &str| serde_json::from_str::<Vec<Value>>(text).unwrap_or_default();
    let conversation = Conversation { request: array(request), response: array(response) };
    let extra: Map<String, Value> = serde_json::from_str(extra_fields).unwrap_or_default();
    let text = |name: &str| extra.get(name).and_then(Value::as_str).map(str::to_owned);
    let json = |name: &str, is: fn(&Value) -> bool| {
        extra.get(name).filter(|value| is(value)).map(Value::to_string)
    };
    let integer = |name: &str| extra.get(name).and_then(Value::as_i64);
    EventFields {
        timestamp: text("timestamp").and_then(|text| timestamp(&text)).unwrap_or(now),
        correlation_id: text("correlation_id"),
        model_name: text("model_name"),
        total_time_elapsed: extra.get("total_time_elapsed").and_then(Value::as_f64),
        input_tokens: integer("input_tokens"),
        output_tokens: integer("output_tokens"),
        nb_messages: (conversation.request.len() + conversation.response.len()) as u64,
        api_agent_id: text("api_agent_id"),
        invoked_tools: json("invoked_tools", Value::is_array)
            .or_else(|| Some(conversation.invoked_tools())),
        metadata: json("metadata", Value::is_object),
        first_system_message: text("first_system_message")
            .or_else(|| conversation.first_system_message()),
        last_user_message_preview: text("last_user_message_preview")
            .or_else(|| conversation.last_user_message()),
        response_messages_preview: text("response_messages_preview")
            .or_else(|| conversation.response()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_fields_and_messages_determine_the_fields_of_a_fixture() {
        let fields = |extra: &str| {
            let request = r#"[{"role":"user","content":"Hi"}]"#;
            fixture_fields(request, "[]", extra, 7, |text| text.parse().ok())
        };
        let given =
            fields(r#"{"timestamp":"3","model_name":"small","input_tokens":5,"metadata":{"a":1}}"#);
        assert_eq!((given.timestamp, given.model_name.as_deref()), (3, Some("small")));
        assert_eq!((given.input_tokens, given.metadata.as_deref()), (Some(5), Some(r#"{"a":1}"#)));
        let other = fields(r#"{"model_name":3,"input_tokens":"many"}"#);
        assert_eq!((other.timestamp, other.model_name, other.input_tokens), (7, None, None));
        assert_eq!(other.last_user_message_preview.as_deref(), Some("Hi"));
    }
}
