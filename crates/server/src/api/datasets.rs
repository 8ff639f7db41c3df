//! Operations on datasets.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::responses;
use super::state::App;
use crate::http::{
    ApiError, BaseUrl, Caller, DatasetPath, JsonBody, PageQuery, Query, json, no_content,
};
use crate::storage::{DatasetChange, NewDataset};
use crate::validate::{dataset_description, dataset_name};

pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    base: BaseUrl,
    query: Query,
) -> Result<Response, ApiError> {
    let page = PageQuery::read(&query)?;
    let text = query.text("q")?.filter(|text| !text.is_empty());
    let search = text.map(str::to_owned);
    let listed = app.storage.datasets(caller.workspace, search, page.window()).await?;
    let body = responses::page("datasets", &listed, &page, &base, text);
    Ok(json(StatusCode::OK, body))
}

pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let new = body.parse(move |body| {
        let body = body.fields()?;
        Ok(NewDataset {
            name: dataset_name(&body.required("name")?)?,
            description: dataset_description(&body.required("description")?)?,
            owner: caller.user,
        })
    });
    let dataset = app.storage.create_dataset(caller.workspace, new.await?).await?;
    Ok(json(StatusCode::CREATED, responses::one(&dataset)))
}

pub(super) async fn fetch(
    State(app): State<App>,
    caller: Caller,
    DatasetPath(key): DatasetPath,
) -> Result<Response, ApiError> {
    let dataset = app.storage.dataset(caller.workspace, key).await?;
    Ok(json(StatusCode::OK, responses::one(&dataset)))
}

pub(super) async fn update(
    State(app): State<App>,
    caller: Caller,
    DatasetPath(key): DatasetPath,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let change = body.parse(|body| {
        let body = body.fields()?;
        let description = body.optional("description");
        Ok(DatasetChange {
            name: body.optional("name").as_ref().map(dataset_name).transpose()?,
            description: description.as_ref().map(dataset_description).transpose()?,
        })
    });
    let dataset = app.storage.update_dataset(caller.workspace, key, change.await?).await?;
    Ok(json(StatusCode::OK, responses::one(&dataset)))
}

pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    DatasetPath(key): DatasetPath,
) -> Result<Response, ApiError> {
    app.storage.delete_dataset(caller.workspace, key).await?;
    // Housekeeping removes its records and exports in the background.
    app.cleanup.remove();
    Ok(no_content())
}
