//! Records in SQLite.

use std::collections::HashSet;

use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::budget::Cost;
use super::{SqliteStorage, batch, connection, datasets, positions, readers, runs};
use crate::storage::{
    DatasetKey, Missing, NewRecord, Pending, Record, RecordPage, RecordStore, RecordView,
    RecordVisitor, RecordWriter, StorageError, Window,
};
use crate::time::Timestamp;

/// The maximum capacity reserved in advance for a page, in bytes.
const MAX_RESERVE: usize = 1 << 20;

/// The location of a record.
struct Location {
    key: i64,
    updated_at: Timestamp,
    dataset: i64,
    dataset_id: Uuid,
}

/// Returns the location of a record in the workspace.
fn locate(connection: &Connection, workspace: Uuid, id: Uuid) -> Result<Location, StorageError> {
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

/// A query for records, with the columns that [`view`] expects.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, created_at, updated_at, payload, properties, source FROM records ",
            $rest
        )
    };
}

fn view<'a>(row: &'a Row<'_>, dataset: Uuid) -> rusqlite::Result<RecordView<'a>> {
    Ok(RecordView {
        id: row.get(0)?,
        created_at: Timestamp::from_micros(row.get(1)?),
        updated_at: Timestamp::from_micros(row.get(2)?),
        dataset,
        payload: row.get_ref(3)?.as_bytes()?,
        properties: row.get_ref(4)?.as_bytes()?,
        source: row.get_ref(5)?.as_str()?,
    })
}

fn owned(view: RecordView<'_>) -> rusqlite::Result<Record> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_owned()).map_err(FromSqlError::other);
    Ok(Record {
        id: view.id,
        created_at: view.created_at,
        updated_at: view.updated_at,
        dataset: view.dataset,
        payload: text(view.payload)?,
        properties: text(view.properties)?,
        source: view.source.to_owned(),
    })
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

/// Changes the record count of a dataset.
pub(super) fn count(
    connection: &Connection,
    dataset: i64,
    change: i64,
) -> Result<(), StorageError> {
    connection
        .prepare_cached("UPDATE datasets SET record_count = record_count + ?2 WHERE id = ?1")?
        .execute(params![dataset, change])?;
    Ok(())
}

fn fetch(connection: &Connection, workspace: Uuid, id: Uuid) -> Result<Record, StorageError> {
    let location = locate(connection, workspace, id)?;
    let record = connection
        .prepare_cached(select!("WHERE key = ?1"))?
        .query_row([location.key], |row| owned(view(row, location.dataset_id)?))?;
    Ok(record)
}

/// Appends a page of records to `body`.
fn page(
    connection: &Connection,
    workspace: Uuid,
    dataset: &DatasetKey,
    window: Window,
    mut body: Vec<u8>,
    write: RecordWriter,
) -> Result<RecordPage, StorageError> {
    let found = datasets::find(connection, workspace, dataset)?;
    let mut statement =
        connection.prepare_cached(select!("WHERE key BETWEEN ?1 AND ?2 ORDER BY key LIMIT ?3"))?;
    let mut wanted = window.limit as usize;
    for (first, last) in runs::key_ranges(connection, found.row, window)? {
        let mut rows = statement.query(params![first, last, wanted])?;
        while let Some(row) = rows.next()? {
            let before = body.len();
            write(&mut body, view(row, found.dataset.id)?);
            wanted -= 1;
            // Records of a dataset usually have similar sizes, so this avoids reallocations. The additional eighth is for larger
            // ones.
            let record = body.len() - before;
            if body.capacity() - body.len() < record {
                body.reserve((record * (wanted + 1) / 8 * 9).min(MAX_RESERVE));
            }
        }
    }
    Ok(RecordPage { count: found.record_count, body })
}

/// Visits every record of a dataset.
fn visit(
    connection: &Connection,
    workspace: Uuid,
    dataset: &DatasetKey,
    mut visitor: RecordVisitor,
) -> Result<(), StorageError> {
    let found = datasets::find(connection, workspace, dataset)?;
    let mut statement =
        connection.prepare_cached(select!("WHERE key BETWEEN ?1 AND ?2 ORDER BY key"))?;
    let all = Window { offset: 0, limit: u32::MAX };
    for (first, last) in runs::key_ranges(connection, found.row, all)? {
        let mut rows = statement.query([first, last])?;
        while let Some(row) = rows.next()? {
            visitor(view(row, found.dataset.id)?)?;
        }
    }
    Ok(())
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
    Ok(())
}

fn delete(connection: &Connection, workspace: Uuid, ids: &[Uuid]) -> Result<(), StorageError> {
    // Copying the content would need space on a full disk, and deleted conversations must not be kept.
    let mut archive = connection.prepare_cached(
        "INSERT INTO deleted_records \
         SELECT key, id, created_at, updated_at, source, '', '', ?2 FROM records WHERE key = ?1",
    )?;
    let mut remove = connection.prepare_cached("DELETE FROM records WHERE key = ?1")?;
    let mut shrink = connection.prepare_cached("UPDATE runs SET live = live - 1 WHERE id = ?1")?;
    let now = Timestamp::now();
    let mut seen = HashSet::new();
    for id in ids {
        if !seen.insert(id) {
            continue;
        }
        let location = locate(connection, workspace, *id)?;
        archive.execute(params![location.key, now.micros()])?;
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

    fn record(&self, workspace: Uuid, id: Uuid) -> Pending<Record> {
        self.look_up(move |connection| fetch(connection, workspace, id))
    }

    fn record_page(
        &self,
        workspace: Uuid,
        dataset: DatasetKey,
        window: Window,
        body: Vec<u8>,
        write: RecordWriter,
    ) -> Pending<RecordPage> {
        self.look_up(move |connection| page(connection, workspace, &dataset, window, body, write))
    }

    fn records_by_id(&self, workspace: Uuid, ids: Vec<Uuid>) -> Pending<Vec<Record>> {
        self.read(move |connection| {
            batch(ids, |id| {
                let record = fetch(connection, workspace, id)?;
                let bytes = record.payload.len() + record.properties.len();
                Ok((record, bytes))
            })
        })
    }

    fn require_records(&self, workspace: Uuid, ids: Vec<Uuid>) -> Pending<()> {
        self.read(move |connection| {
            ids.into_iter().try_for_each(|id| locate(connection, workspace, id).map(|_| ()))
        })
    }

    fn visit_records(
        &self,
        workspace: Uuid,
        dataset: DatasetKey,
        visitor: RecordVisitor,
    ) -> Pending<()> {
        // A long read would block one of the few reader threads, so it gets its own connection and thread.
        let path = self.path.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let connection = connection::reader(&path)?;
            readers::read(&connection, |connection| visit(connection, workspace, &dataset, visitor))
        });
        Box::pin(async move { reading.await.unwrap_or(Err(StorageError::Stopped)) })
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
