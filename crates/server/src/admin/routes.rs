//! The routes `/healthz` and `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use super::Metrics;
use crate::http::{ApiError, Caller, HttpContext, json};
use crate::storage::Storage;

/// The media type of the OpenMetrics text format.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// State shared by the handlers.
#[derive(Clone)]
pub(crate) struct AdminState {
    pub(crate) http: HttpContext,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) metrics: Arc<Metrics>,
}

/// Returns the routes `/healthz` and `/metrics`.
pub(crate) fn routes(state: AdminState) -> Router {
    Router::new().route("/healthz", get(health)).route("/metrics", get(metrics)).with_state(state)
}

async fn health() -> Response {
    json(StatusCode::OK, r#"{"status":"ok"}"#)
}

/// Returns the metrics. A key is required only if keys are configured.
async fn metrics(
    State(state): State<AdminState>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if !state.http.keys.accept_any() {
        Caller::from_headers(&headers, &state.http)?;
    }
    let counts = state.storage.counts().await?;
    let text = state.metrics.text(&counts).map_err(|error| ApiError::internal(&error))?;
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}
