//! Records in SQLite.

use std::collections::HashSet;

use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{SqliteStorage, connection, datasets, positions, readers, runs};
use crate::storage::{
    DatasetKey, Missing, NewRecord, Pending, Record, RecordStore, RecordView, RecordVisitor,
    RecordWriter, StorageError, Window, WrittenRecords,
};
use crate::time::Timestamp;

/// So much room is made for records at most before they are read.
const AHEAD: usize = 1 << 20;

/// A record's place, and what changes with it.
struct Place {
    key: i64,
    updated_at: Timestamp,
    dataset: i64,
    dataset_id: Uuid,
}

/// Where a record of the workspace is.
fn place(connection: &Connection, workspace: Uuid, id: Uuid) -> Result<Place, StorageError> {
    connection
        .prepare_cached(
            "SELECT r.key, r.updated_at, d.id, d.uuid FROM records r \
             JOIN runs u ON u.id = r.key >> 32 \
             JOIN datasets d ON d.id = u.dataset \
             JOIN workspaces w ON w.id = d.workspace \
             WHERE r.id = ?1 AND u.ordinal IS NOT NULL AND d.deleted_at IS NULL AND w.uuid = ?2 AND w.discarded = 0",
        )?
        .query_row(params![id, workspace], |row| {
            Ok(Place {
                key: row.get(0)?,
                updated_at: Timestamp::from_micros(row.get(1)?),
                dataset: row.get(2)?,
                dataset_id: row.get(3)?,
            })
        })
        .optional()?
        .ok_or_else(|| Missing::Record(id).into())
}

/// The columns that [`view`] takes, in its order.
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
        return Err(StorageError::Failed("one record was to be added".into()));
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

/// Counts records of a dataset in or out.
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
    let place = place(connection, workspace, id)?;
    let record = connection
        .prepare_cached(select!("WHERE key = ?1"))?
        .query_row([place.key], |row| owned(view(row, place.dataset_id)?))?;
    Ok(record)
}

/// Writes records of a dataset behind the text.
fn write(
    connection: &Connection,
    workspace: Uuid,
    dataset: &DatasetKey,
    window: Window,
    mut text: Vec<u8>,
    write: RecordWriter,
) -> Result<WrittenRecords, StorageError> {
    let found = datasets::find(connection, workspace, dataset)?;
    let mut statement =
        connection.prepare_cached(select!("WHERE key BETWEEN ?1 AND ?2 ORDER BY key LIMIT ?3"))?;
    let mut wanted = window.limit as usize;
    for (first, last) in runs::stretches(connection, found.row, window)? {
        let mut rows = statement.query(params![first, last, wanted])?;
        while let Some(row) = rows.next()? {
            let before = text.len();
            write(&mut text, view(row, found.dataset.id)?);
            wanted -= 1;
            // Those of one dataset are much alike, so the text need not be moved while it grows; an eighth is for those that are
            // longer.
            let record = text.len() - before;
            if text.capacity() - text.len() < record {
                text.reserve((record * (wanted + 1) / 8 * 9).min(AHEAD));
            }
        }
    }
    Ok(WrittenRecords { count: found.record_count, text })
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
    for (first, last) in runs::stretches(connection, found.row, all)? {
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
    let place = place(connection, workspace, id)?;
    let now = place.updated_at.next();
    connection.prepare_cached(sql)?.execute(params![place.key, text, now.micros()])?;
    Ok(())
}

fn delete(connection: &Connection, workspace: Uuid, ids: &[Uuid]) -> Result<(), StorageError> {
    let mut keep = connection.prepare_cached(
        "INSERT INTO deleted_records \
         SELECT key, id, created_at, updated_at, source, properties, payload, ?2 FROM records WHERE key = ?1",
    )?;
    let mut remove = connection.prepare_cached("DELETE FROM records WHERE key = ?1")?;
    let mut shrink = connection.prepare_cached("UPDATE runs SET live = live - 1 WHERE id = ?1")?;
    let now = Timestamp::now();
    let mut seen = HashSet::new();
    for id in ids {
        if !seen.insert(id) {
            continue;
        }
        let place = place(connection, workspace, *id)?;
        keep.execute(params![place.key, now.micros()])?;
        remove.execute([place.key])?;
        shrink.execute([positions::split(place.key).0])?;
        positions::lose(connection, place.key)?;
        count(connection, place.dataset, -1)?;
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
        self.write(move |connection| create(connection, workspace, &dataset, new))
    }

    fn record(&self, workspace: Uuid, id: Uuid) -> Pending<Record> {
        self.look_up(move |connection| fetch(connection, workspace, id))
    }

    fn write_records(
        &self,
        workspace: Uuid,
        dataset: DatasetKey,
        window: Window,
        text: Vec<u8>,
        writer: RecordWriter,
    ) -> Pending<WrittenRecords> {
        self.look_up(move |connection| write(connection, workspace, &dataset, window, text, writer))
    }

    fn records_by_id(&self, workspace: Uuid, ids: Vec<Uuid>) -> Pending<Vec<Record>> {
        self.read(move |connection| {
            ids.into_iter().map(|id| fetch(connection, workspace, id)).collect()
        })
    }

    fn require_records(&self, workspace: Uuid, ids: Vec<Uuid>) -> Pending<()> {
        self.read(move |connection| {
            ids.into_iter().try_for_each(|id| place(connection, workspace, id).map(|_| ()))
        })
    }

    fn each_record(
        &self,
        workspace: Uuid,
        dataset: DatasetKey,
        visitor: RecordVisitor,
    ) -> Pending<()> {
        // It may take long, so it must not keep one of the few threads for reading from others.
        let path = self.path.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let connection = connection::reader(&path)?;
            readers::read(&connection, |connection| visit(connection, workspace, &dataset, visitor))
        });
        Box::pin(async move { reading.await.unwrap_or(Err(StorageError::Stopped)) })
    }

    fn replace_payload(&self, workspace: Uuid, id: Uuid, payload: String) -> Pending<()> {
        const SQL: &str = "UPDATE records SET payload = ?2, updated_at = ?3 WHERE key = ?1";
        self.write(move |connection| replace(connection, workspace, id, SQL, &payload))
    }

    fn replace_properties(&self, workspace: Uuid, id: Uuid, properties: String) -> Pending<()> {
        const SQL: &str = "UPDATE records SET properties = ?2, updated_at = ?3 WHERE key = ?1";
        self.write(move |connection| replace(connection, workspace, id, SQL, &properties))
    }

    fn delete_records(&self, workspace: Uuid, ids: Vec<Uuid>) -> Pending<()> {
        self.write_freeing(move |connection| delete(connection, workspace, &ids))
    }
}
