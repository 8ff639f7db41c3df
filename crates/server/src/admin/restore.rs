//! Restores a backup to a new data directory.

use std::path::{Path, PathBuf};

use super::backup::{Backup, BackupError, copy};
use super::verify::{Problem, Source, Verification, VerifyError, verify, verify_source};

/// An error restoring a backup. The target is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The target exists and is not an empty directory.
    #[error("{} exists and is not an empty directory", .0.display())]
    AlreadyExists(PathBuf),
    /// A server is using the backup.
    #[error("a server is using {}; back it up instead", .0.display())]
    InUse(PathBuf),
    /// The backup cannot be read.
    #[error(transparent)]
    Verify(VerifyError),
    /// The backup cannot be copied.
    #[error(transparent)]
    Copy(BackupError),
    /// The copy is damaged, because the backup is, or because it was not written correctly.
    #[error("the backup {} is damaged", path.display())]
    Damaged {
        /// The backup.
        path: PathBuf,
        /// What is wrong.
        problems: Vec<Problem>,
    },
    /// `should_continue` returned false.
    #[error("restoring was stopped")]
    Stopped,
}

/// Copies a backup to the new data directory `to`, and verifies the copy.
///
/// The copy appears at `to` once it is complete, verified and flushed to disk. Only its owner can read it. `to` must not exist or
/// be an empty directory. `backup` is not changed.
///
/// `should_continue` is called regularly; if it returns false, this stops and leaves nothing behind. This function blocks until the
/// copy is complete.
///
/// # Errors
/// Fails if `backup` is not a backup, is damaged or is used by a server, if `to` exists and is not an empty directory, or if reading
/// or writing fails.
pub fn restore(
    backup: &Path,
    to: &Path,
    should_continue: impl Fn() -> bool + Clone + Send + Sync + 'static,
) -> Result<Backup, RestoreError> {
    let target = target(to)?;
    let source = Source::open(backup).map_err(RestoreError::Verify)?;
    // A consistent copy would be possible, but a directory in use is not a backup, and probably given by mistake.
    if source.in_use && cfg!(unix) {
        return Err(RestoreError::InUse(backup.to_owned()));
    }
    let Source { snapshot, lock: _lock, .. } = source;
    let mut snapshot = Some(snapshot);
    // Nobody changes the backup, so if files are missing, opening it again does not help.
    let open = || snapshot.take().ok_or(BackupError::FilesChanging);
    let (restored, staging) = match copy(backup, &target, &should_continue, open) {
        Ok(copied) => copied,
        Err(BackupError::Stopped) => return Err(RestoreError::Stopped),
        Err(BackupError::FilesChanging) => {
            intact(backup, verify(backup, true, should_continue, |_| {}))?;
            return Err(RestoreError::Copy(BackupError::FilesChanging));
        }
        Err(error) => return Err(RestoreError::Copy(error)),
    };
    let written = Source::open_own(staging.path());
    intact(
        backup,
        written.and_then(|written| verify_source(written, false, should_continue.clone(), |_| {})),
    )?;
    if !should_continue() {
        return Err(RestoreError::Stopped);
    }
    match staging.publish() {
        Ok(()) => Ok(restored),
        Err(source) => Err(RestoreError::Copy(BackupError::Write { path: to.to_owned(), source })),
    }
}

/// Fails if a verification found problems.
fn intact(backup: &Path, verified: Result<Verification, VerifyError>) -> Result<(), RestoreError> {
    match verified {
        Ok(verification) if verification.problems.is_empty() => Ok(()),
        Ok(verification) => {
            Err(RestoreError::Damaged { path: backup.to_owned(), problems: verification.problems })
        }
        Err(VerifyError::Stopped) => Err(RestoreError::Stopped),
        Err(error) => Err(RestoreError::Verify(error)),
    }
}

/// Returns the path of the directory to create. A symbolic link to an empty directory is resolved.
fn target(to: &Path) -> Result<PathBuf, RestoreError> {
    if to.symlink_metadata().is_err() {
        return Ok(to.to_owned());
    }
    let is_empty = std::fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_none());
    let existing = to.canonicalize().ok().filter(|_| is_empty);
    existing.ok_or_else(|| RestoreError::AlreadyExists(to.to_owned()))
}
