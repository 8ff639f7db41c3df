//! Decodes response bodies without parsing the payloads and properties in them.

use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use serde::de::DeserializeOwned;

use crate::{lazy_reader, shared_body};

/// The encoding of U+FEFF at the start of a text. JSON must not begin with it, but some gateways add it.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Decodes a response body. Raw JSON values are copied out of it. A byte order mark at its start is skipped.
///
/// # Errors
/// The error of `serde_json` if the body is not valid JSON for `T`. Objects and arrays that become
/// [`RawJson`](crate::RawJson) are only scanned for their end, so invalid JSON inside them is reported when they are parsed.
pub fn from_body<T: DeserializeOwned>(body: &Bytes) -> serde_json::Result<T> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    // Validating UTF-8 once for the whole body is faster than once per string.
    match std::str::from_utf8(body) {
        Ok(text) => from_text(text),
        Err(_) => serde_json::from_slice(body),
    }
}

/// Decodes a response body. Raw JSON values hold a reference to it, so it stays in memory as long as any of them.
///
/// # Errors
/// Same as [`from_body`].
pub fn from_shared_body<T: DeserializeOwned>(body: &Bytes) -> serde_json::Result<T> {
    if body.starts_with(BYTE_ORDER_MARK) {
        return from_shared_body(&body.slice(BYTE_ORDER_MARK.len()..));
    }
    let Ok(text) = ByteString::try_from(body.clone()) else {
        return serde_json::from_slice(body);
    };
    let text = Arc::new(text);
    shared_body::with(Arc::clone(&text), || from_text(&text))
}

/// Decodes text with the lazy reader only. Returns `None` if the lazy reader cannot read it.
pub fn from_text_lazily<T: DeserializeOwned>(text: &str) -> Option<T> {
    lazy_reader::from_str(text).ok()
}

fn from_text<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    // The lazy reader does not say why it failed, serde_json does.
    lazy_reader::from_str(text).or_else(|_| serde_json::from_str(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DatasetPage, Extra, RawJson};

    fn decode<T: DeserializeOwned>(body: &'static [u8], shared: bool) -> Option<T> {
        let body = Bytes::from_static(body);
        let value = if shared { from_shared_body(&body) } else { from_body(&body) };
        assert_eq!(shared_body::current(), None, "the body must not leak into later reads");
        value.ok()
    }

    #[test]
    fn shared_and_copied_values_are_equal() {
        let body = r#"{"a": {"b": 1.0,  "c": "é\n"}, "d\"": [12345678901234567890], "e": null}"#;
        let copied: Extra = decode(body.as_bytes(), false).unwrap();
        let shared: Extra = decode(body.as_bytes(), true).unwrap();
        assert_eq!(shared, copied);
        assert_eq!(shared["a"].get(), r#"{"b": 1.0,  "c": "é\n"}"#);
        let written = |extra: &Extra| serde_json::to_string(extra).unwrap();
        assert_eq!(written(&shared), written(&copied));
        let address = |json: &RawJson| json.get().as_ptr().addr();
        let distance = |extra: &Extra| address(&extra["e"]).wrapping_sub(address(&extra["a"]));
        assert_eq!(distance(&shared), body.find("null").unwrap() - body.find("{\"b").unwrap());
    }

    #[test]
    fn a_shared_value_outlives_the_rest_of_its_response() {
        let mut parts: Vec<RawJson> = decode(br#"[{"n": 1}, {"n": 2}]"#, true).unwrap();
        let last = parts.pop().unwrap();
        drop(parts);
        assert_eq!(last.clone().get(), r#"{"n": 2}"#);
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        for shared in [false, true] {
            let values: Vec<RawJson> = decode(b"\xef\xbb\xbf[{\"n\": 1}]", shared).unwrap();
            assert_eq!(values[0].get(), r#"{"n": 1}"#);
            assert!(decode::<Vec<RawJson>>(b"\xef\xbb\xbf", shared).is_none());
            assert!(decode::<Vec<RawJson>>("[\u{feff}]".as_bytes(), shared).is_none());
        }
    }

    #[test]
    fn invalid_bodies_are_rejected() {
        for shared in [false, true] {
            for body in [&b"[1"[..], b"[\"\xff\"]", b"", b"[tru]", b"[{]", b"[1] 2"] {
                assert!(decode::<Vec<RawJson>>(body, shared).is_none());
            }
        }
    }

    #[test]
    fn invalid_json_inside_brackets_fails_when_parsed_or_serialized() {
        for shared in [false, true] {
            let values: Vec<RawJson> = decode(br#"[{"a": tru}, {"a": true}]"#, shared).unwrap();
            assert_eq!(values[0].get(), r#"{"a": tru}"#);
            assert!(values[0].parse::<Extra>().is_err());
            assert!(serde_json::to_string(&values[0]).is_err());
            assert_eq!(serde_json::to_string(&values[1]).unwrap(), r#"{"a": true}"#);
        }
    }

    #[test]
    fn errors_are_those_of_serde_json() {
        let body = Bytes::from_static(br#"{"results": [], "count": "none"}"#);
        let error = from_body::<DatasetPage>(&body).unwrap_err();
        let expected = serde_json::from_slice::<DatasetPage>(&body).unwrap_err();
        assert_eq!(error.to_string(), expected.to_string());
    }
}
