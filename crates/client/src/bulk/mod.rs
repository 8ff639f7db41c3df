//! Creating many records from a stream, and importing JSONL.
//!
//! Neither call creates a record twice. The error of a failed call has a [`report`](crate::Error::report), from which a later
//! call can resume, also in another process: reports can be stored as JSON. A report can only be resumed for its own dataset.
//!
//! The modules, from the bottom up:
//!
//! - `record`, `validate_line`, `parse_line`: one record, and JSONL lines as records
//! - `jsonl`, `shared_file`, `line_reader`, `upload_parts`: reading a source and splitting it into uploadable parts
//! - `scan`: the validation pass over a source
//! - `import_part`: uploading and importing one part
//! - `adaptive_concurrency`, `create_single`, `create_by_file`: the two strategies for creating records
//! - `create`, `import`: the public calls

mod adaptive_concurrency;
mod create;
mod create_by_file;
mod create_single;
mod import;
mod import_part;
mod jsonl;
mod line_reader;
mod parse_line;
mod record;
mod scan;
mod shared_file;
mod upload_parts;
mod validate_line;

pub use create::CreateRecords;
pub use import::ImportJsonl;
pub use jsonl::Jsonl;
pub use record::{IntoRecord, NewRecord};

use uuid::Uuid;

use crate::error::{Error, ErrorKind};

/// Returns whether a failed write may have been applied: the error is ambiguous, or the server reported success in a
/// response that cannot be decoded.
fn may_have_been_applied(error: &Error) -> bool {
    error.is_ambiguous() || error.kind() == ErrorKind::Decoding
}

/// Rejects the report of a call for another dataset. `reported` is empty for the report of no call.
fn require_same_dataset(
    operation: &'static str,
    reported: &str,
    dataset_id: &str,
) -> Result<(), Error> {
    let is_same = |one: Uuid| Uuid::try_parse(dataset_id).is_ok_and(|other| one == other);
    if reported.is_empty() || reported == dataset_id || Uuid::try_parse(reported).is_ok_and(is_same)
    {
        return Ok(());
    }
    let message = format!(
        "resume: the report belongs to the dataset `{reported}`; pass the same ID or slug as the earlier call"
    );
    Err(Error::invalid(operation, message))
}
