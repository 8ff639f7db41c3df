//! JSON that must fit on a line.

use std::borrow::Cow;

use super::split::behind_string;

/// The same JSON without line breaks: text that has none stays as it is, else the white space between values goes. Within
/// strings there are none, because JSON has them escaped there.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_none() {
        return text.into();
    }
    let mut compact = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find(['"', ' ', '\t', '\n', '\r']) {
        compact.push_str(&rest[..place]);
        rest = &rest[place..];
        let taken = if rest.starts_with('"') {
            let length = behind_string(rest.as_bytes(), 1);
            compact.push_str(&rest[..length]);
            length
        } else {
            1
        };
        rest = &rest[taken..];
    }
    compact.push_str(rest);
    compact.into()
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn text_on_one_line_stays_as_it_is() {
        let text = "{ \"a\" :\t[1 , 2] }";
        assert_eq!(one_line(text), text);
    }

    #[test]
    fn line_breaks_go_and_strings_stay() {
        let text = "{\r\n  \"a b\": \"x \\\" \\\\\",\n\t\"ä\\n\": [1.0,\n 2] }";
        assert_eq!(one_line(text), "{\"a b\":\"x \\\" \\\\\",\"ä\\n\":[1.0,2]}");
    }
}
