//! Timestamps in the format of the API: UTC with microseconds.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, NaiveDateTime};

/// A point in time, in microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp(i64);

impl Timestamp {
    /// Returns the current time.
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    /// Parses an RFC 3339 timestamp. Without an offset, it is in UTC. Fractions of a microsecond are dropped.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let utc = match DateTime::parse_from_rfc3339(text) {
            Ok(time) => time.to_utc(),
            Err(_) => NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?.and_utc(),
        };
        Some(Self(utc.timestamp_micros()))
    }

    pub(crate) fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub(crate) fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    pub(crate) fn micros(self) -> i64 {
        self.0
    }

    /// Returns whole seconds since the Unix epoch.
    pub(crate) fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    pub(crate) fn plus(self, time: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)))
    }

    pub(crate) fn minus(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Returns the current time, or the next microsecond after `self` if that is later.
    ///
    /// This way every update increases `updated_at`, even if the clock was set back.
    pub(crate) fn next(self) -> Self {
        Self::now().max(Self(self.0 + 1))
    }

    /// Formats the timestamp as RFC 3339 with six fraction digits. Years above 9999 are not supported.
    pub(crate) fn rfc3339(self) -> [u8; 27] {
        let (days, micros) = (self.0.div_euclid(MICROS_PER_DAY), self.0.rem_euclid(MICROS_PER_DAY));
        let (year, month, day) = date_of(days);
        // All values fit into 32 bits, and 32-bit divisions are several times faster.
        let [year, month, day] = [year, month, day].map(|part| part as u32);
        let (seconds, micros) = ((micros / 1_000_000) as u32, (micros % 1_000_000) as u32);
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let digit_pairs = [
            (0, year / 100),
            (2, year % 100),
            (5, month),
            (8, day),
            (11, seconds / 3600),
            (14, seconds / 60 % 60),
            (17, seconds % 60),
            (20, micros / 10_000),
            (22, micros / 100 % 100),
            (24, micros % 100),
        ];
        for (position, number) in digit_pairs {
            text[position] = b'0' + (number / 10) as u8;
            text[position + 1] = b'0' + (number % 10) as u8;
        }
        text
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.rfc3339()))
    }
}

const MICROS_PER_DAY: i64 = 86_400 * 1_000_000;

/// Converts days since 1970-01-01 to year, month and day.
///
/// This is `civil_from_days` from Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms": years start in March, so the
/// leap day is the last day of its year.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_formatted_as_rfc_3339() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (1_765_967_107_818_693, "2025-12-17T10:25:07.818693Z"),
            (4_107_542_399_999_999, "2100-02-28T23:59:59.999999Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
        ] {
            assert_eq!(Timestamp(micros).to_string(), text);
        }
    }

    #[test]
    fn timestamps_are_parsed() {
        for (text, micros) in [
            ("2025-12-17T10:25:07.818693Z", 1_765_967_107_818_693),
            ("2025-12-17T12:25:07.8186939+02:00", 1_765_967_107_818_693),
            ("2025-12-17T10:25:07", 1_765_967_107_000_000),
            ("1969-12-31T23:59:59.5Z", -500_000),
        ] {
            assert_eq!(Timestamp::parse(text), Some(Timestamp(micros)), "{text}");
        }
        for text in ["", "2025-12-17", "2025-13-17T10:25:07Z", "yesterday", "1765967107"] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn next_is_later_than_a_time_in_the_future() {
        let future = Timestamp::now().plus(Duration::from_secs(3600));
        assert_eq!(future.next(), Timestamp(future.0 + 1));
    }
}
