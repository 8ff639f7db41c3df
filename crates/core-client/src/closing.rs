//! Finding where a piece of JSON ends, without reading it.
//!
//! Most of a page of records is payloads and properties, and few of them are looked at before they are written on or parsed by
//! somebody else. They are passed over sixty-four bytes at a time and long strings at once, by their quotes and brackets alone: what
//! brackets enclose is not looked at, and may be no JSON.

use memchr::memchr2;
use wide::u8x16;

const BLOCK: usize = 64;
const LANES: usize = 16;

/// How far it is to behind the bracket that closes the one with which this text begins; none where it stays open.
pub(crate) fn of_brackets(text: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut strings = Strings::default();
    let mut at = 0;
    loop {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let mut padded = [0; BLOCK];
        let block = rest.first_chunk().unwrap_or_else(|| {
            padded[..rest.len()].copy_from_slice(rest);
            &padded
        });
        let Places { quotes, backslashes, mut brackets } = Places::of(block);
        brackets &= !strings.within(quotes, backslashes);
        if strings.open != 0 && quotes | backslashes == 0 {
            // Most is long strings, and in them there is but what may end them to look for.
            let rest = text.get(at + BLOCK..)?;
            at += BLOCK + memchr2(b'"', b'\\', rest)?;
            continue;
        }
        while brackets != 0 {
            let next = brackets.trailing_zeros() as usize;
            match block[next] {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.checked_sub(1)?,
                // It looks like one when bits are left out, and has no place outside a string.
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

/// How far it is to the quote that ends a string, from behind the one that begins it, and whether all between them is the text
/// itself; none where it does not end.
pub(crate) fn of_string(text: &[u8]) -> Option<(usize, bool)> {
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

/// Where certain bytes are in a block; the lowest bit stands for the first byte.
struct Places {
    quotes: u64,
    backslashes: u64,
    /// Brackets, and some bytes that are no JSON outside a string.
    brackets: u64,
}

impl Places {
    #[inline(always)]
    fn of(block: &[u8; BLOCK]) -> Self {
        let mut places = Self { quotes: 0, backslashes: 0, brackets: 0 };
        let (lanes, _) = block.as_chunks::<LANES>();
        for (number, lanes) in lanes.iter().enumerate() {
            let bytes = u8x16::new(*lanes);
            let equal =
                |bytes: u8x16, byte| u64::from(bytes.simd_eq(u8x16::splat(byte)).to_bitmask());
            let shift = number * LANES;
            places.quotes |= equal(bytes, b'"') << shift;
            places.backslashes |= equal(bytes, b'\\') << shift;
            // The four brackets are one byte but for these bits.
            places.brackets |= equal(bytes | u8x16::splat(0x26), 0x7f) << shift;
        }
        places
    }
}

/// What is known of strings from the blocks before.
#[derive(Default)]
struct Strings {
    /// All bits, where the last block ended within a string.
    open: u64,
    /// One, where it ended with a backslash that takes away the meaning of the first byte of the next.
    escaping: u64,
}

impl Strings {
    /// Which bytes of a block are within strings.
    #[inline(always)]
    fn within(&mut self, quotes: u64, backslashes: u64) -> u64 {
        let quotes = quotes & !self.escaped(backslashes);
        // Every bit becomes the parity of all up to it: between the first quote and the second it is odd.
        let mut within = quotes;
        for shift in [1, 2, 4, 8, 16, 32] {
            within ^= within << shift;
        }
        within ^= self.open;
        self.open = 0_u64.wrapping_sub(within >> 63);
        within
    }

    /// Which bytes of a block follow a backslash that escapes them: one that is not escaped itself.
    #[inline(always)]
    fn escaped(&mut self, backslashes: u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        if backslashes | self.escaping == 0 {
            return 0;
        }
        // As simdjson does it: a carry runs through each row of backslashes that begins at an odd place, and tells by where it
        // arrives whether the row is of even length.
        let backslashes = backslashes & !self.escaping;
        let follows = backslashes << 1 | self.escaping;
        let at_odd = backslashes & !EVEN & !follows;
        let (rows, carried) = at_odd.overflowing_add(backslashes);
        self.escaping = u64::from(carried);
        (EVEN ^ (rows << 1)) & follows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is between two brackets and in strings, with so much before it that every byte of it comes to lie at a border
    /// of blocks.
    #[test]
    fn a_bracket_is_closed_by_its_own_wherever_blocks_end() {
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
                    assert_eq!(of_brackets(whole.as_bytes()), Some(text.len()), "{whole}");
                }
                for end in 1..text.len() {
                    assert_eq!(of_brackets(&text.as_bytes()[..end]), None, "{text} {end}");
                }
            }
        }
    }

    #[test]
    fn a_string_ends_with_the_first_quote_that_is_not_escaped() {
        for length in 0..2 * LANES {
            let plain = "x".repeat(length);
            assert_eq!(of_string(format!("{plain}\" \"").as_bytes()), Some((length, true)));
            let escaped = format!("{plain}\\\"{plain}\\\\\"\"");
            assert_eq!(of_string(escaped.as_bytes()), Some((2 * length + 4, false)));
            let control = format!("{plain}\u{1f}{plain}\"");
            assert_eq!(of_string(control.as_bytes()), Some((2 * length + 1, false)));
            let high = format!("{plain}\u{7f}é😀\"");
            assert_eq!(of_string(high.as_bytes()), Some((length + 7, true)));
            for open in [&plain, &format!("{plain}\\"), &format!("{plain}\\\"")] {
                assert_eq!(of_string(open.as_bytes()), None, "{open}");
            }
        }
    }
}
