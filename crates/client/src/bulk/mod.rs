//! Creating many records from a stream, and importing JSONL.
//!
//! Neither call creates a record twice. The error of a failed call has a [`report`](crate::Error::report), from which a later
//! call can resume.
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

use crate::error::{Error, ErrorKind};

/// Returns whether a failed write may have been applied: the error is ambiguous, or the server reported success in a
/// response that cannot be decoded.
fn may_have_been_applied(error: &Error) -> bool {
    error.is_ambiguous() || error.kind() == ErrorKind::Decoding
}
