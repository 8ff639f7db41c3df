//! Exports: a dataset as a JSONL file behind a signed link.
//!
//! An export is stored like an uploaded file until its link expires, but is not listed among the files. This is an assumption: the
//! service documents only that it exports "to the Files API".

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::responses;
use super::state::App;
use crate::content::IncomingFile;
use crate::http::{ApiError, BaseUrl, Caller, DatasetPath, blocking_io, json};
use crate::json::{Object, single_line};
use crate::storage::{DatasetKey, NewFile, RecordView};
use crate::time::Timestamp;

pub(super) async fn to_jsonl(
    State(app): State<App>,
    caller: Caller,
    DatasetPath(key): DatasetPath,
    base: BaseUrl,
) -> Result<Response, ApiError> {
    let dataset = app.storage.dataset(caller.workspace, key).await?;
    let contents = app.contents.clone();
    let incoming = blocking_io(tokio::task::spawn_blocking(move || contents.create())).await?;
    // The storage owns the visitor while it reads, so the file is shared to get it back afterwards.
    let shared = Arc::new(Mutex::new(Some(incoming)));
    let writing = Arc::clone(&shared);
    let mut line = Vec::new();
    let visitor = move |record: RecordView<'_>| {
        let mut incoming = writing.lock().unwrap_or_else(PoisonError::into_inner);
        let incoming = incoming.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        line.clear();
        write_line(&mut line, record);
        incoming.write_all(&line)
    };
    let key = DatasetKey::Id(dataset.id);
    app.storage.visit_records(caller.workspace, key, Box::new(visitor)).await?;
    let incoming: Option<IncomingFile> =
        shared.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(incoming) = incoming else {
        return Err(ApiError::internal(&io::Error::from(io::ErrorKind::BrokenPipe)));
    };
    let stored = blocking_io(tokio::task::spawn_blocking(move || incoming.finish())).await?;
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
    let url = base.link(&app.link_signer.link(file.id, expires));
    let body = responses::object(|object| object.string("file_url", &url));
    Ok(json(StatusCode::OK, body))
}

/// Writes a record as a line that can be imported again.
fn write_line(line: &mut Vec<u8>, record: RecordView<'_>) {
    Object::write(line, |object| {
        object.uuid("id", record.id);
        object.timestamps(record.created_at, record.updated_at);
        object.string("source", record.source);
        object.raw("payload", single_line(record.payload));
        object.raw("properties", single_line(record.properties));
    });
    line.push(b'\n');
}
