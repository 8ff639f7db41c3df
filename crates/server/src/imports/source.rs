//! Where an import's records come from.

use std::sync::Arc;

use mistral_datasets_types::RecordSource;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::file::FileLines;
use crate::storage::{Missing, NewRecord, Progress, Storage, StorageError};

/// A chunk ends with the record that makes it this large. Chunks bound the memory of an import and the time for which it
/// keeps other writes waiting.
pub(super) const CHUNK_BYTES: usize = 2 << 20;

/// A chunk has at most this many records.
pub(super) const CHUNK_RECORDS: usize = 2_000;

/// How many things are read at once from the storage.
const BATCH: usize = 500;

/// Where an import's records come from. What is named by ids comes in their order.
pub(crate) enum Source {
    /// An uploaded file. Its records have the source `UPLOADED_FILE`.
    File(Box<FileLines>),
    /// Events. A record's messages are those of the request and then those of the response, its properties are the event's
    /// extra fields, its source is `EXPLORER`. (An assumption: the service's own mapping is documented nowhere.)
    Events(Ids<String>),
    /// Conversations. A record's messages are the conversation's, its source is `PLAYGROUND`.
    Conversations(Ids<String>),
    /// Records. The copy has payload, properties and source of the original.
    Records(Ids<Uuid>),
}

/// Ids of which the first are done.
pub(crate) struct Ids<T> {
    ids: Vec<T>,
    done: usize,
}

impl<T: Clone> Ids<T> {
    pub(crate) fn new(ids: Vec<T>) -> Self {
        Self { ids, done: 0 }
    }

    fn next(&mut self) -> Vec<T> {
        let batch: Vec<T> = self.ids.iter().skip(self.done).take(BATCH).cloned().collect();
        self.done += batch.len();
        batch
    }

    fn chunk(&self, records: Vec<NewRecord>) -> Chunk {
        Chunk {
            records,
            progress: Progress::of(self.done as u64, self.ids.len() as u64),
            last: self.done == self.ids.len(),
        }
    }
}

/// Some records of an import.
pub(super) struct Chunk {
    pub(super) records: Vec<NewRecord>,
    /// How much of the import is done with them.
    pub(super) progress: Progress,
    /// Whether they are the last ones.
    pub(super) last: bool,
}

/// Why an import fails.
#[derive(Debug, thiserror::Error)]
pub(super) enum ImportError {
    /// What was to be imported is not fit for it; the text says why and may be shown.
    #[error("{0}")]
    Refused(String),
    /// The server failed; the source is for the log.
    #[error("the server failed while it imported")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<StorageError> for ImportError {
    fn from(error: StorageError) -> Self {
        let gone = |what: String| Self::Refused(format!("{what} was removed while the import ran"));
        match error {
            StorageError::Missing(Missing::Event(id)) => gone(format!("the event `{id}`")),
            StorageError::Missing(Missing::Conversation(id)) => {
                gone(format!("the conversation `{id}`"))
            }
            StorageError::Missing(Missing::Record(id)) => gone(format!("the record `{id}`")),
            error @ (StorageError::Full
            | StorageError::Stopped
            | StorageError::DiskFailed
            | StorageError::ImportCut) => Self::Refused(error.to_string()),
            error => Self::Internal(Box::new(error)),
        }
    }
}

impl Source {
    /// The next records.
    pub(super) async fn chunk(
        self,
        storage: &Arc<dyn Storage>,
        workspace: Uuid,
    ) -> Result<(Self, Chunk), ImportError> {
        match self {
            Self::File(mut lines) => {
                let reading = tokio::task::spawn_blocking(move || {
                    let chunk = lines.chunk()?;
                    Ok((Self::File(lines), chunk))
                });
                reading.await.unwrap_or_else(|error| Err(ImportError::Internal(Box::new(error))))
            }
            Self::Events(mut ids) => {
                let mut records = Vec::new();
                for event in storage.events(workspace, ids.next()).await? {
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
                for conversation in storage.conversations(workspace, ids.next()).await? {
                    let payload = payload(&[&*conversation.messages])?;
                    let properties = "{}".to_owned();
                    let source = RecordSource::Playground;
                    records.push(NewRecord { payload, properties, source });
                }
                let chunk = ids.chunk(records);
                Ok((Self::Conversations(ids), chunk))
            }
            Self::Records(mut ids) => {
                let originals = storage.records_by_id(workspace, ids.next()).await?;
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
    messages_of(messages).map_err(|error| ImportError::Internal(Box::new(error)))
}

/// A payload whose messages are those of the arrays, one array after the other.
fn messages_of(arrays: &[&str]) -> Result<String, serde_json::Error> {
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
    fn messages_are_joined_as_they_are() {
        assert_eq!(
            messages_of(&[r#"[ {"a":1.0} ,{}]"#, "[]", r#"[{"b": 2}]"#]).unwrap(),
            r#"{"messages":[{"a":1.0},{},{"b": 2}]}"#
        );
        assert_eq!(messages_of(&["[]"]).unwrap(), r#"{"messages":[]}"#);
    }
}
