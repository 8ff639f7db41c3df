//! Storage of records. Payload and properties are stored as the JSON that was received, byte for byte.

use std::fmt;
use std::io;

use mistral_datasets_types::RecordSource;
use uuid::Uuid;

use super::{DatasetKey, Pending, Window};
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

/// A record borrowed from the database row. Its JSON was validated when it was written, so it is not validated again.
#[derive(Clone, Copy)]
pub(crate) struct RecordView<'a> {
    pub(crate) id: Uuid,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) dataset: Uuid,
    pub(crate) payload: &'a [u8],
    pub(crate) properties: &'a [u8],
    pub(crate) source: &'a str,
}

impl Record {
    /// Borrows the record.
    pub(crate) fn view(&self) -> RecordView<'_> {
        RecordView {
            id: self.id,
            created_at: self.created_at,
            updated_at: self.updated_at,
            dataset: self.dataset,
            payload: self.payload.as_bytes(),
            properties: self.properties.as_bytes(),
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

/// Receives records one by one. An error stops the iteration.
pub(crate) type RecordVisitor = Box<dyn FnMut(RecordView<'_>) -> io::Result<()> + Send>;

/// Appends a record to a buffer.
pub(crate) type RecordWriter = fn(&mut Vec<u8>, RecordView<'_>);

/// A page of records, serialized.
pub(crate) struct RecordPage {
    /// The number of records in the dataset.
    pub(crate) count: u64,
    pub(crate) body: Vec<u8>,
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

    /// Returns a record.
    fn record(&self, workspace: Uuid, id: Uuid) -> Pending<Record>;

    /// Appends records of a dataset to `body`, in insertion order.
    ///
    /// They are serialized directly from the database rows: listing records is the most frequent request.
    fn record_page(
        &self,
        workspace: Uuid,
        dataset: DatasetKey,
        window: Window,
        body: Vec<u8>,
        write: RecordWriter,
    ) -> Pending<RecordPage>;

    /// Returns records in the order of `ids`, at least one, until they reach [`BATCH_BYTES`](super::BATCH_BYTES). Fails at the
    /// first one that does not exist.
    fn records_by_id(&self, workspace: Uuid, ids: Vec<Uuid>) -> Pending<Vec<Record>>;

    /// Fails if one of the records does not exist.
    fn require_records(&self, workspace: Uuid, ids: Vec<Uuid>) -> Pending<()>;

    /// Passes all records of a dataset to the visitor, in order, from one consistent snapshot.
    fn visit_records(
        &self,
        workspace: Uuid,
        dataset: DatasetKey,
        visitor: RecordVisitor,
    ) -> Pending<()>;

    /// Replaces the payload of a record.
    fn replace_payload(&self, workspace: Uuid, id: Uuid, payload: String) -> Pending<()>;

    /// Replaces the properties of a record.
    fn replace_properties(&self, workspace: Uuid, id: Uuid, properties: String) -> Pending<()>;

    /// Deletes all of the records or none. Duplicate ids are ignored.
    fn delete_records(&self, workspace: Uuid, ids: Vec<Uuid>) -> Pending<()>;
}
