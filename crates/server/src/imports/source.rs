//! The sources that imports read from.

use std::sync::Arc;

use mistral_datasets_types::RecordSource;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::file::FileLines;
use crate::storage::{Missing, NewRecord, Progress, Storage, StorageError};

/// A chunk ends with the record that reaches this size in bytes. This bounds the memory of an import and how long it delays other
/// writes.
pub(super) const CHUNK_BYTES: usize = 2 << 20;

/// The maximum number of records in a chunk.
pub(super) const CHUNK_RECORDS: usize = 2_000;

/// The maximum number of objects read from the storage at once.
const BATCH: usize = 500;

/// The source of an import. Objects given by ids are read in the order of the ids.
pub(crate) enum Source {
    /// An uploaded file. The records have the source `UPLOADED_FILE`.
    File(Box<FileLines>),
    /// Events. The messages of a record are those of the request followed by those of the response, the properties are the extra
    /// fields of the event, and the source is `EXPLORER`. (The mapping is an assumption; the service does not document its own.)
    Events(Ids<String>),
    /// Conversations. The messages of a record are those of the conversation, and the source is `PLAYGROUND`.
    Conversations(Ids<String>),
    /// Records. A copy has the payload, properties and source of the original.
    Records(Ids<Uuid>),
}

/// A list of ids that is read in batches.
pub(crate) struct Ids<T> {
    ids: Vec<T>,
    done: usize,
}

impl<T: Clone> Ids<T> {
    pub(crate) fn new(ids: Vec<T>) -> Self {
        Self { ids, done: 0 }
    }

    /// Returns the next ids to read. Those that were read must be passed to [`chunk`](Self::chunk).
    fn next_batch(&self) -> Vec<T> {
        self.ids.iter().skip(self.done).take(BATCH).cloned().collect()
    }

    /// Returns the chunk with the records that were read.
    fn chunk(&mut self, records: Vec<NewRecord>) -> Chunk {
        self.done += records.len();
        Chunk {
            records,
            progress: Progress::of(self.done as u64, self.ids.len() as u64),
            last: self.done == self.ids.len(),
        }
    }
}

/// A chunk of records.
pub(super) struct Chunk {
    pub(super) records: Vec<NewRecord>,
    /// The progress of the import when this chunk is stored.
    pub(super) progress: Progress,
    /// Whether this is the last chunk.
    pub(super) last: bool,
}

/// An error that makes an import fail.
#[derive(Debug, thiserror::Error)]
pub(super) enum ImportError {
    /// The source is invalid. The message is shown to the user.
    #[error("{0}")]
    Rejected(String),
    /// The server failed. The source is only for the log.
    #[error("the server failed during the import")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<StorageError> for ImportError {
    fn from(error: StorageError) -> Self {
        let missing =
            |what: String| Self::Rejected(format!("{what} was deleted during the import"));
        match error {
            StorageError::Missing(Missing::Event(id)) => missing(format!("the event `{id}`")),
            StorageError::Missing(Missing::Conversation(id)) => {
                missing(format!("the conversation `{id}`"))
            }
            StorageError::Missing(Missing::Record(id)) => missing(format!("the record `{id}`")),
            error @ (StorageError::Full
            | StorageError::Stopped
            | StorageError::DiskFailed
            | StorageError::ImportAborted) => Self::Rejected(error.to_string()),
            error => Self::Internal(Box::new(error)),
        }
    }
}

impl Source {
    /// Reads the next chunk.
    pub(super) async fn next_chunk(
        self,
        storage: &Arc<dyn Storage>,
        workspace: Uuid,
    ) -> Result<(Self, Chunk), ImportError> {
        match self {
            Self::File(mut lines) => {
                let reading = tokio::task::spawn_blocking(move || {
                    let chunk = lines.next_chunk()?;
                    Ok((Self::File(lines), chunk))
                });
                reading.await.unwrap_or_else(|error| Err(ImportError::Internal(Box::new(error))))
            }
            Self::Events(mut ids) => {
                let mut records = Vec::new();
                for event in storage.events(workspace, ids.next_batch(), CHUNK_BYTES).await? {
                    let messages = [&*event.request_messages, &*event.response_messages];
                    let payload = payload(&messages)?;
                    let properties = event.extra_fields;
                    records.push(NewRecord { payload, properties, source: RecordSource::Explorer });
                }
                let chunk = ids.chunk(records);
                Ok((Self::Events(ids), chunk))
            }
            Self::Conversations(mut ids) => {
                let mut records = Vec::new();
                let found = storage.conversations(workspace, ids.next_batch(), CHUNK_BYTES).await?;
                for conversation in found {
                    let payload = payload(&[&*conversation.messages])?;
                    let properties = "{}".to_owned();
                    let source = RecordSource::Playground;
                    records.push(NewRecord { payload, properties, source });
                }
                let chunk = ids.chunk(records);
                Ok((Self::Conversations(ids), chunk))
            }
            Self::Records(mut ids) => {
                let batch = ids.next_batch();
                let originals = storage.records_by_id(workspace, batch, CHUNK_BYTES).await?;
                let copies = originals.into_iter().map(|record| NewRecord {
                    payload: record.payload,
                    properties: record.properties,
                    source: record.source.into(),
                });
                let chunk = ids.chunk(copies.collect());
                Ok((Self::Records(ids), chunk))
            }
        }
    }
}

fn payload(messages: &[&str]) -> Result<String, ImportError> {
    join_messages(messages).map_err(|error| ImportError::Internal(Box::new(error)))
}

/// Returns a payload with the messages of all arrays.
fn join_messages(arrays: &[&str]) -> Result<String, serde_json::Error> {
    let mut text = String::from(r#"{"messages":["#);
    let mut first = true;
    for array in arrays {
        for message in serde_json::from_str::<Vec<&RawValue>>(array)? {
            if !std::mem::take(&mut first) {
                text.push(',');
            }
            text.push_str(message.get());
        }
    }
    text.push_str("]}");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_joined_verbatim() {
        assert_eq!(
            join_messages(&[r#"[ {"a":1.0} ,{}]"#, "[]", r#"[{"b": 2}]"#]).unwrap(),
            r#"{"messages":[{"a":1.0},{},{"b": 2}]}"#
        );
        assert_eq!(join_messages(&["[]"]).unwrap(), r#"{"messages":[]}"#);
    }
}
