//! What must hold of JSON text before anything looks into it.

/// How deep arrays and objects may ever lie in each other in what is sent: what is stored must be readable by every client,
/// and many parsers stop there.
pub(crate) const MAX_DEPTH: usize = 128;

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
    fn the_place_where_utf8_ends_is_counted_in_characters() {
        assert_eq!(utf8("ä\n".as_bytes()), Ok("ä\n"));
        assert_eq!(utf8(b"{}\n\"\xc3\xa4\xff\""), Err((2, 3)));
    }
}
