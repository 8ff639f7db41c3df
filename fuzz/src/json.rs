//! JSON as the server takes it apart.

use std::fmt;

use mistral_datasets_server::internal_fuzzing::{self, MAX_DEPTH};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The server and serde_json agree on what is JSON and on what lies in it, but for what is too deep. Text that is put on one
/// line loses white space only.
pub fn json(input: &[u8]) {
    let found = internal_fuzzing::json(input);
    let parsed = serde_json::from_slice::<&RawValue>(input);
    let text = match (&parsed, &found) {
        (Err(_), Err(_)) => return,
        (Ok(raw), Ok(_)) => raw.get(),
        (Ok(raw), Err(reason)) => {
            assert!(depth(raw.get()) > MAX_DEPTH, "refused: {reason}");
            return;
        }
        (Err(error), Ok(_)) => panic!("taken, although {error}"),
    };
    assert!(depth(text) <= MAX_DEPTH);
    let found = found.expect("it was taken");
    assert_eq!(found.text, text);
    if text.starts_with('{') {
        let Members(expected) = serde_json::from_str(text).expect("an object");
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
    assert_eq!(dense(&line), dense(text));
}

/// Names with their quotes and values, in their order.
struct Members<'a>(Vec<(&'a str, &'a str)>);

impl<'a> serde::Deserialize<'a> for Members<'a> {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'a> Visitor<'a> for Each {
            type Value = Members<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Members<'a>, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    members.push((name.get(), value.get()));
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(Each)
    }
}

/// Calls for each character, saying whether it stands in a string. The text is well-formed.
fn each(text: &str, mut take: impl FnMut(char, bool)) {
    let (mut within, mut escaped) = (false, false);
    for character in text.chars() {
        take(character, within);
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = within,
            '"' => within = !within,
            _ => {}
        }
    }
}

/// The text without white space between values.
fn dense(text: &str) -> String {
    let mut dense = String::new();
    each(text, |character, within| {
        if within || !matches!(character, ' ' | '\t' | '\n' | '\r') {
            dense.push(character);
        }
    });
    dense
}

/// How deep arrays and objects lie in each other.
fn depth(text: &str) -> usize {
    let (mut depth, mut most) = (0_usize, 0);
    each(text, |character, within| match character {
        '{' | '[' if !within => {
            depth += 1;
            most = most.max(depth);
        }
        '}' | ']' if !within => depth -= 1,
        _ => {}
    });
    most
}
