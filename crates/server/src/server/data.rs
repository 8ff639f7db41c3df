//! Opens the data of a server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::StartError;
use crate::config::DataLocation;
#[cfg(feature = "scale-out")]
use crate::config::SharedData;
use crate::content::{ContentError, ContentStore, DirectoryStore};
#[cfg(feature = "scale-out")]
use crate::content::{ObjectContentStore, ObjectLocation};
use crate::data_dir::{DataDirectory, DataError};
#[cfg(feature = "scale-out")]
use crate::postgres::PostgresStorage;
use crate::sqlite::{OpenError, SqliteStorage, Synchronous};
use crate::storage::{Storage, StorageError};

/// The data of a server, ready for the first request.
pub(super) struct Data {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) contents: Arc<dyn ContentStore>,
    /// Locked while the server runs. Servers that share their data have none.
    pub(super) directory: Option<DataDirectory>,
    /// The key for signing links.
    pub(super) secret: Vec<u8>,
    /// The ids of all stored contents.
    pub(super) stored: Vec<Uuid>,
}

impl Data {
    /// Opens the data, with a storage that is wrapped by `wrap`.
    pub(super) async fn open(
        location: &DataLocation,
        wrap: impl FnOnce(SqliteStorage) -> Arc<dyn Storage>,
    ) -> Result<Self, StartError> {
        match location {
            DataLocation::Memory => {
                let directory = std::env::temp_dir();
                let opening = Self::open_directory(None, wrap);
                opening.await.map_err(|failure| failure.in_directory(directory))
            }
            DataLocation::Directory(path) => {
                let opening = Self::open_directory(Some(path.clone()), wrap);
                opening.await.map_err(|failure| failure.in_directory(path.clone()))
            }
            #[cfg(feature = "scale-out")]
            DataLocation::Shared(shared) => Self::open_shared(shared).await,
        }
    }

    /// Connects to a database and an object store, and migrates the database.
    #[cfg(feature = "scale-out")]
    async fn open_shared(shared: &SharedData) -> Result<Self, StartError> {
        let objects = |error: Box<dyn std::error::Error + Send + Sync>| StartError::Objects(error);
        let location = ObjectLocation::parse(&shared.objects).map_err(|e| objects(e.into()))?;
        let contents = ObjectContentStore::open(&location).map_err(|e| objects(e.into()))?;
        let storage = PostgresStorage::open(&shared.database)
            .await
            .map_err(|error| StartError::Database(error.into()))?;
        let secret = secret(&storage).await.map_err(|error| StartError::Database(error.into()))?;
        Ok(Self {
            storage: Arc::new(storage),
            contents: Arc::new(contents),
            directory: None,
            secret,
            // Other servers may be writing contents that are not in the database yet.
            stored: Vec::new(),
        })
    }

    /// Opens a data directory, or a temporary one.
    async fn open_directory(
        path: Option<PathBuf>,
        wrap: impl FnOnce(SqliteStorage) -> Arc<dyn Storage>,
    ) -> Result<Self, Failure> {
        let opened = tokio::task::spawn_blocking(move || open(path.as_deref())).await;
        let (storage, contents, directory) =
            opened.unwrap_or_else(|panic| Err(Failure::Other(panic.into())))?;
        let storage = wrap(storage);
        let secret = secret(&*storage).await?;
        let stored = contents.list().await?;
        let (contents, directory) = (Arc::new(contents), Some(directory));
        Ok(Self { storage, contents, directory, secret, stored })
    }
}

fn open(path: Option<&Path>) -> Result<(SqliteStorage, DirectoryStore, DataDirectory), Failure> {
    let (directory, synchronous) = match path {
        Some(path) => (DataDirectory::open(path)?, Synchronous::Full),
        // Temporary data ends with the process, so it need not survive a crash.
        None => (DataDirectory::temporary()?, Synchronous::Off),
    };
    let storage =
        SqliteStorage::open(&directory.database(), synchronous, directory.space().clone())?;
    let contents = DirectoryStore::open(directory.files(), directory.space().clone())?;
    Ok((storage, contents, directory))
}

/// Returns the key for signing links. Only the first start writes it, so that a server can be started on a full disk.
async fn secret(storage: &dyn Storage) -> Result<Vec<u8>, StorageError> {
    match storage.secret().await? {
        Some(secret) => Ok(secret),
        None => storage.set_secret(rand::random::<[u8; 32]>().to_vec()).await,
    }
}

/// An error opening a data directory, without its path.
enum Failure {
    InUse(Option<u32>),
    Newer(String),
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl Failure {
    fn in_directory(self, path: PathBuf) -> StartError {
        match self {
            Self::InUse(process) => StartError::InUse { path, process },
            Self::Newer(reason) => StartError::NewerVersion { path, reason },
            Self::Other(source) => StartError::Data { path, source },
        }
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        match error {
            DataError::InUse(process) => Self::InUse(process),
            DataError::Io(error) => Self::Other(error.into()),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Newer { .. } => Self::Newer(error.to_string()),
            OpenError::Database(error) => Self::Other(error.into()),
            OpenError::Thread(error) => Self::Other(error.into()),
        }
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::Other(error.into())
    }
}

impl From<ContentError> for Failure {
    fn from(error: ContentError) -> Self {
        Self::Other(error.into())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Other(error.into())
    }
}
