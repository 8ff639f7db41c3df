//! Creating many records from a stream, and importing JSONL or spans.
//!
//! A source that yields nothing was probably read before, so it is an error. Only a collection of records, which can be read
//! several times, may be empty.
//!
//! No call creates a record twice. The error of a failed call has a [`report`](crate::Error::report), from which a later
//! call can resume, also in another process: reports of the first two can be stored as JSON. A report can only be resumed for its own dataset.
//!
//! The modules, from the bottom up:
//!
//! - `record_keys`, `json_array`, `foreign_format`: the keys of a record, and input that is not JSON Lines
//! - `record`, `validate_line`, `parse_line`: one record, and JSONL lines as records
//! - `jsonl`, `shared_file`, `line_reader`, `upload_parts`: reading a source and splitting it into uploadable parts
//! - `importable_line`: one line as it is uploaded
//! - `scan`: the validation pass over a source
//! - `import_part`: uploading and importing one part
//! - `adaptive_concurrency`, `create_single`, `create_by_file`: the two strategies for creating records
//! - `create`, `import`, `import_spans`: the public calls

mod adaptive_concurrency;
mod create;
mod create_by_file;
mod create_single;
mod foreign_format;
mod import;
mod import_part;
mod import_spans;
mod importable_line;
mod json_array;
mod jsonl;
mod line_reader;
mod parse_line;
mod record;
mod record_keys;
mod scan;
mod shared_file;
mod upload_parts;
mod validate_line;

pub use create::CreateRecords;
pub use import::ImportJsonl;
pub use import_spans::{ImportSpans, IntoSpanReference};
pub use jsonl::Jsonl;
pub use record::{IntoRecord, NewRecord};

use uuid::Uuid;

use crate::error::{Error, ErrorKind};

/// Returns whether a failed write may have been applied: the error is ambiguous, or the server reported success in a
/// response that cannot be decoded.
fn may_have_been_applied(error: &Error) -> bool {
    error.is_ambiguous() || error.kind() == ErrorKind::Decoding
}

/// Creates the error for a source that yields nothing. `detail` is appended to the message.
fn empty_source(operation: &'static str, detail: &str) -> Error {
    Error::invalid(operation, format!("the source is empty{detail}"))
        .with_hint("if the source was read before, rewind it or open it again")
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
