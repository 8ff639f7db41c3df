//! How the source of an import is stored: its ids in blocks, so that an import can continue anywhere without reading all of them.

use serde::Serialize;
use uuid::Uuid;

use super::{ImportSource, SourceIds, SpanReference, StorageError};

/// The number of ids in a block.
pub(crate) const IMPORT_BLOCK: usize = 500;

/// The source of an import in the form in which it is stored.
pub(crate) struct StoredSource {
    /// FILE, EVENTS, CONVERSATIONS, RECORDS or SPANS.
    pub(crate) name: &'static str,
    pub(crate) file: Option<Uuid>,
    /// What an import from spans copies, as JSON.
    pub(crate) mapping: Option<String>,
    /// The number of ids in all blocks.
    pub(crate) ids: usize,
    /// All blocks but the last one have [`IMPORT_BLOCK`] ids.
    pub(crate) blocks: Vec<Vec<u8>>,
}

impl StoredSource {
    pub(crate) fn encode(source: &ImportSource) -> Result<Self, StorageError> {
        let mut mapping = None;
        let (name, ids, blocks) = match source {
            ImportSource::File(file) => {
                let (ids, blocks) = (0, Vec::new());
                return Ok(Self { name: "FILE", file: Some(*file), mapping, ids, blocks });
            }
            ImportSource::Ids(SourceIds::Events(ids)) => ("EVENTS", ids.len(), json_blocks(ids)?),
            ImportSource::Ids(SourceIds::Conversations(ids)) => {
                ("CONVERSATIONS", ids.len(), json_blocks(ids)?)
            }
            ImportSource::Ids(SourceIds::Records(ids)) => {
                let block = |ids: &[Uuid]| ids.iter().flat_map(|id| *id.as_bytes()).collect();
                ("RECORDS", ids.len(), ids.chunks(IMPORT_BLOCK).map(block).collect())
            }
            ImportSource::Ids(SourceIds::Spans(_)) => {
                return Err(StorageError::Failed("an import from spans has no mapping".into()));
            }
            ImportSource::Spans(references, fields) => {
                mapping = Some(serde_json::to_string(fields).map_err(failed)?);
                ("SPANS", references.len(), json_blocks(references)?)
            }
        };
        Ok(Self { name, file: None, mapping, ids, blocks })
    }
}

fn json_blocks<T: Serialize>(ids: &[T]) -> Result<Vec<Vec<u8>>, StorageError> {
    ids.chunks(IMPORT_BLOCK).map(|block| serde_json::to_vec(block).map_err(failed)).collect()
}

/// Returns the ids of a block without the first `skip` ones. `source` is the [name](StoredSource::name) of the source.
pub(crate) fn decode_import_block(
    source: &str,
    block: &[u8],
    skip: usize,
) -> Result<SourceIds, StorageError> {
    let names = || -> Result<Vec<String>, StorageError> {
        let names: Vec<String> = serde_json::from_slice(block).map_err(failed)?;
        Ok(names.into_iter().skip(skip).collect())
    };
    match source {
        "EVENTS" => Ok(SourceIds::Events(names()?)),
        "CONVERSATIONS" => Ok(SourceIds::Conversations(names()?)),
        "RECORDS" => {
            let (uuids, _) = block.as_chunks();
            Ok(SourceIds::Records(uuids.iter().skip(skip).copied().map(Uuid::from_bytes).collect()))
        }
        "SPANS" => {
            let references: Vec<SpanReference> = serde_json::from_slice(block).map_err(failed)?;
            Ok(SourceIds::Spans(references.into_iter().skip(skip).collect()))
        }
        other => Err(StorageError::Failed(format!("unexpected import source `{other}`").into())),
    }
}

fn failed(error: serde_json::Error) -> StorageError {
    StorageError::Failed(error.into())
}
