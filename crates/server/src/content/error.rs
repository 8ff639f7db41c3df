//! Errors of content stores.

use std::io;

/// An error reading or writing a content.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContentError {
    /// No content has this id.
    #[error("the content does not exist")]
    Missing,
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// The stored bytes are not those that were written.
    #[error("the stored content is damaged: its size or its checksum is wrong")]
    Damaged,
    /// The store failed. The source is only for the log; it must not appear in a response.
    #[error("the content store failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ContentError {
    /// Returns the error of a writer that has failed before.
    pub(super) fn already_failed() -> Self {
        Self::Failed("an earlier write failed".into())
    }
}

impl From<io::Error> for ContentError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Failed(error.into()),
        }
    }
}
