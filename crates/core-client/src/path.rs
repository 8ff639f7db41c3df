//! Encodes path segments.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything except the characters that RFC 3986 calls unreserved, whose encodings mean the same.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Encodes a value as one path segment. Generated operations call this.
pub(crate) fn encode_path(segment: &str) -> String {
    utf8_percent_encode(segment, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::encode_path;

    #[test]
    fn segments_are_restored_by_a_url_parser() {
        for segment in ["span_attributes['it\\'s a.b']", "a/b?c#d%25", "été", "a\\b", "x-1_2.3~4"]
        {
            let url = format!("http://host/fields/{}/options", encode_path(segment));
            let url = reqwest::Url::parse(&url).unwrap();
            let segments: Vec<&str> = url.path_segments().unwrap().collect();
            assert_eq!(segments.len(), 3, "{url}");
            let decoded = percent_encoding::percent_decode_str(segments[1]).decode_utf8().unwrap();
            assert_eq!(decoded, segment);
        }
        assert_eq!(encode_path("x-1_2.3~4"), "x-1_2.3~4");
    }
}
