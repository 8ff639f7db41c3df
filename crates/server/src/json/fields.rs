//! Reads the fields of an object.

use std::borrow::Cow;

use mistral_datasets_types::skip;

use super::{JsonError, Value};

/// The fields of an object, in order. Names are kept as JSON, with their quotes and escapes.
pub(crate) struct Fields<'a> {
    path: String,
    entries: Vec<(&'a str, &'a str)>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(path: String, object: &'a str) -> Self {
        Self { path, entries: skip::fields(object).collect() }
    }

    /// Returns a field. If there are several with this name, returns the last one, as most parsers do.
    pub(crate) fn get(&self, name: &str) -> Option<Value<'a>> {
        let (_, text) = self.entries.iter().rev().find(|(key, _)| unescape(key) == name)?;
        Some(Value::new(self.field_path(name), text))
    }

    /// Returns a field, or `None` if it is missing or null.
    pub(crate) fn optional(&self, name: &str) -> Option<Value<'a>> {
        self.get(name).filter(|value| value.text() != "null")
    }

    /// Returns a field, or an error if it is missing.
    pub(crate) fn required(&self, name: &str) -> Result<Value<'a>, JsonError> {
        self.get(name).ok_or_else(|| JsonError::at(self.field_path(name), "required"))
    }

    /// Returns a field that is an object, as JSON. Returns `{}` if it is missing or null.
    pub(crate) fn object_or_empty(&self, name: &str) -> Result<String, JsonError> {
        self.optional(name).map_or_else(|| Ok("{}".to_owned()), |value| value.object())
    }

    /// Iterates over all fields.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (String, Value<'a>)> {
        self.entries.iter().map(|(key, text)| {
            let name = unescape(key).into_owned();
            let path = self.field_path(&name);
            (name, Value::new(path, text))
        })
    }

    /// Iterates over all fields as JSON. Names include their quotes.
    pub(crate) fn iter_raw(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.entries.iter().copied()
    }

    /// Fails if there is a field with another name.
    pub(crate) fn allow_only(&self, names: &[&str]) -> Result<(), JsonError> {
        match self.iter().find(|(name, _)| !names.contains(&name.as_str())) {
            Some((_, value)) => {
                Err(value.error(format!("unknown field; expected one of {}", names.join(", "))))
            }
            None => Ok(()),
        }
    }

    /// Creates an error about a field, or about the object if `name` is empty.
    pub(crate) fn error(&self, name: &str, message: impl Into<String>) -> JsonError {
        let path = if name.is_empty() { self.path.clone() } else { self.field_path(name) };
        JsonError::at(path, message)
    }

    fn field_path(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }

    /// Returns the object as JSON without one of its fields. All other fields are kept verbatim.
    pub(crate) fn without(&self, name: &str) -> String {
        let mut text = String::from("{");
        for (key, value) in self.entries.iter().filter(|(key, _)| unescape(key) != name) {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(key);
            text.push(':');
            text.push_str(value);
        }
        text.push('}');
        text
    }
}

/// Returns the name that a JSON string stands for.
fn unescape(quoted: &str) -> Cow<'_, str> {
    match quoted.get(1..quoted.len() - 1) {
        Some(inner) if !inner.contains('\\') => inner.into(),
        // A name with a lone surrogate is not the name of any known field.
        _ => serde_json::from_str::<String>(quoted).unwrap_or_default().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Document, MAX_DEPTH};
    use super::*;

    fn fields(text: &str) -> Fields<'_> {
        Document::read(text.as_bytes(), "the body", MAX_DEPTH).unwrap().fields().unwrap()
    }

    #[test]
    fn names_are_compared_unescaped_and_the_last_duplicate_counts() {
        let body = fields(r#"{"a": 1, "\u0061": 2, "\ud800": 3}"#);
        assert_eq!(body.get("a").unwrap().text(), "2");
        assert!(body.get("b").is_none());
    }

    #[test]
    fn removing_a_field_keeps_the_others_verbatim() {
        let body = fields(r#"{ "b" : 1.0 , "a":"x", "\ud800": [ 1e400 ], "b": 2 }"#);
        assert_eq!(body.without("a"), r#"{"b":1.0,"\ud800":[ 1e400 ],"b":2}"#);
        assert_eq!(fields("{}").without("a"), "{}");
    }
}
