//! Puts JSON on a single line.

use std::borrow::Cow;

/// Returns the JSON without line breaks. If it contains any, all white space between values is removed.
///
/// Strings are not affected: JSON requires line breaks in them to be escaped.
pub(crate) fn single_line(json: &[u8]) -> Cow<'_, [u8]> {
    if !has_line_break(json) {
        return json.into();
    }
    let mut compact = Vec::with_capacity(json.len());
    SingleLine::default().write(json, &mut compact);
    compact.into()
}

/// Returns whether a piece of JSON contains a line break.
pub(crate) fn has_line_break(json: &[u8]) -> bool {
    memchr::memchr2(b'\n', b'\r', json).is_some()
}

/// Removes white space between values from JSON that is received in pieces.
#[derive(Default)]
pub(crate) struct SingleLine {
    in_string: bool,
    /// Whether the last byte was a backslash that escapes the next one.
    is_escaped: bool,
}

impl SingleLine {
    /// Appends the next piece of the JSON to `out`.
    pub(crate) fn write(&mut self, json: &[u8], out: &mut Vec<u8>) {
        let mut rest = json;
        while let Some(first) = rest.first() {
            if std::mem::take(&mut self.is_escaped) {
                out.push(*first);
                rest = &rest[1..];
            } else if self.in_string {
                let end = memchr::memchr2(b'"', b'\\', rest);
                let length = end.map_or(rest.len(), |end| end + 1);
                match end.map(|end| rest[end]) {
                    Some(b'"') => self.in_string = false,
                    Some(_) => self.is_escaped = true,
                    None => {}
                }
                out.extend_from_slice(&rest[..length]);
                rest = &rest[length..];
            } else {
                let end = rest.iter().position(|byte| b"\" \t\n\r".contains(byte));
                let (values, remaining) = rest.split_at(end.unwrap_or(rest.len()));
                out.extend_from_slice(values);
                if remaining.first() == Some(&b'"') {
                    out.push(b'"');
                    self.in_string = true;
                }
                rest = remaining.get(1..).unwrap_or_default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_on_one_line_is_unchanged() {
        let text = "{ \"a\" :\t[1 , 2] }";
        assert_eq!(single_line(text.as_bytes()), text.as_bytes());
    }

    #[test]
    fn line_breaks_are_removed_and_strings_are_kept() {
        let text = "{\r\n  \"a b\": \"x \\\" \\\\\",\n\t\"ä\\n\": [1.0,\n 2] }";
        let line = "{\"a b\":\"x \\\" \\\\\",\"ä\\n\":[1.0,2]}";
        assert_eq!(single_line(text.as_bytes()), line.as_bytes());
        for length in 1..text.len() {
            let (mut pieces, mut out) = (SingleLine::default(), Vec::new());
            for piece in text.as_bytes().chunks(length) {
                pieces.write(piece, &mut out);
            }
            assert_eq!(out, line.as_bytes(), "in pieces of {length} bytes");
        }
    }
}
