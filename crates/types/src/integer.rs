//! Integers in responses.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};

/// An integer parsed from a JSON number. `3.0` and `3e0` are integers too: some JSON writers know only floating-point numbers.
pub(crate) struct Integer(pub(crate) i64);

/// The largest absolute value up to which every integer has its own floating-point number.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IntegerVisitor;

        impl Visitor<'_> for IntegerVisitor {
            type Value = Integer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer")
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Integer, E> {
                Ok(Integer(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Integer, E> {
                let invalid = || E::invalid_value(Unexpected::Unsigned(value), &self);
                value.try_into().map(Integer).map_err(|_| invalid())
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Integer, E> {
                if value.fract() == 0.0 && value.abs() <= MAX_EXACT {
                    Ok(Integer(value as i64))
                } else {
                    Err(E::invalid_value(Unexpected::Float(value), &self))
                }
            }
        }

        deserializer.deserialize_i64(IntegerVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DatasetPage, decode};

    #[test]
    fn integral_numbers_are_integers() {
        let parse =
            |text: &str| serde_json::from_str::<Integer>(text).ok().map(|integer| integer.0);
        for (text, expected) in [
            ("0", 0),
            ("0.0", 0),
            ("-0.0", 0),
            ("3.0", 3),
            ("-2.50e1", -25),
            ("1e3", 1000),
            ("9007199254740992.0", 9_007_199_254_740_992),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        for text in ["0.5", "1e30", "9223372036854775808", "\"1\"", "true", "null", "[1]", ""] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn fields_are_read_lazily_and_strictly() {
        let text = r#"{"results": [], "count": 2.0}"#;
        let strict: DatasetPage = serde_json::from_str(text).unwrap();
        assert_eq!(strict.count, 2);
        assert_eq!(decode::from_text_lazily::<DatasetPage>(text), Some(strict));
    }
}
