//! The layout of a data directory, and the locks that reserve it for one server.
//!
//! A server locks both the directory itself and a file in it. The file contains the id of the process, excludes servers of
//! earlier versions, and is the only lock on systems that cannot lock directories. The lock of the directory remains if the file
//! is deleted or replaced.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::directory_lock::{self, DirectoryLock, Sharing};
use crate::disk_space::DiskSpace;
use crate::private_files;
use crate::temporary_directory::TemporaryDirectory;

/// The prefix of the names of temporary directories.
const TEMPORARY: &str = "mistral-datasets-memory-";

/// How long to wait for a server in this process that was dropped but is still finishing its writes.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long to wait for a process that locks the lock file only to find out who uses the directory.
const HOLDER_TIMEOUT: Duration = Duration::from_millis(50);

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

/// Returns the path of an incomplete compacted database in a data directory.
fn compacted(directory: &Path) -> PathBuf {
    directory.join("datasets.sqlite3.compacted")
}

/// Returns the path of the disk space reserve in a data directory.
fn reserve(directory: &Path) -> PathBuf {
    directory.join("reserve")
}

/// A data directory, locked until this value is dropped.
pub(crate) struct DataDirectory {
    path: PathBuf,
    space: DiskSpace,
    _reservation: Reservation,
}

/// What keeps others from using the directory.
enum Reservation {
    Locks { _locks: Locks },
    Temporary { _directory: TemporaryDirectory },
}

/// An error opening a data directory.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    /// Another process is using it. Its id is given if known.
    #[error("another process is using it{}", holder(.0))]
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
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        // Absolute, so that it stays the same when the program changes its working directory.
        let path = std::path::absolute(path)?;
        private_files::create_directory(&path)?;
        let locks = lock(&path)?;
        // Left behind by a process that was killed.
        match std::fs::remove_file(compacted(&path)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        private_files::create_file(&reserve(&path))?;
        let space = DiskSpace::open(&path, &reserve(&path))?;
        Self::new(path, space, Reservation::Locks { _locks: locks })
    }

    /// Creates a directory that is removed when the value is dropped.
    pub(crate) fn temporary() -> Result<Self, DataError> {
        let directory = TemporaryDirectory::create(TEMPORARY, &std::env::temp_dir())?;
        let path = directory.path().to_owned();
        let space = DiskSpace::without_reserve_file(&path);
        Self::new(path, space, Reservation::Temporary { _directory: directory })
    }

    fn new(path: PathBuf, space: DiskSpace, reservation: Reservation) -> Result<Self, DataError> {
        // SQLite gives its other files the permissions of the database.
        let database = database(&path);
        private_files::create_file(&database)?;
        for suffix in ["-wal", "-shm"] {
            let mut name = database.clone().into_os_string();
            name.push(suffix);
            private_files::restrict(Path::new(&name))?;
        }
        Ok(Self { path, space, _reservation: reservation })
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

    /// Creates the file that a compacted database is written to, and returns its path.
    pub(crate) fn create_compacted(&self) -> std::io::Result<PathBuf> {
        let path = compacted(&self.path);
        private_files::create_file(&path)?;
        Ok(path)
    }
}

/// The locks of a directory. The operating system releases them when the process ends.
struct Locks {
    _file: File,
    _directory: DirectoryLock,
}

/// Locks a directory.
fn lock(directory: &Path) -> Result<Locks, DataError> {
    let path = directory.join("lock");
    let started = Instant::now();
    loop {
        let holder = match try_lock(directory, &path)? {
            Ok(locks) => return Ok(locks),
            Err(holder) => holder,
        };
        let is_own = holder == Some(std::process::id());
        if started.elapsed() > if is_own { CLOSE_TIMEOUT } else { HOLDER_TIMEOUT } {
            return Err(DataError::InUse(holder));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Tries to lock a directory with its lock file, and writes the id of this process to the file. If another process has locked the
/// directory, returns the id of that process if known.
fn try_lock(directory: &Path, path: &Path) -> std::io::Result<Result<Locks, Option<u32>>> {
    let Some(directory) = directory_lock::try_lock(directory, Sharing::Exclusive)? else {
        return Ok(Err(holder_of(path)));
    };
    private_files::create_file(path)?;
    let mut file = open_lock_file(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::Error(error)) => return Err(error),
        Err(TryLockError::WouldBlock) => return Ok(Err(process_id(&mut file))),
    }
    if !directory.is_effective() && cfg!(unix) {
        tracing::warn!(
            "the file system cannot lock directories; do not delete the lock file while the server is running"
        );
    }
    // The id is only information for others. It cannot be written on a full disk.
    let written = file.set_len(0).and_then(|()| file.rewind());
    if let Err(error) = written.and_then(|()| writeln!(file, "{}", std::process::id())) {
        tracing::debug!(%error, "failed to write the process id to the lock file");
    }
    Ok(Ok(Locks { _file: file, _directory: directory }))
}

/// Opens a lock file so that it cannot be deleted while it is open, where the system supports that.
fn open_lock_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(windows)]
    {
        // FILE_SHARE_READ | FILE_SHARE_WRITE, without FILE_SHARE_DELETE.
        std::os::windows::fs::OpenOptionsExt::share_mode(&mut options, 0x1 | 0x2);
    }
    options.open(path)
}

/// Keeps servers from using a directory while it is read. Returns `None` if a server is using it, or if the system cannot tell.
/// Writes nothing, so that it works on read-only file systems.
pub(crate) fn lock_for_reading(directory: &Path) -> std::io::Result<Option<DirectoryLock>> {
    let lock = directory_lock::try_lock(directory, Sharing::Shared)?;
    // Servers of earlier versions lock only the file.
    let is_file_locked = || {
        File::open(directory.join("lock"))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    };
    Ok(lock.filter(|lock| lock.is_effective() && !is_file_locked()))
}

/// Returns the id of the process that has locked a lock file. The file of an ended process still contains its id, but is not locked.
fn holder_of(path: &Path) -> Option<u32> {
    let mut file = open_lock_file(path).ok()?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => process_id(&mut file),
        _ => None,
    }
}

/// Reads a process id. Some systems do not allow reading a locked file.
fn process_id(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_can_be_opened_again_after_it_was_closed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/directory");
        let first = DataDirectory::open(&path).unwrap();
        let Err(error) = DataDirectory::open(&path) else { panic!("opened twice") };
        let process = std::process::id();
        assert_eq!(error.to_string(), format!("another process is using it (process {process})"));
        drop(first);
        DataDirectory::open(&path).unwrap();
    }

    #[test]
    fn a_temporary_directory_is_removed_on_drop() {
        let directory = DataDirectory::temporary().unwrap();
        let path = directory.path.clone();
        assert!(path.is_dir());
        drop(directory);
        assert!(!path.exists());
    }
}
