//! The directory in which a server keeps its data, and that one server at a time uses it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::config::DataLocation;
use crate::sqlite::Durability;

/// A server that was just dropped in this process may still be finishing what it was asked to write.
const OWN_CLOSING: Duration = Duration::from_secs(2);

/// The database of a data directory.
pub(crate) fn database(directory: &Path) -> PathBuf {
    directory.join("datasets.sqlite3")
}

/// Where a data directory has the contents of files.
pub(crate) fn files(directory: &Path) -> PathBuf {
    directory.join("files")
}

/// A directory that this server has for itself as long as this lives.
pub(crate) struct DataDirectory {
    path: PathBuf,
    // Declared before the directory, so that the lock's file is closed when the directory goes.
    _lock: File,
    temporary: Option<TempDir>,
}

/// Why a directory could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    /// Another server uses it.
    #[error("another server uses it{}", holder(.0))]
    InUse(Option<u32>),
    /// It cannot be made, read or written.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

fn holder(process: &Option<u32>) -> String {
    process.map(|process| format!(" (process {process})")).unwrap_or_default()
}

impl DataDirectory {
    /// Makes the directory where it is missing, and locks it.
    pub(crate) fn open(location: &DataLocation) -> Result<Self, DataError> {
        let (path, temporary) = match location {
            DataLocation::Directory(path) => (path.clone(), None),
            DataLocation::Memory => {
                let directory = tempfile::Builder::new().prefix("mistral-datasets-").tempdir()?;
                (directory.path().to_owned(), Some(directory))
            }
        };
        std::fs::create_dir_all(&path)?;
        let lock = lock(&path.join("lock"))?;
        Ok(Self { path, _lock: lock, temporary })
    }

    pub(crate) fn database(&self) -> PathBuf {
        database(&self.path)
    }

    pub(crate) fn files(&self) -> PathBuf {
        files(&self.path)
    }

    /// Data that ends with the process need not wait for the disk.
    pub(crate) fn durability(&self) -> Durability {
        if self.temporary.is_some() { Durability::Off } else { Durability::Full }
    }
}

/// Locks a file and writes into it which process did. The system lets go of the lock when the process ends, however it ends.
fn lock(path: &Path) -> Result<File, DataError> {
    let mut file =
        OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
    let give_up = Instant::now() + OWN_CLOSING;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(error.into()),
            Err(TryLockError::WouldBlock) => {}
        }
        // Some systems do not even let a locked file be read; the holder is then not named.
        let mut process = String::new();
        let _ = file.rewind().and_then(|()| file.read_to_string(&mut process));
        let process = process.trim().parse().ok();
        if process != Some(std::process::id()) || Instant::now() > give_up {
            return Err(DataError::InUse(process));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_had_once_and_again_after_it_was_given_back() {
        let directory = tempfile::tempdir().unwrap();
        let location = DataLocation::Directory(directory.path().join("made/here"));
        let first = DataDirectory::open(&location).unwrap();
        let Err(error) = DataDirectory::open(&location) else { panic!("opened twice") };
        let process = std::process::id();
        assert_eq!(error.to_string(), format!("another server uses it (process {process})"));
        drop(first);
        DataDirectory::open(&location).unwrap();
    }

    #[test]
    fn a_temporary_directory_goes_with_the_server() {
        let directory = DataDirectory::open(&DataLocation::Memory).unwrap();
        let path = directory.path.clone();
        assert!(path.is_dir());
        drop(directory);
        assert!(!path.exists());
    }
}
