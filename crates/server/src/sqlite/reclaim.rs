//! Removing what is out of reach: the staged records of failed imports, and everything of discarded workspaces.
//!
//! It goes in small steps, so that no other write waits long. Each step finds what to do from the data alone, so it does not
//! matter when the server stops in between.

use rusqlite::{Connection, OptionalExtension, params};

use super::positions;
use crate::storage::StorageError;

/// At most this many rows go in one step.
const ROWS: u32 = 2_000;

/// Does one step, and answers whether there may be another.
pub(super) fn step(connection: &Connection) -> Result<bool, StorageError> {
    if let Some(run) = first(connection, "SELECT id FROM runs WHERE abandoned = 1 LIMIT 1")? {
        remove_run(connection, run)?;
        return Ok(true);
    }
    let discarded = first(connection, "SELECT id FROM workspaces WHERE discarded = 1 LIMIT 1")?;
    if let Some(workspace) = discarded {
        remove_workspace(connection, workspace)?;
        return Ok(true);
    }
    Ok(false)
}

fn first(connection: &Connection, sql: &str) -> Result<Option<i64>, StorageError> {
    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?)
}

fn first_of(connection: &Connection, sql: &str, of: i64) -> Result<Option<i64>, StorageError> {
    Ok(connection.prepare_cached(sql)?.query_row([of], |row| row.get(0)).optional()?)
}

/// Removes some rows, and answers whether there were any.
fn remove_some(connection: &Connection, sql: &str, of: i64) -> Result<bool, StorageError> {
    Ok(connection.prepare_cached(sql)?.execute(params![of, ROWS])? > 0)
}

/// Removes some of a run, or in the end the run.
fn remove_run(connection: &Connection, run: i64) -> Result<(), StorageError> {
    let (low, high) = (positions::key(run, 0), positions::last_key(run));
    for sql in [
        "DELETE FROM records WHERE key IN (SELECT key FROM records WHERE key BETWEEN ?1 AND ?2 LIMIT ?3)",
        "DELETE FROM deleted_records WHERE key IN \
         (SELECT key FROM deleted_records WHERE key BETWEEN ?1 AND ?2 LIMIT ?3)",
    ] {
        if connection.prepare_cached(sql)?.execute(params![low, high, ROWS])? > 0 {
            return Ok(());
        }
    }
    connection.prepare_cached("DELETE FROM gaps WHERE run = ?1")?.execute([run])?;
    connection.prepare_cached("DELETE FROM runs WHERE id = ?1")?.execute([run])?;
    Ok(())
}

/// Removes some of a workspace, or in the end the workspace.
fn remove_workspace(connection: &Connection, workspace: i64) -> Result<(), StorageError> {
    let dataset =
        first_of(connection, "SELECT id FROM datasets WHERE workspace = ?1 LIMIT 1", workspace)?;
    if let Some(dataset) = dataset {
        return remove_dataset(connection, dataset);
    }
    for sql in [
        "DELETE FROM campaign_events WHERE (campaign, ordinal) IN (SELECT e.campaign, e.ordinal \
         FROM campaigns c JOIN campaign_events e ON e.campaign = c.id WHERE c.workspace = ?1 LIMIT ?2)",
        "DELETE FROM campaigns WHERE id IN (SELECT id FROM campaigns WHERE workspace = ?1 LIMIT ?2)",
        "DELETE FROM events WHERE rowid IN (SELECT rowid FROM events WHERE workspace = ?1 LIMIT ?2)",
        "DELETE FROM conversations WHERE rowid IN \
         (SELECT rowid FROM conversations WHERE workspace = ?1 LIMIT ?2)",
        "DELETE FROM files WHERE id IN (SELECT id FROM files WHERE workspace = ?1 LIMIT ?2)",
    ] {
        if remove_some(connection, sql, workspace)? {
            return Ok(());
        }
    }
    connection.prepare_cached("DELETE FROM workspaces WHERE id = ?1")?.execute([workspace])?;
    Ok(())
}

/// Removes some of a dataset, or in the end the dataset.
fn remove_dataset(connection: &Connection, dataset: i64) -> Result<(), StorageError> {
    if let Some(run) =
        first_of(connection, "SELECT id FROM runs WHERE dataset = ?1 LIMIT 1", dataset)?
    {
        return remove_run(connection, run);
    }
    let tasks = "DELETE FROM tasks WHERE id IN (SELECT id FROM tasks WHERE dataset = ?1 LIMIT ?2)";
    if remove_some(connection, tasks, dataset)? {
        return Ok(());
    }
    connection.prepare_cached("DELETE FROM datasets WHERE id = ?1")?.execute([dataset])?;
    Ok(())
}
