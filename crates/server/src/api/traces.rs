//! Operations on traces.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::state::App;
use super::telemetry_search::{expression, page, time_range};
use super::{aggregations, telemetry_fields};
use crate::http::{
    ApiError, Caller, EventFieldPath, JsonBody, Query, RequestMemory, SpanPath, TracePath, json,
};
use crate::search::Entity;
use crate::storage::TimeOrder;

pub(super) async fn search(
    State(app): State<App>,
    caller: Caller,
    query: Query,
    memory: RequestMemory,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let mut filter = time_range(&query, &caller, Entity::Traces)?;
    filter.expression = body.parse(|body| expression(&body.fields()?, Entity::Traces)).await?;
    page(&app, &memory, "traces", &query, filter, TimeOrder::NewestFirst).await
}

pub(super) async fn aggregate(
    State(app): State<App>,
    caller: Caller,
    query: Query,
    memory: RequestMemory,
    body: JsonBody,
) -> Result<Response, ApiError> {
    aggregations::aggregate(&app, &caller, &query, &memory, body, Entity::Traces).await
}

pub(super) async fn fetch(
    State(app): State<App>,
    caller: Caller,
    TracePath(trace_id): TracePath,
    memory: RequestMemory,
) -> Result<Response, ApiError> {
    let trace = app.storage.trace(caller.workspace, trace_id).await?;
    memory.reserve(trace.len() as u64).await?;
    Ok(json(StatusCode::OK, trace))
}

pub(super) async fn spans(
    State(app): State<App>,
    caller: Caller,
    TracePath(trace_id): TracePath,
    query: Query,
    memory: RequestMemory,
) -> Result<Response, ApiError> {
    let mut filter = time_range(&query, &caller, Entity::Spans)?;
    filter.trace_id = Some(trace_id);
    page(&app, &memory, "spans", &query, filter, TimeOrder::OldestFirst).await
}

pub(super) async fn span(
    State(app): State<App>,
    caller: Caller,
    SpanPath { trace_id, span_id }: SpanPath,
    query: Query,
    memory: RequestMemory,
) -> Result<Response, ApiError> {
    let filter = time_range(&query, &caller, Entity::Spans)?;
    let span = app.storage.span(filter, trace_id, span_id).await?;
    memory.reserve(span.len() as u64).await?;
    Ok(json(StatusCode::OK, span))
}

pub(super) async fn fields(_: Caller) -> Response {
    telemetry_fields::list(Entity::Traces)
}

pub(super) async fn options(
    State(app): State<App>,
    caller: Caller,
    EventFieldPath(name): EventFieldPath,
    query: Query,
) -> Result<Response, ApiError> {
    telemetry_fields::options(&app, &caller, &query, Entity::Traces, &name).await
}
