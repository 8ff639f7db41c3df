//! Verifies a data directory, also while a server is using it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::data_dir;
use crate::directory_lock::DirectoryLock;
use crate::sqlite::{Finding, OpenError, Snapshot, SnapshotFile, Stopped};

/// How many bytes of a file are read between two checks for cancellation.
const CHUNK: usize = 256 << 10;

/// The result of verifying a data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// Whether a server was using the directory, or it could not be determined that none was.
    pub in_use: bool,
    /// The version of the schema. An older one than the current one is migrated when a server starts.
    pub schema: i64,
    /// The current version of the schema.
    pub current_schema: i64,
    /// The number of datasets.
    pub datasets: u64,
    /// The number of records.
    pub records: u64,
    /// The number of uploaded and exported files.
    pub files: u64,
    /// The total size of the files in bytes.
    pub file_bytes: u64,
    /// What is wrong. Empty if the data is intact.
    pub problems: Vec<Problem>,
    /// What is unusual, but loses no data.
    pub warnings: Vec<Problem>,
}

/// Something wrong in a data directory. Contains no stored text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The check that found it, such as `record counts`.
    pub check: String,
    /// Where it is, such as `dataset 0198…`.
    pub location: String,
    /// What is wrong.
    pub message: String,
}

/// The progress of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyProgress {
    /// The current check.
    pub check: &'static str,
    /// The number of records or bytes checked so far, or 0 if it is not known.
    pub position: u64,
}

/// An error that prevented a verification. Problems with the data are not errors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The path is not a data directory, or it is empty.
    #[error("{} is not a data directory of a server", .0.display())]
    NotADataDirectory(PathBuf),
    /// A newer version of the server wrote the data directory.
    #[error("cannot verify {}: {reason}", path.display())]
    NewerVersion {
        /// The directory.
        path: PathBuf,
        /// What to do about it.
        reason: String,
    },
    /// The data directory cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// `should_continue` returned false.
    #[error("the verification was stopped")]
    Stopped,
}

/// Verifies the data in `directory` and changes nothing.
///
/// Checks SQLite's pages, indexes and references, counts and positions of records, numbers of tasks, and the size and SHA-256 of
/// every file. `quick` omits comparing tables with their indexes, and reading the content of files.
///
/// If a server is using the directory, the state at the start of the verification is verified. Otherwise, no server can start in
/// the directory until the verification has ended.
///
/// `should_continue` is called regularly; if it returns false, the verification stops. This function blocks until it is complete.
///
/// # Errors
/// Fails if `directory` is not a data directory, was written by a newer version or cannot be read, or if it is stopped.
pub fn verify(
    directory: &Path,
    quick: bool,
    should_continue: impl Fn() -> bool + Send + Sync + 'static,
    progress: impl FnMut(VerifyProgress),
) -> Result<Verification, VerifyError> {
    verify_source(Source::open(directory)?, quick, should_continue, progress)
}

pub(super) fn verify_source(
    mut source: Source,
    quick: bool,
    should_continue: impl Fn() -> bool + Send + Sync + 'static,
    mut progress: impl FnMut(VerifyProgress),
) -> Result<Verification, VerifyError> {
    let should_continue = Arc::new(should_continue);
    let interrupt = Arc::clone(&should_continue);
    let mut report = |check, position| progress(VerifyProgress { check, position });
    let contents = source
        .snapshot
        .verify(quick, move || interrupt(), &mut report)
        .map_err(|Stopped| VerifyError::Stopped)?;
    let mut verification = Verification {
        in_use: source.in_use,
        schema: contents.schema,
        current_schema: contents.current_schema,
        datasets: contents.datasets,
        records: contents.records,
        files: 0,
        file_bytes: 0,
        problems: contents.findings.into_iter().map(Problem::from).collect(),
        warnings: Vec::new(),
    };
    let mut checker = FileChecker {
        source: &source,
        quick,
        should_continue: &*should_continue,
        progress: &mut report,
        verification: &mut verification,
    };
    checker.run()?;
    Ok(verification)
}

/// A data directory opened for reading.
pub(super) struct Source {
    directory: PathBuf,
    pub(super) snapshot: Snapshot,
    /// Whether a server may be using the directory.
    pub(super) in_use: bool,
    /// Keeps servers from using the directory, unless one is.
    pub(super) lock: Option<DirectoryLock>,
}

impl Source {
    pub(super) fn open(directory: &Path) -> Result<Self, VerifyError> {
        if !data_dir::database(directory).is_file() {
            return Err(VerifyError::NotADataDirectory(directory.to_owned()));
        }
        match data_dir::lock_for_reading(directory) {
            Ok(lock) => Self::open_locked(directory, lock.is_none(), lock),
            Err(error) => {
                let path = directory.to_owned();
                Err(VerifyError::Read { path, source: error.into() })
            }
        }
    }

    /// Opens a directory that only this process knows.
    pub(super) fn open_own(directory: &Path) -> Result<Self, VerifyError> {
        Self::open_locked(directory, false, None)
    }

