//! Streams records from a snapshot, in batches of bounded size.
//!
//! A stream reads some records at a time, and waits with the next ones until its client has received them. A payload that is too
//! large for that is converted once in the database, which sends it in pieces: this takes time that is proportional to its size, and
//! no memory in this process. The database needs up to twice its size.

use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;

use deadpool_postgres::Transaction;
use futures::TryStreamExt;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::database::Database;
use super::params::params;
use super::record_reads::{offset, size};
use super::records::visible;
use super::{datasets, positions};
use crate::json::SingleLine;
use crate::storage::{
    Missing, Pending, RecordFormat, RecordHead, RecordStream, Selection, StorageError,
};
use crate::time::Timestamp;

const BATCH_BYTES: usize = RecordStream::BATCH_BYTES;
const PIECE_BYTES: usize = RecordStream::PIECE_BYTES;

/// The maximum number of records that are read at once.
const BATCH_RECORDS: u64 = 256;

/// A query for the first `$2` records of ranges, up to the one with which they reach `$4` bytes. Payloads and properties larger than
/// `$3` bytes are NULL and do not count. `octet_length` does not load values.
const RECORDS: &str = "SELECT key, id, created_at, updated_at, source, payload, properties FROM ( \
     SELECT *, coalesce(sum(coalesce(octet_length(payload), 0) + coalesce(octet_length(properties), 0)) \
     OVER (ORDER BY number, key ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before FROM ( \
     SELECT ranges.number, found.* FROM unnest($1::bigint[]) WITH ORDINALITY AS ranges (first_key, number) \
     CROSS JOIN LATERAL (SELECT key, id, created_at, updated_at, source, \
     CASE WHEN octet_length(payload) <= $3 THEN payload END AS payload, \
     CASE WHEN octet_length(properties) <= $3 THEN properties END AS properties \
     FROM records WHERE key BETWEEN first_key AND first_key | 4294967295 ORDER BY key LIMIT $2) found \
     ORDER BY ranges.number, found.key LIMIT $2) page) counted WHERE before < $4 ORDER BY number, key";

/// A query for the pieces of a large payload or properties of the record `$1`, in order, each with its number and of `$2` bytes. If
/// `$3` is true, the last column tells whether the value has line breaks. `OFFSET 0` keeps the value from being loaded for each piece.
macro_rules! pieces {
    ($column:literal) => {
        concat!(
            "SELECT number, substring(bytes FROM number * $2::integer + 1 FOR $2::integer), has_line_break ",
            "FROM (SELECT convert_to(",
            $column,
            ", 'UTF8') AS bytes, $3 AND (strpos(",
            $column,
            ", chr(10)) > 0 OR strpos(",
            $column,
            ", chr(13)) > 0) AS has_line_break FROM records WHERE key = $1 OFFSET 0) value ",
            "CROSS JOIN LATERAL generate_series(0, (octet_length(bytes) - 1) / $2::integer) AS number"
        )
    };
}

