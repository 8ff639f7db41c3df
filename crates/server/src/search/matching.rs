//! Tests of text that every storage has to evaluate in the same way.

use serde::de::IgnoredAny;

/// The number that a text is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Integer(i64),
    /// Never infinite, and always a number.
    Real(f64),
}

impl Number {
    /// Reads a number, which white space may surround.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(number) = text.parse() {
            return Some(Self::Integer(number));
        }
        text.parse().ok().filter(|number: &f64| number.is_finite()).map(Self::Real)
    }
}

/// Returns whether a text has this sequence of letters and digits, with neither before or after it.
pub(crate) fn has_token(token: &str, text: &str) -> bool {
    text.split(|character: char| !character.is_alphanumeric()).any(|part| part == token)
}

/// Returns whether a text is a JSON array.
pub(crate) fn is_list(text: &str) -> bool {
    text.trim_start().starts_with('[') && serde_json::from_str::<Vec<IgnoredAny>>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_finite() {
        assert_eq!(Number::parse(" 12 "), Some(Number::Integer(12)));
        assert_eq!(Number::parse("1.5e1"), Some(Number::Real(15.0)));
        for other in ["inf", "nan", "1e999", "12 a", ""] {
            assert_eq!(Number::parse(other), None, "{other}");
        }
    }

    #[test]
    fn tokens_are_whole() {
        assert!(has_token("day", "what a day!"));
        assert!(!has_token("da", "what a day!"));
        assert!(has_token("é", "l'é"));
    }

    #[test]
    fn lists_are_json() {
        assert!(is_list(" [1, \"a\"]"));
        assert!(!is_list("[1") && !is_list("1"));
    }
}
