//! The id and the name of a request in the log and the metrics.

use std::sync::{Arc, OnceLock};

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header with the id of a request in the log. A client may set it, and every response contains it.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The maximum length of an id set by a client.
const MAX_ID_LENGTH: usize = 128;

/// The name of a request in the log and the metrics. The router sets it when a route matches; clones share it, so that it can be
/// read however the request ends.
#[derive(Clone, Default)]
pub(crate) struct RequestName(Arc<OnceLock<&'static str>>);

impl RequestName {
    pub(crate) fn set(&self, operation: &'static str) {
        // Only one route matches a request.
        let _ = self.0.set(operation);
    }

    /// Returns the operation id, the path for routes that are not operations, or `unknown`.
    pub(crate) fn get(&self) -> &'static str {
        self.0.get().copied().unwrap_or("unknown")
    }
}

/// Returns the id set by the client if it is safe to log, or else a new one.
pub(crate) fn request_id(headers: &HeaderMap) -> HeaderValue {
    let mut values = headers.get_all(REQUEST_ID).iter();
    if let (Some(id), None) = (values.next(), values.next())
        && is_safe(id.as_bytes())
    {
        return id.clone();
    }
    let mut text = Uuid::encode_buffer();
    let text = Uuid::now_v7().hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("none"))
}

/// Returns whether an id is short and has only characters that cannot forge log lines.
fn is_safe(id: &[u8]) -> bool {
    (1..=MAX_ID_LENGTH).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(ids: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for id in ids {
            headers.append(REQUEST_ID, HeaderValue::from_str(id).unwrap());
        }
        request_id(&headers).to_str().unwrap().to_owned()
    }

    #[test]
    fn safe_client_ids_are_used() {
        let longest = "a".repeat(MAX_ID_LENGTH);
        for id in ["a", "7f9c-1_b.2:3", &longest] {
            assert_eq!(id_for(&[id]), id);
        }
        for ids in
            [&["a b"][..], &["a=b"], &["{\"a\"}"], &[""], &[&"a".repeat(129)], &["a", "b"], &[]]
        {
            let created = id_for(ids);
            assert!(Uuid::try_parse(&created).is_ok(), "{ids:?}: {created}");
        }
        assert_ne!(id_for(&[]), id_for(&[]));
    }

    #[test]
    fn requests_without_a_route_are_unknown() {
        let name = RequestName::default();
        assert_eq!(name.clone().get(), "unknown");
        name.clone().set("create_record");
        assert_eq!(name.get(), "create_record");
    }
}
