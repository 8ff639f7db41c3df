//! Validates a JSON document before its values are read.

use mistral_datasets_types::skip;
use serde_json::value::RawValue;

use super::path::Path;
use super::{Fields, JsonError, Value};

/// The maximum nesting depth of arrays and objects. Many parsers reject more, and clients must be able to parse what is stored.
pub(crate) const MAX_DEPTH: usize = 128;

/// A valid JSON document of limited depth.
#[derive(Clone, Copy)]
pub(crate) struct Document<'a> {
    text: &'a str,
    name: &'a str,
}

impl<'a> Document<'a> {
    /// Validates a document of at most `depth` levels. Errors refer to it by `name`, such as `the body`.
    pub(crate) fn read(bytes: &'a [u8], name: &'a str, depth: usize) -> Result<Self, JsonError> {
        let text = utf8(bytes).map_err(|(line, column)| {
            JsonError::at("", format!("{name} is not UTF-8: line {line}, column {column}"))
        })?;
        // Checked first: the parser would recurse.
        if skip::deeper_than(text.as_bytes(), depth).is_some() {
            let message = format!("{name} has more than {depth} levels of arrays and objects");
            return Err(JsonError::at("", message));
        }
        if text.bytes().all(|byte| byte.is_ascii_whitespace()) {
            return Err(JsonError::at("", format!("{name} is empty; expected JSON")));
        }
        match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) => Ok(Self { text: raw.get(), name }),
            // Reading a raw value only fails with a syntax error, whose message contains a position and no content.
            Err(error) => Err(JsonError::at("", format!("{name} is not JSON: {error}"))),
        }
    }

    /// Returns the fields of the document, which must be an object.
    pub(crate) fn fields(self) -> Result<Fields<'a>, JsonError> {
        let value = self.value();
        if !value.is_object() {
            return Err(self.unexpected("an object"));
        }
        value.fields()
    }

    /// Iterates over the items of the document, which must be an array of at most `max` items.
    pub(crate) fn items(
        self,
        max: usize,
    ) -> Result<impl Iterator<Item = Value<'a>> + use<'a>, JsonError> {
        let value = self.value();
        if !value.is_array() {
            return Err(self.unexpected("an array"));
        }
        value.items(0..=max)
    }

    /// Iterates over the items of an array of at most `max` items, or over any other value as the only item.
    pub(crate) fn one_or_items(
        self,
        max: usize,
    ) -> Result<impl Iterator<Item = Value<'a>> + use<'a>, JsonError> {
        let value = self.value();
        let (one, items) = match value.is_array() {
            true => (None, Some(value.items(0..=max)?)),
            false => (Some(value), None),
        };
        Ok(one.into_iter().chain(items.into_iter().flatten()))
    }

    /// Returns the JSON of the document, without surrounding white space.
    pub(crate) fn text(self) -> &'a str {
        self.text
    }

    fn value(self) -> Value<'a> {
        Value::new(Path::default(), self.text)
    }

    fn unexpected(self, expected: &str) -> JsonError {
        Value::new(Path::named(self.name), self.text).unexpected(expected)
    }
}

/// Returns the bytes as a string, or the line and the column (from 1, in characters) of the first invalid byte.
fn utf8(bytes: &[u8]) -> Result<&str, (usize, usize)> {
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = &bytes[..error.valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = valid.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        // Every byte that is not a continuation byte starts a character.
        let column = valid[start..].iter().filter(|byte| (**byte as i8) >= -0x40).count() + 1;
        (line, column)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error<T>(result: Result<T, JsonError>) -> String {
        result.err().expect("an error").to_string()
    }

    #[test]
    fn the_position_of_invalid_utf8_is_counted_in_characters() {
        assert_eq!(utf8("ä\n".as_bytes()), Ok("ä\n"));
        assert_eq!(utf8(b"{}\n\"\xc3\xa4\xff\""), Err((2, 3)));
    }

    #[test]
    fn invalid_documents_are_rejected_with_a_position() {
        let read = |bytes: &[u8]| error(Document::read(bytes, "the body", MAX_DEPTH));
        assert_eq!(read(b"  \n"), "the body is empty; expected JSON");
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
    fn a_document_of_the_wrong_type_is_rejected_by_name() {
        let document = Document::read(b"[1]", "the body", MAX_DEPTH).unwrap();
        assert_eq!(error(document.fields()), "the body: expected an object, found an array");
        let document = Document::read(b" 1 ", "the body", MAX_DEPTH).unwrap();
        assert_eq!(error(document.items(9)), "the body: expected an array, found a number");
        assert_eq!(document.one_or_items(0).unwrap().count(), 1);
        let document = Document::read(b"[1, 2]", "the body", MAX_DEPTH).unwrap();
        assert_eq!(error(document.one_or_items(1)), "expected at most 1 items, found 2");
        assert_eq!(document.one_or_items(2).unwrap().count(), 2);
    }
}
