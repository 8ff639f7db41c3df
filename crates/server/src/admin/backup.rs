//! Backs up a data directory, also while a server is using it.

use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use uuid::Uuid;

use super::last_backup;
use super::staging::{Staging, sync_directory, sync_file};
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
/// regularly; if it returns false, the backup stops and leaves nothing behind. A process that is killed leaves an incomplete copy
/// called `.NAME.partial-…` next to `to`, which the next backup to the same place removes. This function blocks until the copy is
/// complete.
///
/// # Errors
/// Fails if the source has no data, if `to` already exists, or if reading or writing fails.
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
    let open = || match Snapshot::open(&database) {
        Ok(Some(snapshot)) => Ok(snapshot),
        Ok(None) => Err(BackupError::NotADataDirectory(from.to_owned())),
        Err(error) => Err(database_error(from, error)),
    };
    let (backup, staging) = copy(from, to, &should_continue, open)?;
    staging.publish().map_err(write_error(to))?;
    last_backup::record(from, SystemTime::now());
    Ok(backup)
}

/// Copies a snapshot of `from`, opened by `open`, to a directory that can be published at `to`.
pub(super) fn copy(
    from: &Path,
    to: &Path,
    should_continue: &dyn Fn() -> bool,
    open: impl FnMut() -> Result<Snapshot, BackupError>,
) -> Result<(Backup, Staging), BackupError> {
    let staging = Staging::create(to).map_err(write_error(to))?;
    let job = BackupJob { from, to, staging, should_continue };
    let (snapshot, preserved) = job.snapshot(open)?;
    let backup = job.write(&snapshot, &preserved)?;
    Ok((backup, job.finish()?))
}

/// A backup in progress.
struct BackupJob<'a> {
    from: &'a Path,
    to: &'a Path,
    staging: Staging,
    should_continue: &'a dyn Fn() -> bool,
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

impl BackupJob<'_> {
    /// Takes a snapshot whose file contents all exist, and preserves them.
    fn snapshot(
        &self,
        mut open: impl FnMut() -> Result<Snapshot, BackupError>,
    ) -> Result<(Snapshot, HashMap<Uuid, Preserved>), BackupError> {
        fs::create_dir(self.preserved_dir()).map_err(write_error(self.to))?;
        let mut preserved = HashMap::new();
        for _ in 0..MAX_ATTEMPTS {
            let snapshot = open()?;
            let needed = snapshot.file_ids().map_err(|error| database_error(self.from, error))?;
            if self.preserve(&needed, &mut preserved)? {
                // Earlier attempts may have preserved files that have been deleted since.
                let needed = needed.into_iter().map(|id| (id, preserved[&id])).collect();
                return Ok((snapshot, needed));
            }
        }
        Err(BackupError::FilesChanging)
    }

    fn preserved_dir(&self) -> PathBuf {
        self.staging.path().join("preserved")
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
        let database = data_dir::database(self.staging.path());
        private_files::create_file(&database).map_err(write_error(self.to))?;
        if !snapshot
            .write_to(&database, self.should_continue)
            .map_err(|error| database_error(self.from, error))?
        {
            return Err(BackupError::Stopped);
        }
        let mut bytes = sync_file(&database).map_err(write_error(self.to))?;
        let files = data_dir::files(self.staging.path());
        private_files::create_directory(&files).map_err(write_error(self.to))?;
        for (id, method) in preserved {
            self.check_stopped()?;
            let (source, target) =
                (self.preserved_dir().join(id.to_string()), files.join(id.to_string()));
            let placed = match method {
                Preserved::Linked => fs::copy(&source, &target).map(drop),
                Preserved::Copied => fs::rename(&source, &target),
            };
            // A copy has the permissions of the original, which someone may have changed in a backup.
            bytes += placed
                .and_then(|()| private_files::restrict(&target))
                .and_then(|()| sync_file(&target))
                .map_err(write_error(self.to))?;
        }
        fs::remove_dir_all(self.preserved_dir()).map_err(write_error(self.to))?;
        Ok(Backup { files: preserved.len(), bytes })
    }

    /// Flushes the directories to disk.
    fn finish(self) -> Result<Staging, BackupError> {
        self.check_stopped()?;
        sync_directory(&data_dir::files(self.staging.path())).map_err(write_error(self.to))?;
        Ok(self.staging)
    }

    fn check_stopped(&self) -> Result<(), BackupError> {
        if (self.should_continue)() { Ok(()) } else { Err(BackupError::Stopped) }
    }
}

fn database_error(path: &Path, error: OpenError) -> BackupError {
    let path = path.to_owned();
    match error {
        OpenError::Newer { .. } => BackupError::NewerVersion { path, reason: error.to_string() },
        OpenError::Database(error) => BackupError::Database { path, source: error.into() },
        OpenError::Thread(error) => BackupError::Database { path, source: error.into() },
    }
}

fn write_error(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Write { path: path.clone(), source }
}
