//! The layout of a data directory, and the lock that reserves it for one server.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::config::DataLocation;
use crate::disk_space::DiskSpace;
use crate::private_files;

/// How long to wait for a server in this process that was dropped but is still finishing its writes.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Returns the path of the database in a data directory.
pub(crate) fn database(directory: &Path) -> PathBuf {
    directory.join("datasets.sqlite3")
}

/// Returns the path of the file contents in a data directory.
pub(crate) fn files(directory: &Path) -> PathBuf {
    directory.join("files")
}

/// Returns the path of the file with the time of the last backup of a data directory.
pub(crate) fn last_backup(directory: &Path) -> PathBuf {
    directory.join("last-backup")
}

/// Returns the path of the disk space reserve in a data directory.
fn reserve(directory: &Path) -> PathBuf {
    directory.join("reserve")
}

/// A data directory, locked until this value is dropped.
pub(crate) struct DataDirectory {
    path: PathBuf,
    space: DiskSpace,
    // Declared before the temporary directory: the lock file must be closed before the directory is removed.
    _lock: File,
    _temporary: Option<TempDir>,
}

/// An error opening a data directory.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    /// Another server is using it. The process id is given if known.
    #[error("another server is using it{}", holder(.0))]
    InUse(Option<u32>),
    /// It cannot be created, read or written.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

fn holder(process: &Option<u32>) -> String {
    process.map(|process| format!(" (process {process})")).unwrap_or_default()
}

impl DataDirectory {
    /// Creates the directory if it is missing, locks it, and makes it private to its owner.
    pub(crate) fn open(location: &DataLocation) -> Result<Self, DataError> {
        let (path, temporary) = match location {
            // Absolute, so that it stays the same when the program changes its working directory.
            DataLocation::Directory(path) => (std::path::absolute(path)?, None),
            DataLocation::Memory => {
                let directory =
                    private_files::temporary_directory("mistral-datasets-", &std::env::temp_dir())?;
                (directory.path().to_owned(), Some(directory))
            }
        };
        private_files::create_directory(&path)?;
        let lock_file = path.join("lock");
        private_files::create_file(&lock_file)?;
        let lock = lock(&lock_file)?;
        let space = match &temporary {
            None => {
                private_files::create_file(&reserve(&path))?;
                DiskSpace::open(&path, &reserve(&path))?
            }
            Some(_) => DiskSpace::without_reserve_file(&path),
        };
        // SQLite gives its other files the permissions of the database.
        let database = database(&path);
        private_files::create_file(&database)?;
        for suffix in ["-wal", "-shm"] {
            let mut name = database.clone().into_os_string();
            name.push(suffix);
            private_files::restrict(Path::new(&name))?;
        }
        Ok(Self { path, space, _lock: lock, _temporary: temporary })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn database(&self) -> PathBuf {
        database(&self.path)
    }

    /// Returns the disk space of the directory.
    pub(crate) fn space(&self) -> &DiskSpace {
        &self.space
    }

    pub(crate) fn files(&self) -> PathBuf {
        files(&self.path)
    }
}

/// Locks a file and writes the id of this process to it. The operating system releases the lock when the process ends.
fn lock(path: &Path) -> Result<File, DataError> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let deadline = Instant::now() + CLOSE_TIMEOUT;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(error.into()),
            Err(TryLockError::WouldBlock) => {}
        }
        // Some systems do not allow reading a locked file; the process id is unknown then.
        let mut process = String::new();
        let _ = file.rewind().and_then(|()| file.read_to_string(&mut process));
        let process = process.trim().parse().ok();
        if process != Some(std::process::id()) || Instant::now() > deadline {
            return Err(DataError::InUse(process));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    // The id is only information for others. It cannot be written on a full disk.
    let written = file.set_len(0).and_then(|()| file.rewind());
    if let Err(error) = written.and_then(|()| writeln!(file, "{}", std::process::id())) {
        tracing::debug!(%error, "failed to write the process id to the lock file");
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_can_be_opened_again_after_it_was_closed() {
        let directory = tempfile::tempdir().unwrap();
        let location = DataLocation::Directory(directory.path().join("new/directory"));
        let first = DataDirectory::open(&location).unwrap();
        let Err(error) = DataDirectory::open(&location) else { panic!("opened twice") };
        let process = std::process::id();
        assert_eq!(error.to_string(), format!("another server is using it (process {process})"));
        drop(first);
        DataDirectory::open(&location).unwrap();
    }

    #[test]
    fn a_temporary_directory_is_removed_on_drop() {
        let directory = DataDirectory::open(&DataLocation::Memory).unwrap();
        let path = directory.path.clone();
        assert!(path.is_dir());
        drop(directory);
        assert!(!path.exists());
    }
}
