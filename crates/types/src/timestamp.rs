//! Timestamps in responses.

use std::cell::Cell;
use std::fmt;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A timestamp parsed from a JSON string.
///
/// RFC 3339 is tried first because chrono parses it several times faster than its general format. A timestamp without an
/// offset, such as `2025-12-17T10:25:07`, is in UTC.
pub(crate) struct Timestamp(pub(crate) DateTime<Utc>);

fn parse(text: &str) -> Result<DateTime<Utc>, chrono::ParseError> {
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Ok(time.to_utc()),
        Err(_) => text.parse().or_else(|error| without_offset(text).ok_or(error)),
    }
}

fn without_offset(text: &str) -> Option<DateTime<Utc>> {
    let parse = |format| NaiveDateTime::parse_from_str(text, format);
    parse("%Y-%m-%dT%H:%M:%S%.f")
        .or_else(|_| parse("%Y-%m-%d %H:%M:%S%.f"))
        .ok()
        .map(|time| time.and_utc())
}

/// A parsed timestamp with its text, which is padded with a byte that never occurs in UTF-8.
type CacheEntry = ([u8; 32], DateTime<Utc>);

const PADDING: u8 = 0xff;

thread_local! {
    /// The last timestamp parsed. A record that was never updated contains the same timestamp twice.
    static LAST: Cell<CacheEntry> = const { Cell::new(([0xfe; 32], DateTime::UNIX_EPOCH)) };
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimestampVisitor;

        impl Visitor<'_> for TimestampVisitor {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 timestamp")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                let mut key = [PADDING; 32];
                let Some(start) = key.get_mut(..text.len()) else {
                    return parse(text).map(Timestamp).map_err(E::custom);
                };
                start.copy_from_slice(text.as_bytes());
                let (last, time) = LAST.get();
                if key == last {
                    return Ok(Timestamp(time));
                }
                let time = parse(text).map_err(E::custom)?;
                LAST.set((key, time));
                Ok(Timestamp(time))
            }
        }

        deserializer.deserialize_str(TimestampVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_formats_are_parsed() {
        let parse = |text: &str| serde_json::from_value::<Timestamp>(text.into()).map(|t| t.0);
        let expected: DateTime<Utc> = "2025-12-17T10:25:07.818693Z".parse().unwrap();
        for text in [
            "2025-12-17T10:25:07.818693Z",
            "2025-12-17T10:25:07.818693+00:00",
            "2025-12-17t12:25:07.818693000+02:00",
            "2025-12-17 10:25:07.818693Z",
            "2025-12-17T10:25:07.818693000000000000+00:00",
            "2025-12-17T10:25:07.818693",
            "2025-12-17 10:25:07.818693",
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
            assert_eq!(parse(text).unwrap(), expected, "{text}, cached");
        }
        let cached = "2025-12-17T10:25:07.818693Z";
        for text in ["", "\0", "yesterday", &cached[..10], &cached[..16], &format!("{cached}\0")] {
            assert_eq!(parse(cached).unwrap(), expected);
            assert!(parse(text).is_err(), "{text:?}");
        }
        for text in ["2025-12-17T10:25:07Z", "2025-12-17T10:25:07"] {
            assert_eq!(parse(text).unwrap().timestamp_subsec_micros(), 0, "{text}");
        }
    }
}
