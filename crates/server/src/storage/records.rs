//! Records, as they are kept. Payload and properties are JSON text, kept as it came.

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

/// A record to be created.
pub(crate) struct NewRecord {
    pub(crate) payload: String,
    pub(crate) properties: String,
    pub(crate) source: RecordSource,
}

impl NewRecord {
    /// About how many bytes the record takes.
    pub(crate) fn size(&self) -> usize {
        self.payload.len() + self.properties.len() + 128
    }
}

/// A record, borrowed from where it is read. Its JSON was looked through when it was written, and is not again.
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
    /// The record, borrowed.
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

// A record may be somebody's conversation, so `Debug` shows which one it is and nothing of it.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Takes one record after another; an error ends the reading.
pub(crate) type RecordVisitor = Box<dyn FnMut(RecordView<'_>) -> io::Result<()> + Send>;

/// Writes one record behind what is written already.
pub(crate) type RecordWriter = fn(&mut Vec<u8>, RecordView<'_>);

/// Part of a dataset's records, written.
pub(crate) struct WrittenRecords {
    /// How many records the dataset has in all.
    pub(crate) count: u64,
    pub(crate) text: Vec<u8>,
}

/// Keeps records.
pub(crate) trait RecordStore {
    /// Adds a record to the end of a dataset.
    fn create_record(
        &self,
        workspace: Uuid,
        dataset: DatasetKey,
        new: NewRecord,
    ) -> Pending<Record>;

    /// One record.
    fn record(&self, workspace: Uuid, id: Uuid) -> Pending<Record>;

    /// Writes records of a dataset behind the text, in the order in which they came. They go where they are wanted straight
    /// from where they are kept: a page of them is what the server is asked for most.
    fn write_records(
        &self,
        workspace: Uuid,
        dataset: DatasetKey,
        window: Window,
        text: Vec<u8>,
        write: RecordWriter,
    ) -> Pending<WrittenRecords>;

    /// Records by their ids, in the order of the ids. The first one missing fails it.
    fn records_by_id(&self, workspace: Uuid, ids: Vec<Uuid>) -> Pending<Vec<Record>>;

    /// Fails if one of the records is not there.
    fn require_records(&self, workspace: Uuid, ids: Vec<Uuid>) -> Pending<()>;

    /// Hands every record of a dataset to the visitor, in order and all of one moment, whatever is written meanwhile.
    fn each_record(
        &self,
        workspace: Uuid,
        dataset: DatasetKey,
        visitor: RecordVisitor,
    ) -> Pending<()>;

    /// Replaces a record's payload.
    fn replace_payload(&self, workspace: Uuid, id: Uuid, payload: String) -> Pending<()>;

    /// Replaces a record's properties.
    fn replace_properties(&self, workspace: Uuid, id: Uuid, properties: String) -> Pending<()>;

    /// Deletes records, all or none. One named twice is deleted once.
    fn delete_records(&self, workspace: Uuid, ids: Vec<Uuid>) -> Pending<()>;
}
