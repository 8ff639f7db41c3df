//! Records out of lines of JSONL.

use std::fmt;

use mistral_datasets_types::RawJson;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::line::{self, Form, unescaped};
use super::record::{NewRecord, OPERATION};
use crate::error::Error;

impl NewRecord {
    /// The record that an import would make of a line of JSONL: of `{"payload": {…}, "properties": {…}}`, as an export has it; of
    /// an object with `messages`, which is the payload but for its `properties`; or of an array of messages.
    ///
    /// ```
    /// use mistral_datasets::NewRecord;
    ///
    /// let record = NewRecord::from_jsonl_line(r#"{"messages": [], "properties": {"topic": "refund"}}"#)?;
    /// assert_eq!(record.payload().get(), r#"{"messages":[]}"#);
    /// assert_eq!(record.properties().get(), r#"{"topic": "refund"}"#);
    /// # Ok::<(), mistral_datasets::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Validation`](crate::ErrorKind::Validation) when the line is none of these. The error names the column, and repeats
    /// nothing of the line.
    pub fn from_jsonl_line(line: impl AsRef<[u8]>) -> Result<Self, Error> {
        let line = line.as_ref();
        let form = line::check(line).map_err(|problem| {
            let (column, message) = (problem.column, problem.message);
            Error::invalid(OPERATION, format!("column {column}: {message}"))
        })?;
        let unread = |_| Error::invalid(OPERATION, "the line is not JSON".to_owned());
        let (payload, properties) = match form {
            Form::Messages => {
                let messages: &RawValue = serde_json::from_slice(line).map_err(unread)?;
                (format!(r#"{{"messages":{}}}"#, messages.get()), None)
            }
            Form::Record => serde_json::from_slice::<Members<'_>>(line).map_err(unread)?.parts(),
        };
        let payload = RawJson::from_string(payload).map_err(unread)?;
        let properties = properties.unwrap_or_else(|| "{}".to_owned());
        Self::new(payload, RawJson::from_string(properties).map_err(unread)?)
    }
}

/// The members of a line in their order, as they are written.
struct Members<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl Members<'_> {
    /// The payload, and the properties where there are some.
    fn parts(self) -> (String, Option<String>) {
        // Of several members with one name the last counts, as with most parsers.
        let last = |wanted| {
            let mut found = self.0.iter().rev().filter(|(name, _)| unescaped(name) == wanted);
            found.next().map(|(_, value)| value.get())
        };
        let properties = last("properties").filter(|text| *text != "null").map(str::to_owned);
        if let Some(payload) = last("payload") {
            return (payload.to_owned(), properties);
        }
        let rest = self.0.iter().filter(|(name, _)| unescaped(name) != "properties");
        let rest: Vec<String> =
            rest.map(|(name, value)| format!("{}:{}", name.get(), value.get())).collect();
        (format!("{{{}}}", rest.join(",")), properties)
    }
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
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn parts(line: &str) -> (String, String) {
        let record = NewRecord::from_jsonl_line(line).unwrap();
        (record.payload().get().to_owned(), record.properties().get().to_owned())
    }

    #[test]
    fn every_form_of_line_keeps_its_text() {
        for (line, payload, properties) in [
            (
                r#"{"id": "x", "payload": {"b": 1.0, "a": [ ]}, "properties": {"z": 1e3}}"#,
                r#"{"b": 1.0, "a": [ ]}"#,
                r#"{"z": 1e3}"#,
            ),
            (
                r#"{"n": 12345678901234567890, "messages": [{"a": 1.0}], "properties": null}"#,
                r#"{"n":12345678901234567890,"messages":[{"a": 1.0}]}"#,
                "{}",
            ),
            (r#" [{"role": "user"}] "#, r#"{"messages":[{"role": "user"}]}"#, "{}"),
            (r#"{"payload": 1, "payload": {}}"#, "{}", "{}"),
            (
                r#"{"messages": [], "propertie\u0073": {"a": 1}}"#,
                r#"{"messages":[]}"#,
                r#"{"a": 1}"#,
            ),
        ] {
            assert_eq!(parts(line), (payload.to_owned(), properties.to_owned()), "{line}");
        }
    }

    #[test]
    fn a_line_that_is_no_record_is_told_by_its_column_alone() {
        for line in
            ["{\"payload\": \"secret\"}", "\"secret\"", "{\"messages\": [\"secret\"]}", "{secret"]
        {
            let error = NewRecord::from_jsonl_line(line).unwrap_err();
            assert_eq!((error.kind(), error.operation()), (ErrorKind::Validation, Some(OPERATION)));
            assert!(error.message().starts_with("column "), "{error}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
        assert!(NewRecord::from_jsonl_line(b"\xff").is_err());
    }
}
