//! Object counts.

use rusqlite::Connection;

use crate::storage::{Counts, StorageError};

/// All statuses of tasks. Each is reported, even if no task has it.
const STATUSES: &[&str] = &["RUNNING", "COMPLETED", "FAILED"];

/// Counts visible objects in all workspaces, without reading any record.
pub(super) fn count(connection: &Connection) -> Result<Counts, StorageError> {
    let (datasets, records) = connection
        .prepare_cached(
            "SELECT count(*), coalesce(sum(d.record_count), 0) FROM datasets d \
             JOIN workspaces w ON w.id = d.workspace WHERE d.deleted_at IS NULL AND w.discarded = 0",
        )?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (files, file_bytes) = connection
        .prepare_cached(
            "SELECT count(*), coalesce(sum(f.bytes), 0) FROM files f \
             JOIN workspaces w ON w.id = f.workspace WHERE f.deleted_at IS NULL AND w.discarded = 0",
        )?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut statement = connection.prepare_cached(
        "SELECT count(*) FROM tasks t JOIN datasets d ON d.id = t.dataset \
         JOIN workspaces w ON w.id = d.workspace \
         WHERE t.status = ?1 AND d.deleted_at IS NULL AND w.discarded = 0",
    )?;
    let mut tasks = Vec::new();
    for status in STATUSES {
        let count = statement.query_row([status], |row| row.get(0))?;
        tasks.push(((*status).to_owned(), count));
    }
    Ok(Counts { datasets, records, files, file_bytes, tasks })
}
