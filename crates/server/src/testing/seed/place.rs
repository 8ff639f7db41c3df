//! Where in a file an error lies.

use crate::json::{Document, JsonError, MAX_DEPTH, Value};

/// A place in a text, both numbers counted from 1; the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Place {
    fn of(text: &[u8], offset: usize) -> Self {
        let before = &text[..offset.min(text.len())];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        Self {
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            column: 1 + String::from_utf8_lossy(&before[line_start..]).chars().count(),
        }
    }
}

/// The place of an error in the text that it was found in, and what is wrong there.
///
/// A error names its value by a path, so only when there is one the text is gone through again to find where the value
/// begins, or, where it is missing, what it is missing in.
pub(super) fn located(text: &[u8], error: &JsonError) -> (Place, String) {
    let utf8 = match std::str::from_utf8(text) {
        Ok(utf8) => utf8,
        Err(error) => return (Place::of(text, error.valid_up_to()), "not UTF-8".to_owned()),
    };
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(utf8)
        && !error.is_data()
    {
        let message = error.to_string();
        let reason = message.split(" at line ").next().unwrap_or_default();
        let place = Place { line: error.line().max(1), column: error.column().max(1) };
        return (place, format!("not JSON: {reason}"));
    }
    let start = utf8.as_ptr() as usize;
    let document = Document::read(text, "", MAX_DEPTH);
    let values = document.and_then(Document::one_or_items).unwrap_or_default();
    let found = values.iter().find_map(|value| deepest(value, error.path()));
    let offset = found.map_or(0, |address| address - start);
    (Place::of(text, offset), error.to_string())
}

/// Where the value of a path lies in memory, or the innermost one around it that is there.
fn deepest(value: &Value<'_>, path: &str) -> Option<usize> {
    let rest = path.strip_prefix(value.path())?;
    let begins = |rest: &str| rest.is_empty() || rest.starts_with(['.', '[']);
    if !(value.path().is_empty() || begins(rest)) {
        return None;
    }
    let inner = match value.text().as_bytes().first() {
        Some(b'{') => value.fields().ok()?.iter().map(|(_, value)| value).collect(),
        Some(b'[') => value.items(0..=usize::MAX).ok()?,
        _ => Vec::new(),
    };
    let inside = inner.iter().find_map(|value| deepest(value, path));
    Some(inside.unwrap_or(value.text().as_ptr() as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, path: &str) -> (usize, usize) {
        let (place, _) = located(text.as_bytes(), &JsonError::at(path, "wrong"));
        (place.line, place.column)
    }

    #[test]
    fn a_value_is_found_by_its_path_and_a_missing_one_by_what_it_is_missing_in() {
        let text = "{\n  \"ä\": [1, {\"b\": 2}],\n \"äb\": 3 }";
        assert_eq!(place(text, ""), (1, 1));
        assert_eq!(place(text, "ä[0]"), (2, 9));
        assert_eq!(place(text, "ä[1].b"), (2, 18));
        assert_eq!(place(text, "ä[1].c"), (2, 12));
        assert_eq!(place(text, "äb"), (3, 8));
        assert_eq!(place(text, "c"), (1, 1));
    }

    #[test]
    fn what_is_no_json_is_found_without_a_path() {
        let located = |text: &[u8]| located(text, &JsonError::at("", "wrong"));
        assert_eq!(
            located(b"{\n \"a\": }"),
            (Place { line: 2, column: 7 }, "not JSON: expected value".to_owned())
        );
        assert_eq!(located(b"\n\"\xff\"").0, Place { line: 2, column: 2 });
        assert_eq!(located(b"").0, Place { line: 1, column: 1 });
    }
}
