//! Parses lines of JSONL as records.

use std::fmt;

use mistral_datasets_types::RawJson;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::line_reader::strip_byte_order_marks;
use super::record::{NewRecord, OPERATION};
use super::validate_line::{Form, UnknownKeys, ValidLine, decode_key, validate};
use crate::error::Error;

impl NewRecord {
    /// Parses a line of JSONL as an import would.
    ///
    /// A line is one of `{"payload": {…}, "properties": {…}}`, as in an export; `{"messages": […], "properties": {…}}`, where
    /// everything except the properties becomes the payload; or an array of messages. Properties are optional. A byte order mark
    /// is skipped. Unknown keys next to `payload` are the record's [`unknown_keys`](Self::unknown_keys).
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
    /// [`Validation`](crate::ErrorKind::Validation) if the line has none of these forms. The message contains the column, but
    /// no content of the line.
    pub fn from_jsonl_line(line: impl AsRef<[u8]>) -> Result<Self, Error> {
        let line = strip_byte_order_marks(line.as_ref());
        let valid = validate(line, UnknownKeys::Allow).map_err(|problem| {
            let (column, message) = (problem.column, problem.message);
            Error::invalid(OPERATION, format!("column {column}: {message}"))
        })?;
        let ValidLine { form, unknown_keys } = valid;
        let not_json = |_| Error::invalid(OPERATION, "the line is not JSON".to_owned());
        let (payload, properties) = match form {
            Form::Messages => {
                let messages: &RawValue = serde_json::from_slice(line).map_err(not_json)?;
                (format!(r#"{{"messages":{}}}"#, messages.get()), None)
            }
            Form::Record => serde_json::from_slice::<Entries<'_>>(line).map_err(not_json)?.parts(),
        };
        let payload = RawJson::from_string(payload).map_err(not_json)?;
        let properties = properties.unwrap_or_else(|| "{}".to_owned());
        let record = Self::new(payload, RawJson::from_string(properties).map_err(not_json)?)?;
        Ok(record.with_other_keys(unknown_keys))
    }
}

/// The raw keys and values of an object, in order.
struct Entries<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl Entries<'_> {
    /// Returns the payload, and the properties if there are any.
    fn parts(self) -> (String, Option<String>) {
        // If a key is repeated, the last value wins, as in most parsers.
        let last = |wanted| {
            let mut found = self.0.iter().rev().filter(|(name, _)| decode_key(name) == wanted);
            found.next().map(|(_, value)| value.get())
        };
        let properties = last("properties").filter(|text| *text != "null").map(str::to_owned);
        if let Some(payload) = last("payload") {
            return (payload.to_owned(), properties);
        }
        let rest = self.0.iter().filter(|(name, _)| decode_key(name) != "properties");
        let rest: Vec<String> =
            rest.map(|(name, value)| format!("{}:{}", name.get(), value.get())).collect();
        (format!("{{{}}}", rest.join(",")), properties)
    }
}

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
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
    fn all_forms_are_parsed_with_unchanged_values() {
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
            ("\u{feff}{\"messages\":[]}", r#"{"messages":[]}"#, "{}"),
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
    fn unknown_keys_are_kept_apart() {
        let line = r#"{"id": 1, "payload": {"a": 1}, "metadata": {}, "propertys": {}}"#;
        let record = NewRecord::from_jsonl_line(line).unwrap();
        assert_eq!(record.unknown_keys(), ["metadata", "propertys"]);
        let record = NewRecord::from_jsonl_line(r#"{"messages": [], "metadata": {}}"#).unwrap();
        assert_eq!(record.unknown_keys(), [""; 0]);
    }

    #[test]
    fn errors_contain_the_column_but_not_the_line() {
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
