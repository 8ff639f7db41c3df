//! Finds the position of an error in a file.

use crate::json::{Document, JsonError, MAX_DEPTH, Value};

/// A position in a text. Lines and columns are counted from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Position {
    fn of(text: &[u8], offset: usize) -> Self {
        let before = &text[..offset.min(text.len())];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        Self {
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            column: 1 + String::from_utf8_lossy(&before[line_start..]).chars().count(),
        }
    }
}

/// Returns the position of an error in a text, and its message.
///
/// A [`JsonError`] contains only the path of the value, so the text is parsed again to find where the value starts. For a missing
/// value, this is the position of the object or array that should contain it.
pub(super) fn locate(text: &[u8], error: &JsonError) -> (Position, String) {
    let utf8 = match std::str::from_utf8(text) {
        Ok(utf8) => utf8,
        Err(error) => return (Position::of(text, error.valid_up_to()), "not UTF-8".to_owned()),
    };
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(utf8)
        && !error.is_data()
    {
        let message = error.to_string();
        let reason = message.split(" at line ").next().unwrap_or_default();
        let position = Position { line: error.line().max(1), column: error.column().max(1) };
        return (position, format!("not JSON: {reason}"));
    }
    let start = utf8.as_ptr() as usize;
    let document = Document::read(text, "", MAX_DEPTH);
    let values = document.and_then(|document| document.one_or_items(usize::MAX)).ok();
    let found = values.into_iter().flatten().find_map(|value| address_of(&value, error.path()));
    let offset = found.map_or(0, |address| address - start);
    (Position::of(text, offset), error.to_string())
}

/// Returns the address of the value at a path, or of the innermost existing value around it.
fn address_of(value: &Value<'_>, path: &str) -> Option<usize> {
    let prefix = value.path().to_string();
    let rest = path.strip_prefix(prefix.as_str())?;
    let is_segment = |rest: &str| rest.is_empty() || rest.starts_with(['.', '[']);
    if !(prefix.is_empty() || is_segment(rest)) {
        return None;
    }
    let child = match value.text().as_bytes().first() {
        Some(b'{') => value.fields().ok()?.iter().find_map(|(_, value)| address_of(&value, path)),
        Some(b'[') => value.items(0..=usize::MAX).ok()?.find_map(|value| address_of(&value, path)),
        _ => None,
    };
    Some(child.unwrap_or(value.text().as_ptr() as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(text: &str, path: &str) -> (usize, usize) {
        let (position, _) = locate(text.as_bytes(), &JsonError::at(path, "wrong"));
        (position.line, position.column)
    }

    #[test]
    fn values_are_located_by_path_and_missing_ones_by_their_parent() {
        let text = "{\n  \"ä\": [1, {\"b\": 2}],\n \"äb\": 3 }";
        assert_eq!(position(text, ""), (1, 1));
        assert_eq!(position(text, "ä[0]"), (2, 9));
        assert_eq!(position(text, "ä[1].b"), (2, 18));
        assert_eq!(position(text, "ä[1].c"), (2, 12));
        assert_eq!(position(text, "äb"), (3, 8));
        assert_eq!(position(text, "c"), (1, 1));
    }

    #[test]
    fn syntax_errors_are_located() {
        let locate = |text: &[u8]| locate(text, &JsonError::at("", "wrong"));
        assert_eq!(
            locate(b"{\n \"a\": }"),
            (Position { line: 2, column: 7 }, "not JSON: expected value".to_owned())
        );
        assert_eq!(locate(b"\n\"\xff\"").0, Position { line: 2, column: 2 });
        assert_eq!(locate(b"").0, Position { line: 1, column: 1 });
    }
}
