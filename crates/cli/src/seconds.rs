//! Times in the options of commands that call the API.

use std::time::Duration;

/// Parses a time of more than 0: seconds, such as `30` or `0.5`, or a number with a unit, such as `5m`.
pub fn parse(text: &str) -> Result<Duration, String> {
    let time = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => humantime::parse_duration(text).ok(),
    };
    time.filter(|time| !time.is_zero()).ok_or_else(|| {
        "expected seconds greater than 0, such as `30` or `0.5`, or a unit as in `5m`".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_units_are_accepted() {
        for (text, milliseconds) in [("30", 30_000), ("0.5", 500), ("5m", 300_000), ("250ms", 250)]
        {
            assert_eq!(parse(text).unwrap(), Duration::from_millis(milliseconds), "{text}");
        }
        for text in ["0", "-1", "0s", "", "soon", "NaN", "inf"] {
            assert!(parse(text).unwrap_err().contains("greater than 0"), "{text}");
        }
    }
}
