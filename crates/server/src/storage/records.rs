//! Storage of records. Payload and properties are stored as the JSON that was received, byte for byte.

use std::fmt;
use std::time::Duration;

use mistral_datasets_types::RecordSource;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{DatasetKey, Pending, StorageError, Window};
use crate::time::Timestamp;

/// A record.
pub(crate) struct Record {
    pub(crate) id: Uuid,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) dataset: Uuid,
    pub(crate) payload: String,
    pub(crate) properties: String,
    pub(crate) source: String,
}

/// A record to create.
pub(crate) struct NewRecord {
    pub(crate) payload: String,
    pub(crate) properties: String,
    pub(crate) source: RecordSource,
}

impl NewRecord {
    /// Returns the approximate size of the record, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.payload.len() + self.properties.len() + 128
    }
}

/// A record without its payload and properties, borrowed from the database row.
#[derive(Clone, Copy)]
pub(crate) struct RecordHead<'a> {
    pub(crate) id: Uuid,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) dataset: Uuid,
    pub(crate) source: &'a str,
}

impl Record {
    /// Borrows the record without its payload and properties.
    pub(crate) fn head(&self) -> RecordHead<'_> {
        RecordHead {
            id: self.id,
            created_at: self.created_at,
            updated_at: self.updated_at,
            dataset: self.dataset,
            source: &self.source,
        }
    }
}

// Records contain conversations, so `Debug` shows only the id.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The records to read.
#[derive(Clone, Debug)]
pub(crate) enum Selection {
    /// Records of a dataset, in insertion order.
    Dataset(DatasetKey, Window),
    /// A single record.
    Record(Uuid),
}

/// How records are serialized: `begin`, the payload, `middle`, the properties, `end`.
///
/// The storage writes payloads and properties itself, large ones in pieces. They were validated when they were stored.
#[derive(Clone, Copy)]
pub(crate) struct RecordFormat {
    pub(crate) begin: fn(&mut Vec<u8>, RecordHead<'_>),
    pub(crate) middle: fn(&mut Vec<u8>),
    pub(crate) end: fn(&mut Vec<u8>, RecordHead<'_>),
    /// Whether payloads and properties are put on a single line.
    pub(crate) single_line: bool,
}

/// Serialized records.
pub(crate) struct RecordPage {
    /// The number of records in the dataset.
    pub(crate) count: u64,
    pub(crate) body: Vec<u8>,
}

/// Records that are serialized while they are read, from one consistent snapshot. Dropping the stream ends the snapshot.
pub(crate) struct RecordStream {
    /// The number of records in the dataset.
    pub(crate) count: u64,
    /// The revision of the dataset, which changes with every change of its records. 0 for a single record.
    pub(crate) revision: u64,
    pub(crate) batches: mpsc::Receiver<Vec<u8>>,
    /// Ends after the last batch.
    pub(crate) reading: JoinHandle<Result<(), StorageError>>,
}

impl RecordStream {
    /// A batch ends when it reaches this size, in bytes.
    pub(crate) const BATCH_BYTES: usize = 256 << 10;

    /// Payloads and properties above this size, in bytes, are read in pieces of this size.
    pub(crate) const PIECE_BYTES: usize = 128 << 10;

    /// Returns the next batch, or `None` after the last one. A batch has a bounded size, regardless of the size of the records.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, StorageError> {
        match self.batches.recv().await {
            Some(batch) => Ok(Some(batch)),
            None => (&mut self.reading).await.unwrap_or(Err(StorageError::Stopped)).map(|()| None),
        }
    }
}

/// Stores records.
pub(crate) trait RecordStore {
    /// Appends a record to a dataset.
    fn create_record(
        &self,
        workspace: Uuid,
        dataset: DatasetKey,
        new: NewRecord,
    ) -> Pending<Record>;

    /// Appends serialized records to `body`. Returns `None` if that takes more than `max_bytes`.
    ///
    /// They are serialized directly from the database rows: listing records is the most frequent request.
    fn read_records(
        &self,
        workspace: Uuid,
        selection: Selection,
        format: RecordFormat,
        body: Vec<u8>,
        max_bytes: usize,
    ) -> Pending<Option<RecordPage>>;

    /// Serializes records in batches of bounded size. The first batch starts with `body`.
    ///
    /// The stream fails if a batch is not taken within `stall_timeout`, because a snapshot keeps the WAL from shrinking.
    fn stream_records(
        &self,
        workspace: Uuid,
        selection: Selection,
        format: RecordFormat,
        body: Vec<u8>,
        stall_timeout: Duration,
    ) -> Pending<RecordStream>;

    /// Returns records in the order of `ids`: at least one, and no more after those that together reach `max_bytes`. Fails at the
    /// first one that does not exist.
    fn records_by_id(
        &self,
        workspace: Uuid,
        ids: Vec<Uuid>,
        max_bytes: usize,
    ) -> Pending<Vec<Record>>;

    /// Fails if one of the records does not exist.
    fn require_records(&self, workspace: Uuid, ids: Vec<Uuid>) -> Pending<()>;

    /// Replaces the payload of a record.
    fn replace_payload(&self, workspace: Uuid, id: Uuid, payload: String) -> Pending<()>;

    /// Replaces the properties of a record.
    fn replace_properties(&self, workspace: Uuid, id: Uuid, properties: String) -> Pending<()>;

    /// Deletes all of the records or none. Duplicate ids are ignored.
    fn delete_records(&self, workspace: Uuid, ids: Vec<Uuid>) -> Pending<()>;
}
