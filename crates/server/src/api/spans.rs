//! Operations on spans and their evaluations.

use axum::extract::State;
use axum::response::Response;

use super::state::App;
use super::telemetry_search::{expression, page, time_range};
use super::{aggregations, telemetry_fields};
use crate::http::{ApiError, Caller, EventFieldPath, JsonBody, Query, RequestMemory};
use crate::search::Entity;
use crate::storage::TimeOrder;

pub(super) async fn search(
    State(app): State<App>,
    caller: Caller,
    query: Query,
    memory: RequestMemory,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let mut filter = time_range(&query, &caller, Entity::Spans)?;
    filter.expression = body.parse(|body| expression(&body.fields()?, Entity::Spans)).await?;
    page(&app, &memory, "spans", &query, filter, TimeOrder::NewestFirst).await
}

pub(super) async fn search_evaluations(
    State(app): State<App>,
    caller: Caller,
    query: Query,
    memory: RequestMemory,
    body: JsonBody,
) -> Result<Response, ApiError> {
    evaluations(app, caller, query, memory, body, false).await
}

pub(super) async fn search_latest_evaluations(
    State(app): State<App>,
    caller: Caller,
    query: Query,
    memory: RequestMemory,
    body: JsonBody,
) -> Result<Response, ApiError> {
    evaluations(app, caller, query, memory, body, true).await
}

async fn evaluations(
    app: App,
    caller: Caller,
    query: Query,
    memory: RequestMemory,
    body: JsonBody,
    only_latest: bool,
) -> Result<Response, ApiError> {
    let mut filter = time_range(&query, &caller, Entity::Evaluations)?;
    filter.only_latest = only_latest;
    filter.expression = body.parse(|body| expression(&body.fields()?, Entity::Evaluations)).await?;
    page(&app, &memory, "span_evaluations", &query, filter, TimeOrder::NewestFirst).await
}

pub(super) async fn aggregate(
    State(app): State<App>,
    caller: Caller,
    query: Query,
    memory: RequestMemory,
    body: JsonBody,
) -> Result<Response, ApiError> {
    aggregations::aggregate(&app, &caller, &query, &memory, body, Entity::Spans).await
}

pub(super) async fn aggregate_evaluations(
    State(app): State<App>,
    caller: Caller,
    query: Query,
    memory: RequestMemory,
    body: JsonBody,
) -> Result<Response, ApiError> {
    aggregations::aggregate(&app, &caller, &query, &memory, body, Entity::Evaluations).await
}

pub(super) async fn fields(_: Caller) -> Response {
    telemetry_fields::list(Entity::Spans)
}

pub(super) async fn evaluation_fields(_: Caller) -> Response {
    telemetry_fields::list(Entity::Evaluations)
}

pub(super) async fn options(
    State(app): State<App>,
    caller: Caller,
    EventFieldPath(name): EventFieldPath,
    query: Query,
) -> Result<Response, ApiError> {
    telemetry_fields::options(&app, &caller, &query, Entity::Spans, &name).await
}

pub(super) async fn evaluation_options(
    State(app): State<App>,
    caller: Caller,
    EventFieldPath(name): EventFieldPath,
    query: Query,
) -> Result<Response, ApiError> {
    telemetry_fields::options(&app, &caller, &query, Entity::Evaluations, &name).await
}
