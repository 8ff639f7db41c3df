//! Helpers for search expressions, the text by which spans, traces, log records and evaluations are searched.
//!
//! ```
//! use mistral_datasets::expression;
//!
//! let user = "O'Brien";
//! let search = format!(
//!     "{} = {} AND duration_ns > 1000000000",
//!     expression::key("span_attributes", "user.name"),
//!     expression::text(user)
//! );
//! assert_eq!(search, r"span_attributes['user.name'] = 'O\'Brien' AND duration_ns > 1000000000");
//! ```

/// Quotes a text for a search expression: in single quotes, with `\\` before quotes and backslashes.
///
/// ```
/// assert_eq!(mistral_datasets::expression::text("it's"), r"'it\'s'");
/// ```
pub fn text(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for letter in text.chars() {
        if matches!(letter, '\'' | '\\') {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted.push('\'');
    quoted
}

/// Returns the field for a key of a map, such as `span_attributes['http.method']`. It is also the name of a field in the calls that
/// return its options.
pub fn key(map: &str, key: &str) -> String {
    format!("{map}[{}]", text(key))
}

/// Returns the position, in characters from 1, of a quote that has no closing quote, if there is one.
pub(crate) fn unclosed_quote(expression: &str) -> Option<usize> {
    let mut letters = expression.chars().enumerate();
    let mut opened_at = None;
    while let Some((index, letter)) = letters.next() {
        match (letter, opened_at) {
            ('\'', None) => opened_at = Some(index + 1),
            // A doubled quote closes the text and opens it again, which makes no difference here.
            ('\'', Some(_)) => opened_at = None,
            ('\\', Some(_)) => {
                letters.next();
            }
            _ => {}
        }
    }
    opened_at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_texts_are_closed() {
        for inner in ["", "it's", r"\", r"a\'b", "''", "été"] {
            assert_eq!(unclosed_quote(&format!("a = {} AND b", text(inner))), None, "{inner}");
        }
    }

    #[test]
    fn an_unclosed_quote_is_found() {
        for (expression, position) in [
            ("a = 'b", Some(5)),
            ("été = 'b' AND c = 'it's'", Some(24)),
            (r"a = 'b\'", Some(5)),
            (r"a = 'b\\'", None),
            ("a = 'it''s'", None),
            (r"a\ = 'b'", None),
            ("", None),
            ("'", Some(1)),
            (r"'\", Some(1)),
        ] {
            assert_eq!(unclosed_quote(expression), position, "{expression}");
        }
    }
}
