//! Reading what a request or a line holds, member by member, with the path of whatever is wrong.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::RangeInclusive;

use serde_json::value::RawValue;
use uuid::Uuid;

use super::check::utf8;
use mistral_datasets_types::skip;

use super::JsonError;

/// One whole JSON value, known to be UTF-8, well-formed and not too deep.
#[derive(Clone, Copy)]
pub(crate) struct Document<'a> {
    text: &'a str,
    what: &'a str,
}

impl<'a> Document<'a> {
    /// Reads bytes; `what` names them in a error, such as `the body`. So deep may arrays and objects lie in each other.
    pub(crate) fn read(bytes: &'a [u8], what: &'a str, depth: usize) -> Result<Self, JsonError> {
        let text = utf8(bytes).map_err(|(line, column)| {
            JsonError::at("", format!("{what} is not UTF-8: line {line}, column {column}"))
        })?;
        if skip::deeper_than(text.as_bytes(), depth).is_some() {
            let message = format!("{what} has more than {depth} levels of arrays and objects");
            return Err(JsonError::at("", message));
        }
        if text.bytes().all(|byte| byte.is_ascii_whitespace()) {
            return Err(JsonError::at("", format!("{what} is empty, JSON was expected")));
        }
        match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) => Ok(Self { text: raw.get(), what }),
            // The error of a raw value is one of syntax, which names a place and no content.
            Err(error) => Err(JsonError::at("", format!("{what} is not JSON: {error}"))),
        }
    }

    /// The fields, which must be those of an object.
    pub(crate) fn fields(self) -> Result<Fields<'a>, JsonError> {
        let whole = self.value();
        if !whole.is_object() {
            let named = Value { path: self.what.to_owned(), text: self.text };
            return Err(named.unexpected("an object"));
        }
        whole.fields()
    }

    /// The items, which must be those of an array.
    pub(crate) fn items(self) -> Result<Vec<Value<'a>>, JsonError> {
        let whole = self.value();
        if !whole.text().starts_with('[') {
            let named = Value { path: self.what.to_owned(), text: self.text };
            return Err(named.unexpected("an array"));
        }
        whole.items(0..=usize::MAX)
    }

    /// The items of an array; anything else is the only item.
    pub(crate) fn one_or_items(self) -> Result<Vec<Value<'a>>, JsonError> {
        if self.text().starts_with('[') { self.items() } else { Ok(vec![self.value()]) }
    }

    /// The text of the value, as it came.
    pub(crate) fn text(self) -> &'a str {
        self.text
    }

    fn value(self) -> Value<'a> {
        Value { path: String::new(), text: self.text }
    }
}

/// A JSON value of a document and where it is.
#[derive(Clone)]
pub(crate) struct Value<'a> {
    path: String,
    text: &'a str,
}

impl<'a> Value<'a> {
    /// The text of the value, as it came.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// Where the value is, such as `payload.messages[0]`; empty for the whole.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// A error with this value.
    pub(crate) fn error(&self, message: impl Into<String>) -> JsonError {
        JsonError::at(self.path.clone(), message)
    }

    pub(super) fn unexpected(&self, expected: &str) -> JsonError {
        self.error(format!("expected {expected}, found {}", kind(self.text)))
    }

    /// Whether the value is an object.
    pub(crate) fn is_object(&self) -> bool {
        self.text().starts_with('{')
    }

