//! Workspaces in SQLite. The row of a workspace is created by the first write to it.

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::storage::StorageError;

/// Returns the row of a workspace, or `None` if nothing was written to it.
pub(super) fn find(connection: &Connection, workspace: Uuid) -> Result<Option<i64>, StorageError> {
    let found = connection
        .prepare_cached("SELECT id FROM workspaces WHERE uuid = ?1 AND discarded = 0")?
        .query_row([workspace], |row| row.get(0))
        .optional()?;
    Ok(found)
}

/// An id that no row has.
pub(super) const NO_ROW: i64 = -1;

/// Returns the row of a workspace, or [`NO_ROW`] if nothing was written to it, so that queries find nothing.
pub(super) fn find_or_none(connection: &Connection, workspace: Uuid) -> Result<i64, StorageError> {
    Ok(find(connection, workspace)?.unwrap_or(NO_ROW))
}

/// Returns the row of a workspace, creating it if it is missing.
pub(super) fn find_or_create(
    connection: &Connection,
    workspace: Uuid,
) -> Result<i64, StorageError> {
    if let Some(found) = find(connection, workspace)? {
        return Ok(found);
    }
    connection.prepare_cached("INSERT INTO workspaces (uuid) VALUES (?1)")?.execute([workspace])?;
    Ok(connection.last_insert_rowid())
}

/// Changes the dataset count of a workspace.
pub(super) fn count_dataset(
    connection: &Connection,
    workspace: i64,
    change: i64,
) -> Result<(), StorageError> {
    connection
        .prepare_cached("UPDATE workspaces SET dataset_count = dataset_count + ?2 WHERE id = ?1")?
        .execute(params![workspace, change])?;
    Ok(())
}

/// Discards a workspace with everything in it, unfinished imports included. The next write creates a new row.
pub(super) fn reset(connection: &Connection, workspace: Uuid) -> Result<(), StorageError> {
    if let Some(row) = find(connection, workspace)? {
        connection
            .prepare_cached("UPDATE workspaces SET discarded = 1 WHERE id = ?1")?
            .execute([row])?;
    }
    Ok(())
}
