//! Many records at once: creating them from a stream, and importing JSONL.
//!
//! Both calls send nothing twice. What they had done when they failed is the error's [`report`](crate::Error::report), with
//! which a later call goes on.

mod by_file;
mod checking;
mod compression;
mod create;
mod disk;
mod from_jsonl_line;
mod import;
mod jsonl;
mod line;
mod lines;
mod one_by_one;
mod pace;
mod record;
mod report;
mod spool;
mod strategy;
mod transfer;

pub use compression::Compression;
pub use create::CreateRecords;
pub use import::ImportJsonl;
pub use jsonl::Jsonl;
pub use record::{IntoRecord, NewRecord};
pub use report::{
    CreateReport, ImportReport, ImportedFile, InvalidLine, Outcome, Report, UnknownFile,
};
pub use strategy::Strategy;

use crate::error::{Error, ErrorKind};

/// Whether a write that failed so may have been carried out: the client says so, or the server said that it was, in a response
/// that cannot be read.
fn may_be_done(error: &Error) -> bool {
    error.is_ambiguous() || error.kind() == ErrorKind::Decoding
}
