//! Times in responses.

use std::cell::Cell;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A time as text. A page holds hundreds of them. Many are the one before once more, since most records were never changed; and
/// nearly all are RFC 3339, which is read several times as fast as everything that chrono understands. What is not goes the
/// long way.
pub(crate) struct Time(pub(crate) DateTime<Utc>);

impl Time {
    fn read(text: &str) -> Result<DateTime<Utc>, chrono::ParseError> {
        match DateTime::parse_from_rfc3339(text) {
            Ok(time) => Ok(time.to_utc()),
            Err(_) => text.parse(),
        }
    }
}

/// A time that was read, by its text, filled up with bytes that are in no text.
type Known = ([u8; 32], DateTime<Utc>);

const FILLING: u8 = 0xff;

thread_local! {
    /// The time before; at first that of something that is no text.
    static LAST: Cell<Known> = const { Cell::new(([0xfe; 32], DateTime::UNIX_EPOCH)) };
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time as RFC 3339 text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
                let mut key = [FILLING; 32];
                let Some(start) = key.get_mut(..text.len()) else {
                    return Time::read(text).map(Time).map_err(E::custom);
                };
                start.copy_from_slice(text.as_bytes());
                let (last, time) = LAST.get();
                if key == last {
                    return Ok(Time(time));
                }
                let time = Time::read(text).map_err(E::custom)?;
                LAST.set((key, time));
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
            "2025-12-17T10:25:07.818693000000000000+00:00",
        ] {
            assert_eq!(time(text).unwrap(), expected, "{text}");
            assert_eq!(time(text).unwrap(), expected, "{text}, once more");
        }
        let known = "2025-12-17T10:25:07.818693Z";
        for text in ["", "\0", "yesterday", &known[..known.len() - 1], &format!("{known}\0")] {
            assert_eq!(time(known).unwrap(), expected);
            assert!(time(text).is_err(), "{text:?}");
        }
        assert_eq!(time("2025-12-17T10:25:07Z").unwrap().timestamp_subsec_micros(), 0);
    }
}
