//! Copies a database that may be written at the same time.

use std::collections::HashSet;
use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use super::connection;
use super::schema::{self, OpenError};
use super::wal::wal_path;
use crate::time::Timestamp;

/// How many pages are copied between two checks for cancellation: 8 MB.
const PAGES_PER_STEP: i32 = 1_024;

/// A consistent snapshot of a database. It does not block writers.
pub(crate) struct Snapshot(pub(super) Connection);

/// A file in a snapshot, whose content is stored elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotFile {
    pub(crate) id: Uuid,
    pub(crate) bytes: u64,
    /// The SHA-256 of the content, in hexadecimal.
    pub(crate) signature: String,
}

impl Snapshot {
    /// Takes a snapshot of a database, whether or not a server has it open. Returns `None` if the database has no schema yet.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, OpenError> {
        let connection = connection::reader(path)?;
        connection.execute_batch("BEGIN")?;
        // SQLite takes the snapshot at the first read of the transaction.
        Ok(schema::exists(&connection)?.then(|| Self(connection)))
    }

    /// Opens a database that no process uses, like [`open`](Self::open). Creates no files if the database was closed properly, so
    /// this also works on a read-only file system.
    pub(crate) fn open_unused(path: &Path) -> Result<Option<Self>, OpenError> {
        if std::fs::metadata(wal_path(path)).is_ok_and(|wal| wal.len() > 0) {
            return Self::open(path);
        }
        let connection = connection::immutable(path)?;
        Ok(schema::exists(&connection)?.then(|| Self(connection)))
    }

    /// Returns the ids of all files in the snapshot.
    pub(crate) fn file_ids(&self) -> Result<Vec<Uuid>, OpenError> {
        Ok(self.files()?.into_iter().map(|file| file.id).collect())
    }

    /// Returns all files in the snapshot that exist for clients.
    pub(crate) fn files(&self) -> Result<Vec<SnapshotFile>, OpenError> {
        let mut statement = self.0.prepare(
            "SELECT f.uuid, f.bytes, f.signature FROM files f JOIN workspaces w ON w.id = f.workspace \
             WHERE w.discarded = 0 AND f.deleted_at IS NULL AND (f.expires_at IS NULL OR f.expires_at > ?1)",
        )?;
        let files = statement.query_map([Timestamp::now().micros()], |row| {
            Ok(SnapshotFile { id: row.get(0)?, bytes: row.get(1)?, signature: row.get(2)? })
        })?;
        Ok(files.collect::<Result<_, _>>()?)
    }

    /// Returns the ids of all files, including those that are deleted and whose content is about to be removed.
    pub(crate) fn all_file_ids(&self) -> Result<HashSet<Uuid>, OpenError> {
        let mut statement = self.0.prepare("SELECT uuid FROM files")?;
        let ids = statement.query_map([], |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// Writes the snapshot to a new file. Returns false if `should_continue` stopped it before it was complete.
    pub(crate) fn write_to(
        &self,
        path: &Path,
        should_continue: impl Fn() -> bool,
    ) -> Result<bool, OpenError> {
        let mut target = connection::open(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        )?;
        // The source connection is inside a transaction, so every step copies from the same snapshot.
        let backup = Backup::new(&self.0, &mut target)?;
        loop {
            match backup.step(PAGES_PER_STEP)? {
                StepResult::Done => return Ok(true),
                _ if should_continue() => {}
                _ => return Ok(false),
            }
        }
    }
}
