//! Directories that are built next to their target and appear there once they are complete.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::temporary_directory::TemporaryDirectory;

/// The maximum length of the target's name in the name of a staging directory, in bytes. Most file systems allow 255.
const MAX_NAME_LENGTH: usize = 200;

/// A private directory that is removed unless it is published.
///
/// Its name consists of the target's name and random characters: `.NAME.partial-RANDOM`.
#[derive(Debug)]
pub(super) struct Staging {
    directory: TemporaryDirectory,
    parent: PathBuf,
    target: PathBuf,
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
        let directory = TemporaryDirectory::create(&prefix, &parent)?;
        Ok(Self { directory, parent, target: target.to_owned() })
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
        // The directory was renamed, so there is nothing to remove.
        self.directory.keep();
        sync_directory(&self.parent)
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
    fn a_published_directory_replaces_nothing_but_the_remains_of_the_same_target() {
        let outer = tempfile::tempdir().unwrap();
        let target = outer.path().join("backup");
        let dead = Staging::create(&target).unwrap().directory.keep();
        let dead_name = dead.file_name().unwrap().to_str().unwrap();
        assert!(dead_name.starts_with(".backup.partial-"), "{dead_name}");
        let next = Staging::create(&target).unwrap();
        assert!(!dead.exists());
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
