//! Operations on log records.

use axum::extract::State;
use axum::response::Response;

use super::state::App;
use super::telemetry_fields;
use super::telemetry_search::{expression, page, time_range};
use crate::http::{ApiError, Caller, EventFieldPath, JsonBody, Query, RequestMemory};
use crate::json::Fields;
use crate::search::Entity;
use crate::storage::TimeOrder;

pub(super) async fn search(
    State(app): State<App>,
    caller: Caller,
    query: Query,
    memory: RequestMemory,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let mut filter = time_range(&query, &caller, Entity::Logs)?;
    let read = body.parse(|body| {
        let fields = body.fields()?;
        Ok((expression(&fields, Entity::Logs)?, order(&fields)?))
    });
    let (expression, order) = read.await?;
    filter.expression = expression;
    page(&app, &memory, "logs", &query, filter, order).await
}

fn order(body: &Fields<'_>) -> Result<TimeOrder, ApiError> {
    let Some(value) = body.get("order") else { return Ok(TimeOrder::NewestFirst) };
    match &*value.string()? {
        "desc" => Ok(TimeOrder::NewestFirst),
        "asc" => Ok(TimeOrder::OldestFirst),
        _ => Err(value.error("expected `asc` or `desc`").into()),
    }
}

pub(super) async fn fields(_: Caller) -> Response {
    telemetry_fields::list(Entity::Logs)
}

pub(super) async fn options(
    State(app): State<App>,
    caller: Caller,
    EventFieldPath(name): EventFieldPath,
    query: Query,
) -> Result<Response, ApiError> {
    telemetry_fields::options(&app, &caller, &query, Entity::Logs, &name).await
}
