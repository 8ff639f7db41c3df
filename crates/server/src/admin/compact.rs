//! Compacts the database of a data directory that no server is using.

use std::path::{Path, PathBuf};

use crate::data_dir::{self, DataDirectory, DataError};
use crate::sqlite::{self, CompactFailure, OpenError};

/// The size of a database before and after compacting it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compaction {
    /// The size of the database and its write-ahead log before, in bytes.
    pub bytes_before: u64,
    /// The size of the database afterwards, in bytes.
    pub bytes_after: u64,
}

/// An error compacting a data directory. The data is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompactError {
    /// The path is not a data directory, or it is empty.
    #[error("{} is not a data directory of a server", .0.display())]
    NotADataDirectory(PathBuf),
    /// A server is using the directory, or another program has opened the database.
    #[error("cannot compact {}: another process is using it{}", path.display(), holder(.process))]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The process id, if known.
        process: Option<u32>,
    },
    /// The disk has less free space than the compacted database may need.
    #[error("cannot compact {}: {needed} bytes of free disk space are needed, {available} are available", path.display())]
    DiskFull {
        /// The directory.
        path: PathBuf,
        /// The number of bytes needed.
        needed: u64,
        /// The number of bytes available.
        available: u64,
    },
    /// Reading or writing failed, or a newer version of the server wrote the data directory.
    #[error("cannot compact {}: {source}", path.display())]
    Failed {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// `should_continue` returned false.
    #[error("compacting was stopped")]
    Stopped,
}

fn holder(process: &Option<u32>) -> String {
    process.map(|process| format!(" (process {process})")).unwrap_or_default()
}

/// Rewrites the database in `directory` without free space.
///
/// The new database is written next to the old one, flushed to disk, and replaces it atomically, so an interruption at any moment
/// leaves one of the two. This needs as much free disk space as the new database, which is checked before anything is written.
///
/// `should_continue` is called regularly; if it returns false, compacting stops. This function blocks until it is complete.
///
/// # Errors
/// Fails if `directory` is not a data directory or is used by another process, if the disk is too full, or if reading or writing
/// fails.
pub fn compact(
    directory: &Path,
    should_continue: impl Fn() -> bool + Send + 'static,
) -> Result<Compaction, CompactError> {
    let path = directory.to_owned();
    // Opening the directory would create it.
    if !data_dir::database(directory).metadata().is_ok_and(|file| file.is_file() && file.len() > 0)
    {
        return Err(CompactError::NotADataDirectory(path));
    }
    let opened = DataDirectory::open(&path);
    let opened = opened.map_err(|error| match error {
        DataError::InUse(process) => CompactError::InUse { path: path.clone(), process },
        DataError::Io(source) => CompactError::Failed { path: path.clone(), source: source.into() },
    })?;
    let temporary = match opened.create_compacted() {
        Ok(temporary) => temporary,
        Err(source) => return Err(CompactError::Failed { path, source: source.into() }),
    };
    match sqlite::compact(&opened.database(), &temporary, opened.space(), should_continue) {
        Ok((bytes_before, bytes_after)) => Ok(Compaction { bytes_before, bytes_after }),
        Err(CompactFailure::Stopped) => Err(CompactError::Stopped),
        Err(CompactFailure::NoSchema) => Err(CompactError::NotADataDirectory(path)),
        Err(CompactFailure::Busy) => Err(CompactError::InUse { path, process: None }),
        Err(CompactFailure::DiskFull { needed, available }) => {
            Err(CompactError::DiskFull { path, needed, available })
        }
        Err(CompactFailure::Io(error)) => Err(CompactError::Failed { path, source: error.into() }),
        Err(CompactFailure::Open(error @ OpenError::Newer { .. })) => {
            Err(CompactError::Failed { path, source: error.into() })
        }
        Err(CompactFailure::Open(OpenError::Thread(error))) => {
            Err(CompactError::Failed { path, source: error.into() })
        }
        Err(CompactFailure::Open(OpenError::Database(error))) => {
            Err(CompactError::Failed { path, source: error.into() })
        }
    }
}
