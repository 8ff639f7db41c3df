//! Writes chat completion events as JSON.

use std::borrow::Cow;

use mistral_datasets_types::skip;

use crate::json::{self, Object};
use crate::storage::{EventDetails, EventField, EventSummary, is_annotation};
use crate::telemetry;

/// Which fields `extra_fields` has.
pub(super) enum ExtraFields {
    /// Exactly these. A field that the event does not have is null.
    Named(Vec<EventField>),
    /// The answers of judges.
    Annotations,
    /// All.
    All,
}

/// Writes an event without its messages.
pub(super) fn preview(out: &mut Vec<u8>, event: &EventSummary, extra: &ExtraFields) {
    Object::write(out, |object| fields(object, event, extra));
}

/// Writes a complete event.
pub(super) fn complete(out: &mut Vec<u8>, event: EventDetails) {
    let EventDetails { summary, messages } = event;
    let [request, response] = telemetry::messages(messages);
    Object::write(out, |object| {
        fields(object, &summary, &ExtraFields::All);
        object.raw("enabled_tools", summary.enabled_tools.as_deref().unwrap_or("[]"));
        object.raw("request_messages", request);
        object.raw("response_messages", response);
        object.integer("nb_messages", summary.message_count);
        // There is no way to record audio.
        object.raw("chat_transcription_events", "[]");
    });
}

fn fields(object: &mut Object<'_>, event: &EventSummary, extra: &ExtraFields) {
    object.string("event_id", &event.id);
    object.string("correlation_id", event.correlation_id.as_deref().unwrap_or_default());
    object.time("created_at", event.created_at);
    extra_fields(object.field("extra_fields"), event, extra);
    object.integer("nb_input_tokens", event.input_tokens.unwrap_or_default());
    object.integer("nb_output_tokens", event.output_tokens.unwrap_or_default());
}

fn extra_fields(out: &mut Vec<u8>, event: &EventSummary, extra: &ExtraFields) {
    out.push(b'{');
    match extra {
        ExtraFields::Named(fields) => {
            for field in fields {
                write_field(out, event, field);
            }
        }
        ExtraFields::Annotations => {
            let is_written = |name: &str| is_annotation(name);
            write_stored(out, event, is_written);
        }
        ExtraFields::All => {
            for field in EventField::FIXED {
                write_field(out, event, field);
            }
            write_stored(out, event, |name| !EventField::FIXED.iter().any(|f| f.name() == name));
        }
    }
    out.push(b'}');
}

fn write_field(out: &mut Vec<u8>, event: &EventSummary, field: &EventField) {
    let name = field.name();
    write_name(out, &name);
    let text = |out: &mut Vec<u8>, text: &Option<String>| {
        text.as_deref().map(|text| json::string(out, text))
    };
    let raw =
        |out: &mut Vec<u8>, raw: Option<&str>| raw.map(|raw| out.extend_from_slice(raw.as_bytes()));
    let number = |number: Option<i64>| number.map(|number| number.to_string());
    let written = match field {
        EventField::Timestamp => {
            out.push(b'"');
            out.extend_from_slice(&event.created_at.rfc3339());
            out.push(b'"');
            Some(())
        }
        EventField::EventId => {
            json::string(out, &event.id);
            Some(())
        }
        EventField::CorrelationId => text(out, &event.correlation_id),
        EventField::ModelName => text(out, &event.model_name),
        EventField::ApiAgentId => text(out, &event.api_agent_id),
        EventField::FirstSystemMessage => text(out, &event.first_system_message),
        EventField::LastUserMessagePreview => text(out, &event.last_user_message_preview),
        EventField::ResponseMessagesPreview => text(out, &event.response_messages_preview),
        EventField::InvokedTools => raw(out, event.invoked_tools.as_deref()),
        EventField::TotalTimeElapsed => {
            let seconds = event.total_time_elapsed.map(|seconds| serde_json::json!(seconds));
            raw(out, seconds.map(|seconds| seconds.to_string()).as_deref())
        }
        EventField::InputTokens => raw(out, number(event.input_tokens).as_deref()),
        EventField::OutputTokens => raw(out, number(event.output_tokens).as_deref()),
        EventField::Metadata => raw(out, event.metadata.as_deref()),
        EventField::MetadataKey(key) => {
            raw(out, event.metadata.as_deref().and_then(|metadata| value_of(metadata, key)))
        }
        EventField::Annotation(_) => None,
    };
    if written.is_none() {
        // Fixtures may have any value in a field.
        let stored = match field {
            EventField::MetadataKey(_) => None,
            _ => value_of(&event.extra_fields, &name),
        };
        out.extend_from_slice(stored.unwrap_or("null").as_bytes());
    }
}

