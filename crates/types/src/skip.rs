//! Finds the end of JSON values without parsing them.
//!
//! A page of records consists mostly of payloads and properties, which are usually forwarded or parsed elsewhere. Their ends
//! are found by scanning for quotes and brackets only, 64 bytes at a time. The contents of a skipped value are not validated:
//! for invalid JSON, the result is unspecified.

use wide::u8x16;

const BLOCK: usize = 64;
const LANES: usize = 16;

/// Returns the length of the object or array at the start of `text`, or `None` if it is not closed.
pub fn brackets(text: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut strings = StringState::default();
    let mut at = 0;
    loop {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let mut padded = [0; BLOCK];
        let block = rest.first_chunk().unwrap_or_else(|| {
            padded[..rest.len()].copy_from_slice(rest);
            &padded
        });
        let masks = BlockMasks::of(block);
        let mut brackets = masks.brackets & !strings.inside(masks.quotes, masks.backslashes);
        while brackets != 0 {
            let next = brackets.trailing_zeros() as usize;
            match block[next] {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.checked_sub(1)?,
                // Another byte that the bracket mask matches, which is invalid outside strings.
                _ => return None,
            }
            if depth == 0 {
                return Some(at + next + 1);
            }
            brackets &= brackets - 1;
        }
        at += BLOCK;
    }
}

/// Returns the length of a string up to its closing quote and whether it contains neither escapes nor control characters.
/// `text` starts after the opening quote. Returns `None` if the string is not closed.
pub fn string(text: &[u8]) -> Option<(usize, bool)> {
    let mut at = 0;
    while let Some(lanes) = text.get(at..).and_then(|rest| rest.first_chunk::<LANES>()) {
        let bytes = u8x16::new(*lanes);
        let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
        let special =
            bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\')) | control;
        let special = special.to_bitmask();
        if special != 0 {
            at += special.trailing_zeros() as usize;
            break;
        }
        at += LANES;
    }
    let mut is_plain = true;
    loop {
        match text.get(at)? {
            b'"' => return Some((at, is_plain)),
            b'\\' => {
                is_plain = false;
                at += 2;
            }
            byte => {
                is_plain &= *byte >= 0x20;
                at += 1;
            }
        }
    }
}

/// Returns the length of the value at the start of `text`, or `None` if it is empty or not closed.
pub fn value(text: &[u8]) -> Option<usize> {
    match text.first()? {
        b'{' | b'[' => brackets(text),
        b'"' => string(&text[1..]).map(|(length, _)| length + 2),
        _ => {
            let ends =
                |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\t' | b'\r');
            Some(text.iter().position(ends).unwrap_or(text.len()))
        }
    }
}

/// Iterates over the fields of an object as pairs of quoted name and value. `object` must be a valid JSON object without
/// surrounding white space.
pub fn fields(object: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut values = Values { text: object, at: 1 };
    std::iter::from_fn(move || Some((values.next()?, values.next()?)))
}

/// Iterates over the elements of an array. `array` must be a valid JSON array without surrounding white space.
pub fn elements(array: &str) -> impl Iterator<Item = &str> {
    let mut values = Values { text: array, at: 1 };
    std::iter::from_fn(move || values.next())
}

/// Iterates over the values inside brackets, including the names of fields.
struct Values<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Values<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at)?, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':') {
            self.at += 1;
        }
        if matches!(bytes[self.at], b'}' | b']') {
            return None;
        }
        let start = self.at;
        self.at += value(&bytes[start..])?;
        self.text.get(start..self.at)
    }
}

/// Returns the offset of the first bracket that opens more than `limit` levels of nesting, if any. `text` may be invalid JSON.
pub fn deeper_than(text: &[u8], limit: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        match text.get(at)? {
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return Some(at);
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => at += string(&text[at + 1..])?.0 + 1,
            _ => {}
        }
        at += 1;
    }
}

/// The positions of certain bytes in a block. The lowest bit represents the first byte.
struct BlockMasks {
    quotes: u64,
    backslashes: u64,
    /// Brackets, and a few bytes that are invalid outside strings.
    brackets: u64,
}

impl BlockMasks {
    #[inline(always)]
    fn of(block: &[u8; BLOCK]) -> Self {
        let mut masks = Self { quotes: 0, backslashes: 0, brackets: 0 };
        let (lanes, _) = block.as_chunks::<LANES>();
        for (number, lanes) in lanes.iter().enumerate() {
            let bytes = u8x16::new(*lanes);
            let equal =
                |bytes: u8x16, byte| u64::from(bytes.simd_eq(u8x16::splat(byte)).to_bitmask());
            let shift = number * LANES;
            masks.quotes |= equal(bytes, b'"') << shift;
            masks.backslashes |= equal(bytes, b'\\') << shift;
            // The four brackets become the same byte once these bits are set.
            masks.brackets |= equal(bytes | u8x16::splat(0x26), 0x7f) << shift;
        }
        masks
    }
}

/// String state carried from one block to the next.
#[derive(Default)]
struct StringState {
    /// All bits set if the last block ended inside a string.
    open: u64,
    /// 1 if the last block ended with a backslash that escapes the first byte of the next block.
    escaping: u64,
}

impl StringState {
    /// Returns which bytes of a block are inside strings.
    #[inline(always)]
    fn inside(&mut self, quotes: u64, backslashes: u64) -> u64 {
        let quotes = quotes & !self.escaped(backslashes);
        // Prefix XOR: a bit is set between an opening quote and its closing quote.
        let mut inside = quotes;
        for shift in [1, 2, 4, 8, 16, 32] {
            inside ^= inside << shift;
        }
        inside ^= self.open;
        self.open = 0_u64.wrapping_sub(inside >> 63);
        inside
    }

