//! Private temporary directories that do not outlive a killed process for long.
//!
//! A directory is locked while it is in use. An unlocked one was left behind by a process that was killed, and the next process
//! that creates a directory with the same prefix removes it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::directory_lock::{self, DirectoryLock, Sharing};
use crate::private_files;

/// The number of random characters at the end of a name.
const RANDOM_LENGTH: usize = 6;

/// How often to try to create a directory. Only a process that removes remains at the same moment makes an attempt fail.
const ATTEMPTS: usize = 10;

/// A private temporary directory, which is locked and removed on drop.
#[derive(Debug)]
pub(crate) struct TemporaryDirectory {
    directory: TempDir,
    lock: DirectoryLock,
}

impl TemporaryDirectory {
    /// Creates a directory whose name consists of a prefix and random characters, and removes the remains of processes that were
    /// killed.
    pub(crate) fn create(prefix: &str, parent: &Path) -> io::Result<Self> {
        remove_remains(parent, prefix);
        for _ in 0..ATTEMPTS {
            let directory = private_files::temporary_directory(prefix, parent)?;
            // Another process may have found the directory before it was locked, and removed it.
            match directory_lock::try_lock(directory.path(), Sharing::Exclusive) {
                Ok(Some(lock)) if lock.is_at(directory.path()) => {
                    return Ok(Self { directory, lock });
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Unlocks the directory without removing it, and returns its path.
    pub(crate) fn keep(self) -> PathBuf {
        let Self { directory, lock } = self;
        let path = directory.keep();
        drop(lock);
        path
    }
}

/// Removes the unlocked directories whose name consists of a prefix and random characters.
fn remove_remains(parent: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let random = name.to_str().and_then(|name| name.strip_prefix(prefix));
        let is_temporary = random.is_some_and(|random| {
            random.len() == RANDOM_LENGTH && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        // Does not follow symbolic links.
        if !is_temporary || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let path = entry.path();
        let Ok(Some(lock)) = directory_lock::try_lock(&path, Sharing::Exclusive) else { continue };
        if lock.is_effective() && lock.is_at(&path) {
            match fs::remove_dir_all(&path) {
                Ok(()) => {
                    tracing::info!(path = %path.display(), "removed what a killed process left")
                }
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "cannot remove what a killed process left");
                }
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_remains_with_the_same_prefix_are_removed() {
        let outer = tempfile::tempdir().unwrap();
        let path = |name: &str| outer.path().join(name);
        let create = || TemporaryDirectory::create(".backup.partial-", outer.path()).unwrap();
        let alive = create();
        // A killed process releases its lock and leaves the directory.
        let dead = create().keep();
        fs::write(dead.join("file"), "content").unwrap();
        let others = [
            ".backup.partial-short",
            ".backup.partial-longer1",
            ".backup.partial-ab-def",
            ".other.partial-abcdef",
            "backup.partial-abcdef",
        ];
        for name in others {
            fs::create_dir(path(name)).unwrap();
        }
        fs::write(path(".backup.partial-abcdef"), "a file").unwrap();
        std::os::unix::fs::symlink(path(others[0]), path(".backup.partial-ABCDEF")).unwrap();
        let next = create();
        assert!(!dead.exists() && alive.path().is_dir() && next.path().is_dir());
        for name in others.into_iter().chain([".backup.partial-abcdef", ".backup.partial-ABCDEF"]) {
            assert!(path(name).exists(), "{name}");
        }
    }
}