    fn open_locked(
        directory: &Path,
        in_use: bool,
        lock: Option<DirectoryLock>,
    ) -> Result<Self, VerifyError> {
        let path = directory.to_owned();
        let database = data_dir::database(directory);
        let snapshot =
            if in_use { Snapshot::open(&database) } else { Snapshot::open_unused(&database) };
        match snapshot {
            Ok(Some(snapshot)) => Ok(Self { directory: path, snapshot, in_use, lock }),
            Ok(None) => Err(VerifyError::NotADataDirectory(path)),
            Err(error @ OpenError::Newer { .. }) => {
                Err(VerifyError::NewerVersion { path, reason: error.to_string() })
            }
            Err(OpenError::Database(error)) => {
                Err(VerifyError::Read { path, source: error.into() })
            }
            Err(OpenError::Thread(error)) => Err(VerifyError::Read { path, source: error.into() }),
        }
    }

    /// Returns whether a file still exists for clients. A server may have deleted it after the snapshot was taken.
    fn still_exists(&self, id: Uuid) -> bool {
        let Ok(Some(snapshot)) = Snapshot::open(&data_dir::database(&self.directory)) else {
            return true;
        };
        snapshot.file_ids().map_or(true, |ids| ids.contains(&id))
    }
}

impl From<Finding> for Problem {
    fn from(finding: Finding) -> Self {
        let Finding { check, location, message } = finding;
        Self { check: check.to_owned(), location, message }
    }
}

/// Checks the contents of files.
struct FileChecker<'a> {
    source: &'a Source,
    quick: bool,
    should_continue: &'a dyn Fn() -> bool,
    progress: &'a mut dyn FnMut(&'static str, u64),
    verification: &'a mut Verification,
}

impl FileChecker<'_> {
    fn run(&mut self) -> Result<(), VerifyError> {
        (self.progress)("files", 0);
        let files = match self.source.snapshot.files() {
            Ok(files) => files,
            Err(error) => {
                self.add("database".to_owned(), format!("the files cannot be listed: {error}"));
                return Ok(());
            }
        };
        for file in &files {
            self.verification.files += 1;
            self.verification.file_bytes += file.bytes;
            match self.check(file) {
                Ok(None) => {}
                Ok(Some(_)) if self.is_deleted(file.id) => {}
                Ok(Some(message)) => self.add(format!("file {}", file.id), message),
                Err(stopped) => return Err(stopped),
            }
        }
        // An upload in progress is an orphan for a moment.
        if !self.source.in_use {
            self.find_orphans();
        }
        Ok(())
    }

    fn is_deleted(&self, id: Uuid) -> bool {
        self.source.in_use && !self.source.still_exists(id)
    }

    fn add(&mut self, location: String, message: String) {
        self.verification.problems.push(Problem { check: "files".to_owned(), location, message });
    }

    /// Returns what is wrong with the content of a file.
    fn check(&mut self, file: &SnapshotFile) -> Result<Option<String>, VerifyError> {
        let path = data_dir::files(&self.source.directory).join(file.id.to_string());
        let mut content = match File::open(path) {
            Ok(content) => content,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Some("has no content".to_owned()));
            }
            Err(error) => return Ok(Some(format!("its content cannot be opened: {error}"))),
        };
        match content.metadata() {
            Ok(metadata) if metadata.len() != file.bytes => {
                let (expected, found) = (file.bytes, metadata.len());
                return Ok(Some(format!("its content has {found} bytes instead of {expected}")));
            }
            Ok(_) => {}
            Err(error) => return Ok(Some(format!("its content cannot be read: {error}"))),
        }
        if self.quick {
            return Ok(None);
        }
        match self.digest(&mut content)? {
            Ok(digest) if digest == file.signature => Ok(None),
            Ok(_) => Ok(Some("its content does not match its SHA-256".to_owned())),
            Err(error) => Ok(Some(format!("its content cannot be read: {error}"))),
        }
    }

    /// Returns the SHA-256 of a file in hexadecimal.
    fn digest(&mut self, content: &mut File) -> Result<io::Result<String>, VerifyError> {
        let (mut digest, mut chunk, mut position) = (Sha256::new(), vec![0; CHUNK], 0);
        loop {
            if !(self.should_continue)() {
                return Err(VerifyError::Stopped);
            }
            match content.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => {
                    digest.update(&chunk[..read]);
                    position += read as u64;
                    (self.progress)("files", position);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// Warns about contents that belong to no file. The next start of a server removes them.
    fn find_orphans(&mut self) {
        // If the files cannot be listed, that was reported already.
        let Ok(known) = self.source.snapshot.all_file_ids() else { return };
        let directory = data_dir::files(&self.source.directory);
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound && known.is_empty() => return,
            Err(error) => {
                return self
                    .add("directory files".to_owned(), format!("cannot be listed: {error}"));
            }
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| Uuid::try_parse(name).ok());
            if id.is_some_and(|id| !known.contains(&id)) {
                self.verification.warnings.push(Problem {
                    check: "files".to_owned(),
                    location: format!("content {}", name.display()),
                    message: "belongs to no file; the next start of a server removes it".to_owned(),
                });
            }
        }
    }
}
