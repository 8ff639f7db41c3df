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
use tokio::runtime::Handle;

use super::responses;
use super::state::App;
use crate::http::{ApiError, Caller, DatasetPath, JsonBody, json};
use crate::imports::{Import, TaskHook};
use crate::json::{Fields, JsonError, Value};
use crate::storage::{
    AttributeNamespace, DatasetKey, FieldMapping, ImportSource, Missing, SourceIds, SpanMapping,
    SpanReference, StorageError,
};

/// How many ids are looked up at once.
const CHECKED_IDS: usize = 500;

pub(super) async fn from_file(
    State(app): State<App>,
    caller: Caller,
    DatasetPath(key): DatasetPath,
    hook: Option<Extension<Arc<dyn TaskHook>>>,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let id = body.parse(|body| Ok(body.fields()?.required("file_id")?.string()?)).await?;
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
    let campaign = body.parse(|body| Ok(body.fields()?.required("campaign_id")?.uuid()?)).await?;
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
    let ids = body.parse(|body| {
        let ids = body.fields()?.required("completion_event_ids")?.items(0..=500)?;
        Ok(ids.map(|id| id.string()).collect::<Result<Vec<_>, _>>()?)
    });
    let (ids, skipped) = distinct(ids.await?);
    app.storage.dataset(caller.workspace, key.clone()).await?;
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
    let (storage, runtime) = (Arc::clone(&app.storage), Handle::current());
    let (workspace, dataset) = (caller.workspace, key.clone());
    let checked = body.parse_blocking(move |body| {
        let ids = body.fields()?.required("conversation_ids")?;
        // The API has no limit on their number, so the types of all are checked before any of them is kept.
        ids.items(0..=usize::MAX)?.try_for_each(|id| id.borrowed_string().map(|_| ()))?;
        runtime.block_on(storage.dataset(workspace, dataset))?;
        let require = |ids: &[String]| {
            runtime.block_on(storage.require_conversations(workspace, ids.to_vec()))
        };
        distinct_existing(ids.items(0..=usize::MAX)?, require)
    });
    let (ids, skipped) = checked.await?;
    start(&app, caller, key, ImportSource::Ids(SourceIds::Conversations(ids)), skipped, hook).await
}

pub(super) async fn from_dataset_records(
    State(app): State<App>,
    caller: Caller,
    DatasetPath(key): DatasetPath,
    hook: Option<Extension<Arc<dyn TaskHook>>>,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let ids = body.parse(|body| {
        let ids = body.fields()?.required("dataset_record_ids")?.items(1..=10_000)?;
        Ok(ids.map(|id| id.uuid()).collect::<Result<Vec<_>, _>>()?)
    });
    let (ids, skipped) = distinct(ids.await?);
    app.storage.dataset(caller.workspace, key.clone()).await?;
    app.storage.require_records(caller.workspace, ids.clone()).await?;
    start(&app, caller, key, ImportSource::Ids(SourceIds::Records(ids)), skipped, hook).await
}

/// The maximum length of a name in a mapping, in characters, and the maximum number of mappings.
const MAX_NAME: usize = 1_000;
const MAX_MAPPINGS: usize = 1_000;

pub(super) async fn from_spans(
    State(app): State<App>,
    caller: Caller,
    DatasetPath(key): DatasetPath,
    hook: Option<Extension<Arc<dyn TaskHook>>>,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let body = body.parse(|body| {
        let body = body.fields()?;
        let references = body.required("span_references")?.items(1..=10_000)?;
        let references = references.map(|reference| span_reference(&reference));
        let mapping = span_mapping(&body.required("mapping_contract")?.fields()?)?;
        Ok((references.collect::<Result<Vec<_>, _>>()?, mapping))
    });
    let (references, mapping) = body.await?;
    let requested = references.len();
    app.storage.dataset(caller.workspace, key.clone()).await?;
    let (references, _) = distinct(references);
    // Duplicates and spans that do not exist are skipped.
    let existing = app.storage.existing_spans(caller.workspace, references).await?;
    let skipped = (requested - existing.len()) as u64;
    start(&app, caller, key, ImportSource::Spans(existing, mapping), skipped, hook).await
}

