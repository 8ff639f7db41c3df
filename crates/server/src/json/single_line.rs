//! Puts JSON on a single line.

use std::borrow::Cow;

use mistral_datasets_types::skip;

/// Returns the JSON without line breaks. If it contains any, all white space between values is removed.
///
/// Strings are not affected: JSON requires line breaks in them to be escaped.
pub(crate) fn single_line(json: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'\n', b'\r', json).is_none() {
        return json.into();
    }
    let mut compact = Vec::with_capacity(json.len());
    let mut rest = json;
    let is_relevant = |byte: &u8| b"\" \t\n\r".contains(byte);
    while let Some(position) = rest.iter().position(is_relevant) {
        let (before, remaining) = rest.split_at(position);
        compact.extend_from_slice(before);
        let consumed = if remaining[0] == b'"' {
            let length =
                skip::string(&remaining[1..]).map_or(remaining.len(), |(length, _)| length + 2);
            compact.extend_from_slice(&remaining[..length]);
            length
        } else {
            1
        };
        rest = &remaining[consumed..];
    }
    compact.extend_from_slice(rest);
    compact.into()
}

#[cfg(test)]
mod tests {
    use super::single_line;

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
    }
}