    /// Returns which bytes of a block are escaped by a backslash, by simdjson's method: adding the odd starts of backslash
    /// runs makes a carry ripple to the end of each run, where its position tells whether the run has an even length.
    #[inline(always)]
    fn escaped(&mut self, backslashes: u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        if backslashes | self.escaping == 0 {
            return 0;
        }
        let backslashes = backslashes & !self.escaping;
        let follows = backslashes << 1 | self.escaping;
        let at_odd = backslashes & !EVEN & !follows;
        let (runs, carried) = at_odd.overflowing_add(backslashes);
        self.escaping = u64::from(carried);
        (EVEN ^ (runs << 1)) & follows
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// Padding moves every byte of the value across a block boundary.
    #[test]
    fn brackets_end_at_their_match_across_block_boundaries() {
        let tricky = [
            r#"{}"#,
            r#"[[], {"a": [1, {"b": "}]"}]}]"#,
            r#"{"\"": "\\", "]": "\\\"}", "é{": "\\\\\\"}"#,
            r#"{"yY_": "yY_\u007f"}"#,
            &format!(r#"["{}\"]"]"#, r"\\".repeat(BLOCK)),
            &format!(r#"["\\{0}\"{0}]","{0}{0}\\","{0}\n"]"#, "}".repeat(2 * BLOCK)),
        ];
        for value in tricky {
            assert!(serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok(), "{value}");
            for before in 0..2 * BLOCK {
                let (open, close) = value.split_at(1);
                let text = format!("{open}{}{close}", " ".repeat(before));
                for after in ["", "}", ",\"]\"", " {", &"]".repeat(BLOCK)] {
                    let whole = format!("{text}{after}");
                    assert_eq!(brackets(whole.as_bytes()), Some(text.len()), "{whole}");
                }
                for end in 1..text.len() {
                    assert_eq!(brackets(&text.as_bytes()[..end]), None, "{text} {end}");
                }
            }
        }
    }

    #[test]
    fn strings_end_at_the_first_unescaped_quote() {
        for length in 0..2 * LANES {
            let plain = "x".repeat(length);
            assert_eq!(string(format!("{plain}\" \"").as_bytes()), Some((length, true)));
            let escaped = format!("{plain}\\\"{plain}\\\\\"\"");
            assert_eq!(string(escaped.as_bytes()), Some((2 * length + 4, false)));
            let control = format!("{plain}\u{1f}{plain}\"");
            assert_eq!(string(control.as_bytes()), Some((2 * length + 1, false)));
            let high = format!("{plain}\u{7f}é😀\"");
            assert_eq!(string(high.as_bytes()), Some((length + 7, true)));
            for open in [&plain, &format!("{plain}\\"), &format!("{plain}\\\"")] {
                assert_eq!(string(open.as_bytes()), None, "{open}");
            }
        }
    }

    #[test]
    fn nesting_is_measured_outside_strings() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(deeper_than(nested(3).as_bytes(), 3), None);
        assert_eq!(deeper_than(nested(4).as_bytes(), 3), Some(3));
        assert_eq!(deeper_than(br#"["[{\"[", [{}]]"#, 3), None);
        assert_eq!(deeper_than(b"]][[[", 2), Some(4), "closing brackets never go below zero");
        assert_eq!(deeper_than(b"[\"[[[[", 2), None, "an open string hides the rest");
    }

    #[test]
    fn fields_and_elements_are_unchanged() {
        let object = "{ \"a\\\"}\" : 1.0 ,\n\"\\\\\":{\"b\":[\"]\"]},\"\": [ 1 ] , \"n\":null,\"e\":\"\\\\\"}";
        let found: Vec<_> = fields(object).collect();
        let expected = [
            ("\"a\\\"}\"", "1.0"),
            ("\"\\\\\"", "{\"b\":[\"]\"]}"),
            ("\"\"", "[ 1 ]"),
            ("\"n\"", "null"),
            ("\"e\"", "\"\\\\\""),
        ];
        assert_eq!(found, expected);
        let found: Vec<_> = elements("[\t[],{} , \"ä\",-1e5\n]").collect();
        assert_eq!(found, ["[]", "{}", "\"ä\"", "-1e5"]);
        assert_eq!((fields("{ }").count(), elements("[]").count()), (0, 0));
    }

    fn json_value() -> impl Strategy<Value = Value> {
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
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// Rebuilds a value from its parts.
    fn rebuilt(text: &str) -> Value {
        match text.as_bytes()[0] {
            b'{' => {
                let parse = |name: &str| serde_json::from_str::<String>(name).unwrap();
                fields(text).map(|(name, value)| (parse(name), rebuilt(value))).collect()
            }
            b'[' => elements(text).map(rebuilt).collect(),
            _ => serde_json::from_str(text).unwrap(),
        }
    }

    proptest! {
        #[test]
        fn values_can_be_rebuilt_from_fields_and_elements(value in json_value(), pretty in any::<bool>()) {
            let text = if pretty {
                serde_json::to_string_pretty(&value).unwrap()
            } else {
                value.to_string()
            };
            prop_assert_eq!(rebuilt(&text), serde_json::from_str::<Value>(&text).unwrap());
        }
    }
}
