//! Runs: sequences of records that are only appended to. A dataset is a list of runs.

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::positions;
use crate::storage::{NewRecord, StorageError, Window};
use crate::time::Timestamp;

/// A run that records can be appended to.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) id: i64,
    pub(super) size: u64,
}

/// The id and timestamp of an added record.
pub(super) struct Added {
    pub(super) id: Uuid,
    pub(super) at: Timestamp,
}

/// Returns the last visible run of a dataset if it has capacity for `more` records, or a new one.
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
        Some(run) if run.size + more as u64 <= positions::CAPACITY => Ok(run),
        _ => {
            let run = stage(connection, dataset)?;
            publish(connection, dataset, run.id)?;
            Ok(run)
        }
    }
}

/// Creates a run that is not visible yet.
pub(super) fn stage(connection: &Connection, dataset: i64) -> Result<Run, StorageError> {
    connection.prepare_cached("INSERT INTO runs (dataset) VALUES (?1)")?.execute([dataset])?;
    Ok(Run { id: connection.last_insert_rowid(), size: 0 })
}

/// Returns a run by its id.
pub(super) fn find(connection: &Connection, run: i64) -> Result<Run, StorageError> {
    let found = connection
        .prepare_cached("SELECT id, size FROM runs WHERE id = ?1")?
        .query_row([run], |row| Ok(Run { id: row.get(0)?, size: row.get(1)? }))?;
    Ok(found)
}

/// Appends records to a run. Does not change the record count of the dataset.
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

/// Makes a staged run visible at the end of its dataset, adds its records to the record count, and changes the revision.
pub(super) fn publish(connection: &Connection, dataset: i64, run: i64) -> Result<(), StorageError> {
    connection
        .prepare_cached(
            "UPDATE runs SET ordinal = (SELECT 1 + coalesce(max(ordinal), 0) FROM runs WHERE dataset = ?1) \
             WHERE id = ?2",
        )?
        .execute([dataset, run])?;
    connection
        .prepare_cached(
            "UPDATE datasets SET record_count = record_count + (SELECT live FROM runs WHERE id = ?2), \
             revision = revision + 1 WHERE id = ?1",
        )?
        .execute([dataset, run])?;
    Ok(())
}

/// Marks a staged run as abandoned. Its records are removed in the background.
pub(super) fn abandon(connection: &Connection, run: i64) -> Result<(), StorageError> {
    connection.prepare_cached("UPDATE runs SET abandoned = 1 WHERE id = ?1")?.execute([run])?;
    Ok(())
}

/// Marks all runs of a deleted dataset as abandoned. Their records are removed in the background.
pub(super) fn abandon_all(connection: &Connection, dataset: i64) -> Result<(), StorageError> {
    connection
        .prepare_cached("UPDATE runs SET abandoned = 1 WHERE dataset = ?1")?
        .execute([dataset])?;
    Ok(())
}

/// Returns the key ranges (first and last key) that contain a window of a dataset's records. The last range may contain more than
/// the window.
pub(super) fn key_ranges(
    connection: &Connection,
    dataset: i64,
    window: Window,
) -> Result<Vec<(i64, i64)>, StorageError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, size, live FROM runs WHERE dataset = ?1 AND ordinal IS NOT NULL ORDER BY ordinal",
    )?;
    let mut rows = statement.query([dataset])?;
    let (mut skip, mut wanted) = (window.offset, u64::from(window.limit));
    let mut ranges = Vec::new();
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
        ranges.push((first, positions::last_key(run)));
        wanted = wanted.saturating_sub(live - skip);
        skip = 0;
    }
    Ok(ranges)
}
