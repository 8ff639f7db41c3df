//! The sources that imports read from.

use std::sync::Arc;

use mistral_datasets_types::RecordSource;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::file::{FileLines, content_error, read_error};
use super::line::LineRules;
use super::span_mapping;
use crate::content::{BlockingReader, ContentStore, ExpectedContent, open_verified};
use crate::storage::{
    ClaimedImport, ClaimedSource, ImportPosition, Missing, NewRecord, Progress, SourceIds,
    SpanMapping, Storage, StorageError,
};
use crate::telemetry;

/// A chunk ends with the record that reaches this size in bytes. This bounds the memory of an import and how long it delays other
/// writes.
pub(super) const CHUNK_BYTES: usize = 2 << 20;

/// The size in bytes above which a chunk is large. Only a large record can make it so.
const LARGE_CHUNK_BYTES: usize = 2 * CHUNK_BYTES;

/// The maximum number of records in a chunk.
pub(super) const CHUNK_RECORDS: usize = 2_000;

/// The source of an import. Objects given by ids are read in the order of the ids.
pub(super) struct Source {
    objects: SourceObjects,
    reader: Reader,
}

/// Where objects given by ids are read.
struct SourceObjects {
    storage: Arc<dyn Storage>,
    task: Uuid,
    workspace: Uuid,
}

enum Reader {
    /// An uploaded file. The records have the source `UPLOADED_FILE`.
    File(Box<FileLines>),
    /// Objects given by ids, which are read in batches.
    Ids { done: u64, count: u64, mapping: Option<Arc<SpanMapping>> },
}

/// A chunk of records.
pub(super) struct Chunk {
    pub(super) records: Vec<NewRecord>,
    /// Where the chunk ends in the source.
    pub(super) end: ImportPosition,
    /// The progress of the import when this chunk is stored.
    pub(super) progress: Progress,
    /// Whether this is the last chunk.
    pub(super) last: bool,
}

impl Chunk {
    /// Returns whether the chunk is so large that an import should hold no other one at the same time.
    pub(super) fn is_large(&self) -> bool {
        self.records.iter().map(NewRecord::size).sum::<usize>() > LARGE_CHUNK_BYTES
    }
}

/// An error that makes an import fail.
#[derive(Debug, thiserror::Error)]
pub(super) enum ImportError {
    /// The source is invalid. The message is shown to the user.
    #[error("{0}")]
    Rejected(String),
    /// The storage failed. If several servers use it, the import can be resumed. The source is only for the log.
    #[error("the server failed during the import")]
    Storage(#[source] StorageError),
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
            StorageError::Missing(Missing::SourceSpan(span)) => {
                missing(format!("the span `{}` of trace `{}`", span.span_id, span.trace_id))
            }
            StorageError::Missing(Missing::Record(id)) => missing(format!("the record `{id}`")),
            error @ (StorageError::Full
            | StorageError::Stopped
            | StorageError::DiskFailed
            | StorageError::ImportAborted) => Self::Rejected(error.to_string()),
            error => Self::Storage(error),
        }
    }
}

impl Source {
    /// Opens the source of an import at the position where its staged records end.
    pub(super) async fn open(
        import: &ClaimedImport,
        storage: &Arc<dyn Storage>,
        contents: &dyn ContentStore,
        rules: LineRules,
    ) -> Result<Self, ImportError> {
        let position = import.position;
        let reader = match &import.source {
            ClaimedSource::File { id, bytes, sha256 } => {
                let expected = ExpectedContent { id: *id, bytes: *bytes, sha256: sha256.clone() };
                let content = open_verified(contents, expected).await.map_err(content_error)?;
                let lines = FileLines::new(BlockingReader::new(content), *bytes, rules);
                let skipping = tokio::task::spawn_blocking(move || lines.skip_to(position));
                Reader::File(Box::new(skipping.await.map_err(internal)?.map_err(read_error)?))
            }
            ClaimedSource::Ids(count) => {
                Reader::Ids { done: position.offset, count: *count, mapping: None }
            }
            ClaimedSource::Spans(count, mapping) => {
                let mapping = Some(Arc::new(mapping.clone()));
                Reader::Ids { done: position.offset, count: *count, mapping }
            }
        };
        let objects = SourceObjects {
            storage: Arc::clone(storage),
            task: import.claim.task,
            workspace: import.workspace,
        };
        Ok(Self { objects, reader })
    }

