//! Builds records from spans.

use mistral_datasets_types::RecordSource;
use serde_json::{Map, Value};

use super::source::ImportError;
use crate::json::{Document, MAX_DEPTH, Object};
use crate::storage::{
    AttributeNamespace, COLUMN_ATTRIBUTES, NewRecord, SpanAttributes, SpanMapping,
};

/// The levels around a value that becomes a field of a payload: the payload, and the request or the line that contains it.
const OUTER_LEVELS: usize = 2;

/// Returns the record for a span. Its properties are the ids of the span.
///
/// The service does not document the names of the properties. The assumption here is that they are `trace_id` and `span_id`.
pub(super) fn record(
    span: &SpanAttributes,
    mapping: &SpanMapping,
) -> Result<NewRecord, ImportError> {
    let attributes = parse(&span.attributes)?;
    let resource = parse(&span.resource)?;
    let mut payload = vec![b'{'];
    for field in &mapping.0 {
        let text = match field.namespace {
            AttributeNamespace::Span => span_attribute(span, &attributes, &field.key),
            AttributeNamespace::Resource => resource.get(&field.key).and_then(Value::as_str),
        };
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else { continue };
        let structure = structure(text);
        if structure.is_some_and(is_empty_array) {
            continue;
        }
        if payload.len() > 1 {
            payload.push(b',');
        }
        crate::json::string(&mut payload, &field.target);
        payload.push(b':');
        match structure {
            Some(json) => payload.extend_from_slice(json.as_bytes()),
            None => crate::json::string(&mut payload, text),
        }
    }
    payload.push(b'}');
    let mut properties = Vec::new();
    Object::write(&mut properties, |object| {
        object.string("trace_id", &span.reference.trace_id);
        object.string("span_id", &span.reference.span_id);
    });
    Ok(NewRecord {
        payload: utf8(payload)?,
        properties: utf8(properties)?,
        source: RecordSource::TelemetrySpan,
    })
}

/// Returns an attribute of a span. Some are stored in columns.
fn span_attribute<'a>(
    span: &'a SpanAttributes,
    attributes: &'a Map<String, Value>,
    key: &str,
) -> Option<&'a str> {
    if let Some(value) = attributes.get(key) {
        return value.as_str();
    }
    let column = COLUMN_ATTRIBUTES.iter().position(|(attribute, _)| *attribute == key)?;
    span.columns.get(column).map(String::as_str)
}

/// Returns the JSON object or array that a text contains. Deeper ones than a record may have remain text.
fn structure(text: &str) -> Option<&str> {
    let json = text.trim();
    if !json.starts_with(['{', '[']) {
        return None;
    }
    let document = Document::read(json.as_bytes(), "", MAX_DEPTH - OUTER_LEVELS).ok()?;
    Some(document.text())
}

fn is_empty_array(json: &str) -> bool {
    json.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with(']'))
}

fn parse(attributes: &str) -> Result<Map<String, Value>, ImportError> {
    serde_json::from_str(attributes).map_err(|error| ImportError::Internal(error.into()))
}

fn utf8(json: Vec<u8>) -> Result<String, ImportError> {
    String::from_utf8(json).map_err(|error| ImportError::Internal(error.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::storage::{FieldMapping, SpanReference};

    /// Returns the payload of a record with the field `x`, read from this attribute of a span.
    fn payload(attributes: Value, columns: [&str; 6], key: &str) -> String {
        let span = SpanAttributes {
            reference: SpanReference { trace_id: "t".to_owned(), span_id: "s".to_owned() },
            attributes: attributes.to_string(),
            columns: columns.map(str::to_owned).to_vec(),
            resource: json!({"service.name": "shop"}).to_string(),
        };
        let from = |target: &str, namespace, key: &str| FieldMapping {
            target: target.to_owned(),
            namespace,
            key: key.to_owned(),
        };
        let mapping = SpanMapping(vec![
            from("x", AttributeNamespace::Span, key),
            from("a.b", AttributeNamespace::Resource, "service.name"),
        ]);
        let record = record(&span, &mapping).unwrap();
        assert_eq!(record.properties, r#"{"trace_id":"t","span_id":"s"}"#);
        assert_eq!(record.source, RecordSource::TelemetrySpan);
        record.payload
    }

    #[test]
    fn text_with_an_object_or_array_becomes_that_value() {
        for (text, value) in [
            ("[1.0, 2]", Some("[1.0, 2]")),
            ("  {\"a\": \"\\u00e9\"} \n", Some("{\"a\": \"\\u00e9\"}")),
            ("{}", Some("{}")),
            ("12", Some("\"12\"")),
            ("true", Some("\"true\"")),
            ("\"quoted\"", Some(r#""\"quoted\"""#)),
            ("[1, 2", Some("\"[1, 2\"")),
            (" text ", Some("\" text \"")),
            ("", None),
            (" \t\n", None),
            ("[]", None),
            (" [ ] ", None),
        ] {
            let expected = match value {
                Some(value) => format!(r#"{{"x":{value},"a.b":"shop"}}"#),
                None => r#"{"a.b":"shop"}"#.to_owned(),
            };
            assert_eq!(payload(json!({"k": text}), [""; 6], "k"), expected, "{text}");
        }
        let nested = |depth: usize| "[".repeat(depth) + "1" + &"]".repeat(depth);
        let deepest = nested(MAX_DEPTH - OUTER_LEVELS);
        assert!(payload(json!({"k": deepest}), [""; 6], "k").contains(":[["));
        assert!(payload(json!({"k": format!("[{deepest}]")}), [""; 6], "k").contains(":\"[["));
    }

    #[test]
    fn attributes_are_read_from_their_columns() {
        let messages = "gen_ai.input.messages";
        let columns = ["[\"é\"]", "", "", "", "", ""];
        assert!(payload(json!({}), columns, messages).contains(r#""x":["é"]"#));
        // The attribute that was received is not quite the same as the column.
        let received = json!({messages: "[\"\\u00e9\"]"});
        assert!(payload(received, columns, messages).contains(r#""x":["\u00e9"]"#));
        // The column was read from elsewhere.
        assert_eq!(payload(json!({messages: null}), columns, messages), r#"{"a.b":"shop"}"#);
        assert_eq!(payload(json!({}), [""; 6], messages), r#"{"a.b":"shop"}"#);
        assert_eq!(payload(json!({}), columns, "missing"), r#"{"a.b":"shop"}"#);
    }
}
