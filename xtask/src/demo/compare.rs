//! Compares the export of the main job with its input.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A line of the input or the export. Values are compared as raw JSON.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
}

/// Compares an export with the input and returns the number of records. The first record must have the edited properties.
///
/// # Errors
/// Names the first record that differs.
pub fn compare(input: &Path, export: &Path, edited_properties: &str) -> Result<u64, String> {
    let (input, export) = (lines(input)?, lines(export)?);
    if input.len() != export.len() {
        return Err(format!("{} records imported, {} exported", input.len(), export.len()));
    }
    for (index, (input, export)) in input.iter().zip(&export).enumerate() {
        let edited = (index == 0).then_some(edited_properties);
        compare_record(input, export, edited)
            .map_err(|error| format!("record {}: {error}", index + 1))?;
    }
    Ok(input.len() as u64)
}

fn compare_record(input: &str, export: &str, edited: Option<&str>) -> Result<(), String> {
    let (input, export) = (parse(input)?, parse(export)?);
    let payload = export.payload.ok_or("the export has no payload")?.get();
    let is_same = match (input.payload, input.messages) {
        (Some(input), _) => input.get() == payload,
        // A line with `messages` becomes a payload with `messages`.
        (None, Some(messages)) => {
            parse(payload)?.messages.is_some_and(|exported| exported.get() == messages.get())
        }
        (None, None) => return Err("the line has neither `payload` nor `messages`".to_owned()),
    };
    if !is_same {
        return Err("the payload differs".to_owned());
    }
    let expected = edited.unwrap_or_else(|| input.properties.map_or("{}", RawValue::get));
    if export.properties.map(RawValue::get) != Some(expected) {
        return Err("the properties differ".to_owned());
    }
    Ok(())
}

fn parse(text: &str) -> Result<Line<'_>, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Returns the lines that are not blank.
fn lines(path: &Path) -> Result<Vec<String>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(failed)?;
    let mut lines =
        BufReader::new(file).lines().collect::<Result<Vec<String>, _>>().map_err(failed)?;
    lines.retain(|line| !line.trim().is_empty());
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDITED: &str = r#"{"edited by":"rust"}"#;

    #[test]
    fn accepts_equal_payloads_and_messages_that_became_a_payload() {
        let input = r#"{"payload":{"messages":[1.0]},"properties":{"a":1}}"#;
        assert_eq!(compare_record(input, input, None), Ok(()));
        let exported = r#"{"payload":{"messages":[1.0]},"properties":{"edited by":"rust"}}"#;
        assert_eq!(compare_record(r#"{"messages":[1.0]}"#, exported, Some(EDITED)), Ok(()));
    }

    #[test]
    fn reports_what_differs() {
        let compare = |input, export| compare_record(input, export, None).unwrap_err();
        let export = r#"{"payload":{"a":1.0},"properties":{}}"#;
        assert_eq!(compare(r#"{"payload":{"a":1}}"#, export), "the payload differs");
        let input = r#"{"payload":{"a":1.0},"properties":{"b":1}}"#;
        assert_eq!(compare(input, export), "the properties differ");
        assert_eq!(compare("{}", export), "the line has neither `payload` nor `messages`");
    }
}
