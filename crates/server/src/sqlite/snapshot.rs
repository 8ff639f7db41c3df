//! A copy of a database that others may be writing at the same time.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use super::connection;
use super::schema::{self, OpenError};
use crate::time::Timestamp;

/// So many pages are copied before it is asked again whether to go on: 8 MB.
const PAGES: i32 = 1_024;

/// One moment of a database. As long as this lives, it reads what was there then; whoever writes is not kept waiting.
pub(crate) struct Snapshot(Connection);

impl Snapshot {
    /// The present moment of a database, whether a server has it open or not; none where nothing was ever kept in it.
    pub(crate) fn of(path: &Path) -> Result<Option<Self>, OpenError> {
        let connection = connection::reader(path)?;
        connection.execute_batch("BEGIN")?;
        // The first read is what fixes the moment.
        Ok(schema::is_there(&connection)?.then(|| Self(connection)))
    }

    /// The files whose contents belong to it.
    pub(crate) fn contents(&self) -> Result<Vec<Uuid>, OpenError> {
        let mut statement = self.0.prepare(
            "SELECT f.uuid FROM files f JOIN workspaces w ON w.id = f.workspace WHERE w.discarded = 0 \
             AND f.deleted_at IS NULL AND (f.expires_at IS NULL OR f.expires_at > ?1)",
        )?;
        let ids = statement.query_map([Timestamp::now().micros()], |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// Writes it to a new file, as long as it is to go on, and answers whether it is whole.
    pub(crate) fn write_to(
        &self,
        path: &Path,
        go_on: impl Fn() -> bool,
    ) -> Result<bool, OpenError> {
        let mut target = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        // Since the source is within a transaction, every step copies from the same moment.
        let copying = Backup::new(&self.0, &mut target)?;
        loop {
            match copying.step(PAGES)? {
                StepResult::Done => return Ok(true),
                _ if go_on() => {}
                _ => return Ok(false),
            }
        }
    }
}
