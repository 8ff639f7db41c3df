//! The time in `--keep-traces`.

use std::str::FromStr;
use std::time::Duration;

/// How long telemetry is kept; `None` keeps it forever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepTraces(pub Option<Duration>);

impl FromStr for KeepTraces {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "forever" {
            return Ok(Self(None));
        }
        let time = humantime::parse_duration(text).ok().filter(|time| !time.is_zero());
        let time = time.ok_or("expected a time greater than 0, such as `30d`, or `forever`")?;
        Ok(Self(Some(time)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_forever_are_accepted() {
        let day = Duration::from_secs(24 * 60 * 60);
        assert_eq!("1d".parse(), Ok(KeepTraces(Some(day))));
        assert_eq!("forever".parse(), Ok(KeepTraces(None)));
        for text in ["0s", "30", "-1d", ""] {
            assert!(text.parse::<KeepTraces>().unwrap_err().contains("`30d`"), "{text}");
        }
    }
}
