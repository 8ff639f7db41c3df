//! The answers of judges in the extra fields of events.
//!
//! Extra fields are JSON of which only the server can read everything: `jsonb` rejects numbers and strings that JSON allows. What
//! filters need of them is stored in a column of its own.

use mistral_datasets_types::skip;
use serde_json::Value;
use uuid::Uuid;

use super::params::storable;
use crate::storage::{EventField, annotation_name};

/// From here on, a floating point number has no digits after the decimal point.
const FIRST_WHOLE: f64 = (1_u64 << 53) as f64;

/// Returns the answers in extra fields as a JSON object of texts and numbers, by the id of the judge.
///
/// As in SQLite, truth values are numbers, arrays and objects are texts, and of several fields with one name the first counts.
pub(super) fn answers(extra_fields: &str) -> String {
    let mut found: Vec<(Uuid, String)> = Vec::new();
    for (name, value) in skip::fields(extra_fields) {
        let Ok(name) = serde_json::from_str::<String>(name) else { continue };
        let Some(EventField::Annotation(judge)) = EventField::named(&name) else { continue };
        let is_first = found.iter().all(|(other, _)| *other != judge);
        if is_first && annotation_name(judge) == name {
            found.extend(answer(value).map(|answer| (judge, answer)));
        }
    }
    let fields: Vec<_> =
        found.into_iter().map(|(judge, answer)| format!("\"{judge}\":{answer}")).collect();
    format!("{{{}}}", fields.join(","))
}

/// Returns a JSON value as a text or a number in JSON.
fn answer(value: &str) -> Option<String> {
    match value.as_bytes().first()? {
        b'n' => None,
        b't' => Some("1".to_owned()),
        b'f' => Some("0".to_owned()),
        b'"' => {
            Some(serde_json::from_str(value).map_or_else(|_| text(value), |own: String| text(&own)))
        }
        b'{' | b'[' => Some(text(value)),
        _ => match value.parse::<i64>() {
            Ok(number) => Some(number.to_string()),
            Err(_) => value.parse().ok().map(number),
        },
    }
}

fn text(text: &str) -> String {
    Value::from(storable(text).as_ref()).to_string()
}

/// Returns a number in a form in which PostgreSQL's exact numbers compare like floating point numbers do.
pub(super) fn number(number: f64) -> String {
    if number.is_infinite() {
        // Larger than any finite one.
        if number > 0.0 { "1e400".to_owned() } else { "-1e400".to_owned() }
    } else if number.abs() < FIRST_WHOLE {
        number.to_string()
    } else {
        // All digits, instead of only those that tell it from other floating point numbers.
        format!("{number:.0}")
    }
}

/// Returns an object in which a field has another value, or is added.
pub(super) fn with_field(object: &str, name: &str, value: &str) -> String {
    let quoted = Value::from(name).to_string();
    let mut changed = String::with_capacity(object.len() + quoted.len() + value.len() + 4);
    let mut push = |name: &str, value: &str| {
        changed.push(if changed.is_empty() { '{' } else { ',' });
        changed.extend([name, ":", value]);
    };
    let mut is_set = false;
    for (other, other_value) in skip::fields(object) {
        if !is_set && serde_json::from_str::<String>(other).is_ok_and(|other| other == name) {
            is_set = true;
            push(other, value);
        } else {
            push(other, other_value);
        }
    }
    if !is_set {
        push(&quoted, value);
    }
    changed.push('}');
    changed
}

/// Returns JSON without U+0000 in strings, not even as an escape.
pub(super) fn storable_json(json: &str) -> String {
    let mut storable = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        storable.push_str(before);
        let nul = escape.strip_prefix("\\u0000");
        let length = escape.char_indices().nth(2).map_or(escape.len(), |(length, _)| length);
        storable.push_str(if nul.is_some() { "\\ufffd" } else { &escape[..length] });
        rest = nul.unwrap_or(&escape[length..]);
    }
    storable.push_str(rest);
    storable
}

#[cfg(test)]
mod tests {
    use super::*;

    const JUDGE: Uuid = Uuid::from_u128(7);

    #[test]
    fn answers_are_texts_and_numbers() {
        let name = annotation_name(JUDGE);
        for (json, expected) in [
            (r#""yes""#, Some(r#""yes""#)),
            (r#""a\u0000""#, Some("\"a\u{fffd}\"")),
            (r#""\ud800""#, Some(r#""\"\\ud800\"""#)),
            ("12", Some("12")),
            ("-0", Some("0")),
            ("1.50", Some("1.5")),
            ("1e2", Some("100")),
            ("9007199254740993.0", Some("9007199254740992")),
            ("123456789012345678901", Some("123456789012345683968")),
            ("1e999999", Some("1e400")),
            ("-1e999999", Some("-1e400")),
            ("true", Some("1")),
            ("false", Some("0")),
            ("null", None),
            (r#"["a"]"#, Some(r#""[\"a\"]""#)),
        ] {
            let fields = format!(r#"{{"own": 1e999999, "{name}": {json}, "{name}": "second"}}"#);
            let expected =
                expected.map_or("{}".to_owned(), |answer| format!("{{\"{JUDGE}\":{answer}}}"));
            if json != "null" {
                assert_eq!(answers(&fields), expected, "{json}");
            }
        }
        for other in ["{}", r#"{"__judge_x": 1}"#, r#"{"judge": {"__judge_": 1}}"#] {
            assert_eq!(answers(other), "{}", "{other}");
        }
        let upper = format!("{{\"{}\": 1}}", annotation_name(Uuid::from_u128(0xab)).to_uppercase());
        assert_eq!(answers(&upper), "{}");
    }

    #[test]
    fn setting_a_field_leaves_the_others_as_they_are() {
        for (object, expected) in [
            ("{}", r#"{"a":1}"#),
            (r#"{ "b" : 1e400 }"#, r#"{"b":1e400,"a":1}"#),
            (r#"{"a": [2], "c": { "a": 3 }}"#, r#"{"a":1,"c":{ "a": 3 }}"#),
            (r#"{"\u0061": 2, "a": 3}"#, r#"{"\u0061":1,"a":3}"#),
        ] {
            assert_eq!(with_field(object, "a", "1"), expected);
        }
    }

    #[test]
    fn escapes_of_the_null_character_are_replaced() {
        for (json, expected) in [
            (r#"{"a":"b"}"#, r#"{"a":"b"}"#),
            (r#"{"\u0000":"\\\u0000\u0000é"}"#, r#"{"\ufffd":"\\\ufffd\ufffdé"}"#),
            (r#""\\u0000\"\u0001""#, r#""\\u0000\"\u0001""#),
        ] {
            assert_eq!(storable_json(json), expected);
        }
    }
}
