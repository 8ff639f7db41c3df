//! What a line of JSONL must hold to become a record. It accepts nothing that an import would refuse, and says what is wrong
//! as the server does: by names of members and by places, never by content.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr2_iter;
use mistral_datasets_types::skip;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// How deep arrays and objects may lie in each other in a line.
const MAX_DEPTH: usize = 128;

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// An object with a payload, or with messages: it is imported as it is.
    Record,
    /// An array of messages, which an import takes inside of an object only.
    Messages,
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The character, from 1.
    pub(super) column: u64,
    pub(super) message: String,
}

/// Looks at one line, which is not blank.
pub(super) fn check(line: &[u8]) -> Result<Form, Problem> {
    let text = std::str::from_utf8(line).map_err(|error| {
        Problem::new(line, error.valid_up_to(), "the line is not UTF-8".to_owned())
    })?;
    let line = Line(text);
    line.limit_depth(MAX_DEPTH, "the line")?;
    match text.trim_ascii_start().as_bytes().first() {
        Some(b'{') => line.record().map(|()| Form::Record),
        Some(b'[') => {
            let whole: &RawValue = line.read(text)?;
            line.require_objects(whole, "messages")?;
            // It becomes the messages of an object, and that the payload of another.
            line.limit_depth(MAX_DEPTH - 2, "the conversation")?;
            Ok(Form::Messages)
        }
        _ => {
            let whole: &RawValue = line.read(text)?;
            Err(line.unexpected(whole, "the line", "an object"))
        }
    }
}

/// A line that is UTF-8.
#[derive(Clone, Copy)]
struct Line<'a>(&'a str);

impl<'a> Line<'a> {
    /// An object with `payload` or `messages`, and perhaps `properties`.
    fn record(self) -> Result<(), Problem> {
        let members: Members<'a> = self.read(self.0)?;
        if let Some(properties) = members.properties
            && properties.get() != "null"
        {
            self.require_object(properties, "properties")?;
        }
        if let Some(payload) = members.payload {
            self.require_object(payload, "payload")?;
            // That there are messages is left to the server, because not every generation of the API wants them.
            let inner: Members<'a> = self.read(payload.get())?;
            return inner
                .messages
                .map_or(Ok(()), |messages| self.require_objects(messages, "payload.messages"));
        }
        let Some(messages) = members.messages else {
            let message = "expected a member `payload` or a member `messages`".to_owned();
            return Err(self.problem(0, message));
        };
        self.require_objects(messages, "messages")?;
        // The line is the payload here; an export will put it one level deeper, where it must still be readable.
        self.limit_depth(MAX_DEPTH - 1, "the payload")
    }

    fn read<T: Deserialize<'a>>(self, part: &'a str) -> Result<T, Problem> {
        serde_json::from_str(part).map_err(|error| {
            // Raw values and names are all that is read, so the error is one of syntax, which quotes nothing.
            let words = error.to_string();
            let words = words.rsplit_once(" at line ").map_or(&*words, |(words, _)| words);
            let start = self.place(part) + error.column().saturating_sub(1);
            self.problem(start, format!("the line is not JSON: {words}"))
        })
    }

    fn require_object(self, value: &'a RawValue, path: &str) -> Result<(), Problem> {
        if value.get().starts_with('{') {
            return Ok(());
        }
        Err(self.unexpected(value, path, "an object"))
    }

    /// Fails unless the value is an array of objects.
    fn require_objects(self, value: &'a RawValue, path: &str) -> Result<(), Problem> {
        if !value.get().starts_with('[') {
            return Err(self.unexpected(value, path, "an array"));
        }
        match self.read::<NoObject<'a>>(value.get())?.0 {
            Some((index, item)) => {
                Err(self.unexpected(item, &format!("{path}[{index}]"), "an object"))
            }
            None => Ok(()),
        }
    }

    fn limit_depth(self, limit: usize, what: &str) -> Result<(), Problem> {
        // What opens fewer arrays and objects than the limit cannot nest deeper, which is nearly every line.
        if memchr2_iter(b'{', b'[', self.0.as_bytes()).nth(limit).is_none() {
            return Ok(());
        }
        skip::deeper_than(self.0.as_bytes(), limit).map_or(Ok(()), |place| {
            let message = format!("{what} has more than {limit} levels of arrays and objects");
            Err(self.problem(place, message))
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
        self.problem(self.place(value.get()), message)
    }

    fn problem(self, place: usize, message: String) -> Problem {
        Problem::new(self.0.as_bytes(), place, message)
    }

    /// Where in the line a part of it begins.
    fn place(self, part: &str) -> usize {
        part.as_ptr().addr().saturating_sub(self.0.as_ptr().addr())
    }
}

impl Problem {
    fn new(line: &[u8], place: usize, message: String) -> Self {
        let before = &line[..place.min(line.len())];
        // Counting the bytes that begin a character counts the characters.
        let characters = before.iter().filter(|byte| (**byte as i8) >= -0x40).count();
        Self { column: characters as u64 + 1, message }
    }
}

/// The members of an object that a line is about. Of several with one name the last counts, as with most parsers.
#[derive(Default)]
struct Members<'a> {
    payload: Option<&'a RawValue>,
    messages: Option<&'a RawValue>,
    properties: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Members::default();
                // Names stay raw too, because not every name that JSON can have is text.
                while let Some(name) = map.next_key::<&RawValue>()? {
                    match &*unescaped(name) {
                        "payload" => members.payload = Some(map.next_value()?),
                        "messages" => members.messages = Some(map.next_value()?),
                        "properties" => members.properties = Some(map.next_value()?),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

pub(super) fn unescaped(name: &RawValue) -> Cow<'_, str> {
    let quoted = name.get();
    match quoted.get(1..quoted.len() - 1) {
        Some(inner) if !inner.contains('\\') => inner.into(),
        // A name with a lone surrogate is nobody's name.
        _ => serde_json::from_str::<String>(quoted).unwrap_or_default().into(),
    }
}

/// The first item of an array that is no object, and its index.
struct NoObject<'a>(Option<(usize, &'a RawValue)>);

