//! Recognizes JSON arrays of records, which are often saved with the extension of JSON Lines.
//!
//! A line that is an array of messages is a conversation. An array of records would be accepted as a conversation whose messages
//! are the records, so it has to be told apart.

use mistral_datasets_types::skip;

/// What to do with a JSON array of records.
pub(super) const PROBLEM: &str = "a JSON array of records, not JSON Lines; write one record per line, for example with `jq -c '.[]'`";

/// The keys of records, in this API and in the ShareGPT format, that a message does not have.
const RECORD_KEYS: &[&str] = &["messages", "payload", "conversations", "conversation"];

/// Returns whether a valid JSON array contains records or conversations instead of messages.
pub(super) fn is_of_records(array: &str) -> bool {
    skip::elements(array.trim_ascii()).any(|item| match item.as_bytes().first() {
        Some(b'{') => is_record(item),
        // An array of messages.
        Some(b'[') => skip::elements(item).next().is_some_and(|inner| inner.starts_with('{')),
        _ => false,
    })
}

fn is_record(object: &str) -> bool {
    let has = |names: &[&str]| {
        skip::fields(object).any(|(key, _)| names.contains(&key.trim_matches('"')))
    };
    has(RECORD_KEYS) && !has(&["role"])
}

/// Returns whether a line that ends too early is the first of an array that spans several lines.
pub(super) fn starts_array(line: &str) -> bool {
    line.trim_ascii_start().starts_with('[') && ends_between_values(line)
}

/// Returns whether a line that ends too early ends where a pretty-printer breaks lines.
pub(super) fn ends_between_values(line: &str) -> bool {
    line.trim_ascii_end().ends_with(['[', '{', ',', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_of_records_and_of_messages_are_told_apart() {
        for records in [
            r#"[{"messages": []}, {"messages": []}]"#,
            r#" [ {"id": 1, "payload": {"messages": []}} ] "#,
            r#"[{"conversations": [{"from": "human", "value": "Hi"}]}]"#,
            r#"[[{"role": "user"}], [{"role": "user"}]]"#,
            r#"[{}, {"messages": []}]"#,
        ] {
            assert!(is_of_records(records), "{records}");
        }
        for messages in [
            "[]",
            "[{}]",
            r#"[{"role": "user", "content": "\"messages\": []"}]"#,
            r#"[{"role": "tool", "content": [{"messages": 1}], "messages": []}]"#,
            r#"[{"from": "human", "value": "Hi"}]"#,
            "[1, [2], \"x\"]",
        ] {
            assert!(!is_of_records(messages), "{messages}");
        }
    }

    #[test]
    fn the_first_line_of_a_pretty_printed_array_is_recognized() {
        for line in ["[", " [ {", "[{\"messages\": []},"] {
            assert!(starts_array(line), "{line}");
        }
        for line in ["{", "[{\"role\": \"user", "[1"] {
            assert!(!starts_array(line), "{line}");
        }
    }
}
