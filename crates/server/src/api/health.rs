//! Whether the server is there.

use axum::response::Response;
use http::StatusCode;

use crate::http::json;

pub(super) async fn health() -> Response {
    json(StatusCode::OK, r#"{"status":"ok"}"#)
}