/// Writes the stored fields whose names match, as they are.
fn write_stored(out: &mut Vec<u8>, event: &EventSummary, is_written: impl Fn(&str) -> bool) {
    for (name, value) in skip::fields(&event.extra_fields) {
        if is_written(&unescape(name)) {
            separate(out);
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            out.extend_from_slice(value.as_bytes());
        }
    }
}

fn write_name(out: &mut Vec<u8>, name: &str) {
    separate(out);
    json::string(out, name);
    out.push(b':');
}

fn separate(out: &mut Vec<u8>) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
}

/// Returns a value of an object as JSON. Of several with the same name, the last one counts.
fn value_of<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = skip::fields(object).filter(|(key, _)| unescape(key) == name).last()?;
    Some(value)
}

/// Returns the name that a JSON string stands for.
fn unescape(key: &str) -> Cow<'_, str> {
    match key.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => plain.into(),
        _ => serde_json::from_str(key).map_or_else(|_| key.into(), Cow::Owned),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const JUDGE: &str = "__judge_6f1c2a34-5b6d-4e7f-8a90-1b2c3d4e5f60";

    fn event() -> EventSummary {
        EventSummary {
            id: "e-1".to_owned(),
            model_name: Some("small".to_owned()),
            total_time_elapsed: Some(1.5),
            invoked_tools: Some(r#"["web_search"]"#.to_owned()),
            metadata: Some(r#"{"a\"b": "c"}"#.to_owned()),
            extra_fields: format!(
                r#"{{"own": [1], "api_agent_id": 7, "\u0062": 2, "{JUDGE}": "yes"}}"#
            ),
            ..EventSummary::default()
        }
    }

    fn written(extra: ExtraFields) -> Value {
        let mut out = Vec::new();
        preview(&mut out, &event(), &extra);
        let mut value: Value = serde_json::from_slice(&out).unwrap();
        value["extra_fields"].take()
    }

    #[test]
    fn exactly_the_named_fields_are_written() {
        let names = ["model_name", "input_tokens", "metadata.a\"b", "metadata.x", JUDGE];
        let fields = names.map(|name| EventField::named(name).unwrap());
        assert_eq!(
            written(ExtraFields::Named(fields.to_vec())),
            json!({"model_name": "small", "input_tokens": null, "metadata.a\"b": "c", "metadata.x": null, JUDGE: "yes"})
        );
        assert_eq!(written(ExtraFields::Named(Vec::new())), json!({}));
    }

    #[test]
    fn annotations_are_selected_by_name() {
        assert_eq!(written(ExtraFields::Annotations), json!({JUDGE: "yes"}));
    }

    #[test]
    fn all_fields_include_those_of_fixtures() {
        let all = written(ExtraFields::All);
        assert_eq!(all["timestamp"], "1970-01-01T00:00:00.000000Z");
        assert_eq!(
            (&all["total_time_elapsed"], &all["invoked_tools"]),
            (&json!(1.5), &json!(["web_search"]))
        );
        // The value is not one that the field can have, so there is no column for it.
        assert_eq!(
            (&all["api_agent_id"], &all["own"], &all["b"]),
            (&json!(7), &json!([1]), &json!(2))
        );
        assert_eq!((&all["correlation_id"], &all[JUDGE]), (&Value::Null, &json!("yes")));
        assert_eq!(all.as_object().unwrap().len(), EventField::FIXED.len() + 3);
    }
}