/// Starts a stream. It has a connection of its own, of which there are few: others wait, and are refused after a while.
pub(super) fn start(
    database: Database,
    workspace: Uuid,
    selection: Selection,
    format: RecordFormat,
    body: Vec<u8>,
    stall_timeout: Duration,
) -> Pending<RecordStream> {
    Box::pin(async move {
        let (started, starting) = oneshot::channel();
        let (batches, received) = mpsc::channel(1);
        let reading = tokio::spawn(async move {
            let mut connection = database.long_read_connection().await?;
            let transaction = connection.read().await?;
            let found = find(&transaction, workspace, &selection).await?;
            // The receiver may have been dropped; then so has that of the batches.
            let _ = started.send((found.count, found.revision));
            let batches = Batches { out: body, batches, stall_timeout };
            let mut stream = Stream { transaction, dataset: found.dataset, format, batches };
            stream.read(found.ranges).await?;
            stream.batches.flush().await
        });
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

/// Where the records of a selection are.
struct Found {
    /// The number of records in the dataset.
    count: u64,
    /// The revision of the dataset.
    revision: u64,
    /// The id of the dataset.
    dataset: Uuid,
    ranges: Ranges,
}

async fn find(
    transaction: &Transaction<'_>,
    workspace: Uuid,
    selection: &Selection,
) -> Result<Found, StorageError> {
    match selection {
        Selection::Dataset(key, window) => {
            let found = datasets::find(transaction, workspace, key).await?;
            let sql = "SELECT first_key, amount FROM record_ranges($1, $2, $3) WITH ORDINALITY \
                       AS ranges (first_key, amount, number) ORDER BY number";
            let (skip, limit) = (offset(*window), i64::from(window.limit));
            let rows = transaction.query_typed(sql, params![found.row, skip, limit]).await?;
            let ranges = rows.iter().map(|row| (row.get(0), row.get::<_, i64>(1) as u64));
            Ok(Found {
                count: found.record_count,
                revision: found.revision,
                dataset: found.dataset.id,
                ranges: Ranges(ranges.collect()),
            })
        }
        Selection::Record(id) => {
            let sql = visible!("r.key, d.uuid", "r.id = $2");
            let row = transaction.query_typed_opt(sql, params![workspace, id]).await?;
            let row = row.ok_or(Missing::Record(*id))?;
            let ranges = Ranges([(row.get(0), 1)].into());
            Ok(Found { count: 1, revision: 0, dataset: row.get(1), ranges })
        }
    }
}

/// The records that are still to be read: the first key and the number of records of each range. All ranges but the last one end where
/// their run ends.
struct Ranges(VecDeque<(i64, u64)>);

impl Ranges {
    /// Returns the first keys of the ranges with the next records, and how many records to read.
    fn next(&self) -> (Vec<i64>, i64) {
        let (mut first_keys, mut wanted) = (Vec::new(), 0);
        for (first_key, amount) in &self.0 {
            if wanted >= BATCH_RECORDS {
                break;
            }
            first_keys.push(*first_key);
            wanted += amount;
        }
        (first_keys, wanted.min(BATCH_RECORDS) as i64)
    }

    /// Removes a record that was read. Returns whether it was expected.
    fn remove(&mut self, key: i64) -> bool {
        let Some((first_key, amount)) = self.0.front_mut() else { return false };
        if positions::split(key).0 != positions::split(*first_key).0 || key < *first_key {
            return false;
        }
        *first_key = key + 1;
        *amount -= 1;
        if *amount == 0 {
            self.0.pop_front();
        }
        true
    }
}

/// The batches that are passed to the receiver.
struct Batches {
    out: Vec<u8>,
    batches: mpsc::Sender<Vec<u8>>,
    stall_timeout: Duration,
}

impl Batches {
    async fn flush_if_full(&mut self) -> Result<(), StorageError> {
        if self.out.len() >= BATCH_BYTES { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), StorageError> {
        let next = Vec::with_capacity(BATCH_BYTES + PIECE_BYTES);
        let batch = std::mem::replace(&mut self.out, next);
        self.batches.send_timeout(batch, self.stall_timeout).await.map_err(|_| {
            StorageError::Failed("the receiver of a stream has stopped or is too slow".into())
        })
    }
}

/// A large payload or properties.
#[derive(Clone, Copy)]
enum Column {
    Payload,
    Properties,
}

/// A stream in progress.
struct Stream<'a> {
    transaction: Transaction<'a>,
    dataset: Uuid,
    format: RecordFormat,
    batches: Batches,
}

impl Stream<'_> {
    async fn read(&mut self, mut ranges: Ranges) -> Result<(), StorageError> {
        loop {
            let (first_keys, wanted) = ranges.next();
            if wanted == 0 {
                return Ok(());
            }
            let (piece, batch) = (size(PIECE_BYTES), size(BATCH_BYTES));
            let rows = self
                .transaction
                .query_typed(RECORDS, params![first_keys, wanted, piece, batch])
                .await?;
            if rows.is_empty() {
                return Err(inconsistent());
            }
            for row in rows {
                let key = row.get(0);
                if !ranges.remove(key) {
                    return Err(inconsistent());
                }
                let head = RecordHead {
                    id: row.get(1),
                    created_at: Timestamp::from_micros(row.get(2)),
                    updated_at: Timestamp::from_micros(row.get(3)),
                    dataset: self.dataset,
                    source: row.get(4),
                };
                (self.format.begin)(&mut self.batches.out, head);
                self.write(key, Column::Payload, row.get(5)).await?;
                (self.format.middle)(&mut self.batches.out);
                self.write(key, Column::Properties, row.get(6)).await?;
                (self.format.end)(&mut self.batches.out, head);
                self.batches.flush_if_full().await?;
            }
        }
    }

    /// Writes a payload or properties, in pieces if they are large.
    async fn write(
        &mut self,
        key: i64,
        column: Column,
        value: Option<&str>,
    ) -> Result<(), StorageError> {
        match value {
            Some(value) => {
                self.format.write_value(&mut self.batches.out, value.as_bytes());
                self.batches.flush_if_full().await
            }
            None => self.write_pieces(key, column).await,
        }
    }

    async fn write_pieces(&mut self, key: i64, column: Column) -> Result<(), StorageError> {
        let sql = match column {
            Column::Payload => pieces!("payload"),
            Column::Properties => pieces!("properties"),
        };
        let (piece, single_line) = (size(PIECE_BYTES), self.format.single_line);
        let params = params![key, piece, single_line];
        let pieces = self.transaction.query_typed_raw(sql, params.iter().cloned()).await?;
        let mut pieces = pin!(pieces);
        let mut compact = SingleLine::default();
        let mut written = 0;
        while let Some(piece) = pieces.try_next().await? {
            // The database sends them in order, because sorting them would take a copy.
            if piece.get::<_, i32>(0) != written {
                return Err(inconsistent());
            }
            let bytes: &[u8] = piece.get(1);
            if piece.get(2) {
                compact.write(bytes, &mut self.batches.out);
            } else {
                self.batches.out.extend_from_slice(bytes);
            }
            self.batches.flush_if_full().await?;
            written += 1;
        }
        Ok(())
    }
}

/// Returns the error for records that differ from what is known about them in the same snapshot.
fn inconsistent() -> StorageError {
    StorageError::Failed("the records of a dataset do not match its counts".into())
}
