//! Operations that start imports.
//!
//! The source is looked up before the task is created, so a missing source is an error response and not a failed task.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::responses;
use super::state::App;
use crate::http::{ApiError, Caller, DatasetPath, JsonBody, json};
use crate::imports::{Import, TaskHook};
use crate::json::{JsonError, Value};
use crate::storage::{DatasetKey, ImportSource, Missing, SourceIds};

pub(super) async fn from_file(
    State(app): State<App>,
    caller: Caller,
    DatasetPath(key): DatasetPath,
    hook: Option<Extension<Arc<dyn TaskHook>>>,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let id = body.fields()?.required("file_id")?.string()?;
    app.storage.dataset(caller.workspace, key.clone()).await?;
    let file = uuid::Uuid::try_parse(&id).map_err(|_| Missing::File)?;
    app.storage.file(caller.workspace, file).await?;
    // Its content is kept until the import has ended, so clients may delete the file as soon as they have the response.
    start(&app, caller, key, ImportSource::File(file), 0, hook).await
}

pub(super) async fn from_campaign(
    State(app): State<App>,
    caller: Caller,
    DatasetPath(key): DatasetPath,
    hook: Option<Extension<Arc<dyn TaskHook>>>,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let campaign = body.fields()?.required("campaign_id")?.uuid()?;
    app.storage.dataset(caller.workspace, key.clone()).await?;
    let events = app.storage.campaign_events(caller.workspace, campaign).await?;
    let (ids, _) = distinct(events.existing);
    let skipped = events.named - ids.len() as u64;
    start(&app, caller, key, ImportSource::Ids(SourceIds::Events(ids)), skipped, hook).await
}

pub(super) async fn from_explorer(
    State(app): State<App>,
    caller: Caller,
    DatasetPath(key): DatasetPath,
    hook: Option<Extension<Arc<dyn TaskHook>>>,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let body = body.fields()?;
    let ids = strings(&body.required("completion_event_ids")?.items(0..=500)?)?;
    app.storage.dataset(caller.workspace, key.clone()).await?;
    let (ids, skipped) = distinct(ids);
    app.storage.require_events(caller.workspace, ids.clone()).await?;
    start(&app, caller, key, ImportSource::Ids(SourceIds::Events(ids)), skipped, hook).await
}

pub(super) async fn from_playground(
    State(app): State<App>,
    caller: Caller,
    DatasetPath(key): DatasetPath,
    hook: Option<Extension<Arc<dyn TaskHook>>>,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let body = body.fields()?;
    let ids = strings(&body.required("conversation_ids")?.items(0..=usize::MAX)?)?;
    app.storage.dataset(caller.workspace, key.clone()).await?;
    let (ids, skipped) = distinct(ids);
    app.storage.require_conversations(caller.workspace, ids.clone()).await?;
    start(&app, caller, key, ImportSource::Ids(SourceIds::Conversations(ids)), skipped, hook).await
}

pub(super) async fn from_dataset_records(
    State(app): State<App>,
    caller: Caller,
    DatasetPath(key): DatasetPath,
    hook: Option<Extension<Arc<dyn TaskHook>>>,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let ids = body.fields()?.required("dataset_record_ids")?.items(1..=10_000)?;
    let ids = ids.iter().map(Value::uuid).collect::<Result<_, _>>()?;
    app.storage.dataset(caller.workspace, key.clone()).await?;
    let (ids, skipped) = distinct(ids);
    app.storage.require_records(caller.workspace, ids.clone()).await?;
    start(&app, caller, key, ImportSource::Ids(SourceIds::Records(ids)), skipped, hook).await
}

fn strings(values: &[Value<'_>]) -> Result<Vec<String>, JsonError> {
    values.iter().map(Value::string).collect()
}

/// Removes duplicate ids, keeping the first of each, and returns the number of removed ones.
///
/// The service does not document what happens to duplicates. The assumption here is that they are imported once, and that further
/// ones count as skipped.
fn distinct<T: Clone + Eq + Hash>(ids: Vec<T>) -> (Vec<T>, u64) {
    let count = ids.len();
    let mut seen = HashSet::with_capacity(count);
    let ids: Vec<T> = ids.into_iter().filter(|id| seen.insert(id.clone())).collect();
    let skipped = (count - ids.len()) as u64;
    (ids, skipped)
}

/// Submits an import to the queue and returns its task.
async fn start(
    app: &App,
    caller: Caller,
    dataset: DatasetKey,
    source: ImportSource,
    skipped: u64,
    hook: Option<Extension<Arc<dyn TaskHook>>>,
) -> Result<Response, ApiError> {
    let Caller { workspace, user } = caller;
    let hook = hook.map(|Extension(hook)| hook);
    let import = Import { workspace, dataset, creator: user, source, skipped, hook };
    let task = app.imports.submit(import).await?;
    Ok(json(StatusCode::ACCEPTED, responses::one(&task)))
}

#[cfg(test)]
mod tests {
    use super::distinct;

    #[test]
    fn duplicates_are_removed_and_counted() {
        assert_eq!(distinct(vec![3, 1, 3, 2, 1]), (vec![3, 1, 2], 2));
    }
}
