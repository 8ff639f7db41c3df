//! What the server counts of itself.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::app::App;
use crate::http::{ApiError, Caller};

/// The form of Prometheus' text that says which version of it it is.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everybody whom the server lets in may read it: where every key is taken that is everybody, with none at all too; where
/// there are configured ones, whoever has one of them.
pub(super) async fn metrics(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if !app.keys.takes_every_key() {
        Caller::of(&headers, &app)?;
    }
    let counts = app.storage.counts().await?;
    let text = app.metrics.text(&counts).map_err(|error| ApiError::internal(&error))?;
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}
