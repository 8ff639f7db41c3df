//! Tests of text that every storage has to evaluate in the same way.

use std::cmp::Ordering;

use serde::de::IgnoredAny;

use super::Operand;

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

    /// Compares with a number of an expression, without rounding.
    pub(crate) fn order(self, operand: &Operand) -> Option<Ordering> {
        match (self, operand) {
            (Self::Integer(number), Operand::Integer(other)) => Some(number.cmp(other)),
            (Self::Integer(number), Operand::Real(other)) => order(number, *other),
            (Self::Real(number), Operand::Integer(other)) => {
                order(*other, number).map(Ordering::reverse)
            }
            (Self::Real(number), Operand::Real(other)) => number.partial_cmp(other),
            (_, Operand::Text(_) | Operand::Time(_)) => None,
        }
    }
}

/// Compares an integer with a number that need not be one.
fn order(integer: i64, real: f64) -> Option<Ordering> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if real.is_nan() {
        None
    } else if real >= LIMIT {
        Some(Ordering::Less)
    } else if real < -LIMIT {
        Some(Ordering::Greater)
    } else {
        let order = integer.cmp(&(real.trunc() as i64));
        Some(order.then(0.0_f64.partial_cmp(&real.fract())?))
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
    fn numbers_are_compared_without_rounding() {
        const LARGE: i64 = 1 << 53;
        for (text, operand, expected) in [
            (" 12 ", Operand::Integer(12), Some(Ordering::Equal)),
            ("1.2e1", Operand::Integer(12), Some(Ordering::Equal)),
            ("12", Operand::Real(12.5), Some(Ordering::Less)),
            ("-12", Operand::Real(-12.5), Some(Ordering::Greater)),
            ("9007199254740993", Operand::Real(LARGE as f64), Some(Ordering::Greater)),
            ("9007199254740992.0", Operand::Integer(LARGE + 1), Some(Ordering::Less)),
            ("1", Operand::Real(1e300), Some(Ordering::Less)),
            ("1", Operand::Real(-1e300), Some(Ordering::Greater)),
            ("-9223372036854775808", Operand::Real(i64::MIN as f64), Some(Ordering::Equal)),
            ("1e999", Operand::Integer(1), None),
            ("12 a", Operand::Integer(12), None),
            ("12", Operand::Text("12".to_owned()), None),
        ] {
            let found = Number::parse(text).and_then(|number| number.order(&operand));
            assert_eq!(found, expected, "{text} {operand}");
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
