//! Backs up a data directory, also while a server is using it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tempfile::TempDir;
use uuid::Uuid;

use super::last_backup;
use crate::data_dir;
use crate::private_files;
use crate::sqlite::{OpenError, Snapshot};

/// The maximum number of snapshots that a backup takes. It takes another one if a file was deleted before it could be linked. Only
/// milliseconds lie between the two, so a few attempts suffice even on a busy server.
const MAX_ATTEMPTS: usize = 20;

/// The contents of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backup {
    /// The number of uploaded and exported files.
    pub files: usize,
    /// The size in bytes.
    pub bytes: u64,
}

/// An error making a backup. No partial backup is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The target already exists. It is left unchanged.
    #[error("{} already exists; choose another name for the backup", .0.display())]
    AlreadyExists(PathBuf),
    /// The source is not a data directory, or it is empty.
    #[error("{} is not a data directory of a server", .0.display())]
    NotADataDirectory(PathBuf),
    /// A newer version of the server wrote the data directory.
    #[error("cannot read {}: {reason}", path.display())]
    NewerVersion {
        /// The directory.
        path: PathBuf,
        /// What to do about it.
        reason: String,
    },
    /// The database cannot be read, or its copy cannot be written.
    #[error("cannot copy the database of {}: {source}", path.display())]
    Database {
        /// The data directory.
        path: PathBuf,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The backup cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The backup.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Files were deleted faster than they could be linked.
    #[error("files were deleted while the backup started; try again")]
    FilesChanging,
    /// `should_continue` returned false.
    #[error("the backup was stopped")]
    Stopped,
}

/// Copies a consistent snapshot of the data directory `from` to the new directory `to`.
///
/// The copy is itself a data directory: to restore it, copy it to the place where a server is to use it. It contains every write
/// that was acknowledged before this was called. A running server is not required and is not blocked.
///
/// The copy appears at `to` once it is complete and flushed to disk, and never replaces anything. `should_continue` is called
/// regularly; if it returns false, the backup stops and leaves nothing behind. This function blocks until the copy is complete.
///
/// # Errors
/// Fails if there is nothing to back up, if `to` already exists, or if reading or writing fails.
pub fn backup(
    from: &Path,
    to: &Path,
    should_continue: impl Fn() -> bool,
) -> Result<Backup, BackupError> {
    // A dangling symbolic link counts as existing.
    if to.symlink_metadata().is_ok() {
        return Err(BackupError::AlreadyExists(to.to_owned()));
    }
    let database = data_dir::database(from);
    if !database.is_file() {
        return Err(BackupError::NotADataDirectory(from.to_owned()));
    }
    let parent = match to.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let temp_dir =
        private_files::temporary_directory(".backup-", parent).map_err(write_error(to))?;
    let job = BackupJob { from, to, temp_dir, should_continue };
    let (snapshot, preserved) = job.snapshot(&database)?;
    let backup = job.write(&snapshot, &preserved)?;
    job.finish(parent)?;
    last_backup::record(from, SystemTime::now());
    Ok(backup)
}

/// A backup in progress.
struct BackupJob<'a, G> {
    from: &'a Path,
    to: &'a Path,
    temp_dir: TempDir,
    should_continue: G,
}

/// How a file's content is preserved, so that the server may delete it during the backup.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Preserved {
    /// By a hard link. The backup gets a copy in the end, so that changes to its owner or mode do not affect the server's
    /// file.
    Linked,
    /// By a copy, because the directories are on different file systems.
    Copied,
}

