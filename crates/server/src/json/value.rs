//! Reads values of a document.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use mistral_datasets_types::skip;
use uuid::Uuid;

use super::path::Path;
use super::{Fields, JsonError};

/// A JSON value and its path in the document.
#[derive(Clone)]
pub(crate) struct Value<'a> {
    path: Path,
    text: &'a str,
}

impl<'a> Value<'a> {
    pub(super) fn new(path: Path, text: &'a str) -> Self {
        Self { path, text }
    }

    /// Returns the value as JSON, exactly as received.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// Returns the path of the value, such as `payload.messages[0]`. It is empty for the whole document.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Creates an error about this value.
    pub(crate) fn error(&self, message: impl Into<String>) -> JsonError {
        JsonError::at(self.path.to_string(), message)
    }

    pub(super) fn unexpected(&self, expected: &str) -> JsonError {
        self.error(format!("expected {expected}, found {}", type_name(self.text)))
    }

    pub(crate) fn is_object(&self) -> bool {
        self.text.starts_with('{')
    }

    pub(super) fn is_array(&self) -> bool {
        self.text.starts_with('[')
    }

    /// Returns the fields of an object.
    pub(crate) fn fields(&self) -> Result<Fields<'a>, JsonError> {
        if !self.is_object() {
            return Err(self.unexpected("an object"));
        }
        Ok(Fields::new(self.path.clone(), self.text))
    }

    /// Returns an object as JSON.
    pub(crate) fn object(&self) -> Result<String, JsonError> {
        if !self.is_object() {
            return Err(self.unexpected("an object"));
        }
        Ok(self.text.to_owned())
    }

    /// Iterates over the items of an array. Fails if their number is not in `count`.
    ///
    /// Items are counted before the first one is read, and none of them is kept: a small item in a body would otherwise take many
    /// times its size in memory.
    pub(crate) fn items(
        &self,
        count: RangeInclusive<usize>,
    ) -> Result<impl Iterator<Item = Value<'a>> + use<'a>, JsonError> {
        let items = self.raw_items()?;
        if count != (0..=usize::MAX) {
            let found = self.raw_items()?.count();
            if !count.contains(&found) {
                let expected = describe_range(&count, "item");
                return Err(self.error(format!("expected {expected}, found {found}")));
            }
        }
        let path = self.path.of_array();
        Ok(items.enumerate().map(move |(index, text)| Value { path: path.item(index), text }))
    }

    /// Fails unless the value is an array of objects.
    pub(crate) fn require_objects(&self) -> Result<(), JsonError> {
        for (index, text) in self.raw_items()?.enumerate() {
            if !text.starts_with('{') {
                let path = self.path.of_array().item(index);
                return Err(Value { path, text }.unexpected("an object"));
            }
        }
        Ok(())
    }

    fn raw_items(&self) -> Result<impl Iterator<Item = &'a str> + use<'a>, JsonError> {
        if !self.is_array() {
            return Err(self.unexpected("an array"));
        }
        Ok(skip::elements(self.text))
    }

    /// Returns a string without U+0000.
    pub(crate) fn string(&self) -> Result<String, JsonError> {
        Ok(self.borrowed_string()?.into_owned())
    }

    /// Returns a string without U+0000. It is borrowed from the document unless it contains escapes.
    pub(crate) fn borrowed_string(&self) -> Result<Cow<'a, str>, JsonError> {
        let string = match self.text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(plain) if !plain.contains('\\') => Cow::Borrowed(plain),
            _ => Cow::Owned(self.any_string()?),
        };
        if string.contains('\0') {
            return Err(self.error("must not contain the character U+0000"));
        }
        Ok(string)
    }

    /// Returns a string.
    pub(crate) fn any_string(&self) -> Result<String, JsonError> {
        if !self.text.starts_with('"') {
            return Err(self.unexpected("a string"));
        }
        // The document is valid JSON, so only the escape of a lone surrogate can fail.
        serde_json::from_str(self.text).map_err(|_| self.error("contains an unpaired surrogate"))
    }

    /// Returns a string. Fails if its length in characters is not in `length`.
    pub(crate) fn string_of(&self, length: RangeInclusive<usize>) -> Result<String, JsonError> {
        let string = self.string()?;
        let found = string.chars().count();
        if length.contains(&found) {
            return Ok(string);
        }
        let expected = describe_range(&length, "character");
        Err(self.error(format!("expected {expected}, found {found}")))
    }

    /// Returns a UUID.
    pub(crate) fn uuid(&self) -> Result<Uuid, JsonError> {
        let string = self.string()?;
        Uuid::try_parse(&string).map_err(|_| self.error("expected a UUID"))
    }

    /// Returns an integer in `range`.
    pub(crate) fn integer(&self, range: RangeInclusive<u64>) -> Result<u64, JsonError> {
        let number = self.text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            let expected = match (*range.start(), *range.end()) {
                (min, u64::MAX) => format!("of at least {min}"),
                (min, max) => format!("from {min} to {max}"),
            };
            self.unexpected(&format!("a whole number {expected}"))
        })
    }

    /// Returns a boolean.
    pub(crate) fn boolean(&self) -> Result<bool, JsonError> {
        self.text.parse().map_err(|_| self.unexpected("true or false"))
    }
}

