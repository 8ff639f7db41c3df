//! Serves the OpenAPI document.

use axum::response::Response;
use http::StatusCode;

use crate::http::{BaseUrl, json};
use crate::json::string;

/// The OpenAPI document, with an empty array of servers.
const DOCUMENT: &str = include_str!("generated/openapi.json");

/// The empty array of servers as it is written in the document.
const NO_SERVERS: &str = "\"servers\": []";

pub(super) async fn document(base: BaseUrl) -> Response {
    json(StatusCode::OK, with_server(&base.join("")))
}

fn with_server(url: &str) -> Vec<u8> {
    let (before, after) = DOCUMENT.split_once(NO_SERVERS).unwrap_or((DOCUMENT, ""));
    let mut text = Vec::with_capacity(DOCUMENT.len() + url.len() + 100);
    text.extend_from_slice(before.as_bytes());
    text.extend_from_slice(b"\"servers\": [{\"url\": ");
    string(&mut text, url);
    text.extend_from_slice(b", \"description\": \"This local server.\"}]");
    text.extend_from_slice(after.as_bytes());
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_the_servers_of_the_document_change() {
        assert_eq!(DOCUMENT.matches(NO_SERVERS).count(), 1);
        let mut served: Value = serde_json::from_slice(&with_server("http://a\"b")).unwrap();
        let server = json!({"url": "http://a\"b", "description": "This local server."});
        assert_eq!(served["servers"].take(), json!([server]));
        let mut document: Value = serde_json::from_str(DOCUMENT).unwrap();
        document["servers"].take();
        assert_eq!(served, document);
    }
}
