//! One line of an imported JSONL file.

use mistral_datasets_types::skip::deeper_than;

use crate::config::Generation;
use crate::json::{Document, JsonError};
use crate::limits::Limits;
use crate::validate;

/// Validation rules for lines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineRules {
    pub(crate) generation: Generation,
    /// The maximum length, in bytes.
    pub(crate) bytes: u64,
    /// The maximum nesting depth of arrays and objects.
    pub(crate) depth: usize,
}

impl LineRules {
    /// Returns the rules that a server's limits impose.
    pub(crate) fn new(limits: &Limits, generation: Generation) -> Self {
        Self { generation, bytes: limits.json_bytes, depth: limits.effective_json_depth() }
    }
}

/// A line of an imported file.
///
/// It is either `{"payload": …, "properties"?: …}`, or `{"messages": …, "properties"?: …}`, where all fields except the properties
/// become the payload.
pub(crate) struct ImportLine {
    pub(crate) payload: String,
    pub(crate) properties: String,
}

impl ImportLine {
    /// Parses and validates a line.
    pub(crate) fn read(line: &[u8], rules: LineRules) -> Result<Self, JsonError> {
        let LineRules { generation, depth, .. } = rules;
        let line = Document::read(line, "the line", depth)?;
        let fields = line.fields()?;
        let properties = fields.object_or_empty("properties")?;
        if let Some(value) = fields.get("payload") {
            return Ok(Self { payload: validate::payload(&value, generation)?, properties });
        }
        let Some(messages) = fields.get("messages") else {
            return Err(JsonError::at("", "expected a field `payload` or a field `messages`"));
        };
        messages.require_objects()?;
        // The line itself is the payload. An export nests it one level deeper, and must still be importable.
        let levels = depth - 1;
        if deeper_than(line.text().as_bytes(), levels).is_some() {
            let message =
                format!("the payload has more than {levels} levels of arrays and objects");
            return Err(JsonError::at("", message));
        }
        Ok(Self { payload: fields.without("properties"), properties })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::MAX_DEPTH;

    fn line(text: &str) -> Result<(String, String), String> {
        let rules = LineRules { generation: Generation::G1, bytes: u64::MAX, depth: MAX_DEPTH };
        ImportLine::read(text.as_bytes(), rules)
            .map(|line| (line.payload, line.properties))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn both_forms_of_a_line_are_kept_verbatim() {
        assert_eq!(
            line(
                r#"{"payload": {"messages": [ {"n": 1.0} ], "id": 12345678901234567890}, "properties": {"b": 1, "a": 2}}"#
            ),
            Ok((
                r#"{"messages": [ {"n": 1.0} ], "id": 12345678901234567890}"#.into(),
                r#"{"b": 1, "a": 2}"#.into()
            ))
        );
        assert_eq!(
            line(
                r#"{"z": 1e400, "messages": [{"role": "user"}], "properties": {"a": 1}, "\ud800": [ ]}"#
            ),
            Ok((
                r#"{"z":1e400,"messages":[{"role": "user"}],"\ud800":[ ]}"#.into(),
                r#"{"a": 1}"#.into()
            ))
        );
        assert_eq!(
            line(r#"{"messages": [], "properties": null}"#),
            Ok((r#"{"messages":[]}"#.into(), "{}".into()))
        );
    }

    #[test]
    fn errors_name_the_invalid_field() {
        for (text, error) in [
            ("[]", "the line: expected an object, found an array"),
            (r#"{"message": []}"#, "expected a field `payload` or a field `messages`"),
            (r#"{"payload": {}}"#, "payload.messages: required"),
            (r#"{"payload": [null]}"#, "payload: expected an object, found an array"),
            (r#"{"messages": [[null]]}"#, "messages[0]: expected an object, found an array"),
            (r#"{"messages": {}}"#, "messages: expected an array, found an object"),
            (
                r#"{"messages": [], "properties": [null]}"#,
                "properties: expected an object, found an array",
            ),
        ] {
            assert_eq!(line(text), Err(error.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_line_used_as_payload_may_be_one_level_less_deep() {
        let nested = |depth: usize| {
            format!(r#"{{"messages": [], "x": {}{}}}"#, "[".repeat(depth), "]".repeat(depth))
        };
        assert!(line(&nested(126)).is_ok());
        assert!(line(&nested(127)).unwrap_err().contains("127 levels"));
    }
}