/// Returns the type of a value, for error messages.
fn type_name(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// Describes a range for error messages, such as `5 to 50 characters`.
fn describe_range(range: &RangeInclusive<usize>, unit: &str) -> String {
    match (*range.start(), *range.end()) {
        (0, max) => format!("at most {max} {unit}s"),
        (min, usize::MAX) => format!("at least {min} {unit}s"),
        (min, max) => format!("{min} to {max} {unit}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Document, MAX_DEPTH};
    use super::*;

    fn fields(text: &str) -> Fields<'_> {
        Document::read(text.as_bytes(), "the body", MAX_DEPTH).unwrap().fields().unwrap()
    }

    fn error<T>(result: Result<T, JsonError>) -> String {
        result.err().expect("an error").to_string()
    }

    #[test]
    fn wrong_types_are_reported_with_their_path() {
        let body = fields(r#"{"name": 3, "list": ["a", null], "object": {"inner": []}}"#);
        assert_eq!(error(body.required("nome")), "nome: required");
        assert_eq!(
            error(body.required("name").unwrap().string()),
            "name: expected a string, found a number"
        );
        let items: Vec<_> = body.required("list").unwrap().items(0..=2).unwrap().collect();
        assert_eq!(error(items[1].string()), "list[1]: expected a string, found null");
        let inner = body.required("object").unwrap().fields().unwrap();
        assert_eq!(
            error(inner.required("inner").unwrap().string()),
            "object.inner: expected a string, found an array"
        );
    }

    #[test]
    fn items_are_counted_before_the_first_one_is_read() {
        let body = fields(r#"{"list": [[], 2, "three"]}"#);
        let list = body.required("list").unwrap();
        for count in [0..=2, 4..=5] {
            assert!(error(list.items(count)).ends_with("found 3"));
        }
        assert_eq!(list.items(3..=3).unwrap().count(), 3);
        let last = list.items(0..=usize::MAX).unwrap().last().unwrap();
        assert_eq!((last.path().to_string(), last.text()), ("list[2]".into(), "\"three\""));
        assert_eq!(
            error(body.required("list").unwrap().items(0..=1)),
            "list: expected at most 1 items, found 3"
        );
    }

    #[test]
    fn strings_without_escapes_are_borrowed() {
        let body = fields(r#"{"plain": "ä", "escaped": "\u0061"}"#);
        let string = |name| body.required(name).unwrap().borrowed_string().unwrap();
        assert!(matches!(string("plain"), Cow::Borrowed("ä")));
        assert!(matches!(string("escaped"), Cow::Owned(text) if text == "a"));
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        let body = fields(r#"{"name": "😀😀😀"}"#);
        let name = body.required("name").unwrap();
        assert_eq!(name.string_of(3..=3).unwrap(), "😀😀😀");
        assert_eq!(error(name.string_of(5..=50)), "name: expected 5 to 50 characters, found 3");
        assert_eq!(error(name.string_of(0..=2)), "name: expected at most 2 characters, found 3");
    }

    #[test]
    fn lone_surrogates_and_nul_characters_are_rejected() {
        let body = fields(r#"{"half": "\ud800", "zero": "\u0000", "pair": "\ud83d\ude00"}"#);
        assert!(error(body.required("half").unwrap().string()).contains("surrogate"));
        assert!(error(body.required("zero").unwrap().string()).contains("U+0000"));
        assert_eq!(body.required("pair").unwrap().string().unwrap(), "😀");
    }

    #[test]
    fn integers_must_be_in_range() {
        let fields = fields(r#"{"a": 5, "b": 11, "c": 1.0, "d": "5", "e": -1, "f": true}"#);
        let read = |name| fields.required(name).unwrap().integer(0..=10).map_err(|e| e.to_string());
        assert_eq!(read("a"), Ok(5));
        for name in ["b", "c", "d", "e", "f"] {
            let error = read(name).unwrap_err();
            assert!(error.starts_with(&format!("{name}: expected a whole number from 0 to 10")));
        }
        assert_eq!(fields.required("f").unwrap().boolean(), Ok(true));
        assert!(fields.required("a").unwrap().boolean().is_err());
    }
}
