//! Reading the body of a response.

use std::cell::RefCell;
use std::sync::Arc;

use bytestring::ByteString;
use progenitor_client::{Error, ResponseValue};
use reqwest::Response;
use serde::de::DeserializeOwned;

use crate::lazy;

/// Says of a response, as one of its extensions, that the JSON in what is read of it shares its body instead of copying pieces.
/// That is faster where a response is used up as a whole; but its body stays in memory as long as anything that came from it.
#[derive(Clone, Copy, Debug)]
pub struct SharedBody;

thread_local! {
    /// The body that is being read, where what is read shares it.
    static SHARED: RefCell<Option<Arc<ByteString>>> = const { RefCell::new(None) };
}

/// The body that is being read on this thread, where its JSON shares it.
pub(crate) fn shared() -> Option<Arc<ByteString>> {
    SHARED.with_borrow(Clone::clone)
}

/// Reads the whole body of a response; the generated operations call this instead of `ResponseValue::from_response`.
pub(crate) async fn read<T: DeserializeOwned, E>(
    mut response: Response,
) -> Result<ResponseValue<T>, Error<E>> {
    let status = response.status();
    let headers = std::mem::take(response.headers_mut());
    let shares = response.extensions().get::<SharedBody>().is_some();
    let body = response.bytes().await.map_err(Error::ResponseBodyError)?;
    // Looking through the whole body once for what is no UTF-8 is faster than through every piece of it.
    let value = match ByteString::try_from(body.clone()) {
        Ok(text) if shares => read_shared(text),
        Ok(text) => read_text(&text),
        Err(_) => serde_json::from_slice(&body),
    };
    match value {
        Ok(value) => Ok(ResponseValue::new(value, status, headers)),
        Err(error) => Err(Error::InvalidResponsePayload(body, error)),
    }
}

fn read_text<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    // What cannot be read so is likely no JSON, and serde_json says where.
    lazy::from_str(text).or_else(|_| serde_json::from_str(text))
}

fn read_shared<T: DeserializeOwned>(text: ByteString) -> serde_json::Result<T> {
    /// Takes the body away again, also when reading panics.
    struct Reading;

    impl Drop for Reading {
        fn drop(&mut self) {
            SHARED.set(None);
        }
    }

    let text = Arc::new(text);
    SHARED.set(Some(Arc::clone(&text)));
    let _reading = Reading;
    read_text(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw_json::RawJson;
    use crate::response::Extra;
    use crate::types::DatasetPage;

    fn response(body: &'static [u8], shares: bool) -> Response {
        let mut response = http::Response::new(body);
        if shares {
            response.extensions_mut().insert(SharedBody);
        }
        response.into()
    }

    async fn read_as<T: DeserializeOwned>(body: &'static [u8], shares: bool) -> Option<T> {
        let response = read::<T, ()>(response(body, shares)).await;
        assert_eq!(shared(), None, "nothing read later may share this body");
        response.ok().map(ResponseValue::into_inner)
    }

    #[tokio::test]
    async fn what_shares_a_body_is_what_does_not() {
        let body = r#"{"a": {"b": 1.0,  "c": "é\n"}, "d\"": [12345678901234567890], "e": null}"#;
        let own: Extra = read_as(body.as_bytes(), false).await.unwrap();
        let parts: Extra = read_as(body.as_bytes(), true).await.unwrap();
        assert_eq!(parts, own);
        assert_eq!(parts["a"].get(), r#"{"b": 1.0,  "c": "é\n"}"#);
        let written = |extra: &Extra| serde_json::to_string(extra).unwrap();
        assert_eq!(written(&parts), written(&own));
        let place = |json: &RawJson| json.get().as_ptr().addr();
        let apart = |extra: &Extra| place(&extra["e"]).wrapping_sub(place(&extra["a"]));
        assert_eq!(apart(&parts), body.find("null").unwrap() - body.find("{\"b").unwrap());
    }

    #[tokio::test]
    async fn a_part_is_found_again_after_all_else_is_gone() {
        let mut parts: Vec<RawJson> = read_as(br#"[{"n": 1}, {"n": 2}]"#, true).await.unwrap();
        let last = parts.pop().unwrap();
        drop(parts);
        assert_eq!(last.clone().get(), r#"{"n": 2}"#);
    }

    #[tokio::test]
    async fn bodies_that_cannot_be_read_are_refused_shared_or_not() {
        for shares in [false, true] {
            for body in [&b"[1"[..], b"[\"\xff\"]", b"", b"[tru]", b"[{]", b"[1] 2"] {
                assert!(read_as::<Vec<RawJson>>(body, shares).await.is_none());
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_json_within_brackets_is_found_out_by_whoever_looks() {
        for shares in [false, true] {
            let read: Vec<RawJson> =
                read_as(br#"[{"a": tru}, {"a": true}]"#, shares).await.unwrap();
            assert_eq!(read[0].get(), r#"{"a": tru}"#);
            assert!(read[0].parse::<Extra>().is_err());
            assert!(serde_json::to_string(&read[0]).is_err(), "it is not sent on");
            assert_eq!(serde_json::to_string(&read[1]).unwrap(), r#"{"a": true}"#);
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_told_in_the_words_of_serde_json() {
        let body = br#"{"results": [], "count": "none"}"#;
        let response = read::<DatasetPage, ()>(response(body, false)).await;
        let Err(Error::InvalidResponsePayload(_, error)) = response else { panic!() };
        let expected = serde_json::from_slice::<DatasetPage>(body).unwrap_err();
        assert_eq!(error.to_string(), expected.to_string());
    }
}
