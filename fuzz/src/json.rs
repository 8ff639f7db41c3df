//! The server's JSON scanner.

use std::fmt;

use mistral_datasets_server::internal_fuzzing::{self, MAX_DEPTH};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Checks that the server and serde_json agree on whether the input is valid JSON and on its fields and items, except for input that
/// is nested too deeply. Moving JSON to a single line must remove only whitespace.
pub fn json(input: &[u8]) {
    let found = internal_fuzzing::json(input);
    let parsed = serde_json::from_slice::<&RawValue>(input);
    let text = match (&parsed, &found) {
        (Err(_), Err(_)) => return,
        (Ok(raw), Ok(_)) => raw.get(),
        (Ok(raw), Err(reason)) => {
            assert!(depth(raw.get()) > MAX_DEPTH, "rejected: {reason}");
            return;
        }
        (Err(error), Ok(_)) => panic!("accepted, but serde_json reports: {error}"),
    };
    assert!(depth(text) <= MAX_DEPTH);
    let found = found.expect("the server accepted it");
    assert_eq!(found.text, text);
    if text.starts_with('{') {
        let Fields(expected) = serde_json::from_str(text).expect("an object");
        assert_eq!(found.fields.as_deref(), Some(&expected[..]));
    } else {
        assert_eq!(found.fields, None);
    }
    if text.starts_with('[') {
        let expected: Vec<&RawValue> = serde_json::from_str(text).expect("an array");
        let expected: Vec<&str> = expected.into_iter().map(RawValue::get).collect();
        assert_eq!(found.items.as_deref(), Some(&expected[..]));
    } else {
        assert_eq!(found.items, None);
    }
    let line = internal_fuzzing::single_line(text);
    assert!(!line.contains(['\n', '\r']));
    assert_eq!(compact(&line), compact(text));
}

/// The quoted names and the values of an object, in order.
struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl<'a> serde::Deserialize<'a> for Fields<'a> {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'a> Visitor<'a> for FieldsVisitor {
            type Value = Fields<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Fields<'a>, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    fields.push((name.get(), value.get()));
                }
                Ok(Fields(fields))
            }
        }
        from.deserialize_map(FieldsVisitor)
    }
}

/// Calls `visit` for each character of valid JSON, with whether the character is inside a string.
fn for_each_char(text: &str, mut visit: impl FnMut(char, bool)) {
    let (mut in_string, mut escaped) = (false, false);
    for character in text.chars() {
        visit(character, in_string);
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = in_string,
            '"' => in_string = !in_string,
            _ => {}
        }
    }
}

/// Removes whitespace outside of strings.
fn compact(text: &str) -> String {
    let mut compact = String::new();
    for_each_char(text, |character, in_string| {
        if in_string || !matches!(character, ' ' | '\t' | '\n' | '\r') {
            compact.push(character);
        }
    });
    compact
}

/// Returns the maximum nesting depth of arrays and objects.
fn depth(text: &str) -> usize {
    let (mut depth, mut max) = (0_usize, 0);
    for_each_char(text, |character, in_string| match character {
        '{' | '[' if !in_string => {
            depth += 1;
            max = max.max(depth);
        }
        '}' | ']' if !in_string => depth -= 1,
        _ => {}
    });
    max
}
