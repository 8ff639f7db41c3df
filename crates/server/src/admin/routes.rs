//! Health checks and metrics: `/healthz`, `/livez`, `/readyz` and `/metrics`.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use super::metrics::Snapshot;
use super::readiness::{Draining, Readiness};
use super::{Metrics, last_backup};
use crate::api::App;
use crate::http::{ApiError, Caller, json};
use crate::storage::Health;

/// The media type of the OpenMetrics text format.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// State shared by the handlers.
#[derive(Clone)]
pub(crate) struct AdminState {
    pub(crate) app: App,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) draining: Draining,
    /// The data directory, if there is one.
    pub(crate) directory: Option<PathBuf>,
    /// Returns the number of dropped log lines, if it is known.
    pub(crate) dropped_log_lines: Option<Arc<dyn Fn() -> u64 + Send + Sync>>,
    /// Whether the routes have a listener of their own. Metrics then require no key: anyone who can reach it may read them,
    /// and the program that collects them needs no access to data.
    pub(crate) has_own_listener: bool,
}

/// Returns the route `/healthz`.
pub(crate) fn health_route() -> Router {
    Router::new().route("/healthz", get(alive))
}

/// Returns the routes `/livez`, `/readyz` and `/metrics`.
pub(crate) fn routes(state: AdminState) -> Router {
    Router::new()
        .route("/livez", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(state)
}

async fn alive() -> Response {
    json(StatusCode::OK, r#"{"status":"ok"}"#)
}

async fn ready(State(state): State<AdminState>) -> Result<Response, ApiError> {
    let readiness = Readiness::new(&health(&state.app).await?, &state.draining);
    let status =
        if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::to_vec(&readiness).map_err(|error| ApiError::internal(&error))?;
    Ok(json(status, body))
}

/// Returns the state of the storage. It asks the operating system for the free space, which may block.
async fn health(app: &App) -> Result<Health, ApiError> {
    let storage = Arc::clone(&app.storage);
    tokio::task::spawn_blocking(move || storage.health())
        .await
        .map_err(|error| ApiError::internal(&error))
}

/// Returns the metrics. On the main listener a key is required if keys are configured.
async fn metrics(
    State(state): State<AdminState>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if !state.has_own_listener && !state.app.http.keys.accept_any() {
        Caller::from_headers(&headers, &state.app.http)?;
    }
    let directory = state.directory.clone();
    let last_backup = tokio::task::spawn_blocking(move || last_backup::read(directory.as_deref()?));
    let snapshot = Snapshot {
        counts: state.app.storage.counts().await?,
        health: health(&state.app).await?,
        imports: state.app.storage.waiting_imports().await?,
        last_backup: last_backup.await.ok().flatten(),
        dropped_log_lines: state.dropped_log_lines.as_ref().map(|count| count()),
    };
    let text = state.metrics.text(&snapshot).map_err(|error| ApiError::internal(&error))?;
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}