    /// The fields of an object.
    pub(crate) fn fields(&self) -> Result<Fields<'a>, JsonError> {
        if !self.is_object() {
            return Err(self.unexpected("an object"));
        }
        Ok(Fields { path: self.path.clone(), entries: skip::fields(self.text).collect() })
    }

    /// The text of an object.
    pub(crate) fn object(&self) -> Result<String, JsonError> {
        if !self.is_object() {
            return Err(self.unexpected("an object"));
        }
        Ok(self.text.to_owned())
    }

    /// The items of an array, of which there must be so many.
    pub(crate) fn items(&self, count: RangeInclusive<usize>) -> Result<Vec<Value<'a>>, JsonError> {
        let items: Vec<_> = self.raw_items()?.collect();
        if !count.contains(&items.len()) {
            let expected = bounds(&count, "item");
            return Err(self.error(format!("expected {expected}, found {}", items.len())));
        }
        let items = items.into_iter().enumerate();
        Ok(items.map(|(index, text)| Value { path: self.item_path(index), text }).collect())
    }

    /// Fails unless the value is an array of objects.
    pub(crate) fn require_objects(&self) -> Result<(), JsonError> {
        for (index, text) in self.raw_items()?.enumerate() {
            if !text.starts_with('{') {
                return Err(Value { path: self.item_path(index), text }.unexpected("an object"));
            }
        }
        Ok(())
    }

    fn raw_items(&self) -> Result<impl Iterator<Item = &'a str> + use<'a>, JsonError> {
        if !self.text().starts_with('[') {
            return Err(self.unexpected("an array"));
        }
        Ok(skip::elements(self.text))
    }

    fn item_path(&self, index: usize) -> String {
        let mut path = self.path.clone();
        let _ = write!(path, "[{index}]");
        path
    }

    /// A string.
    pub(crate) fn string(&self) -> Result<String, JsonError> {
        let string = self.any_string()?;
        if string.contains('\0') {
            return Err(self.error("must not contain the character U+0000"));
        }
        Ok(string)
    }

    /// A string of any characters.
    pub(crate) fn any_string(&self) -> Result<String, JsonError> {
        if !self.text().starts_with('"') {
            return Err(self.unexpected("a string"));
        }
        // The text is well-formed, so what can be wrong is an escape that stands for no character.
        serde_json::from_str(self.text())
            .map_err(|_| self.error("has an escape that is half of a surrogate pair"))
    }

    /// A string of so many characters.
    pub(crate) fn string_of(&self, length: RangeInclusive<usize>) -> Result<String, JsonError> {
        let string = self.string()?;
        let found = string.chars().count();
        if length.contains(&found) {
            return Ok(string);
        }
        Err(self.error(format!("expected {}, found {found}", bounds(&length, "character"))))
    }

    /// A uuid.
    pub(crate) fn uuid(&self) -> Result<Uuid, JsonError> {
        let string = self.string()?;
        Uuid::try_parse(&string).map_err(|_| self.error("expected a UUID"))
    }
}

/// The fields of an object in their order, names as text with their quotes, so that nothing is lost.
pub(crate) struct Fields<'a> {
    path: String,
    entries: Vec<(&'a str, &'a str)>,
}

