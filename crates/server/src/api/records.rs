//! Operations on records.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use mistral_datasets_types::RecordSource;

use super::record_body::record_response;
use super::responses;
use super::state::App;
use crate::http::{
    ApiError, BaseUrl, Caller, DatasetPath, JsonBody, PageQuery, Query, RecordPath, RequestMemory,
    json, no_content, off_runtime,
};
use crate::json::{Fields, JsonError};
use crate::storage::{NewRecord, Selection};
use crate::validate;

pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    DatasetPath(key): DatasetPath,
    base: BaseUrl,
    query: Query,
    memory: RequestMemory,
) -> Result<Response, ApiError> {
    let page = PageQuery::read(&query)?;
    let mut start = Vec::new();
    responses::begin_page("records", &mut start);
    let selection = Selection::Dataset(key, page.window());
    let end = move |body: &mut Vec<u8>, count| responses::end_page(body, count, &page, &base, None);
    let what = (selection, responses::LISTED_RECORD);
    record_response(&app, &memory, caller.workspace, what, &start, end).await
}

pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    DatasetPath(key): DatasetPath,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let (memory, generation) = (body.memory(), app.generation);
    let new = body.parse(move |body| {
        let body = body.fields()?;
        Ok(NewRecord {
            payload: validate::payload(&body.required("payload")?, generation)?,
            properties: validate::properties(&body, generation)?,
            source: source(&body)?,
        })
    });
    let record = memory.hold(app.storage.create_record(caller.workspace, key, new.await?)).await?;
    let bytes = record.payload.len() + record.properties.len();
    let body = off_runtime(bytes, move || responses::one(&record)).await?;
    Ok(json(StatusCode::CREATED, body))
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
    memory: RequestMemory,
) -> Result<Response, ApiError> {
    let what = (Selection::Record(id), responses::RECORD);
    record_response(&app, &memory, caller.workspace, what, &[], |_, _| {}).await
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
    let ids = body.parse(|body| {
        let ids = body.fields()?.required("dataset_record_ids")?.items(1..=500)?;
        Ok(ids.map(|id| id.uuid()).collect::<Result<_, _>>()?)
    });
    app.storage.delete_records(caller.workspace, ids.await?).await?;
    app.cleanup.erase();
    Ok(no_content())
}

pub(super) async fn update_payload(
    State(app): State<App>,
    caller: Caller,
    RecordPath(id): RecordPath,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let (memory, generation) = (body.memory(), app.generation);
    let payload = body.parse(move |body| {
        Ok(validate::payload(&body.fields()?.required("payload")?, generation)?)
    });
    memory.hold(app.storage.replace_payload(caller.workspace, id, payload.await?)).await?;
    app.cleanup.erase();
    Ok(no_content())
}

pub(super) async fn update_properties(
    State(app): State<App>,
    caller: Caller,
    RecordPath(id): RecordPath,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let memory = body.memory();
    let properties = body.parse(|body| Ok(body.fields()?.required("properties")?.object()?));
    memory.hold(app.storage.replace_properties(caller.workspace, id, properties.await?)).await?;
    app.cleanup.erase();
    Ok(no_content())
}
