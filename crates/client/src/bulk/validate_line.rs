//! Validates a line of JSONL. Every line that an import would reject is rejected with a similar message, which contains field
//! names and positions but never content.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr2_iter;
use mistral_datasets_types::skip;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{foreign_format, json_array, record_keys};

/// The maximum nesting depth of a line.
const MAX_DEPTH: usize = 128;

/// The form of a valid line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// An object with a payload or with messages, which can be imported unchanged.
    Record,
    /// An array of messages, which has to be wrapped in an object.
    Messages,
}

/// A valid line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ValidLine {
    pub(super) form: Form,
    /// The unknown keys next to the payload, if they are allowed.
    pub(super) unknown_keys: Vec<String>,
}

/// What to do with unknown keys next to a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnknownKeys {
    /// A line with an unknown key is invalid.
    Reject,
    /// Unknown keys are returned.
    Allow,
}

/// Why a line is invalid.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The position in the line in characters, from 1.
    pub(super) column: u64,
    pub(super) message: String,
    /// Whether the line shows that the source as a whole is not JSON Lines, if it is the first line.
    pub(super) concerns_source: bool,
}

/// The character that old editors write at the end of a file.
const CTRL_Z: u8 = 0x1a;

/// Validates a line that is not blank and has no byte order mark.
pub(super) fn validate(line: &[u8], unknown_keys: UnknownKeys) -> Result<ValidLine, Problem> {
    validate_form(line, unknown_keys).map_err(|problem| explain(line, problem))
}

/// Replaces the problem of a line by one that says what the line is, if that is known.
fn explain(line: &[u8], problem: Problem) -> Problem {
    if let Some(format) = foreign_format::recognize(line) {
        let message = format!("the source is {format}");
        return Problem { concerns_source: true, ..Problem::new(line, 0, message) };
    }
    if let Some(before) = line.strip_suffix(&[CTRL_Z])
        && (before.trim_ascii().is_empty() || validate_form(before, UnknownKeys::Allow).is_ok())
    {
        let message = "the line ends with a Ctrl-Z character (0x1A); remove it".to_owned();
        return Problem::new(line, before.len(), message);
    }
    problem
}

fn validate_form(line: &[u8], unknown_keys: UnknownKeys) -> Result<ValidLine, Problem> {
    let text = std::str::from_utf8(line).map_err(|error| {
        Problem::new(line, error.valid_up_to(), "the line is not UTF-8".to_owned())
    })?;
    let line = Line(text);
    line.limit_depth(MAX_DEPTH, "the line")?;
    match text.trim_ascii_start().as_bytes().first() {
        Some(b'{') => {
            let unknown_keys = line.record(unknown_keys)?;
            Ok(ValidLine { form: Form::Record, unknown_keys })
        }
        Some(b'[') => {
            let whole: &RawValue = line.read(text)?;
            if json_array::is_of_records(whole.get()) {
                return Err(line.array_of_records());
            }
            line.require_objects(whole, "messages")?;
            // The array becomes the messages of an object, which becomes the payload of another one.
            line.limit_depth(MAX_DEPTH - 2, "the conversation")?;
            Ok(ValidLine { form: Form::Messages, unknown_keys: Vec::new() })
        }
        _ => {
            let whole: &RawValue = line.read(text)?;
            Err(line.unexpected(whole, "the line", "an object"))
        }
    }
}

/// A line of valid UTF-8.
#[derive(Clone, Copy)]
struct Line<'a>(&'a str);

impl<'a> Line<'a> {
    /// Validates an object with `payload` or `messages`, and optionally `properties`. Returns the unknown keys next to a payload.
    fn record(self, unknown_keys: UnknownKeys) -> Result<Vec<String>, Problem> {
        let fields: Fields<'a> = self.read(self.0)?;
        if let Some(properties) = fields.properties
            && properties.get() != "null"
        {
            self.require_object(properties, "properties")?;
        }
        if let Some(payload) = fields.payload {
            self.require_object(payload, "payload")?;
            // Whether messages are required depends on the API generation, so only the server checks that.
            let inner: Fields<'a> = self.read(payload.get())?;
            if let Some(messages) = inner.messages {
                self.require_objects(messages, "payload.messages")?;
            }
            let is_known = fields.messages.is_none() && fields.first_other.is_none();
            return if is_known { Ok(Vec::new()) } else { self.unknown_keys(unknown_keys) };
        }
        let Some(messages) = fields.messages else {
            let message = "expected a field `payload` or a field `messages`".to_owned();
            return Err(self.problem(0, message));
        };
        self.require_objects(messages, "messages")?;
        // The line itself is the payload. An export puts it one level deeper, where it must still be within the limit.
        self.limit_depth(MAX_DEPTH - 1, "the payload")?;
        Ok(Vec::new())
    }

