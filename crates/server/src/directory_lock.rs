//! Locks on directories themselves.
//!
//! A lock file can be deleted or replaced while it is locked. The directory that contains it cannot be replaced without moving
//! everything in it, so its lock holds as long as the data is in use. On Unix the lock is a `flock` on the directory, which is
//! released when the process ends. It is independent of the locks of SQLite, which are on the database file.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

/// Who else may lock the directory at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Nobody.
    Exclusive,
    /// Others that share it.
    Shared,
}

/// A lock on a directory, released on drop.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    /// `None` if the system cannot lock directories.
    file: Option<File>,
}

/// Tries to lock a directory. Returns `None` if another process or another part of this process holds the lock.
///
/// Windows and some network file systems cannot lock directories. The returned lock then has no effect.
pub(crate) fn try_lock(path: &Path, sharing: Sharing) -> io::Result<Option<DirectoryLock>> {
    if cfg!(not(unix)) {
        return Ok(Some(DirectoryLock { file: None }));
    }
    let file = File::open(path)?;
    let result = match sharing {
        Sharing::Exclusive => file.try_lock(),
        Sharing::Shared => file.try_lock_shared(),
    };
    match result {
        Ok(()) => Ok(Some(DirectoryLock { file: Some(file) })),
        Err(TryLockError::WouldBlock) => Ok(None),
        // For example, NFS locks only files that are open for writing.
        Err(TryLockError::Error(error)) => {
            tracing::debug!(path = %path.display(), %error, "cannot lock the directory");
            Ok(Some(DirectoryLock { file: None }))
        }
    }
}

impl DirectoryLock {
    /// Returns whether the system supports the lock, so that it excludes others.
    pub(crate) fn is_effective(&self) -> bool {
        self.file.is_some()
    }

    /// Returns whether the directory is still at `path`. It may have been removed between opening and locking it.
    #[cfg(unix)]
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;

        let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        match &self.file {
            Some(file) => {
                let locked = file.metadata().map(identity).ok();
                locked.is_some() && locked == std::fs::symlink_metadata(path).map(identity).ok()
            }
            None => path.is_dir(),
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        path.is_dir()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn exclusive_locks_exclude_all_others_and_shared_ones_only_exclusive_ones() {
        let directory = tempfile::tempdir().unwrap();
        let lock = |sharing| try_lock(directory.path(), sharing).unwrap();
        let exclusive = lock(Sharing::Exclusive).unwrap();
        assert!(exclusive.is_effective() && exclusive.is_at(directory.path()));
        assert!(lock(Sharing::Exclusive).is_none() && lock(Sharing::Shared).is_none());
        drop(exclusive);
        let shared = lock(Sharing::Shared).unwrap();
        assert!(lock(Sharing::Exclusive).is_none());
        drop((lock(Sharing::Shared).unwrap(), shared));
        lock(Sharing::Exclusive).unwrap();
    }

    #[test]
    fn a_replaced_directory_is_detected() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("inner");
        std::fs::create_dir(&path).unwrap();
        let lock = try_lock(&path, Sharing::Exclusive).unwrap().unwrap();
        std::fs::rename(&path, outer.path().join("moved")).unwrap();
        assert!(!lock.is_at(&path));
        std::fs::create_dir(&path).unwrap();
        assert!(!lock.is_at(&path));
    }
}
