//! Why a storage did not do what it was asked.

use uuid::Uuid;

/// What was asked for and is not there, or belongs to somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Dataset,
    Record(Uuid),
    Task,
    File,
    Event(String),
    Conversation(String),
    Campaign,
    /// The campaign is there, but none of its events is.
    CampaignEvents,
}

/// Why a storage did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    /// Something is not there.
    #[error("not found")]
    Missing(Missing),
    /// An import was stopped from outside while it ran, because its dataset is gone.
    #[error("the dataset was deleted while the import ran")]
    ImportCut,
    /// The storage is being closed.
    #[error("the server is stopping")]
    Stopped,
    /// There is no room to write.
    #[error("there is no space left to write to")]
    Full,
    /// The disk failed to keep something, so that nothing more can be promised.
    #[error(
        "the disk has failed to keep a write; the server takes no more of them until it is restarted"
    )]
    DiskFailed,
    /// The database failed. The source is for the log, never for a response.
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