impl<'de> Deserialize<'de> for NoObject<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Array;

        impl<'de> Visitor<'de> for Array {
            type Value = NoObject<'de>;

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
                Ok(NoObject(found))
            }
        }

        deserializer.deserialize_seq(Array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(line: &str) -> (u64, String) {
        let problem = check(line.as_bytes()).unwrap_err();
        (problem.column, problem.message)
    }

    #[test]
    fn every_form_of_a_line_is_accepted() {
        for record in [
            r#"{"messages": []}"#,
            r#"  {"messages": [{"role": "user", "content": "Hi"}], "properties": {"a": 1}}"#,
            r#"{"messages": [{}], "properties": null, "more": 1e400}"#,
            r#"{"payload": {"messages": [ {"n": 1.0} ]}, "properties": {}}"#,
            r#"{"payload": {"anything": "of a newer generation"}}"#,
            r#"{"payload": {}, "messages": "beside a payload they are not looked at"}"#,
            r#"{"\u006dessages": [{}], "\ud800": ["\udfff"]}"#,
            r#"{"messages": 5, "messages": []}"#,
        ] {
            assert_eq!(check(record.as_bytes()), Ok(Form::Record), "{record}");
        }
        for messages in [r#"[{"role": "user", "content": "Hi"}, {"role": "assistant"}]"#, "[]"] {
            assert_eq!(check(messages.as_bytes()), Ok(Form::Messages));
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (line, column, words) in [
            ("{\"messages\": [}", 15, "the line is not JSON: expected value"),
            (r#"{"messages": []"#, 15, "the line is not JSON: EOF while parsing an object"),
            (r#"{"messages": []} x"#, 18, "the line is not JSON: trailing characters"),
            (r#"{"payload": {"é": 01}}"#, 20, "the line is not JSON: invalid number"),
            ("hello", 1, "the line is not JSON: expected value"),
            ("\"hello\"", 1, "the line: expected an object, found a string"),
            ("  17", 3, "the line: expected an object, found a number"),
            ("null", 1, "the line: expected an object, found null"),
            (r#"{"message": []}"#, 1, "expected a member `payload` or a member `messages`"),
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
            assert_eq!(problem(line), (column, words.to_owned()), "{line}");
        }
        let broken = check(b"{\"\xc3\xa4\xff\": 1}").unwrap_err();
        assert_eq!((broken.column, &*broken.message), (4, "the line is not UTF-8"));
    }

    #[test]
    fn depth_is_limited_as_the_server_limits_it() {
        let nested = |before: &str, depth: usize, after: &str| {
            format!("{before}{}{}{after}", "[".repeat(depth), "]".repeat(depth))
        };
        for (before, room, after) in [
            (r#"{"payload": {"x": "#, 126, "}}"),
            (r#"{"messages": [], "x": "#, 126, "}"),
            (r#"[{"x": "#, 124, "}]"),
        ] {
            assert!(check(nested(before, room, after).as_bytes()).is_ok(), "{before}");
            assert!(problem(&nested(before, room + 1, after)).1.contains("levels"), "{before}");
        }
        assert!(problem(&"[".repeat(1_000_000)).1.contains("128 levels"));
        let text = format!(r#"{{"messages": [{{"content": "{}"}}]}}"#, "[{".repeat(200));
        assert!(check(text.as_bytes()).is_ok());
    }

    #[test]
    fn problems_quote_nothing() {
        for line in [r#"{"secret"}"#, "[secret]", r#"{"messages": "secret"}"#, "\"secret\\x\""] {
            assert!(!problem(line).1.contains("secret"), "{line}");
        }
    }
}
