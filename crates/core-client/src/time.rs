//! Times in replies.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A time as text. A page holds hundreds of them, and nearly all are RFC 3339, which is read several times as fast as
/// everything that chrono understands; what is not goes the long way.
pub(crate) struct Time(pub(crate) DateTime<Utc>);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time as RFC 3339 text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
                let time = match DateTime::parse_from_rfc3339(text) {
                    Ok(time) => time.to_utc(),
                    Err(_) => text.parse().map_err(E::custom)?,
                };
                Ok(Time(time))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_in_every_spelling_in_use() {
        let time = |text: &str| serde_json::from_value::<Time>(text.into()).map(|time| time.0);
        let expected: DateTime<Utc> = "2025-12-17T10:25:07.818693Z".parse().unwrap();
        for text in [
            "2025-12-17T10:25:07.818693Z",
            "2025-12-17T10:25:07.818693+00:00",
            "2025-12-17t12:25:07.818693000+02:00",
            "2025-12-17 10:25:07.818693Z",
        ] {
            assert_eq!(time(text).unwrap(), expected, "{text}");
        }
        assert!(time("yesterday").is_err());
    }
}