/// Reads a reference to a span. Ids are compared in lower case; a malformed one belongs to no span.
fn span_reference(value: &Value<'_>) -> Result<SpanReference, JsonError> {
    let fields = value.fields()?;
    let id = |name, length| {
        let id = fields.required(name)?.string()?.to_ascii_lowercase();
        // No longer text is stored.
        Ok(if id.len() == length { id } else { String::new() })
    };
    Ok(SpanReference { trace_id: id("trace_id", 32)?, span_id: id("span_id", 16)? })
}

fn span_mapping(contract: &Fields<'_>) -> Result<SpanMapping, JsonError> {
    if let Some(version) = contract.get("version") {
        version.integer(1..=1)?;
    }
    let (mut targets, mut fields) = (HashSet::new(), Vec::new());
    for mapping in contract.required("mappings")?.items(0..=MAX_MAPPINGS)? {
        let mapping = mapping.fields()?;
        let target_field = mapping.required("target_field")?;
        let target = target_field.string_of(0..=MAX_NAME)?;
        if !targets.insert(target.clone()) {
            return Err(target_field.error("another mapping has the same target field"));
        }
        let source = mapping.required("source_field")?.fields()?;
        let namespace = source.required("namespace")?;
        let namespace = match &*namespace.string()? {
            "span_attributes" => AttributeNamespace::Span,
            "resource_attributes" => AttributeNamespace::Resource,
            _ => {
                let message = "expected `span_attributes` or `resource_attributes`";
                return Err(namespace.error(message));
            }
        };
        let key = source.required("key")?.string_of(0..=MAX_NAME)?;
        fields.push(FieldMapping { target, namespace, key });
    }
    Ok(SpanMapping(fields))
}

/// Returns the distinct ids among any number of ids, and the number of duplicates. Fails if one of them does not exist.
///
/// Each batch is checked before the next one is read, so that no more ids are kept than there are conversations.
fn distinct_existing<'a>(
    ids: impl Iterator<Item = Value<'a>>,
    require: impl Fn(&[String]) -> Result<(), StorageError>,
) -> Result<(Vec<String>, u64), ApiError> {
    let (mut seen, mut distinct, mut checked, mut skipped) = (HashSet::new(), Vec::new(), 0, 0);
    for id in ids {
        let id = id.borrowed_string()?;
        if seen.contains(&id) {
            skipped += 1;
            continue;
        }
        distinct.push(id.clone().into_owned());
        seen.insert(id);
        if distinct.len() - checked == CHECKED_IDS {
            require(&distinct[checked..])?;
            checked = distinct.len();
        }
    }
    require(&distinct[checked..])?;
    Ok((distinct, skipped))
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
    use std::cell::RefCell;

    use super::*;
    use crate::json::{Document, MAX_DEPTH};

    #[test]
    fn no_more_ids_are_kept_than_exist() {
        let text = format!(
            "[{}\"last\"]",
            (0..1_700).map(|n| format!("\"{}\",", n % 800)).collect::<String>()
        );
        let ids =
            || Document::read(text.as_bytes(), "", MAX_DEPTH).unwrap().items(usize::MAX).unwrap();
        let checks = RefCell::new(Vec::new());
        let require = |ids: &[String]| {
            checks.borrow_mut().push(ids.len());
            Ok(())
        };
        let (distinct, skipped) = distinct_existing(ids(), require).unwrap();
        assert_eq!((distinct.len(), skipped, distinct[0].as_str()), (801, 900, "0"));
        assert_eq!(checks.take(), [500, 301]);
        let missing = |ids: &[String]| {
            checks.borrow_mut().push(ids.len());
            Err(Missing::Conversation(ids[0].clone()).into())
        };
        assert!(distinct_existing(ids(), missing).is_err());
        assert_eq!(checks.take(), [500]);
    }

    #[test]
    fn duplicates_are_removed_and_counted() {
        assert_eq!(distinct(vec![3, 1, 3, 2, 1]), (vec![3, 1, 2], 2));
    }
}
