//! What a request is called in the log and in metrics.

use std::sync::{Arc, OnceLock};

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header by which a request can be found in the log; a client may choose it, and every response carries it.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The characters an id that a client chose may have.
const LONGEST: usize = 128;

/// What a request asks for. Whoever finds its route says so, and who stands around everything reads it, however the request
/// ends.
#[derive(Clone, Default)]
pub(crate) struct RequestName(Arc<OnceLock<&'static str>>);

impl RequestName {
    pub(crate) fn set(&self, operation: &'static str) {
        // Nobody finds two routes for one request.
        let _ = self.0.set(operation);
    }

    /// The operation's id, the route where it is one of the server's own, or `unknown`.
    pub(crate) fn get(&self) -> &'static str {
        self.0.get().copied().unwrap_or("unknown")
    }
}

/// The id of a request: the client's, if it is one that can stand in a log, or a new one.
pub(crate) fn request_id(headers: &HeaderMap) -> HeaderValue {
    let mut given = headers.get_all(REQUEST_ID).iter();
    if let (Some(id), None) = (given.next(), given.next())
        && is_sane(id.as_bytes())
    {
        return id.clone();
    }
    let mut text = Uuid::encode_buffer();
    let text = Uuid::now_v7().hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("none"))
}

/// Letters, digits and a few marks, so that nobody writes lines into a log, or whole books.
fn is_sane(id: &[u8]) -> bool {
    (1..=LONGEST).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(given: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for id in given {
            headers.append(REQUEST_ID, HeaderValue::from_str(id).unwrap());
        }
        request_id(&headers).to_str().unwrap().to_owned()
    }

    #[test]
    fn an_id_that_a_client_chose_is_taken_if_it_is_sane() {
        let longest = "a".repeat(LONGEST);
        for id in ["a", "7f9c-1_b.2:3", &longest] {
            assert_eq!(of(&[id]), id);
        }
        for given in
            [&["a b"][..], &["a=b"], &["{\"a\"}"], &[""], &[&"a".repeat(129)], &["a", "b"], &[]]
        {
            let made = of(given);
            assert!(Uuid::try_parse(&made).is_ok(), "{given:?}: {made}");
        }
        assert_ne!(of(&[]), of(&[]));
    }

    #[test]
    fn a_request_that_reached_no_route_is_unknown() {
        let named = RequestName::default();
        assert_eq!(named.clone().get(), "unknown");
        named.clone().set("create_record");
        assert_eq!(named.get(), "create_record");
    }
}