    /// Rejects or returns the unknown keys of an object that has a payload.
    fn unknown_keys(self, unknown_keys: UnknownKeys) -> Result<Vec<String>, Problem> {
        let Keys(keys) = self.read(self.0)?;
        let unknown = keys
            .iter()
            .map(|raw| (raw.get(), decode_key(raw)))
            .filter(|(_, key)| record_keys::is_unknown(key));
        match unknown_keys {
            UnknownKeys::Allow => Ok(unknown.map(|(_, key)| key.into_owned()).collect()),
            UnknownKeys::Reject => {
                unknown.into_iter().next().map_or(Ok(Vec::new()), |(raw, key)| {
                    Err(self.problem(self.position_of(raw), record_keys::problem(&key)))
                })
            }
        }
    }

    fn array_of_records(self) -> Problem {
        let problem = self.problem(0, json_array::PROBLEM.to_owned());
        Problem { concerns_source: true, ..problem }
    }

    fn read<T: Deserialize<'a>>(self, part: &'a str) -> Result<T, Problem> {
        serde_json::from_str(part).map_err(|error| {
            if error.is_eof() && json_array::starts_array(self.0) {
                return self.array_of_records();
            }
            // Only raw values and keys are read, so this is a syntax error, which quotes nothing.
            let message = error.to_string();
            let message =
                message.rsplit_once(" at line ").map_or(&*message, |(message, _)| message);
            let start = self.position_of(part) + error.column().saturating_sub(1);
            let advice = if error.is_eof() && json_array::ends_between_values(self.0) {
                "; write each record on one line, for example with `jq -c .`"
            } else {
                ""
            };
            self.problem(start, format!("the line is not JSON: {message}{advice}"))
        })
    }

    fn require_object(self, value: &'a RawValue, path: &str) -> Result<(), Problem> {
        if value.get().starts_with('{') {
            return Ok(());
        }
        Err(self.unexpected(value, path, "an object"))
    }

    /// Requires an array of objects.
    fn require_objects(self, value: &'a RawValue, path: &str) -> Result<(), Problem> {
        if !value.get().starts_with('[') {
            return Err(self.unexpected(value, path, "an array"));
        }
        match self.read::<FirstNonObject<'a>>(value.get())?.0 {
            Some((index, item)) => {
                Err(self.unexpected(item, &format!("{path}[{index}]"), "an object"))
            }
            None => Ok(()),
        }
    }

    fn limit_depth(self, limit: usize, what: &str) -> Result<(), Problem> {
        // Nearly every line contains fewer brackets than the limit and so cannot be too deep.
        if memchr2_iter(b'{', b'[', self.0.as_bytes()).nth(limit).is_none() {
            return Ok(());
        }
        skip::deeper_than(self.0.as_bytes(), limit).map_or(Ok(()), |index| {
            let message = format!("{what} has more than {limit} levels of arrays and objects");
            Err(self.problem(index, message))
        })
    }

    fn unexpected(self, value: &RawValue, path: &str, expected: &str) -> Problem {
        let found = match value.get().as_bytes().first() {
            Some(b'{') => "an object",
            Some(b'[') => "an array",
            Some(b'"') => "a string",
            Some(b't' | b'f') => "a boolean",
            Some(b'n') => "null",
            _ => "a number",
        };
        let message = format!("{path}: expected {expected}, found {found}");
        self.problem(self.position_of(value.get()), message)
    }

    fn problem(self, index: usize, message: String) -> Problem {
        Problem::new(self.0.as_bytes(), index, message)
    }

    /// Returns the offset of a part of the line in bytes.
    fn position_of(self, part: &str) -> usize {
        part.as_ptr().addr().saturating_sub(self.0.as_ptr().addr())
    }
}