    /// Reads the next chunk.
    pub(super) async fn next_chunk(mut self) -> Result<(Self, Chunk), ImportError> {
        match self.reader {
            Reader::File(mut lines) => {
                let reading = tokio::task::spawn_blocking(move || {
                    let chunk = lines.next_chunk()?;
                    Ok::<_, ImportError>((lines, chunk))
                });
                let (lines, chunk) = reading.await.map_err(internal)??;
                self.reader = Reader::File(lines);
                Ok((self, chunk))
            }
            Reader::Ids { done, count, mapping } => {
                let mut records = Vec::new();
                if done < count {
                    records = copies(&self.objects, mapping.as_deref(), done).await?;
                    if records.is_empty() {
                        return Err(ImportError::Internal("no object was read".into()));
                    }
                }
                let done = done + records.len() as u64;
                self.reader = Reader::Ids { done, count, mapping };
                let chunk = Chunk {
                    records,
                    end: ImportPosition { offset: done, line: 0 },
                    progress: Progress::of(done, count),
                    last: done >= count,
                };
                Ok((self, chunk))
            }
        }
    }
}

/// Returns records for the objects after the first `done` ones. Large objects come in smaller batches.
async fn copies(
    source: &SourceObjects,
    mapping: Option<&SpanMapping>,
    done: u64,
) -> Result<Vec<NewRecord>, ImportError> {
    let SourceObjects { storage, workspace, task } = source;
    let (workspace, task) = (*workspace, *task);
    match storage.import_ids(task, done).await? {
        // The messages of a record are those of the request followed by those of the response, the properties are the extra
        // fields of the event, and the source is `EXPLORER`. (An assumption; the service does not document its mapping.)
        SourceIds::Events(ids) => {
            let events = storage.events(workspace, ids, CHUNK_BYTES).await?;
            let records = events.into_iter().map(|event| {
                let [request, response] = telemetry::messages(event.messages);
                Ok(NewRecord {
                    payload: payload(&[&*request, &*response])?,
                    properties: event.extra_fields,
                    source: RecordSource::Explorer,
                })
            });
            records.collect()
        }
        // The messages of a record are those of the conversation, and the source is `PLAYGROUND`.
        SourceIds::Conversations(ids) => {
            let conversations = storage.conversations(workspace, ids, CHUNK_BYTES).await?;
            let records = conversations.into_iter().map(|conversation| {
                Ok(NewRecord {
                    payload: payload(&[&*conversation.messages])?,
                    properties: "{}".to_owned(),
                    source: RecordSource::Playground,
                })
            });
            records.collect()
        }
        SourceIds::Spans(references) => {
            let mapping = mapping.ok_or_else(|| {
                ImportError::Internal("an import from spans has no mapping".into())
            })?;
            let spans = storage.span_attributes(workspace, references, CHUNK_BYTES).await?;
            spans.iter().map(|span| span_mapping::record(span, mapping)).collect()
        }
        // A copy has the payload, properties and source of the original.
        SourceIds::Records(ids) => {
            let originals = storage.records_by_id(workspace, ids, CHUNK_BYTES).await?;
            let copies = originals.into_iter().map(|record| NewRecord {
                payload: record.payload,
                properties: record.properties,
                source: record.source.into(),
            });
            Ok(copies.collect())
        }
    }
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> ImportError {
    ImportError::Internal(Box::new(error))
}

fn payload(messages: &[&str]) -> Result<String, ImportError> {
    join_messages(messages).map_err(internal)
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
    fn a_chunk_is_large_if_one_of_its_records_is() {
        let chunk = |sizes: &[usize]| {
            let records = sizes.iter().map(|size| NewRecord {
                payload: "x".repeat(*size),
                properties: "{}".to_owned(),
                source: RecordSource::UploadedFile,
            });
            let (end, progress) = (ImportPosition::default(), Progress::NONE);
            Chunk { records: records.collect(), end, progress, last: false }
        };
        assert!(!chunk(&[]).is_large());
        assert!(!chunk(&[CHUNK_BYTES - 200, CHUNK_BYTES - 200]).is_large());
        assert!(chunk(&[10, 2 * CHUNK_BYTES]).is_large());
    }

    #[test]
    fn messages_are_joined_verbatim() {
        assert_eq!(
            join_messages(&[r#"[ {"a":1.0} ,{}]"#, "[]", r#"[{"b": 2}]"#]).unwrap(),
            r#"{"messages":[{"a":1.0},{},{"b": 2}]}"#
        );
        assert_eq!(join_messages(&["[]"]).unwrap(), r#"{"messages":[]}"#);
    }
}
