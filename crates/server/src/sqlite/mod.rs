//! The storage on SQLite: one writer thread and a pool of readers.

mod budget;
mod campaigns;
#[cfg(test)]
mod campaigns_tests;
mod compact;
mod connection;
#[cfg(test)]
mod contract_tests;
mod counts;
mod datasets;
mod disk;
mod event_filter;
mod events;
mod file_listing;
mod files;
mod fixtures;
#[cfg(test)]
mod full_disk;
mod functions;
mod import_queue;
mod imports;
#[cfg(test)]
mod imports_tests;
mod judges;
mod long_reader;
mod positions;
mod readers;
mod reclaim;
mod record_reads;
mod record_stream;
mod records;
mod runs;
mod schema;
mod seed;
mod snapshot;
mod span_sources;
mod telemetry;
mod telemetry_search;
mod time_limit;
mod verify;
mod wal;
mod workspaces;
mod writer;
#[cfg(test)]
mod writer_tests;

use std::path::{Path, PathBuf};

use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use rusqlite::{Connection, ErrorCode, OptionalExtension};
use uuid::Uuid;

use crate::disk_space::DiskSpace;
use crate::storage::{Counts, DiskState, Health, Pending, Storage, StorageError};
use budget::{Budget, Cost};
pub(crate) use compact::{CompactFailure, compact};
pub(crate) use connection::Synchronous;
use disk::DiskHealth;
use readers::Readers;
pub(crate) use schema::OpenError;
pub(crate) use snapshot::{Snapshot, SnapshotFile};
pub(crate) use verify::{Finding, Stopped};
use wal::Wal;
use writer::{Durability, SpaceUse, Writer};

/// A storage in one SQLite file.
pub(crate) struct SqliteStorage {
    // Declared before the writer: the last connection to close must be one that can checkpoint the WAL.
    readers: Readers,
    writer: Writer,
    path: PathBuf,
    space: DiskSpace,
    disk: DiskHealth,
}

impl SqliteStorage {
    /// Opens or creates the file, and migrates an older schema.
    pub(crate) fn open(
        path: &Path,
        synchronous: Synchronous,
        space: DiskSpace,
    ) -> Result<Self, OpenError> {
        let mut connection = connection::writer(path, synchronous)?;
        schema::migrate(&mut connection)?;
        connection.busy_timeout(connection::BUSY_TIMEOUT)?;
        let readers = Readers::open(path)?;
        let wal = Wal::start(&mut connection, path.to_owned(), synchronous, space.clone())?;
        let disk = wal.disk().clone();
        let writer = Writer::start(connection, wal, synchronous)?;
        Ok(Self { writer, readers, path: path.to_owned(), space, disk })
    }

    /// Opens the file `db` in a directory.
    #[cfg(test)]
    fn open_in(directory: &Path) -> Self {
        let space = DiskSpace::without_reserve_file(directory);
        Self::open(&directory.join("db"), Synchronous::Off, space).unwrap()
    }

    /// Runs a write of a few small rows and returns its result once it is durable. A failed write has no effect.
    fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        self.write_costing(Cost::SMALL, work)
    }

    /// Like [`write`](Self::write), for writes of any size.
    fn write_costing<T: Send + 'static>(
        &self,
        cost: Cost,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        self.writer.run(Durability::Full, SpaceUse::Consumes(cost), work)
    }

    /// Like [`write`](Self::write), for writes that free space, now or later. They succeed even on a full disk.
    fn write_freeing<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        self.write_deleting(1, work)
    }

    /// Like [`write_freeing`](Self::write_freeing), for a number of rows.
    fn write_deleting<T: Send + 'static>(
        &self,
        rows: usize,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        let space = SpaceUse::Frees(Cost::delete(rows as u64));
        self.writer.run(Durability::Full, space, work)
    }

    /// Like [`write_costing`](Self::write_costing), but a crash may lose the write together with all later ones.
    fn write_relaxed<T: Send + 'static>(
        &self,
        cost: Cost,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        self.writer.run(Durability::Relaxed, SpaceUse::Consumes(cost), work)
    }

    /// Runs a read on a reader thread, in one consistent snapshot.
    fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        self.readers.run(work)
    }

    /// Like [`read`](Self::read), but runs on the calling thread. For lookups by key, which are faster than a thread switch.
    fn look_up<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        self.readers.run_inline(work)
    }
}

fn secret(connection: &Connection) -> Result<Option<Vec<u8>>, StorageError> {
    let mut query =
        connection.prepare_cached("SELECT value FROM settings WHERE name = 'secret'")?;
    Ok(query.query_row([], |row| row.get(0)).optional()?)
}

impl Storage for SqliteStorage {
    fn secret(&self) -> Pending<Option<Vec<u8>>> {
        self.look_up(secret)
    }

    fn set_secret(&self, new: Vec<u8>) -> Pending<Vec<u8>> {
        self.write(move |connection| {
            if let Some(stored) = secret(connection)? {
                return Ok(stored);
            }
            connection.execute("INSERT INTO settings VALUES ('secret', ?1)", [&new])?;
            Ok(new)
        })
    }

    fn reset(&self, workspace: Uuid) -> Pending<()> {
        self.write_freeing(move |connection| workspaces::reset(connection, workspace))
    }

    fn counts(&self) -> Pending<Counts> {
        self.look_up(counts::count)
    }

    fn reclaim(&self) -> Pending<bool> {
        // A step that is lost in a crash is repeated.
        let space = SpaceUse::Frees(reclaim::STEP_COST);
        self.writer.run(Durability::Relaxed, space, reclaim::step)
    }

    fn shrink(&self) -> Pending<u64> {
        let space = SpaceUse::Frees(reclaim::SHRINK_COST);
        self.writer.run(Durability::Relaxed, space, reclaim::shrink)
    }

    fn release_space(&self) -> Pending<bool> {
        self.writer.truncate_wal()
    }

    fn health(&self) -> Health {
        let wal_bytes = wal::wal_path(&self.path).metadata().map_or(0, |metadata| metadata.len());
        let budget = Budget {
            unclaimed: self.space.unclaimed(),
            // After a checkpoint.
            reusable_wal: wal_bytes,
            free_pages: 0,
        };
        // A bit more than the smallest write.
        let cost = Cost::insert(1, 4096);
        let disk = if self.disk.has_failed() {
            DiskState::Failed
        } else if budget.fits(cost.bytes()) {
            DiskState::Writable
        } else {
            DiskState::Full
        };
        Health {
            disk,
            free_bytes: Some(self.space.available()).filter(|free| *free != u64::MAX),
            wal_bytes,
            pending_writes: self.writer.pending(),
        }
    }
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Busy { retry_after: connection::RETRY_AFTER }
            }
            Some(ErrorCode::OperationInterrupted) => Self::TimedOut,
            // The shared memory file grows with the WAL.
            _ if error.sqlite_extended_error_code() == Some(SQLITE_IOERR_SHMSIZE) => Self::Full,
            _ => Self::Failed(Box::new(error)),
        }
    }
}
