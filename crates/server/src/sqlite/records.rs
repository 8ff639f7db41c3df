//! Records in SQLite.

use std::collections::HashSet;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::budget::Cost;
use super::{SqliteStorage, datasets, positions, record_reads, record_stream, runs};
use crate::storage::{
    DatasetKey, Missing, NewRecord, Pending, Record, RecordFormat, RecordPage, RecordStore,
    RecordStream, Selection, StorageError, take_bytes,
};
use crate::time::Timestamp;

/// Up to this size, in bytes, records are read on the calling thread: a thread switch would take longer.
const MAX_INLINE_BYTES: usize = 1 << 20;

/// The location of a record.
pub(super) struct Location {
    pub(super) key: i64,
    updated_at: Timestamp,
    dataset: i64,
    pub(super) dataset_id: Uuid,
}

/// Returns the location of a record in the workspace.
pub(super) fn locate(
    connection: &Connection,
    workspace: Uuid,
    id: Uuid,
) -> Result<Location, StorageError> {
    connection
        .prepare_cached(
            "SELECT r.key, r.updated_at, d.id, d.uuid FROM records r \
             JOIN runs u ON u.id = r.key >> 32 \
             JOIN datasets d ON d.id = u.dataset \
             JOIN workspaces w ON w.id = d.workspace \
             WHERE r.id = ?1 AND u.ordinal IS NOT NULL AND d.deleted_at IS NULL AND w.uuid = ?2 AND w.discarded = 0",
        )?
        .query_row(params![id, workspace], |row| {
            Ok(Location {
                key: row.get(0)?,
                updated_at: Timestamp::from_micros(row.get(1)?),
                dataset: row.get(2)?,
                dataset_id: row.get(3)?,
            })
        })
        .optional()?
        .ok_or_else(|| Missing::Record(id).into())
}

fn create(
    connection: &Connection,
    workspace: Uuid,
    dataset: &DatasetKey,
    new: NewRecord,
) -> Result<Record, StorageError> {
    let found = datasets::find(connection, workspace, dataset)?;
    let new = [new];
    let run = runs::open(connection, found.row, new.len())?;
    let added = runs::append(connection, run, &new)?;
    count(connection, found.row, 1)?;
    let ([new], [added]) = (new, &added[..]) else {
        return Err(StorageError::Failed("expected one added record".into()));
    };
    Ok(Record {
        id: added.id,
        created_at: added.at,
        updated_at: added.at,
        dataset: found.dataset.id,
        payload: new.payload,
        properties: new.properties,
        source: new.source.as_str().to_owned(),
    })
}

/// Changes the record count of a dataset, and its revision.
pub(super) fn count(
    connection: &Connection,
    dataset: i64,
    change: i64,
) -> Result<(), StorageError> {
    connection
        .prepare_cached(
            "UPDATE datasets SET record_count = record_count + ?2, revision = revision + 1 WHERE id = ?1",
        )?
        .execute(params![dataset, change])?;
    Ok(())
}

fn fetch(connection: &Connection, workspace: Uuid, id: Uuid) -> Result<Record, StorageError> {
    let location = locate(connection, workspace, id)?;
    let record = connection
        .prepare_cached(
            "SELECT created_at, updated_at, payload, properties, source FROM records WHERE key = ?1",
        )?
        .query_row([location.key], |row| {
            Ok(Record {
                id,
                created_at: Timestamp::from_micros(row.get(0)?),
                updated_at: Timestamp::from_micros(row.get(1)?),
                dataset: location.dataset_id,
                payload: row.get(2)?,
                properties: row.get(3)?,
                source: row.get(4)?,
            })
        })?;
    Ok(record)
}

fn replace(
    connection: &Connection,
    workspace: Uuid,
    id: Uuid,
    sql: &str,
    text: &str,
) -> Result<(), StorageError> {
    let location = locate(connection, workspace, id)?;
    let now = location.updated_at.next();
    connection.prepare_cached(sql)?.execute(params![location.key, text, now.micros()])?;
    count(connection, location.dataset, 0)
}

fn delete(connection: &Connection, workspace: Uuid, ids: &[Uuid]) -> Result<(), StorageError> {
    let mut remove = connection.prepare_cached("DELETE FROM records WHERE key = ?1")?;
    let mut shrink = connection.prepare_cached("UPDATE runs SET live = live - 1 WHERE id = ?1")?;
    let mut seen = HashSet::new();
    for id in ids {
        if !seen.insert(id) {
            continue;
        }
        let location = locate(connection, workspace, *id)?;
        remove.execute([location.key])?;
        shrink.execute([positions::split(location.key).0])?;
        positions::count_deletion(connection, location.key)?;
        count(connection, location.dataset, -1)?;
    }
    Ok(())
}

impl RecordStore for SqliteStorage {
    fn create_record(
        &self,
        workspace: Uuid,
        dataset: DatasetKey,
        new: NewRecord,
    ) -> Pending<Record> {
        let cost = Cost::insert(1, new.size() as u64);
        self.write_costing(cost, move |connection| create(connection, workspace, &dataset, new))
    }

    fn read_records(
        &self,
        workspace: Uuid,
        selection: Selection,
        format: RecordFormat,
        body: Vec<u8>,
        max_bytes: usize,
    ) -> Pending<Option<RecordPage>> {
        let read = move |connection: &Connection| {
            record_reads::page(connection, workspace, &selection, format, body, max_bytes)
        };
        if max_bytes <= MAX_INLINE_BYTES { self.look_up(read) } else { self.read(read) }
    }

    fn stream_records(
        &self,
        workspace: Uuid,
        selection: Selection,
        format: RecordFormat,
        body: Vec<u8>,
        stall_timeout: Duration,
    ) -> Pending<RecordStream> {
        record_stream::start(self.path.clone(), workspace, selection, format, body, stall_timeout)
    }

    fn records_by_id(
        &self,
        workspace: Uuid,
        ids: Vec<Uuid>,
        max_bytes: usize,
    ) -> Pending<Vec<Record>> {
        self.read(move |connection| {
            let records = ids.into_iter().map(|id| fetch(connection, workspace, id));
            take_bytes(records, max_bytes, |record| record.payload.len() + record.properties.len())
        })
    }

    fn require_records(&self, workspace: Uuid, ids: Vec<Uuid>) -> Pending<()> {
        self.read(move |connection| {
            ids.into_iter().try_for_each(|id| locate(connection, workspace, id).map(|_| ()))
        })
    }

    fn replace_payload(&self, workspace: Uuid, id: Uuid, payload: String) -> Pending<()> {
        const SQL: &str = "UPDATE records SET payload = ?2, updated_at = ?3 WHERE key = ?1";
        let cost = Cost::insert(1, payload.len() as u64);
        self.write_costing(cost, move |connection| {
            replace(connection, workspace, id, SQL, &payload)
        })
    }

    fn replace_properties(&self, workspace: Uuid, id: Uuid, properties: String) -> Pending<()> {
        const SQL: &str = "UPDATE records SET properties = ?2, updated_at = ?3 WHERE key = ?1";
        let cost = Cost::insert(1, properties.len() as u64);
        self.write_costing(cost, move |connection| {
            replace(connection, workspace, id, SQL, &properties)
        })
    }

    fn delete_records(&self, workspace: Uuid, ids: Vec<Uuid>) -> Pending<()> {
        self.write_deleting(ids.len(), move |connection| delete(connection, workspace, &ids))
    }
}
