//! Storage errors.

use std::time::Duration;

use uuid::Uuid;

use super::SpanReference;

/// Something that does not exist or belongs to another workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Dataset,
    Record(Uuid),
    Task,
    File,
    Event(String),
    Conversation(String),
    /// A span that an import reads.
    SourceSpan(SpanReference),
    Judge,
    Campaign,
    Trace,
    Span,
    /// The campaign exists, but none of its events does.
    CampaignEvents,
}

/// An error of a storage operation.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    /// Something does not exist.
    #[error("not found")]
    Missing(Missing),
    /// The dataset of a running import was deleted.
    #[error("the dataset was deleted while the import ran")]
    ImportAborted,
    /// Another server has taken an import over, or a crash of the database has lost staged records.
    #[error("another server has taken over the import")]
    ClaimLost,
    /// Too many imports are queued.
    #[error("too many imports are queued")]
    QueueFull,
    /// The storage is closing.
    #[error("the server is stopping")]
    Stopped,
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// An fsync failed earlier, so no further write can be made durable.
    #[error("a write could not be synced to disk; the server rejects writes until it is restarted")]
    DiskFailed,
    /// Another program has locked the database.
    #[error("another program is using the database; try again later")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// The database cannot be reached, or is overloaded. Nothing was changed.
    #[error("the database is not available at the moment; try again later")]
    #[cfg_attr(
        not(feature = "scale-out"),
        expect(dead_code, reason = "only a database of its own can be unreachable")
    )]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
        /// Only for the log, like the source of [`Failed`](Self::Failed).
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A read took too long.
    #[error("the query took too long; narrow it, for example to a shorter time range")]
    TimedOut,
    /// The database failed. The source is only for the log; it must not appear in a response.
    #[error("the storage failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<Missing> for StorageError {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

impl From<std::io::Error> for StorageError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Failed(Box::new(error)),
        }
    }
}
