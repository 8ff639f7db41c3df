//! The options that select a time range.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use clap::Args;

/// The options of commands that search by time.
#[derive(Clone, Copy, Debug, Args)]
pub struct TimeRange {
    /// Only what happened at this time or later
    ///
    /// A date, a time such as `2026-08-01T12:00:00Z`, or how long ago, such as `24h` or `7d`.
    #[arg(long, value_name = "TIME", value_parser = parse)]
    pub from: Option<DateTime<Utc>>,
    /// Only what happened before this time
    #[arg(long, value_name = "TIME", value_parser = parse)]
    pub to: Option<DateTime<Utc>>,
}

/// Parses a time: RFC 3339, a date, which means its start in UTC, or a duration before now.
fn parse(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Ok(date.and_time(NaiveTime::MIN).and_utc());
    }
    humantime::parse_duration(text)
        .ok()
        .and_then(|ago| chrono::Duration::from_std(ago).ok())
        .and_then(|ago| Utc::now().checked_sub_signed(ago))
        .ok_or_else(|| {
            "expected a date, a time such as `2026-08-01T12:00:00Z`, or how long ago, such as `24h`"
                .to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_dates_and_durations_are_accepted() {
        for (text, expected) in [
            ("2026-08-01T12:00:00Z", "2026-08-01T12:00:00+00:00"),
            ("2026-08-01T12:00:00.5+02:00", "2026-08-01T10:00:00.500+00:00"),
            ("2026-08-01", "2026-08-01T00:00:00+00:00"),
        ] {
            assert_eq!(parse(text).unwrap().to_rfc3339(), expected);
        }
        let day = Utc::now() - parse("24h").unwrap();
        assert!((day - chrono::Duration::days(1)).num_seconds() < 5, "{day}");
        for text in ["", "yesterday", "2026-13-01", "24", "-1h", "9000000000000y"] {
            assert!(parse(text).unwrap_err().contains("how long ago"), "{text}");
        }
    }
}
