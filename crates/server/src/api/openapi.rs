//! The document of the API, as this server serves it.

use axum::response::Response;
use http::StatusCode;

use crate::http::{BaseUrl, json};
use crate::json::string;

/// The document, whose list of servers is empty.
const DOCUMENT: &str = include_str!("generated/openapi.json");

/// How the empty list is written.
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
    fn the_server_stands_in_the_document_and_all_else_stays() {
        assert_eq!(DOCUMENT.matches(NO_SERVERS).count(), 1);
        let mut served: Value = serde_json::from_slice(&with_server("http://a\"b")).unwrap();
        let server = json!({"url": "http://a\"b", "description": "This local server."});
        assert_eq!(served["servers"].take(), json!([server]));
        let mut document: Value = serde_json::from_str(DOCUMENT).unwrap();
        document["servers"].take();
        assert_eq!(served, document);
    }
}
