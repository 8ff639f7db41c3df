//! Runs of records: stretches of a dataset that are filled from one end.

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::positions;
use crate::storage::{NewRecord, StorageError, Window};
use crate::time::Timestamp;

/// A run hands out positions below this, so that a key has room for them.
const FULL: u64 = 1 << 32;

/// A run being filled.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) id: i64,
    pub(super) size: u64,
}

/// A record as it was added.
pub(super) struct Added {
    pub(super) id: Uuid,
    pub(super) at: Timestamp,
}

/// The last visible run of a dataset that has room for more records, made where there is none.
pub(super) fn open(
    connection: &Connection,
    dataset: i64,
    more: usize,
) -> Result<Run, StorageError> {
    let last = connection
        .prepare_cached(
            "SELECT id, size FROM runs WHERE dataset = ?1 AND ordinal IS NOT NULL ORDER BY ordinal DESC LIMIT 1",
        )?
        .query_row([dataset], |row| Ok(Run { id: row.get(0)?, size: row.get(1)? }))
        .optional()?;
    match last {
        Some(run) if run.size + more as u64 <= FULL => Ok(run),
        _ => {
            let run = stage(connection, dataset)?;
            publish(connection, dataset, run.id)?;
            Ok(run)
        }
    }
}

/// A new run that is not visible yet.
pub(super) fn stage(connection: &Connection, dataset: i64) -> Result<Run, StorageError> {
    connection.prepare_cached("INSERT INTO runs (dataset) VALUES (?1)")?.execute([dataset])?;
    Ok(Run { id: connection.last_insert_rowid(), size: 0 })
}

/// A run by its id.
pub(super) fn find(connection: &Connection, run: i64) -> Result<Run, StorageError> {
    let found = connection
        .prepare_cached("SELECT id, size FROM runs WHERE id = ?1")?
        .query_row([run], |row| Ok(Run { id: row.get(0)?, size: row.get(1)? }))?;
    Ok(found)
}

/// Adds records to the end of a run. The count of its dataset is not touched.
pub(super) fn append(
    connection: &Connection,
    run: Run,
    records: &[NewRecord],
) -> Result<Vec<Added>, StorageError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO records (key, id, created_at, updated_at, source, properties, payload) \
         VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6)",
    )?;
    let at = Timestamp::now();
    let mut added = Vec::with_capacity(records.len());
    for (position, record) in (run.size..).zip(records) {
        let id = Uuid::now_v7();
        insert.execute(params![
            positions::key(run.id, position),
            id,
            at.micros(),
            record.source.as_str(),
            record.properties,
            record.payload,
        ])?;
        added.push(Added { id, at });
    }
    connection
        .prepare_cached("UPDATE runs SET size = size + ?2, live = live + ?2 WHERE id = ?1")?
        .execute(params![run.id, records.len()])?;
    Ok(added)
}

/// Puts a staged run at the end of its dataset, and counts its records in.
pub(super) fn publish(connection: &Connection, dataset: i64, run: i64) -> Result<(), StorageError> {
    connection
        .prepare_cached(
            "UPDATE runs SET ordinal = (SELECT 1 + coalesce(max(ordinal), 0) FROM runs WHERE dataset = ?1) \
             WHERE id = ?2",
        )?
        .execute([dataset, run])?;
    connection
        .prepare_cached(
            "UPDATE datasets SET record_count = record_count + (SELECT live FROM runs WHERE id = ?2) WHERE id = ?1",
        )?
        .execute([dataset, run])?;
    Ok(())
}

/// Gives up a staged run; its records are removed bit by bit.
pub(super) fn abandon(connection: &Connection, run: i64) -> Result<(), StorageError> {
    connection.prepare_cached("UPDATE runs SET abandoned = 1 WHERE id = ?1")?.execute([run])?;
    Ok(())
}

/// Gives up all runs of a dataset that is deleted; their records are removed bit by bit.
pub(super) fn abandon_all(connection: &Connection, dataset: i64) -> Result<(), StorageError> {
    connection
        .prepare_cached("UPDATE runs SET abandoned = 1 WHERE dataset = ?1")?
        .execute([dataset])?;
    Ok(())
}

/// Stretches of keys, from the first to the last of each, in which the window of a dataset's records lies. The last
/// stretch may hold more than the window.
pub(super) fn stretches(
    connection: &Connection,
    dataset: i64,
    window: Window,
) -> Result<Vec<(i64, i64)>, StorageError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, size, live FROM runs WHERE dataset = ?1 AND ordinal IS NOT NULL ORDER BY ordinal",
    )?;
    let mut rows = statement.query([dataset])?;
    let (mut skip, mut wanted) = (window.offset, u64::from(window.limit));
    let mut stretches = Vec::new();
    while wanted > 0 {
        let Some(row) = rows.next()? else { break };
        let (run, size, live): (i64, u64, u64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if skip >= live {
            skip -= live;
            continue;
        }
        let first = match skip {
            0 => positions::key(run, 0),
            skip if live == size => positions::key(run, skip),
            skip => positions::nth(connection, run, skip)?,
        };
        stretches.push((first, positions::last_key(run)));
        wanted = wanted.saturating_sub(live - skip);
        skip = 0;
    }
    Ok(stretches)
}