impl<G: Fn() -> bool> BackupJob<'_, G> {
    /// Takes a snapshot whose file contents all exist, and preserves them.
    fn snapshot(
        &self,
        database: &Path,
    ) -> Result<(Snapshot, HashMap<Uuid, Preserved>), BackupError> {
        fs::create_dir(self.preserved_dir()).map_err(write_error(self.to))?;
        let mut preserved = HashMap::new();
        for _ in 0..MAX_ATTEMPTS {
            let snapshot = Snapshot::open(database).map_err(|error| self.database_error(error))?;
            let snapshot =
                snapshot.ok_or_else(|| BackupError::NotADataDirectory(self.from.to_owned()))?;
            let needed = snapshot.file_ids().map_err(|error| self.database_error(error))?;
            if self.preserve(&needed, &mut preserved)? {
                // Earlier attempts may have preserved files that have been deleted since.
                let needed = needed.into_iter().map(|id| (id, preserved[&id])).collect();
                return Ok((snapshot, needed));
            }
        }
        Err(BackupError::FilesChanging)
    }

    fn preserved_dir(&self) -> PathBuf {
        self.temp_dir.path().join("preserved")
    }

    /// Preserves the contents that are not preserved yet. Returns false if one does not exist.
    fn preserve(
        &self,
        ids: &[Uuid],
        preserved: &mut HashMap<Uuid, Preserved>,
    ) -> Result<bool, BackupError> {
        for id in ids {
            if preserved.contains_key(id) {
                continue;
            }
            self.check_stopped()?;
            let source = data_dir::files(self.from).join(id.to_string());
            let target = self.preserved_dir().join(id.to_string());
            let method = match fs::hard_link(&source, &target) {
                Ok(()) => Ok(Preserved::Linked),
                Err(error) if error.kind() == ErrorKind::NotFound => Err(error),
                Err(_) => fs::copy(&source, &target).map(|_| Preserved::Copied),
            };
            match method {
                Ok(method) => preserved.insert(*id, method),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(write_error(self.to)(error)),
            };
        }
        Ok(true)
    }

    /// Writes the database and the files, and flushes them to disk.
    fn write(
        &self,
        snapshot: &Snapshot,
        preserved: &HashMap<Uuid, Preserved>,
    ) -> Result<Backup, BackupError> {
        let database = data_dir::database(self.temp_dir.path());
        private_files::create_file(&database).map_err(write_error(self.to))?;
        if !snapshot
            .write_to(&database, &self.should_continue)
            .map_err(|error| self.database_error(error))?
        {
            return Err(BackupError::Stopped);
        }
        let mut bytes = sync_file(&database).map_err(write_error(self.to))?;
        let files = data_dir::files(self.temp_dir.path());
        private_files::create_directory(&files).map_err(write_error(self.to))?;
        for (id, method) in preserved {
            self.check_stopped()?;
            let (source, target) =
                (self.preserved_dir().join(id.to_string()), files.join(id.to_string()));
            let placed = match method {
                Preserved::Linked => fs::copy(&source, &target).map(drop),
                Preserved::Copied => fs::rename(&source, &target),
            };
            bytes += placed.and_then(|()| sync_file(&target)).map_err(write_error(self.to))?;
        }
        fs::remove_dir_all(self.preserved_dir()).map_err(write_error(self.to))?;
        Ok(Backup { files: preserved.len(), bytes })
    }

    /// Moves the complete backup to its target.
    fn finish(self, parent: &Path) -> Result<(), BackupError> {
        self.check_stopped()?;
        let temp_dir = self.temp_dir.path();
        sync_directory(&data_dir::files(temp_dir)).map_err(write_error(self.to))?;
        sync_directory(temp_dir).map_err(write_error(self.to))?;
        // Fails if something was created there in the meantime, except for an empty directory.
        fs::rename(temp_dir, self.to).map_err(write_error(self.to))?;
        // The temporary directory was renamed, so there is nothing to remove.
        let _ = self.temp_dir.keep();
        sync_directory(parent).map_err(write_error(self.to))
    }

    fn check_stopped(&self) -> Result<(), BackupError> {
        if (self.should_continue)() { Ok(()) } else { Err(BackupError::Stopped) }
    }

    fn database_error(&self, error: OpenError) -> BackupError {
        let path = self.from.to_owned();
        match error {
            OpenError::Newer { .. } => {
                BackupError::NewerVersion { path, reason: error.to_string() }
            }
            OpenError::Database(error) => BackupError::Database { path, source: error.into() },
            OpenError::Thread(error) => BackupError::Database { path, source: error.into() },
        }
    }
}

fn write_error(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Write { path: path.clone(), source }
}

/// Flushes a file to disk and returns its size in bytes.
fn sync_file(path: &Path) -> io::Result<u64> {
    let file = File::options().write(true).open(path)?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

/// Flushes a directory to disk. Windows cannot open directories as files and does not need this.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}