impl<'a> Fields<'a> {
    /// A member. Of several with one name the last counts, as with most parsers.
    pub(crate) fn get(&self, name: &str) -> Option<Value<'a>> {
        let (_, text) = self.entries.iter().rev().find(|(key, _)| is_named(key, name))?;
        Some(Value { path: self.field_path(name), text })
    }

    /// A member that may be missing or null.
    pub(crate) fn optional(&self, name: &str) -> Option<Value<'a>> {
        self.get(name).filter(|value| value.text() != "null")
    }

    /// A member that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<Value<'a>, JsonError> {
        self.get(name).ok_or_else(|| JsonError::at(self.field_path(name), "required"))
    }

    /// Returns a field that is an object, as JSON; `{}` if it is missing or null.
    pub(crate) fn object_or_empty(&self, name: &str) -> Result<String, JsonError> {
        self.optional(name).map_or_else(|| Ok("{}".to_owned()), |value| value.object())
    }

    /// All fields in their order.
    pub(crate) fn each(&self) -> impl Iterator<Item = (String, Value<'a>)> {
        self.entries.iter().map(|(key, text)| {
            let name = named(key).into_owned();
            let path = self.field_path(&name);
            (name, Value { path, text })
        })
    }

    /// All fields in their order, as texts; the names with their quotes.
    pub(crate) fn raw(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.entries.iter().copied()
    }

    /// Fails at the first member that has none of these names.
    pub(crate) fn only(&self, names: &[&str]) -> Result<(), JsonError> {
        match self.each().find(|(name, _)| !names.contains(&name.as_str())) {
            Some((_, value)) => {
                Err(value.error(format!("unknown; expected are {}", names.join(", "))))
            }
            None => Ok(()),
        }
    }

    /// A error with a member, or without a name with the object.
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

    /// The object as text without a member, all others as they came.
    pub(crate) fn without(&self, name: &str) -> String {
        let mut text = String::from("{");
        for (key, value) in self.entries.iter().filter(|(key, _)| !is_named(key, name)) {
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

fn is_named(key: &str, name: &str) -> bool {
    named(key) == name
}

fn named(quoted: &str) -> Cow<'_, str> {
    match quoted.get(1..quoted.len() - 1) {
        Some(inner) if !inner.contains('\\') => inner.into(),
        // A name with a lone surrogate is nobody's name.
        _ => serde_json::from_str::<String>(quoted).unwrap_or_default().into(),
    }
}

/// What kind of value it is, for people.
fn kind(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// Bounds for people, such as `5 to 50 characters`.
fn bounds(range: &RangeInclusive<usize>, unit: &str) -> String {
    match (*range.start(), *range.end()) {
        (0, most) => format!("at most {most} {unit}s"),
        (least, usize::MAX) => format!("at least {least} {unit}s"),
        (least, most) => format!("{least} to {most} {unit}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAX_DEPTH;
    use super::*;

    fn fields(text: &str) -> Fields<'_> {
        Document::read(text.as_bytes(), "the body", MAX_DEPTH).unwrap().fields().unwrap()
    }

    fn error<T>(result: Result<T, JsonError>) -> String {
        result.err().expect("a error").to_string()
    }

    #[test]
    fn documents_that_are_no_json_are_refused_with_the_place() {
        let read = |bytes: &[u8]| error(Document::read(bytes, "the body", MAX_DEPTH));
        assert_eq!(read(b"  \n"), "the body is empty, JSON was expected");
        assert_eq!(
            read(b"{\"a\": 1,\n}"),
            "the body is not JSON: key must be a string at line 2 column 1"
        );
        assert_eq!(read(b"\"\xff\""), "the body is not UTF-8: line 1, column 2");
        let deep = "[".repeat(100_000);
        assert_eq!(
            read(deep.as_bytes()),
            "the body has more than 128 levels of arrays and objects"
        );
        assert!(read(b"{} {}").contains("trailing characters"));
        assert!(read(b"{\"a\": 01}").contains("line 1 column 8"));
    }

    #[test]
    fn a_whole_of_the_wrong_type_is_named() {
        let document = Document::read(b"[1]", "the body", MAX_DEPTH).unwrap();
        assert_eq!(error(document.fields()), "the body: expected an object, found an array");
        let document = Document::read(b" 1 ", "the body", MAX_DEPTH).unwrap();
        assert_eq!(error(document.items()), "the body: expected an array, found a number");
    }

    #[test]
    fn wrong_types_are_named_with_their_path() {
        let body = fields(r#"{"name": 3, "list": ["a", null], "object": {"inner": []}}"#);
        assert_eq!(error(body.required("nome")), "nome: required");
        assert_eq!(
            error(body.required("name").unwrap().string()),
            "name: expected a string, found a number"
        );
        let items = body.required("list").unwrap().items(0..=2).unwrap();
        assert_eq!(error(items[1].string()), "list[1]: expected a string, found null");
        let inner = body.required("object").unwrap().fields().unwrap();
        assert_eq!(
            error(inner.required("inner").unwrap().string()),
            "object.inner: expected a string, found an array"
        );
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
    fn strings_hold_characters_only() {
        let body = fields(r#"{"half": "\ud800", "zero": "\u0000", "pair": "\ud83d\ude00"}"#);
        assert!(error(body.required("half").unwrap().string()).contains("surrogate"));
        assert!(error(body.required("zero").unwrap().string()).contains("U+0000"));
        assert_eq!(body.required("pair").unwrap().string().unwrap(), "😀");
    }

    #[test]
    fn names_are_compared_as_characters_and_the_last_of_several_counts() {
        let body = fields(r#"{"a": 1, "\u0061": 2, "\ud800": 3}"#);
        assert_eq!(body.get("a").unwrap().text(), "2");
        assert!(body.get("b").is_none());
    }

    #[test]
    fn what_is_left_of_an_object_stays_as_it_came() {
        let body = fields(r#"{ "b" : 1.0 , "a":"x", "\ud800": [ 1e400 ], "b": 2 }"#);
        assert_eq!(body.without("a"), r#"{"b":1.0,"\ud800":[ 1e400 ],"b":2}"#);
        assert_eq!(fields("{}").without("a"), "{}");
    }
}
