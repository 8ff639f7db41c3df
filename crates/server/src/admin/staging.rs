//! Directories that are built next to their target and appear there once they are complete.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::directory_lock::{self, DirectoryLock, Sharing};
use crate::private_files;

/// The number of random characters at the end of a staging directory's name.
const RANDOM_LENGTH: usize = 6;

/// The maximum length of the target's name in the name of a staging directory, in bytes. Most file systems allow 255.
const MAX_NAME_LENGTH: usize = 200;

/// How often to try to create a directory. Only a process that removes remains at the same moment makes an attempt fail.
const ATTEMPTS: usize = 10;

/// A private directory that is removed unless it is published.
///
/// Its name consists of the target's name and random characters: `.NAME.partial-RANDOM`. It is locked while this value exists. An
/// unlocked one was left behind by a process that was killed, and the next one with the same target removes it.
#[derive(Debug)]
pub(super) struct Staging {
    directory: TempDir,
    parent: PathBuf,
    target: PathBuf,
    _lock: DirectoryLock,
}

impl Staging {
    /// Creates a directory next to `target`, and removes the remains of processes that were killed.
    pub(super) fn create(target: &Path) -> io::Result<Self> {
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let name = target.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_string_lossy();
        let end = (0..=MAX_NAME_LENGTH.min(name.len())).rfind(|end| name.is_char_boundary(*end));
        let prefix = format!(".{}.partial-", &name[..end.unwrap_or_default()]);
        remove_remains(&parent, &prefix);
        for _ in 0..ATTEMPTS {
            let directory = private_files::temporary_directory(&prefix, &parent)?;
            // Another process may have found the directory before it was locked, and removed it.
            match directory_lock::try_lock(directory.path(), Sharing::Exclusive) {
                Ok(Some(lock)) if lock.is_at(directory.path()) => {
                    return Ok(Self { directory, parent, target: target.to_owned(), _lock: lock });
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Flushes the directory to disk and moves it to its target, where at most an empty directory may exist.
    pub(super) fn publish(self) -> io::Result<()> {
        sync_directory(self.path())?;
        if cfg!(windows) && self.target.is_dir() {
            // Windows does not replace directories. This fails if it is not empty.
            fs::remove_dir(&self.target)?;
        }
        fs::rename(self.path(), &self.target)?;
        // The directory was renamed, so nothing must be removed.
        let _ = self.directory.keep();
        sync_directory(&self.parent)
    }
}

/// Removes the unlocked directories whose name consists of a prefix and random characters.
fn remove_remains(parent: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let random = name.to_str().and_then(|name| name.strip_prefix(prefix));
        let is_staging = random.is_some_and(|random| {
            random.len() == RANDOM_LENGTH && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        // Does not follow symbolic links.
        if !is_staging || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let path = entry.path();
        let Ok(Some(lock)) = directory_lock::try_lock(&path, Sharing::Exclusive) else { continue };
        if lock.is_effective() && lock.is_at(&path) {
            match fs::remove_dir_all(&path) {
                Ok(()) => tracing::info!(path = %path.display(), "removed an incomplete copy"),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "cannot remove an incomplete copy");
                }
            }
        }
    }
}

/// Flushes a file to disk and returns its size in bytes.
pub(super) fn sync_file(path: &Path) -> io::Result<u64> {
    let file = File::options().write(true).open(path)?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

/// Flushes a directory to disk. Windows cannot open directories as files and does not need this.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_remains_of_the_same_target_are_removed() {
        let outer = tempfile::tempdir().unwrap();
        let path = |name: &str| outer.path().join(name);
        let target = path("backup");
        let alive = Staging::create(&target).unwrap();
        let alive_name = alive.path().file_name().unwrap().to_str().unwrap();
        assert!(alive_name.starts_with(".backup.partial-"), "{alive_name}");
        // A killed process releases its lock and leaves the directory.
        let dead = Staging::create(&target).unwrap().directory.keep();
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
        let next = Staging::create(&target).unwrap();
        assert!(!dead.exists() && alive.path().is_dir() && next.path().is_dir());
        for name in others.into_iter().chain([".backup.partial-abcdef", ".backup.partial-ABCDEF"]) {
            assert!(path(name).exists(), "{name}");
        }
        fs::write(next.path().join("file"), "complete").unwrap();
        next.publish().unwrap();
        assert_eq!(fs::read_to_string(target.join("file")).unwrap(), "complete");
    }

    #[test]
    fn names_are_as_long_as_the_file_system_allows() {
        let outer = tempfile::tempdir().unwrap();
        for name in ["x".repeat(255), "ä".repeat(127)] {
            Staging::create(&outer.path().join(name)).unwrap().publish().unwrap();
        }
    }
}