impl Problem {
    fn new(line: &[u8], index: usize, message: String) -> Self {
        let before = &line[..index.min(line.len())];
        // Counts the bytes that start a character.
        let characters = before.iter().filter(|byte| (**byte as i8) >= -0x40).count();
        Self { column: characters as u64 + 1, message, concerns_source: false }
    }
}

/// The relevant fields of an object. If a key is repeated, the last value wins, as in most parsers.
#[derive(Default)]
struct Fields<'a> {
    payload: Option<&'a RawValue>,
    messages: Option<&'a RawValue>,
    properties: Option<&'a RawValue>,
    /// The first key that is not a field of a record.
    first_other: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Fields::default();
                // Keys stay raw, because JSON allows keys that are not valid strings.
                while let Some(name) = map.next_key::<&RawValue>()? {
                    match &*decode_key(name) {
                        "payload" => fields.payload = Some(map.next_value()?),
                        "messages" => fields.messages = Some(map.next_value()?),
                        "properties" => fields.properties = Some(map.next_value()?),
                        other => {
                            if fields.first_other.is_none() && record_keys::is_unknown(other) {
                                fields.first_other = Some(name);
                            }
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// All keys of an object, as written.
struct Keys<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Keys<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Keys<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// Returns a key without its quotes and escapes.
pub(super) fn decode_key(name: &RawValue) -> Cow<'_, str> {
    let quoted = name.get();
    match quoted.get(1..quoted.len() - 1) {
        Some(inner) if !inner.contains('\\') => inner.into(),
        // A key with a lone surrogate matches no known name.
        _ => serde_json::from_str::<String>(quoted).unwrap_or_default().into(),
    }
}

/// The first item of an array that is not an object, with its index.
struct FirstNonObject<'a>(Option<(usize, &'a RawValue)>);

