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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use mistral_datasets_types::RecordSource;

    use super::*;
    use crate::sqlite::SqliteStorage;
    use crate::storage::{DatasetKey, DatasetStore, NewDataset, NewRecord, RecordStore, Window};

    const WORKSPACE: Uuid = Uuid::from_u128(1);
    const ALL: Window = Window { offset: 0, limit: u32::MAX };
    const STALL_TIMEOUT: Duration = Duration::from_secs(60);

    const LINES: RecordFormat = RecordFormat {
        begin: |_, _| {},
        middle: |out| out.push(b' '),
        end: |out, _| out.push(b'\n'),
        single_line: true,
    };

    /// Returns a storage with a dataset of records that have these payloads.
    async fn storage(
        payloads: &[String],
    ) -> (tempfile::TempDir, SqliteStorage, Selection, Vec<Uuid>) {
        let directory = tempfile::tempdir().unwrap();
        let storage = SqliteStorage::open_in(directory.path());
        let (name, description) = ("Conversations".to_owned(), String::new());
        let new = NewDataset { name, description, owner: Uuid::nil() };
        let dataset = DatasetKey::Id(storage.create_dataset(WORKSPACE, new).await.unwrap().id);
        let mut ids = Vec::new();
        for payload in payloads {
            let (payload, properties) = (payload.clone(), "{}".to_owned());
            let new = NewRecord { payload, properties, source: RecordSource::DirectInput };
            ids.push(storage.create_record(WORKSPACE, dataset.clone(), new).await.unwrap().id);
        }
        (directory, storage, Selection::Dataset(dataset, ALL), ids)
    }

    fn payload(bytes: usize, white_space: &str) -> String {
        format!("{{\"text\":{white_space}\"{}\"}}", "a b\\\" ".repeat(bytes / 6))
    }

    #[tokio::test]
    async fn batches_have_a_bounded_size() {
        let payloads =
            [(10, ""), (5 << 20, ""), (700_000, "\n\t"), (200_000, " "), (131_000, "\n")]
                .map(|(bytes, white_space)| payload(bytes, white_space));
        let (_directory, storage, all, _) = storage(&payloads).await;
        let start =
            storage.stream_records(WORKSPACE, all, LINES, b"start\n".to_vec(), STALL_TIMEOUT);
        let mut records = start.await.unwrap();
        assert_eq!(records.count, 5);
        let mut text = Vec::new();
        while let Some(batch) = records.next().await.unwrap() {
            assert!(batch.len() <= BATCH_BYTES + 2 * PIECE_BYTES, "{} bytes", batch.len());
            text.extend_from_slice(&batch);
        }
        let lines: String =
            payloads.iter().map(|text| text.replace(['\n', '\t'], "") + " {}\n").collect();
        assert!(String::from_utf8(text).unwrap() == format!("start\n{lines}"), "the text differs");
    }

    #[tokio::test]
    async fn a_stream_fails_if_its_receiver_is_too_slow() {
        let (_directory, storage, all, _) = storage(&[payload(3 << 20, "")]).await;
        let stall_timeout = Duration::from_millis(50);
        let started = Instant::now();
        let mut records =
            storage.stream_records(WORKSPACE, all, LINES, Vec::new(), stall_timeout).await.unwrap();
        while !records.reading.is_finished() {
            tokio::time::sleep(stall_timeout / 10).await;
        }
        assert!(started.elapsed() >= stall_timeout);
        // The end of the batches is not mistaken for the end of the records.
        assert!(records.next().await.unwrap().is_some());
        assert!(matches!(records.next().await, Err(StorageError::Failed(_))));
    }

    #[tokio::test]
    async fn pages_are_read_up_to_a_size() {
        let (_directory, storage, all, ids) =
            storage(&[payload(1_000, ""), payload(2_000_000, "")]).await;
        let read = async |selection: &Selection, max_bytes| {
            let read =
                storage.read_records(WORKSPACE, selection.clone(), LINES, Vec::new(), max_bytes);
            read.await.unwrap().map(|page| (page.count, page.body.len()))
        };
        assert_eq!(read(&all, 2_000_000).await, None);
        let (count, bytes) = read(&all, 3_000_000).await.unwrap();
        assert!(count == 2 && bytes > 2_000_000);
        assert!(read(&Selection::Record(ids[0]), 2_000).await.is_some());
        assert_eq!(read(&Selection::Record(ids[1]), 2_000).await, None);
    }

    #[tokio::test]
    async fn records_by_id_are_read_up_to_a_size() {
        let payloads = [10, 1_000, 1_000, 1_000, 10].map(|bytes| payload(bytes, ""));
        let (_directory, storage, _, ids) = storage(&payloads).await;
        for (max_bytes, expected) in [(0, 1), (10, 1), (1_500, 3), (1 << 20, 5)] {
            let records = storage.records_by_id(WORKSPACE, ids.clone(), max_bytes).await.unwrap();
            let read: Vec<_> = records.iter().map(|record| record.id).collect();
            assert_eq!(read, ids[..expected], "{max_bytes} bytes");
        }
    }
}
