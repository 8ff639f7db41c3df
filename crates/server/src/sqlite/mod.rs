//! The storage on SQLite: one thread that writes, a few that read.

mod connection;
mod counts;
mod datasets;
mod disk;
mod files;
mod fixtures;
mod imports;
mod positions;
mod readers;
mod reclaim;
mod records;
mod runs;
mod schema;
mod seed;
mod snapshot;
mod wal;
mod workspaces;
mod writer;

use std::path::{Path, PathBuf};

use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use rusqlite::{Connection, ErrorCode, OptionalExtension};
use uuid::Uuid;

use crate::storage::{Counts, Pending, Storage, StorageError};
pub(crate) use connection::Synchronous;
use readers::Readers;
pub(crate) use schema::OpenError;
pub(crate) use snapshot::Snapshot;
use wal::Wal;
use writer::{Durability, SpaceUse, Writer};

/// The storage on one SQLite file.
pub(crate) struct SqliteStorage {
    // Declared before the writer: the last connection to be closed is to be one that can copy the log into the file.
    readers: Readers,
    writer: Writer,
    path: PathBuf,
}

impl SqliteStorage {
    /// Opens the file, or makes it, and brings an older schema up to date.
    pub(crate) fn open(path: &Path, durability: Synchronous) -> Result<Self, OpenError> {
        let mut connection = connection::writer(path, durability)?;
        schema::bring_up_to_date(&mut connection)?;
        let readers = Readers::open(path)?;
        let log = Wal::of(&mut connection, path.to_owned(), durability)?;
        let writer = Writer::start(connection, log, durability)?;
        Ok(Self { writer, readers, path: path.to_owned() })
    }

    /// Answers what the work returns once its writes are durable. When it fails, nothing of it is written.
    fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        self.writer.run(Durability::Full, SpaceUse::Consumes, work)
    }

    /// Like [`write`](Self::write), for what gives back room on the disk, now or later, and is done on a full one too.
    fn write_freeing<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        self.writer.run(Durability::Full, SpaceUse::Frees, work)
    }

    /// Like [`write`](Self::write), but a crash may undo it together with all that was written after it.
    fn write_relaxed<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        self.writer.run(Durability::Relaxed, SpaceUse::Consumes, work)
    }

    /// Answers what the work reads, all of one moment.
    fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        self.readers.run(work)
    }

    /// Like [`read`](Self::read), for what is found by keys and is over in a moment.
    fn look_up<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        self.readers.run_here(work)
    }
}

impl Storage for SqliteStorage {
    fn secret(&self) -> Pending<Vec<u8>> {
        self.write(|connection| {
            let found = connection
                .prepare_cached("SELECT value FROM settings WHERE name = 'secret'")?
                .query_row([], |row| row.get(0))
                .optional()?;
            if let Some(secret) = found {
                return Ok(secret);
            }
            let secret: [u8; 32] = rand::random();
            connection.execute("INSERT INTO settings VALUES ('secret', ?1)", [&secret[..]])?;
            Ok(secret.to_vec())
        })
    }

    fn reset(&self, workspace: Uuid) -> Pending<Vec<Uuid>> {
        self.write_freeing(move |connection| workspaces::reset(connection, workspace))
    }

    fn counts(&self) -> Pending<Counts> {
        self.read(counts::all)
    }

    fn reclaim(&self) -> Pending<bool> {
        // A step that is undone is done again.
        self.writer.run(Durability::Relaxed, SpaceUse::Frees, reclaim::step)
    }
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            // What connections share grows with the log.
            _ if error.sqlite_extended_error_code() == Some(SQLITE_IOERR_SHMSIZE) => Self::Full,
            _ => Self::Failed(Box::new(error)),
        }
    }
}
