//! Attributes, and the text of their values.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use serde_json::{Map, Number, Value};

/// How deeply arrays and maps may be nested. What is nested deeper reads as null.
const MAX_DEPTH: usize = 64;

/// The attributes of a span, a resource or a log record.
pub(super) struct Attributes(Vec<KeyValue>);

impl Attributes {
    pub(super) fn new(attributes: Vec<KeyValue>) -> Self {
        Self(attributes)
    }

    /// Returns the value of the first of these keys that is present. The last value of a key counts.
    pub(super) fn any(&self, keys: &[&str]) -> Option<&Any> {
        keys.iter().find_map(|key| {
            let attribute = self.0.iter().rfind(|attribute| attribute.key == *key)?;
            attribute.value.as_ref()?.value.as_ref()
        })
    }

    /// Returns the text of the first of these keys that is present, or `""`.
    pub(super) fn text(&self, keys: &[&str]) -> String {
        self.any(keys).map(text).unwrap_or_default()
    }

    /// Returns an integer, or 0 if the value is absent or not a number.
    pub(super) fn integer(&self, keys: &[&str]) -> i64 {
        match self.any(keys) {
            Some(Any::IntValue(value)) => *value,
            other => other.and_then(number).map_or(0, |value| value as i64),
        }
    }

    /// Returns a number, or `None` if the value is absent or not a number.
    pub(super) fn number(&self, keys: &[&str]) -> Option<f64> {
        self.any(keys).and_then(number)
    }

    /// Returns a JSON array of strings.
    pub(super) fn strings(&self, keys: &[&str]) -> String {
        let strings: Vec<String> = match self.any(keys) {
            None => Vec::new(),
            Some(Any::ArrayValue(array)) => {
                array.values.iter().filter_map(|value| value.value.as_ref().map(text)).collect()
            }
            Some(other) => {
                let text = text(other);
                serde_json::from_str(&text).unwrap_or_else(|_| vec![text])
            }
        };
        Value::from(strings).to_string()
    }

    /// Returns all attributes as an object of strings. The last value of a key counts.
    pub(super) fn to_map(&self) -> Map<String, Value> {
        self.0
            .iter()
            .map(|attribute| {
                let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
                (attribute.key.clone(), value.map(text).unwrap_or_default().into())
            })
            .collect()
    }
}

/// Returns the text of a value: text as it is, everything else as JSON.
pub(super) fn text(value: &Any) -> String {
    match value {
        Any::StringValue(text) => text.clone(),
        other => match json(other, 0) {
            Value::String(text) => text,
            value => value.to_string(),
        },
    }
}

/// Returns the text of an optional value, or `""`.
pub(super) fn optional_text(value: Option<&AnyValue>) -> String {
    value.and_then(|value| value.value.as_ref()).map(text).unwrap_or_default()
}

fn number(value: &Any) -> Option<f64> {
    let number = match value {
        Any::IntValue(value) => *value as f64,
        Any::DoubleValue(value) => *value,
        // Redaction replaces numbers by text such as `[REDACTED]`.
        Any::StringValue(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// Converts a value to JSON.
pub(super) fn json(value: &Any, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    let nested = |value: Option<&AnyValue>| {
        let value = value.and_then(|value| value.value.as_ref());
        value.map_or(Value::Null, |value| json(value, depth + 1))
    };
    match value {
        Any::StringValue(text) => text.as_str().into(),
        Any::BoolValue(value) => (*value).into(),
        Any::IntValue(value) => (*value).into(),
        Any::DoubleValue(value) => match Number::from_f64(*value) {
            Some(number) => number.into(),
            None => value.to_string().into(),
        },
        Any::ArrayValue(array) => array.values.iter().map(|value| nested(Some(value))).collect(),
        Any::KvlistValue(list) => {
            list.values.iter().map(|pair| (pair.key.clone(), nested(pair.value.as_ref()))).collect()
        }
        Any::BytesValue(bytes) => BASE64.encode(bytes).into(),
        // An index into a table of strings, which only profiles have.
        Any::StringValueStrindex(_) => Value::Null,
    }
}
