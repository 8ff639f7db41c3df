//! The rule for unknown keys of a record.
//!
//! An object with the key `payload` is a record. Its keys are the fields of the API's record schema, because an export contains
//! them. Any other key would be dropped silently, so it is rejected unless the caller allows unknown keys, which are then
//! counted in the report. Without a `payload`, all keys but `properties` belong to the payload, and none is unknown.

use mistral_datasets_types::DatasetRecord;

/// The keys that a new record is made from. The other fields of the schema are assigned by the server.
const RECORD_KEYS: &[&str] = &["payload", "properties"];

/// The maximum edit distance of a suggested key, and the minimum number of its characters for each edit.
const MAX_DISTANCE: usize = 2;
const CHARS_PER_EDIT: usize = 3;

/// The maximum number of characters of a key that a message repeats.
const MAX_SHOWN_CHARS: usize = 40;

/// Returns whether a record has no field with this name.
pub(super) fn is_unknown(key: &str) -> bool {
    !DatasetRecord::FIELDS.contains(&key)
}

/// Returns the message for an unknown key. It suggests a similar key, or lists the keys of a record.
pub(super) fn problem(key: &str) -> String {
    let plain = |text: &str| text.replace(['_', '-', ' '], "").to_lowercase();
    let nearest = DatasetRecord::FIELDS
        .iter()
        .map(|known| (edit_distance(&plain(key), &plain(known)), known))
        .min_by_key(|(distance, _)| *distance);
    let suggestion = match nearest {
        Some((distance, known)) if is_near(distance, known) => format!("did you mean `{known}`?"),
        _ => format!("expected `{}`", RECORD_KEYS.join("` and `")),
    };
    let key = shown(key);
    format!(
        "unknown key `{key}` beside `payload`; {suggestion} (`allow_unknown_keys` ignores unknown keys)"
    )
}

fn is_near(distance: usize, known: &str) -> bool {
    distance <= MAX_DISTANCE && distance * CHARS_PER_EDIT <= known.len()
}

/// Returns a key as messages and reports show it: shortened, and without control characters.
pub(super) fn shown(key: &str) -> String {
    let mut shown: String =
        key.chars().take(MAX_SHOWN_CHARS).flat_map(char::escape_debug).collect();
    if key.chars().nth(MAX_SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// Returns the Levenshtein distance of two strings. A long string is cut, which cannot make it similar to a short one.
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().take(MAX_SHOWN_CHARS).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, other) in right.iter().enumerate() {
            let substitution = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = substitution.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_the_record_schema_are_known() {
        let document = include_str!("../../../../openapi/datasets.yaml");
        let document: serde_json::Value = serde_yaml_ng::from_str(document).unwrap();
        let fields = document["components"]["schemas"]["DatasetRecord"]["properties"].as_object();
        let fields: Vec<&String> = fields.unwrap().keys().collect();
        assert!(fields.len() >= 8 && fields.iter().all(|field| !is_unknown(field)), "{fields:?}");
        assert_eq!(fields.len(), DatasetRecord::FIELDS.len());
        assert!(["metadata", "messages", "Payload", ""].into_iter().all(is_unknown));
    }

    #[test]
    fn the_nearest_key_is_suggested() {
        for (key, suggestion) in [
            ("propertys", "did you mean `properties`?"),
            ("Properties", "did you mean `properties`?"),
            ("createdAt", "did you mean `created_at`?"),
            ("metadata", "expected `payload` and `properties`"),
            ("", "expected `payload` and `properties`"),
            ("ID", "did you mean `id`?"),
        ] {
            let problem = problem(key);
            assert!(
                problem.contains(&format!("`{key}`")) && problem.contains(suggestion),
                "{problem}"
            );
            assert!(problem.contains("`allow_unknown_keys`"), "{problem}");
        }
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
    }

    #[test]
    fn long_or_hostile_keys_are_not_repeated_verbatim() {
        let problem = problem(&format!("\u{1b}[31m\u{202e}{}", "x".repeat(10_000)));
        assert!(
            problem.len() < 200 && !problem.contains('\u{1b}') && !problem.contains('\u{202e}')
        );
    }
}
