//! Operations on import tasks.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::responses;
use super::state::App;
use crate::http::{ApiError, BaseUrl, Caller, DatasetPath, PageQuery, Query, TaskPath, json};

pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    DatasetPath(key): DatasetPath,
    base: BaseUrl,
    query: Query,
) -> Result<Response, ApiError> {
    let page = PageQuery::read(&query)?;
    let listed = app.storage.tasks(caller.workspace, key, page.window()).await?;
    let body = responses::page("tasks", &listed, &page, &base, None);
    Ok(json(StatusCode::OK, body))
}

pub(super) async fn fetch(
    State(app): State<App>,
    caller: Caller,
    DatasetPath(key): DatasetPath,
    TaskPath(id): TaskPath,
) -> Result<Response, ApiError> {
    let task = app.storage.task(caller.workspace, key, id).await?;
    Ok(json(StatusCode::OK, responses::one(&task)))
}
