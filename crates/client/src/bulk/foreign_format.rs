//! Recognizes sources that are not JSON Lines, so that their errors say what they are.

/// Returns a description of the format that content starting with these bytes has, if it is a known one other than JSON Lines.
pub(super) fn recognize(start: &[u8]) -> Option<String> {
    if let Some(encoding) = wide_encoding(start) {
        return Some(format!("{encoding} text; expected UTF-8"));
    }
    let (_, format) = FORMATS.iter().find(|(prefix, _)| start.starts_with(prefix))?;
    Some((*format).to_owned())
}

/// The first bytes of other formats, with a description.
const FORMATS: &[(&[u8], &str)] = &[
    (
        b"version https://git-lfs.github.com/spec/",
        "a Git LFS pointer instead of the file; fetch the file with `git lfs pull`",
    ),
    (b"\x1f\x8b", "gzip data; decompress it, or set `compression` to `gzip`"),
    (b"\x28\xb5\x2f\xfd", "zstd data; decompress it, or set `compression` to `zstd`"),
    (b"BZh", "bzip2 data; decompress it first"),
    (b"\xfd7zXZ\0", "xz data; decompress it first"),
    (b"PK\x03\x04", "a ZIP archive; extract it first"),
    (b"PAR1", "a Parquet file; convert it to JSON Lines first"),
];

/// Returns the encoding if the content is UTF-16 or UTF-32, with or without a byte order mark. Without one, JSON in these
/// encodings is recognized by its first character, which is always ASCII.
fn wide_encoding(start: &[u8]) -> Option<&'static str> {
    match start {
        [0xff, 0xfe, 0, 0, ..] | [1..=255, 0, 0, 0, ..] => Some("UTF-32 (little-endian)"),
        [0, 0, 0xfe, 0xff, ..] | [0, 0, 0, 1..=255, ..] => Some("UTF-32 (big-endian)"),
        [0xff, 0xfe, ..] | [1..=255, 0, ..] => Some("UTF-16 (little-endian)"),
        [0xfe, 0xff, ..] | [0, 1..=255, ..] => Some("UTF-16 (big-endian)"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_recognized_with_and_without_a_byte_order_mark() {
        let text = "{\"messages\": []}";
        let encode = |mark: &str, order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            format!("{mark}{text}").encode_utf16().flat_map(order).collect()
        };
        for mark in ["\u{feff}", ""] {
            let little = recognize(&encode(mark, u16::to_le_bytes)).unwrap();
            assert_eq!(little, "UTF-16 (little-endian) text; expected UTF-8");
            let big = recognize(&encode(mark, u16::to_be_bytes)).unwrap();
            assert_eq!(big, "UTF-16 (big-endian) text; expected UTF-8");
            let wide: Vec<u8> =
                format!("{mark}{text}").chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
            assert!(recognize(&wide).unwrap().starts_with("UTF-32"));
        }
        for other in [text.as_bytes(), b"", b"{", b"\xef\xbb\xbf{}"] {
            assert_eq!(recognize(other), None);
        }
    }

    #[test]
    fn files_of_other_formats_are_recognized() {
        let pointer = b"version https://git-lfs.github.com/spec/v1";
        assert!(recognize(pointer).unwrap().starts_with("a Git LFS pointer"));
        assert!(recognize(b"PK\x03\x04\0\0").unwrap().contains("ZIP"));
    }
}