impl<'de> Deserialize<'de> for FirstNonObject<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Array;

        impl<'de> Visitor<'de> for Array {
            type Value = FirstNonObject<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut found = None;
                let mut index = 0;
                while let Some(item) = seq.next_element::<&RawValue>()? {
                    if found.is_none() && !item.get().starts_with('{') {
                        found = Some((index, item));
                    }
                    index += 1;
                }
                Ok(FirstNonObject(found))
            }
        }

        deserializer.deserialize_seq(Array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(line: &str) -> (u64, String) {
        let problem = validate(line.as_bytes(), UnknownKeys::Reject).unwrap_err();
        (problem.column, problem.message)
    }

    #[test]
    fn all_forms_are_valid() {
        for record in [
            r#"{"messages": []}"#,
            r#"  {"messages": [{"role": "user", "content": "Hi"}], "properties": {"a": 1}}"#,
            r#"{"messages": [{}], "properties": null, "more": 1e400}"#,
            r#"{"payload": {"messages": [ {"n": 1.0} ]}, "properties": {}}"#,
            r#"{"payload": {"anything": "of a newer generation"}}"#,
            r#"{"payload": {}, "id": 1, "created_at": 2, "dataset_id": 3, "source": null}"#,
            r#"{"\u006dessages": [{}], "\ud800": ["\udfff"]}"#,
            r#"{"messages": 5, "messages": []}"#,
        ] {
            let valid = validate(record.as_bytes(), UnknownKeys::Reject).unwrap();
            assert_eq!((valid.form, &*valid.unknown_keys), (Form::Record, &[][..]), "{record}");
        }
        for messages in [r#"[{"role": "user", "content": "Hi"}, {"role": "assistant"}]"#, "[]"] {
            let valid = validate(messages.as_bytes(), UnknownKeys::Reject).unwrap();
            assert_eq!(valid.form, Form::Messages);
        }
    }

    #[test]
    fn invalid_lines_are_reported_with_their_position() {
        for (line, column, message) in [
            (
                "{",
                1,
                "the line is not JSON: EOF while parsing an object; write each record on one line, for example with `jq -c .`",
            ),
            ("[", 1, json_array::PROBLEM),
            ("  [{\"messages\": []},", 1, json_array::PROBLEM),
            (r#"[{"messages": []}, {"messages": []}]"#, 1, json_array::PROBLEM),
            (
                "version https://git-lfs.github.com/spec/v1",
                1,
                "the source is a Git LFS pointer instead of the file; fetch the file with `git lfs pull`",
            ),
            ("\u{1a}", 1, "the line ends with a Ctrl-Z character (0x1A); remove it"),
            (
                "{\"messages\": []} \u{1a}",
                18,
                "the line ends with a Ctrl-Z character (0x1A); remove it",
            ),
            ("{\"messages\": [}", 15, "the line is not JSON: expected value"),
            (r#"{"messages": []"#, 15, "the line is not JSON: EOF while parsing an object"),
            (r#"{"messages": []} x"#, 18, "the line is not JSON: trailing characters"),
            (r#"{"payload": {"é": 01}}"#, 20, "the line is not JSON: invalid number"),
            ("hello", 1, "the line is not JSON: expected value"),
            ("\"hello\"", 1, "the line: expected an object, found a string"),
            ("  17", 3, "the line: expected an object, found a number"),
            ("null", 1, "the line: expected an object, found null"),
            (r#"{"message": []}"#, 1, "expected a field `payload` or a field `messages`"),
            (r#"{"é": 1, "messages": {}}"#, 22, "messages: expected an array, found an object"),
            (r#"{"messages": [{}, [1]]}"#, 19, "messages[1]: expected an object, found an array"),
            (r#"{"payload": [null]}"#, 13, "payload: expected an object, found an array"),
            (r#"{"payload": null}"#, 13, "payload: expected an object, found null"),
            (
                r#"{"payload": {"messages": [true]}}"#,
                27,
                "payload.messages[0]: expected an object, found a boolean",
            ),
            (
                r#"{"messages": [], "properties": [null]}"#,
                32,
                "properties: expected an object, found an array",
            ),
            (r#"[{}, "x"]"#, 6, "messages[1]: expected an object, found a string"),
        ] {
            assert_eq!(problem(line), (column, message.to_owned()), "{line}");
        }
        let invalid = validate(b"{\"\xc3\xa4\xff\": 1}", UnknownKeys::Reject).unwrap_err();
        assert_eq!((invalid.column, &*invalid.message), (4, "the line is not UTF-8"));
    }

    #[test]
    fn nesting_depth_is_limited_as_on_the_server() {
        let nested = |before: &str, depth: usize, after: &str| {
            format!("{before}{}{}{after}", "[".repeat(depth), "]".repeat(depth))
        };
        for (before, max_depth, after) in [
            (r#"{"payload": {"x": "#, 126, "}}"),
            (r#"{"messages": [], "x": "#, 126, "}"),
            (r#"[{"x": "#, 124, "}]"),
        ] {
            let deepest = nested(before, max_depth, after);
            assert!(validate(deepest.as_bytes(), UnknownKeys::Reject).is_ok(), "{before}");
            assert!(
                problem(&nested(before, max_depth + 1, after)).1.contains("levels"),
                "{before}"
            );
        }
        assert!(problem(&"[".repeat(1_000_000)).1.contains("128 levels"));
        let text = format!(r#"{{"messages": [{{"content": "{}"}}]}}"#, "[{".repeat(200));
        assert!(validate(text.as_bytes(), UnknownKeys::Reject).is_ok());
    }

    #[test]
    fn unknown_keys_beside_a_payload_are_rejected_or_returned() {
        let line =
            r#"{"id": 1, "é": 0, "payload": {"x": 1}, "propertie\u0073": {}, "messages": 1}"#;
        let (column, message) = problem(line);
        assert_eq!(column, 11);
        assert!(message.starts_with("unknown key `é` beside `payload`; expected"), "{message}");
        let valid = validate(line.as_bytes(), UnknownKeys::Allow).unwrap();
        assert_eq!(valid.unknown_keys, ["é", "messages"]);
    }

    #[test]
    fn problems_never_quote_the_line() {
        for line in [r#"{"secret"}"#, "[secret]", r#"{"messages": "secret"}"#, "\"secret\\x\""] {
            assert!(!problem(line).1.contains("secret"), "{line}");
        }
    }
}
