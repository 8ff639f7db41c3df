//! Finds out where in a JSON text parsing failed.

use std::cell::RefCell;
use std::fmt::Write;

use serde::de::DeserializeOwned;

use crate::raw_json::RawJson;

/// A failure to parse a JSON value.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The path of the value at which parsing failed, such as `.AND[1].op`. It is empty for the whole text.
    pub path: String,
    /// serde's message without the position. It may quote the value.
    pub message: String,
}

thread_local! {
    /// While [`parse`] runs: the innermost union that failed, as text, with the failure in it. The position of a union's error is not
    /// that of the union, because its value is read before it is parsed.
    static UNION: RefCell<Option<Option<(String, Failure)>>> = const { RefCell::new(None) };
}

/// Parses a value. If that fails, finds out where.
///
/// # Errors
/// The path and serde's message.
pub fn parse<T: DeserializeOwned>(json: &RawJson) -> Result<T, Failure> {
    UNION.replace(Some(None));
    let result = json.parse();
    let union = UNION.take().flatten();
    result.map_err(|error| match union {
        Some((text, failure)) => {
            // The text is part of the value. An equal text before it would have failed before it.
            let start = json.get().find(&text).unwrap_or(0);
            let path = path_of(&json.get().as_bytes()[..start]) + &failure.path;
            Failure { path, ..failure }
        }
        None => failure(&error, json.get()),
    })
}

/// Records the failure of a union, if [`parse`] is running and no union inside it has failed.
pub(crate) fn record_failure(text: &str, error: &serde_json::Error) {
    UNION.with_borrow_mut(|union| {
        if let Some(union @ None) = union {
            *union = Some((text.to_owned(), failure(error, text)));
        }
    });
}

fn failure(error: &serde_json::Error, text: &str) -> Failure {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(&*message, |(message, _)| message);
    Failure { path: of_error(error, text), message: message.to_owned() }
}

/// Returns the path of the value at which parsing failed. Only the part before the error is read.
fn of_error(error: &serde_json::Error, text: &str) -> String {
    let mut lines = text.split_inclusive('\n');
    let before: usize = lines.by_ref().take(error.line().saturating_sub(1)).map(str::len).sum();
    let end = before.saturating_add(error.column()).min(text.len());
    path_of(&text.as_bytes()[..end])
}

/// An object or array that has not ended.
enum Open<'t> {
    Object { key: &'t [u8], expects_key: bool },
    Array { index: usize },
}

/// Returns the path of the last value in a text that ends inside or after it.
fn path_of(text: &[u8]) -> String {
    let mut open = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'{' => open.push(Open::Object { key: b"", expects_key: true }),
            b'[' => open.push(Open::Array { index: 0 }),
            b'}' | b']' => {
                open.pop();
            }
            b',' => match open.last_mut() {
                Some(Open::Object { expects_key, .. }) => *expects_key = true,
                Some(Open::Array { index }) => *index += 1,
                None => {}
            },
            b'"' => {
                let start = at;
                at = end_of_string(text, at);
                if let Some(Open::Object { key, expects_key }) = open.last_mut()
                    && *expects_key
                {
                    (*key, *expects_key) = (&text[start..at.max(start + 1) - 1], false);
                }
            }
            _ => {}
        }
    }
    let mut path = String::new();
    for value in open {
        let _ = match value {
            Open::Array { index } => write!(path, "[{index}]"),
            // Nothing follows the key, or there is none.
            Open::Object { expects_key: true, .. } => Ok(()),
            Open::Object { key, .. } => write!(path, ".{}", String::from_utf8_lossy(key)),
        };
    }
    path
}

/// Returns the position after the quote that closes a string.
fn end_of_string(text: &[u8], mut at: usize) -> usize {
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => return at,
            b'\\' => at += 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_last_value_is_found() {
        for (text, path) in [
            ("", ""),
            ("{", ""),
            (r#"{"a": 5"#, ".a"),
            (r#"{"a": 5}"#, ""),
            (r#"{"a": 5, "#, ""),
            (r#"{"x": [1, {"y": "[{,\""}], "b": [[], {"c": tr"#, ".b[1].c"),
            (r#"{"b": [1, {"c": 1}"#, ".b[1]"),
            (r#"["a,b", 2"#, "[1]"),
            (r#"{"a": {"b"#, ".a."),
        ] {
            assert_eq!(path_of(text.as_bytes()), path, "{text}");
        }
    }

    #[test]
    fn errors_are_located_in_several_lines() {
        type Value = std::collections::BTreeMap<String, Vec<u8>>;
        let text = "{\"a\": [1],\n \"b\": [\n1, \"x\"]}";
        let error = serde_json::from_str::<Value>(text).unwrap_err();
        assert_eq!(of_error(&error, text), ".b[1]");
    }
}
