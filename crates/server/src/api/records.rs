//! Operations on records.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use mistral_datasets_types::{ErrorCode, RecordSource};

use super::responses;
use super::state::App;
use crate::http::{
    ApiError, BaseUrl, Caller, DatasetPath, JsonBody, PageQuery, Query, RecordPath, json,
    no_content,
};
use crate::json::{Fields, JsonError};
use crate::storage::{NewRecord, RecordPage};
use crate::validate;

pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    DatasetPath(key): DatasetPath,
    base: BaseUrl,
    query: Query,
) -> Result<Response, ApiError> {
    let page = PageQuery::read(&query)?;
    let mut body = Vec::new();
    responses::begin_page("records", &mut body);
    let records =
        app.storage.record_page(caller.workspace, key, page.window(), body, responses::next_record);
    let RecordPage { count, mut body } = records.await?;
    responses::end_page(&mut body, count, &page, &base, None);
    Ok(json(StatusCode::OK, body))
}

pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    DatasetPath(key): DatasetPath,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let body = body.fields()?;
    let new = NewRecord {
        payload: validate::payload(&body.required("payload")?, app.generation)?,
        properties: validate::properties(&body, app.generation)?,
        source: source(&body)?,
    };
    let record = app.storage.create_record(caller.workspace, key, new).await?;
    Ok(json(StatusCode::CREATED, responses::one(&record)))
}

/// Reads the source of a new record. The field may be omitted but not null, and clients may set only two of the sources.
fn source(body: &Fields<'_>) -> Result<RecordSource, JsonError> {
    let Some(value) = body.get("source") else { return Ok(RecordSource::DirectInput) };
    match RecordSource::from(value.string()?) {
        source @ (RecordSource::DirectInput | RecordSource::TelemetrySpan) => Ok(source),
        _ => Err(value.error("expected `DIRECT_INPUT` or `TELEMETRY_SPAN`")),
    }
}

pub(super) async fn fetch(
    State(app): State<App>,
    caller: Caller,
    RecordPath(id): RecordPath,
) -> Result<Response, ApiError> {
    let record = app.storage.record(caller.workspace, id).await?;
    Ok(json(StatusCode::OK, responses::one(&record)))
}

pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    RecordPath(id): RecordPath,
) -> Result<Response, ApiError> {
    app.storage.delete_records(caller.workspace, vec![id]).await?;
    app.cleanup.erase();
    Ok(no_content())
}

pub(super) async fn bulk_delete(
    State(app): State<App>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let ids = body.fields()?.required("dataset_record_ids")?.items(1..=500)?;
    let ids = ids.iter().map(|id| id.uuid()).collect::<Result<_, _>>()?;
    app.storage.delete_records(caller.workspace, ids).await?;
    app.cleanup.erase();
    Ok(no_content())
}

pub(super) async fn update_payload(
    State(app): State<App>,
    caller: Caller,
    RecordPath(id): RecordPath,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let payload = validate::payload(&body.fields()?.required("payload")?, app.generation)?;
    app.storage.replace_payload(caller.workspace, id, payload).await?;
    app.cleanup.erase();
    Ok(no_content())
}

pub(super) async fn update_properties(
    State(app): State<App>,
    caller: Caller,
    RecordPath(id): RecordPath,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let properties = body.fields()?.required("properties")?.object()?;
    app.storage.replace_properties(caller.workspace, id, properties).await?;
    app.cleanup.erase();
    Ok(no_content())
}

pub(super) async fn judge(
    State(app): State<App>,
    caller: Caller,
    RecordPath(id): RecordPath,
    body: JsonBody,
) -> Result<Response, ApiError> {
    body.fields()?.required("judge_definition")?.object()?;
    app.storage.record(caller.workspace, id).await?;
    Err(ApiError::new(
        StatusCode::BAD_REQUEST,
        ErrorCode::FeatureNotSupported,
        "judging needs a model, which the local server does not have; use the hosted service to judge records",
    ))
}
