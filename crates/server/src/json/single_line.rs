//! JSON that must fit on a line.

use std::borrow::Cow;

use mistral_datasets_types::skip;

/// The same JSON without line breaks: text that has none stays as it is, else the white space between values goes. Within
/// strings there are none, because JSON has them escaped there.
pub(crate) fn single_line(json: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'\n', b'\r', json).is_none() {
        return json.into();
    }
    let mut compact = Vec::with_capacity(json.len());
    let mut rest = json;
    let is_apart = |byte: &u8| b"\" \t\n\r".contains(byte);
    while let Some(place) = rest.iter().position(is_apart) {
        let (before, from) = rest.split_at(place);
        compact.extend_from_slice(before);
        let taken = if from[0] == b'"' {
            let length = skip::string(&from[1..]).map_or(from.len(), |(length, _)| length + 2);
            compact.extend_from_slice(&from[..length]);
            length
        } else {
            1
        };
        rest = &from[taken..];
    }
    compact.extend_from_slice(rest);
    compact.into()
}

#[cfg(test)]
mod tests {
    use super::single_line;

    #[test]
    fn text_on_single_line_stays_as_it_is() {
        let text = "{ \"a\" :\t[1 , 2] }";
        assert_eq!(single_line(text.as_bytes()), text.as_bytes());
    }

    #[test]
    fn line_breaks_go_and_strings_stay() {
        let text = "{\r\n  \"a b\": \"x \\\" \\\\\",\n\t\"ä\\n\": [1.0,\n 2] }";
        let line = "{\"a b\":\"x \\\" \\\\\",\"ä\\n\":[1.0,2]}";
        assert_eq!(single_line(text.as_bytes()), line.as_bytes());
    }
}
