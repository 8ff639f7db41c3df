//! Copies a database that may be written at the same time.

use std::collections::HashSet;
use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use super::connection;
use super::schema::{self, OpenError};
use crate::time::Timestamp;

/// How many pages are copied between two checks for cancellation: 8 MB.
const PAGES_PER_STEP: i32 = 1_024;

/// A consistent snapshot of a database. It does not block writers.
pub(crate) struct Snapshot(Connection);

impl Snapshot {
    /// Takes a snapshot of a database, whether or not a server has it open. Returns `None` if the database has no schema yet.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, OpenError> {
        let connection = connection::reader(path)?;
        connection.execute_batch("BEGIN")?;
        // SQLite takes the snapshot at the first read of the transaction.
        Ok(schema::exists(&connection)?.then(|| Self(connection)))
    }

    /// Returns the ids of all files in the snapshot, and of deleted ones that unfinished imports read.
    pub(crate) fn file_ids(&self) -> Result<Vec<Uuid>, OpenError> {
        let mut statement = self.0.prepare(
            "SELECT f.uuid FROM files f JOIN workspaces w ON w.id = f.workspace WHERE w.discarded = 0 \
             AND f.deleted_at IS NULL AND (f.expires_at IS NULL OR f.expires_at > ?1)",
        )?;
        let ids = statement.query_map([Timestamp::now().micros()], |row| row.get(0))?;
        let mut ids = ids.collect::<Result<HashSet<Uuid>, _>>()?;
        // A directory that no server of this version has used yet has an earlier schema.
        if self.0.table_exists(None, "imports")? {
            let mut statement = self.0.prepare(
                "SELECT i.file FROM imports i JOIN workspaces w ON w.id = i.workspace \
                 WHERE i.file IS NOT NULL AND w.discarded = 0",
            )?;
            for file in statement.query_map([], |row| row.get(0))? {
                ids.insert(file?);
            }
        }
        Ok(ids.into_iter().collect())
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
