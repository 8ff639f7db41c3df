//! Exports: a dataset as a JSONL file behind a signed link.
//!
//! An export is stored like an uploaded file until its link expires, but is not listed among the files. It is reused for further
//! requests while the records do not change, and its lifetime is extended each time. It is deleted with its dataset, so that no
//! link leads to deleted conversations. These are assumptions: the service documents only that it exports "to the Files API".

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::record_body::STREAM_BYTES;
use super::state::App;
use super::{files, responses};
use crate::content::{ContentError, ContentSink, ExpectedContent, open_range};
use crate::http::{ApiError, BaseUrl, Caller, DatasetPath, RequestMemory, json};
use crate::storage::{
    Dataset, DatasetKey, ExportedRevision, FileEntry, NewFile, Selection, Window,
};
use crate::time::Timestamp;

/// All records of a dataset.
const ALL: Window = Window { offset: 0, limit: u32::MAX };

/// The maximum number of exports that are written concurrently. Each occupies a thread of the runtime's pool that waits for others
/// to write, so they must not occupy all threads.
const CONCURRENT_EXPORTS: usize = 8;

pub(super) async fn to_jsonl(
    State(app): State<App>,
    caller: Caller,
    DatasetPath(key): DatasetPath,
    base: BaseUrl,
    memory: RequestMemory,
) -> Result<Response, ApiError> {
    let dataset = app.storage.dataset(caller.workspace, key).await?;
    let lock = app.export_locks.of(dataset.id);
    // A request that waits here finds the export that the first one has written.
    let _exporting = lock.lock().await;
    let expires = Timestamp::now().plus(app.link_lifetime);
    let file = match reuse(&app, caller, &dataset, expires).await? {
        Some(file) => file,
        None => export(&app, caller, &dataset, &memory).await?,
    };
    // The link's expiry is truncated to seconds, so the file outlives it.
    let expires = file.expires_at.unwrap_or(expires);
    let url = base.link(&app.link_signer.link(file.id, expires));
    let body = responses::object(|object| object.string("file_url", &url));
    Ok(json(StatusCode::OK, body))
}

/// Returns the export of the current records, if there is one whose content can be read.
async fn reuse(
    app: &App,
    caller: Caller,
    dataset: &Dataset,
    expires: Timestamp,
) -> Result<Option<FileEntry>, ApiError> {
    let reused = app.storage.reuse_export(caller.workspace, dataset.id, expires).await?;
    let Some(file) = reused else { return Ok(None) };
    let expected =
        ExpectedContent { id: file.id, bytes: file.bytes, sha256: file.signature.clone() };
    match open_range(&*app.contents, &expected, 0..0).await {
        Ok(_) => Ok(Some(file)),
        Err(ContentError::Missing | ContentError::Damaged) => {
            app.storage.discard_export(file.id).await?;
            app.cleanup.remove();
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Writes the records of a dataset to a new file.
async fn export(
    app: &App,
    caller: Caller,
    dataset: &Dataset,
    memory: &RequestMemory,
) -> Result<FileEntry, ApiError> {
    // The semaphore is never closed.
    let _permit = app.export_locks.writing.acquire().await;
    memory.reserve(STREAM_BYTES).await?;
    let sink = ContentSink::create(&*app.contents).await?;
    let records = Selection::Dataset(DatasetKey::Id(dataset.id), ALL);
    let format = responses::RECORD_LINE;
    let streaming =
        app.storage.stream_records(caller.workspace, records, format, Vec::new(), Duration::MAX);
    let mut lines = streaming.await?;
    let revision = lines.revision;
    while let Some(batch) = lines.next().await? {
        // If the content cannot be written, finishing it returns the cause.
        if !sink.write(batch.into()).await {
            break;
        }
    }
    let stored = sink.finish().await?;
    let new = NewFile {
        id: stored.id,
        export: Some(ExportedRevision { dataset: dataset.id, revision }),
        expires_at: Some(Timestamp::now().plus(app.link_lifetime)),
        name: format!("{}.jsonl", dataset.slug),
        bytes: stored.bytes,
        purpose: "dataset-export".to_owned(),
        mimetype: Some("application/x-ndjson".to_owned()),
        visibility: "user".to_owned(),
        lines: Some(stored.lines),
        signature: stored.sha256,
    };
    files::add(app, caller, new).await
}

/// Limits what is exported concurrently.
pub(crate) struct ExportLocks {
    /// A lock for each dataset that is being exported.
    datasets: Mutex<HashMap<Uuid, Weak<tokio::sync::Mutex<()>>>>,
    /// Permits to write an export.
    writing: Semaphore,
}

impl Default for ExportLocks {
    fn default() -> Self {
        Self { datasets: Mutex::default(), writing: Semaphore::new(CONCURRENT_EXPORTS) }
    }
}

impl ExportLocks {
    /// Returns the lock of a dataset.
    fn of(&self, dataset: Uuid) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.datasets.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| lock.strong_count() > 0);
        let held = locks.get(&dataset).and_then(Weak::upgrade);
        held.unwrap_or_else(|| {
            let lock = Arc::default();
            locks.insert(dataset, Arc::downgrade(&lock));
            lock
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dataset_has_its_own_lock_while_it_is_exported() {
        let locks = ExportLocks::default();
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let first = locks.of(a);
        let held = first.try_lock().unwrap();
        assert!(locks.of(a).try_lock().is_err());
        assert!(locks.of(b).try_lock().is_ok());
        drop(held);
        assert!(locks.of(a).try_lock().is_ok());
        drop(first);
        locks.of(b);
        assert_eq!(locks.datasets.lock().unwrap().len(), 1);
    }
}
