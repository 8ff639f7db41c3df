//! Taking apart JSON text that is known to be well-formed: what lies in it is found by its brackets and quotes, without
//! being read again.

use std::iter;

use memchr::memchr2;

/// The members of an object in their order, names with their quotes. The text is that of an object.
pub(super) fn members(object: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = Rest { text: object, at: 1 };
    iter::from_fn(move || {
        let name = rest.next(b'}')?;
        let value = rest.next(b'}')?;
        Some((name, value))
    })
}

/// The items of an array in their order. The text is that of an array.
pub(super) fn items(array: &str) -> impl Iterator<Item = &str> {
    let mut rest = Rest { text: array, at: 1 };
    iter::from_fn(move || rest.next(b']'))
}

/// The place behind the end of a string whose opening quote lies before a place; the end of the text, where there is none.
pub(super) fn behind_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

/// What is left of an array or an object.
struct Rest<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Rest<'a> {
    /// The next value, or none at the closing bracket.
    fn next(&mut self, closing: u8) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at)?, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':') {
            self.at += 1;
        }
        if bytes[self.at] == closing {
            return None;
        }
        let start = self.at;
        self.at = behind_value(bytes, start);
        self.text.get(start..self.at)
    }
}

/// The place behind the value that begins at a place.
fn behind_value(bytes: &[u8], start: usize) -> usize {
    match bytes[start] {
        b'"' => behind_string(bytes, start + 1),
        b'{' | b'[' => {
            let (mut at, mut depth) = (start + 1, 1_usize);
            while let Some(byte) = bytes.get(at) {
                at += 1;
                match byte {
                    b'"' => at = behind_string(bytes, at),
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' if depth == 1 => return at,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
            }
            at
        }
        _ => {
            let ends =
                |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
            bytes[start..].iter().position(ends).map_or(bytes.len(), |length| start + length)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn members_and_items_are_the_text_they_were() {
        let object = "{ \"a\\\"}\" : 1.0 ,\n\"\\\\\":{\"b\":[\"]\"]},\"\": [ 1 ] , \"n\":null,\"e\":\"\\\\\"}";
        let found: Vec<_> = members(object).collect();
        let expected = [
            ("\"a\\\"}\"", "1.0"),
            ("\"\\\\\"", "{\"b\":[\"]\"]}"),
            ("\"\"", "[ 1 ]"),
            ("\"n\"", "null"),
            ("\"e\"", "\"\\\\\""),
        ];
        assert_eq!(found, expected);
        let found: Vec<_> = items("[\t[],{} , \"ä\",-1e5\n]").collect();
        assert_eq!(found, ["[]", "{}", "\"ä\"", "-1e5"]);
        assert_eq!((members("{ }").count(), items("[]").count()), (0, 0));
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[ -~\\\\\"ä😀\n]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec(("[ -~\\\\\"]{0,6}", inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// Puts a value together again from its parts.
    fn again(text: &str) -> Value {
        match text.as_bytes()[0] {
            b'{' => {
                let parse = |name: &str| serde_json::from_str::<String>(name).unwrap();
                members(text).map(|(name, value)| (parse(name), again(value))).collect()
            }
            b'[' => items(text).map(again).collect(),
            _ => serde_json::from_str(text).unwrap(),
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_added(value in value(), pretty in any::<bool>()) {
            let text = if pretty {
                serde_json::to_string_pretty(&value).unwrap()
            } else {
                value.to_string()
            };
            prop_assert_eq!(again(&text), serde_json::from_str::<Value>(&text).unwrap());
        }
    }
}
