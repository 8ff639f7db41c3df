//! Exports: a dataset as a JSONL file behind a signed link.
//!
//! An export is stored like an uploaded file until its link expires, but is not listed among the files. This is an assumption: the
//! service documents only that it exports "to the Files API".

use std::io::{self, Write};
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use tokio::runtime::Handle;

use super::record_body::STREAM_BYTES;
use super::responses;
use super::state::App;
use crate::http::{ApiError, BaseUrl, Caller, DatasetPath, RequestMemory, blocking_io, json};
use crate::storage::{DatasetKey, NewFile, Selection, Window};
use crate::time::Timestamp;

/// All records of a dataset.
const ALL: Window = Window { offset: 0, limit: u32::MAX };

pub(super) async fn to_jsonl(
    State(app): State<App>,
    caller: Caller,
    DatasetPath(key): DatasetPath,
    base: BaseUrl,
    memory: RequestMemory,
) -> Result<Response, ApiError> {
    let dataset = app.storage.dataset(caller.workspace, key).await?;
    memory.reserve(STREAM_BYTES).await?;
    let records = Selection::Dataset(DatasetKey::Id(dataset.id), ALL);
    let format = responses::RECORD_LINE;
    let mut lines = app
        .storage
        .stream_records(caller.workspace, records, format, Vec::new(), Duration::MAX)
        .await?;
    let (contents, runtime) = (app.contents.clone(), Handle::current());
    let writing = tokio::task::spawn_blocking(move || {
        let mut incoming = contents.create()?;
        while let Some(batch) = runtime.block_on(lines.next()).map_err(io::Error::other)? {
            incoming.write_all(&batch)?;
        }
        drop(memory);
        incoming.finish()
    });
    let stored = blocking_io(writing).await?;
    let expires = Timestamp::now().plus(app.link_lifetime);
    let new = NewFile {
        id: stored.id,
        export: true,
        // The link's expiry is truncated to seconds, so the file outlives it.
        expires_at: Some(expires),
        name: format!("{}.jsonl", dataset.slug),
        bytes: stored.bytes,
        purpose: "dataset-export".to_owned(),
        mimetype: Some("application/x-ndjson".to_owned()),
        visibility: "user".to_owned(),
        lines: Some(stored.lines),
        signature: stored.signature,
    };
    let file = app.storage.add_file(caller.workspace, new).await?;
    let url = base.join(&app.link_signer.link(file.id, expires));
    let body = responses::object(|object| object.string("file_url", &url));
    Ok(json(StatusCode::OK, body))
}
