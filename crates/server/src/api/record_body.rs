//! Responses with records.
//!
//! Most responses are small: they are read into one buffer on the thread of the request. Larger ones are read on another thread, and
//! those that exceed [`MAX_BUFFER`] are streamed from the database while the client receives them.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use http::StatusCode;
use uuid::Uuid;

use super::state::App;
use crate::http::{ApiError, RequestMemory, UNCOUNTED_BYTES, json};
use crate::storage::{RecordFormat, RecordPage, RecordStream, Selection, StorageError};

/// The size up to which records are read on the thread of the request, in bytes.
const SMALL_BUFFER: usize = 1 << 20;

/// The size above which records are streamed, in bytes.
const MAX_BUFFER: usize = 4 << 20;

/// What a stream takes: the cache of its database connection, and a few batches.
pub(super) const STREAM_BYTES: u64 = 4 << 20;

/// Returns a response with `start`, the records, and what `end` appends for the number of records.
pub(super) async fn record_response(
    app: &App,
    memory: &RequestMemory,
    workspace: Uuid,
    (selection, format): (Selection, RecordFormat),
    start: &[u8],
    end: impl FnOnce(&mut Vec<u8>, u64) + Send + 'static,
) -> Result<Response, ApiError> {
    // What takes little memory is read even if all of it is in use.
    let is_available = memory.try_reserve(SMALL_BUFFER as u64);
    let first = if is_available { SMALL_BUFFER } else { UNCOUNTED_BYTES as usize };
    for max_bytes in [first, MAX_BUFFER] {
        if max_bytes > first {
            memory.reserve(max_bytes as u64).await?;
        }
        let (selection, body) = (selection.clone(), start.to_vec());
        let read = app.storage.read_records(workspace, selection, format, body, max_bytes);
        if let Some(RecordPage { count, mut body }) = read.await? {
            end(&mut body, count);
            return Ok(json(StatusCode::OK, body));
        }
    }
    memory.reserve(STREAM_BYTES).await?;
    let stall_timeout = app.http.limits.stall_timeout;
    let body = start.to_vec();
    let records =
        app.storage.stream_records(workspace, selection, format, body, stall_timeout).await?;
    let mut last = Vec::new();
    end(&mut last, records.count);
    let batches = stream::try_unfold(records, next_batch);
    let last = stream::once(async { Ok::<_, StorageError>(Bytes::from(last)) });
    Ok(json(StatusCode::OK, Body::from_stream(batches.chain(last))))
}

async fn next_batch(
    mut records: RecordStream,
) -> Result<Option<(Bytes, RecordStream)>, StorageError> {
    match records.next().await {
        Ok(batch) => Ok(batch.map(|batch| (Bytes::from(batch), records))),
        Err(error) => {
            // The response has started, so the client only sees that it is incomplete.
            tracing::warn!(%error, "a response was aborted");
            Err(error)
        }
    }
}
