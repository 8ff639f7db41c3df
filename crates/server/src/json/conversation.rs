//! What a record must be made of.

use serde_json::value::RawValue;

use super::{Document, Members, Problem, Value};
use crate::config::Generation;
use mistral_datasets_types::skip::deeper_than;

/// A payload as text: an object, and where the generation wants it, with an array of objects as `messages`.
pub(crate) fn payload(value: &Value<'_>, generation: Generation) -> Result<String, Problem> {
    let members = value.members()?;
    match (generation, members.get("messages")) {
        (Generation::G1, messages) => {
            messages.map_or_else(|| members.required("messages"), Ok)?.require_objects()?;
        }
        (Generation::G2 | Generation::G3, _) => {}
    }
    Ok(value.text().to_owned())
}

/// Properties as text: an object. The first generation wants them given, the others take none as an empty object.
pub(crate) fn properties(members: &Members<'_>, generation: Generation) -> Result<String, Problem> {
    match generation {
        Generation::G1 => members.required("properties").and_then(|value| object(&value)),
        Generation::G2 | Generation::G3 => optional_object(members, "properties"),
    }
}

/// An object as text.
pub(crate) fn object(value: &Value<'_>) -> Result<String, Problem> {
    value.members()?;
    Ok(value.text().to_owned())
}

/// An object as text, an empty one where it is missing or null.
pub(crate) fn optional_object(members: &Members<'_>, name: &str) -> Result<String, Problem> {
    members.optional(name).map_or_else(|| Ok("{}".to_owned()), |value| object(&value))
}

/// A payload whose messages are those of the arrays, one array after the other.
pub(crate) fn messages_of(arrays: &[&str]) -> Result<String, serde_json::Error> {
    let mut text = String::from(r#"{"messages":["#);
    let mut first = true;
    for array in arrays {
        for message in serde_json::from_str::<Vec<&RawValue>>(array)? {
            if !std::mem::take(&mut first) {
                text.push(',');
            }
            text.push_str(message.get());
        }
    }
    text.push_str("]}");
    Ok(text)
}

/// What a line of a file must keep to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineRules {
    pub(crate) generation: Generation,
    /// The bytes it may have.
    pub(crate) bytes: u64,
    /// How deep arrays and objects may lie in each other.
    pub(crate) depth: usize,
}

/// A line of an uploaded file: `{"payload": …, "properties"?: …}`, or `{"messages": …, "properties"?: …}`, of which
/// everything but the properties becomes the payload.
pub(crate) struct ImportLine {
    pub(crate) payload: String,
    pub(crate) properties: String,
}

impl ImportLine {
    pub(crate) fn read(line: &[u8], rules: LineRules) -> Result<Self, Problem> {
        let LineRules { generation, depth, .. } = rules;
        let line = Document::read(line, "the line", depth)?;
        let members = line.members()?;
        let properties = optional_object(&members, "properties")?;
        if let Some(value) = members.get("payload") {
            return Ok(Self { payload: payload(&value, generation)?, properties });
        }
        let Some(messages) = members.get("messages") else {
            return Err(Problem::at("", "expected a member `payload` or a member `messages`"));
        };
        messages.require_objects()?;
        // The line is the payload here; an export will put it one level deeper, where it must still be readable.
        let levels = depth - 1;
        if deeper_than(line.text().as_bytes(), levels).is_some() {
            let message =
                format!("the payload has more than {levels} levels of arrays and objects");
            return Err(Problem::at("", message));
        }
        Ok(Self { payload: members.without("properties"), properties })
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAX_DEPTH;
    use super::*;

    fn line(text: &str) -> Result<(String, String), String> {
        let rules = LineRules { generation: Generation::G1, bytes: u64::MAX, depth: MAX_DEPTH };
        ImportLine::read(text.as_bytes(), rules)
            .map(|line| (line.payload, line.properties))
            .map_err(|problem| problem.to_string())
    }

    #[test]
    fn both_forms_of_a_line_are_read_verbatim() {
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
    fn what_is_wrong_with_a_line_is_named() {
        for (text, problem) in [
            ("[]", "the line: expected an object, found an array"),
            (r#"{"message": []}"#, "expected a member `payload` or a member `messages`"),
            (r#"{"payload": {}}"#, "payload.messages: required"),
            (r#"{"payload": [null]}"#, "payload: expected an object, found an array"),
            (r#"{"messages": [[null]]}"#, "messages[0]: expected an object, found an array"),
            (r#"{"messages": {}}"#, "messages: expected an array, found an object"),
            (
                r#"{"messages": [], "properties": [null]}"#,
                "properties: expected an object, found an array",
            ),
        ] {
            assert_eq!(line(text), Err(problem.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_payload_made_of_a_line_leaves_room_for_the_line_around_it() {
        let nested = |depth: usize| {
            format!(r#"{{"messages": [], "x": {}{}}}"#, "[".repeat(depth), "]".repeat(depth))
        };
        assert!(line(&nested(126)).is_ok());
        assert!(line(&nested(127)).unwrap_err().contains("127 levels"));
    }

    #[test]
    fn messages_are_joined_as_they_are() {
        assert_eq!(
            messages_of(&[r#"[ {"a":1.0} ,{}]"#, "[]", r#"[{"b": 2}]"#]).unwrap(),
            r#"{"messages":[{"a":1.0},{},{"b": 2}]}"#
        );
        assert_eq!(messages_of(&["[]"]).unwrap(), r#"{"messages":[]}"#);
    }
}
