//! Reads the fields of an object.

use std::borrow::Cow;

use mistral_datasets_types::skip;

use super::path::Path;
use super::{JsonError, Value};

/// The number of fields up to which their positions are kept. An object with more is scanned again for each access, because the
/// positions of very short fields would take many times the memory of the object.
const MAX_INDEXED: usize = 256;

/// The fields of an object, in order. Names are kept as JSON, with their quotes and escapes.
pub(crate) struct Fields<'a> {
    path: Path,
    object: &'a str,
    /// The fields, or `None` if there are more than [`MAX_INDEXED`].
    indexed: Option<Vec<(&'a str, &'a str)>>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(path: Path, object: &'a str) -> Self {
        let fields: Vec<_> = skip::fields(object).take(MAX_INDEXED + 1).collect();
        Self { path, object, indexed: (fields.len() <= MAX_INDEXED).then_some(fields) }
    }

    /// Returns a field. If there are several with this name, returns the last one, as most parsers do.
    pub(crate) fn get(&self, name: &str) -> Option<Value<'a>> {
        let is_wanted = |(key, _): &(&str, &str)| unescape(key) == name;
        let (_, text) = match &self.indexed {
            Some(fields) => fields.iter().rev().copied().find(is_wanted)?,
            None => skip::fields(self.object).filter(is_wanted).last()?,
        };
        Some(Value::new(self.path.field(name), text))
    }

    /// Returns a field, or `None` if it is missing or null.
    pub(crate) fn optional(&self, name: &str) -> Option<Value<'a>> {
        self.get(name).filter(|value| value.text() != "null")
    }

    /// Returns a field, or an error if it is missing.
    pub(crate) fn required(&self, name: &str) -> Result<Value<'a>, JsonError> {
        self.get(name).ok_or_else(|| JsonError::at(self.path.field(name).to_string(), "required"))
    }

    /// Returns a field that is an object, as JSON. Returns `{}` if it is missing or null.
    pub(crate) fn object_or_empty(&self, name: &str) -> Result<String, JsonError> {
        self.optional(name).map_or_else(|| Ok("{}".to_owned()), |value| value.object())
    }

    /// Iterates over all fields.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (String, Value<'a>)> {
        self.iter_raw().map(|(key, text)| {
            let name = unescape(key).into_owned();
            let path = self.path.field(&name);
            (name, Value::new(path, text))
        })
    }

    /// Iterates over all fields as JSON. Names include their quotes.
    pub(crate) fn iter_raw(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let scanned = self.indexed.is_none().then(|| skip::fields(self.object));
        self.indexed.iter().flatten().copied().chain(scanned.into_iter().flatten())
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
        let path = if name.is_empty() { self.path.clone() } else { self.path.field(name) };
        JsonError::at(path.to_string(), message)
    }

    /// Returns the object as JSON without one of its fields. All other fields are kept verbatim.
    pub(crate) fn without(&self, name: &str) -> String {
        let mut text = String::from("{");
        for (key, value) in self.iter_raw().filter(|(key, _)| unescape(key) != name) {
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
    fn objects_with_many_fields_are_read_alike() {
        let many: String = (0..MAX_INDEXED).map(|n| format!(", \"{n}\": {n}")).collect();
        let text = format!("{{\"a\": 1, \"\\u0061\": 2{many}}}");
        let body = fields(&text);
        assert!(body.indexed.is_none());
        assert_eq!(body.get("a").unwrap().text(), "2");
        assert_eq!(body.get("7").unwrap().text(), "7");
        assert!(body.get("b").is_none());
        assert_eq!(
            (body.iter().count(), body.iter_raw().count()),
            (MAX_INDEXED + 2, MAX_INDEXED + 2)
        );
        assert!(body.without("a").starts_with("{\"0\":0,\"1\":1,"));
        assert!(body.allow_only(&["a"]).unwrap_err().to_string().starts_with("0: unknown field"));
    }

    #[test]
    fn removing_a_field_keeps_the_others_verbatim() {
        let body = fields(r#"{ "b" : 1.0 , "a":"x", "\ud800": [ 1e400 ], "b": 2 }"#);
        assert_eq!(body.without("a"), r#"{"b":1.0,"\ud800":[ 1e400 ],"b":2}"#);
        assert_eq!(fields("{}").without("a"), "{}");
    }
}
