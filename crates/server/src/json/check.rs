//! What must hold of JSON text before anything looks into it.

use super::split::behind_string;

/// How deep arrays and objects may ever lie in each other in what is sent: what is stored must be readable by every client,
/// and many parsers stop there.
pub(crate) const MAX_DEPTH: usize = 128;

/// Whether arrays and objects lie deeper in each other than the limit. The text need not be valid JSON: this comes before
/// the parser, and costs no stack.
pub(super) fn deeper_than(text: &str, limit: usize) -> bool {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => at = behind_string(bytes, at),
            _ => {}
        }
    }
    false
}

/// The bytes as text, or where they stop being UTF-8, as line and column counted from 1.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, (usize, usize)> {
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = &bytes[..error.valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = valid.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        // Counting the bytes that begin a character counts the characters.
        let column = valid[start..].iter().filter(|byte| (**byte as i8) >= -0x40).count() + 1;
        (line, column)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_what_is_open_outside_of_strings() {
        assert!(!deeper_than(r#"{"a": [1, {"b": "[[[[\"{{{{"}], "c": []}"#, 3));
        assert!(deeper_than(r#"{"a": [1, {"b": 2}]}"#, 2));
        assert!(deeper_than(&"[".repeat(100_000), MAX_DEPTH));
        assert!(!deeper_than("]]]]]", 1));
        assert!(!deeper_than(r#""unfinished \"#, 1));
    }

    #[test]
    fn the_place_where_utf8_ends_is_counted_in_characters() {
        assert_eq!(utf8("ä\n".as_bytes()), Ok("ä\n"));
        assert_eq!(utf8(b"{}\n\"\xc3\xa4\xff\""), Err((2, 3)));
    }
}
