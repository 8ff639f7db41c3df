//! Streams records from a snapshot, in batches of bounded size.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::blob::Blob;
use rusqlite::{Connection, MAIN_DB, params};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::record_reads::{Found, QUERY, find, head, values};
use super::{connection, readers};
use crate::json::{SingleLine, has_line_break};
use crate::storage::{Pending, RecordFormat, RecordStream, Selection, StorageError};

const BATCH_BYTES: usize = RecordStream::BATCH_BYTES;
const PIECE_BYTES: usize = RecordStream::PIECE_BYTES;

/// Starts a stream. It has its own connection and thread: a long read would block one of the few reader threads.
pub(super) fn start(
    path: PathBuf,
    workspace: Uuid,
    selection: Selection,
    format: RecordFormat,
    body: Vec<u8>,
    stall_timeout: Duration,
) -> Pending<RecordStream> {
    let (started, starting) = oneshot::channel();
    let (batches, received) = mpsc::channel(1);
    let runtime = Handle::current();
    let reading = tokio::task::spawn_blocking(move || {
        let connection = connection::reader(&path)?;
        readers::read(&connection, |connection| {
            let found = find(connection, workspace, &selection)?;
            // The receiver may have been dropped; then so has that of the batches.
            let _ = started.send((found.count, found.revision));
            let mut batches = Batches { out: body, batches, runtime, stall_timeout };
            stream(connection, found, format, &mut batches)?;
            batches.flush()
        })
    });
    Box::pin(async move {
        match starting.await {
            Ok((count, revision)) => {
                Ok(RecordStream { count, revision, batches: received, reading })
            }
            Err(_) => Err(match reading.await {
                Ok(Err(error)) => error,
                _ => StorageError::Stopped,
            }),
        }
    })
}

/// The batches that are passed to the receiver.
struct Batches {
    out: Vec<u8>,
    batches: mpsc::Sender<Vec<u8>>,
    runtime: Handle,
    stall_timeout: Duration,
}

impl Batches {
    fn flush_if_full(&mut self) -> Result<(), StorageError> {
        if self.out.len() >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        let next = Vec::with_capacity(BATCH_BYTES + PIECE_BYTES);
        let batch = std::mem::replace(&mut self.out, next);
        let sending = self.batches.send_timeout(batch, self.stall_timeout);
        self.runtime.block_on(sending).map_err(|_| {
            StorageError::Failed("the receiver of a stream has stopped or is too slow".into())
        })
    }
}

fn stream(
    connection: &Connection,
    found: Found,
    format: RecordFormat,
    batches: &mut Batches,
) -> Result<(), StorageError> {
    let mut statement = connection.prepare_cached(QUERY)?;
    let mut wanted = found.limit;
    for (first, last) in found.ranges {
        let mut rows = statement.query(params![first, last, wanted, PIECE_BYTES])?;
        while let Some(row) = rows.next()? {
            let key: i64 = row.get(0)?;
            let head = head(row, found.dataset)?;
            let [payload, properties] = values(row)?;
            (format.begin)(&mut batches.out, head);
            write(connection, key, "payload", payload, format, batches)?;
            (format.middle)(&mut batches.out);
            write(connection, key, "properties", properties, format, batches)?;
            (format.end)(&mut batches.out, head);
            batches.flush_if_full()?;
            wanted -= 1;
        }
    }
    Ok(())
}

/// Writes a payload or properties, in pieces if they are large.
fn write(
    connection: &Connection,
    key: i64,
    column: &str,
    value: Option<&[u8]>,
    format: RecordFormat,
    batches: &mut Batches,
) -> Result<(), StorageError> {
    if let Some(value) = value {
        format.write_value(&mut batches.out, value);
        return batches.flush_if_full();
    }
    let blob = connection.blob_open(MAIN_DB, "records", column, key, true)?;
    let mut compact = None;
    if format.single_line {
        let mut is_single_line = true;
        for_each_piece(&blob, |piece| {
            is_single_line &= !has_line_break(piece);
            Ok(())
        })?;
        compact = (!is_single_line).then(SingleLine::default);
    }
    for_each_piece(&blob, |piece| {
        match &mut compact {
            Some(compact) => compact.write(piece, &mut batches.out),
            None => batches.out.extend_from_slice(piece),
        }
        batches.flush_if_full()
    })
}

fn for_each_piece(
    blob: &Blob<'_>,
    mut receive: impl FnMut(&[u8]) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut offset = 0;
    while offset < blob.len() {
        let length = PIECE_BYTES.min(blob.len() - offset);
        blob.read_at_exact(&mut piece[..length], offset)?;
        receive(&piece[..length])?;
        offset += length;
    }
    Ok(())
}
