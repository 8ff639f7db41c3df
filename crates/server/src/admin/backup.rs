//! Backing up a data directory, also while a server serves it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use uuid::Uuid;

use crate::data_dir;
use crate::sqlite::{OpenError, Snapshot};

/// A file that is deleted between the moment of the backup and its being held makes it begin again, with another moment. Since
/// only milliseconds lie between the two, a few tries suffice on the busiest server.
const TRIES: usize = 20;

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backup {
    /// How many uploaded or exported files.
    pub files: usize,
    /// How large it is.
    pub bytes: u64,
}

/// Why a backup was not made. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// Something has the name that the backup was to get. It stays as it is.
    #[error("{} is there already; give the backup another name", .0.display())]
    Exists(PathBuf),
    /// There is no data directory, or nothing was ever kept in it.
    #[error("{} is no data directory of a server", .0.display())]
    NoData(PathBuf),
    /// A newer version of the server wrote the data directory.
    #[error("cannot read {}: {reason}", path.display())]
    Newer {
        /// The directory.
        path: PathBuf,
        /// What is to be done.
        reason: String,
    },
    /// The database cannot be copied: it cannot be read, or its copy not written.
    #[error("cannot copy the database of {}: {source}", path.display())]
    Database {
        /// The data directory.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The backup cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The backup.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Files were deleted faster than they could be held.
    #[error("files were deleted all the time while the backup was to begin; try again")]
    Restless,
    /// It was told to stop.
    #[error("the backup was stopped")]
    Stopped,
}

/// Copies the data directory `from` as it is at one moment, whether a server serves it or not, to the new directory `to`. The
/// copy is a data directory itself: to restore it, copy it to where a server is to serve it from.
///
/// It holds every write that was acknowledged before this was called. A server is neither needed nor kept waiting. The copy
/// appears under its name when it is whole and on the disk, and never replaces anything. It asks `go_on` now and then, and
/// leaves nothing when that says no. It works for as long as copying takes, so call it on a thread that may wait.
///
/// # Errors
/// When there is nothing to back up, when something already has the name, and when reading or writing fails.
pub fn backup(from: &Path, to: &Path, go_on: impl Fn() -> bool) -> Result<Backup, BackupError> {
    // A link that leads nowhere is something too.
    if to.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let database = data_dir::database(from);
    if !database.is_file() {
        return Err(BackupError::NoData(from.to_owned()));
    }
    let parent = match to.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let unfinished =
        tempfile::Builder::new().prefix(".backup-").tempdir_in(parent).map_err(writing(to))?;
    let copy = Copy { from, to, unfinished, go_on };
    let (moment, held) = copy.begin(&database)?;
    let backup = copy.fill(&moment, &held)?;
    copy.finish(parent)?;
    Ok(backup)
}

/// A backup being made.
struct Copy<'a, G> {
    from: &'a Path,
    to: &'a Path,
    unfinished: TempDir,
    go_on: G,
}

/// How a content is held, so that the server may delete it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    /// By a second name. What is copied in the end is a file of its own, whose owner or mode can be changed without the
    /// server's.
    Linked,
    /// By a copy, where the two directories are on different file systems.
    Copied,
}

impl<G: Fn() -> bool> Copy<'_, G> {
    /// Finds a moment all of whose contents are there, and holds them.
    fn begin(&self, database: &Path) -> Result<(Snapshot, HashMap<Uuid, Held>), BackupError> {
        fs::create_dir(self.holding()).map_err(writing(self.to))?;
        let mut held = HashMap::new();
        for _ in 0..TRIES {
            let moment = Snapshot::of(database).map_err(|error| self.database_error(error))?;
            let moment = moment.ok_or_else(|| BackupError::NoData(self.from.to_owned()))?;
            let needed = moment.contents().map_err(|error| self.database_error(error))?;
            if self.hold(&needed, &mut held)? {
                // What an earlier try has held may have been deleted since.
                let needed = needed.into_iter().map(|id| (id, held[&id])).collect();
                return Ok((moment, needed));
            }
        }
        Err(BackupError::Restless)
    }

    fn holding(&self) -> PathBuf {
        self.unfinished.path().join("held")
    }

    /// Holds the contents that are not held yet, and answers whether all are there.
    fn hold(&self, ids: &[Uuid], held: &mut HashMap<Uuid, Held>) -> Result<bool, BackupError> {
        for id in ids {
            if held.contains_key(id) {
                continue;
            }
            self.check_stopped()?;
            let source = data_dir::files(self.from).join(id.to_string());
            let target = self.holding().join(id.to_string());
            let how = match fs::hard_link(&source, &target) {
                Ok(()) => Ok(Held::Linked),
                Err(error) if error.kind() == ErrorKind::NotFound => Err(error),
                Err(_) => fs::copy(&source, &target).map(|_| Held::Copied),
            };
            match how {
                Ok(how) => held.insert(*id, how),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(writing(self.to)(error)),
            };
        }
        Ok(true)
    }

    /// Writes everything, and waits until it is on the disk.
    fn fill(&self, moment: &Snapshot, held: &HashMap<Uuid, Held>) -> Result<Backup, BackupError> {
        let database = data_dir::database(self.unfinished.path());
        if !moment.write_to(&database, &self.go_on).map_err(|error| self.database_error(error))? {
            return Err(BackupError::Stopped);
        }
        let mut bytes = on_disk(&database).map_err(writing(self.to))?;
        let files = data_dir::files(self.unfinished.path());
        fs::create_dir(&files).map_err(writing(self.to))?;
        for (id, how) in held {
            self.check_stopped()?;
            let (source, target) =
                (self.holding().join(id.to_string()), files.join(id.to_string()));
            let placed = match how {
                Held::Linked => fs::copy(&source, &target).map(drop),
                Held::Copied => fs::rename(&source, &target),
            };
            bytes += placed.and_then(|()| on_disk(&target)).map_err(writing(self.to))?;
        }
        fs::remove_dir_all(self.holding()).map_err(writing(self.to))?;
        Ok(Backup { files: held.len(), bytes })
    }

    /// Gives the backup its name.
    fn finish(self, parent: &Path) -> Result<(), BackupError> {
        self.check_stopped()?;
        let unfinished = self.unfinished.path();
        sync_directory(&data_dir::files(unfinished)).map_err(writing(self.to))?;
        sync_directory(unfinished).map_err(writing(self.to))?;
        // Where something has come meanwhile, this fails, unless it is an empty directory, in which nothing is lost.
        fs::rename(unfinished, self.to).map_err(writing(self.to))?;
        // It is no longer there to be removed.
        let _ = self.unfinished.keep();
        sync_directory(parent).map_err(writing(self.to))
    }

    fn check_stopped(&self) -> Result<(), BackupError> {
        if (self.go_on)() { Ok(()) } else { Err(BackupError::Stopped) }
    }

    fn database_error(&self, error: OpenError) -> BackupError {
        let path = self.from.to_owned();
        match error {
            OpenError::Newer { .. } => BackupError::Newer { path, reason: error.to_string() },
            OpenError::Database(error) => BackupError::Database { path, source: error.into() },
            OpenError::Thread(error) => BackupError::Database { path, source: error.into() },
        }
    }
}

fn writing(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Write { path: path.clone(), source }
}

/// Waits until a file is on the disk, and answers how long it is.
fn on_disk(path: &Path) -> io::Result<u64> {
    let file = File::options().write(true).open(path)?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

/// Systems that cannot open directories have no need of it.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}
