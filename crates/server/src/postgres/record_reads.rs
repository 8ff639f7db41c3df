//! Reads and serializes records. Each function is one query, which takes one round trip.

use std::pin::pin;

use futures::TryStreamExt;
use tokio_postgres::{Row, RowStream};
use uuid::Uuid;

use super::database::{Connection, Database};
use super::params::{params, storable};
use super::records::visible;
use crate::storage::{
    DatasetKey, Missing, PageWriter, Record, RecordFormat, RecordHead, RecordPage, Selection,
    StorageError, Window,
};
use crate::time::Timestamp;

/// A query for a window of the records of a dataset: `$3` is the number of records to skip, `$4` the maximum number of records.
/// Without records, it returns a row with NULL instead of a record. Payloads and properties are NULL if all of them together have more
/// than `$5` bytes, so that they are not loaded. `octet_length` does not load values.
macro_rules! page {
    ($dataset:literal) => {
        concat!(
            "SELECT d.record_count, d.uuid, r.id, r.created_at, r.updated_at, r.source, ",
            "CASE WHEN r.bytes <= $5 THEN r.payload END, CASE WHEN r.bytes <= $5 THEN r.properties END ",
            "FROM datasets d JOIN workspaces w ON w.id = d.workspace ",
            "LEFT JOIN LATERAL (",
            "SELECT *, sum(octet_length(payload)::bigint + octet_length(properties)) OVER () AS bytes FROM (",
            "SELECT ranges.number, found.* ",
            "FROM record_ranges(d.id, $3, $4) WITH ORDINALITY AS ranges (first_key, amount, number) ",
            // The limit is a constant, so that the planner knows how few records are read. All ranges but the last one end where
            // their run ends, so at most twice as many records as wanted are read.
            "CROSS JOIN LATERAL (SELECT * FROM records WHERE key BETWEEN first_key AND first_key | 4294967295 ",
            "ORDER BY key LIMIT $4) found ",
            "ORDER BY ranges.number, found.key LIMIT $4) page) r ON true ",
            "WHERE w.uuid = $1 AND NOT w.discarded AND d.deleted_at IS NULL AND ",
            $dataset,
            " ORDER BY r.number, r.key"
        )
    };
}

/// Returns a record without its payload and properties. The columns from `first` on are the dataset's id, and the id, times and source
/// of the record.
fn head(row: &Row, first: usize) -> RecordHead<'_> {
    RecordHead {
        dataset: row.get(first),
        id: row.get(first + 1),
        created_at: Timestamp::from_micros(row.get(first + 2)),
        updated_at: Timestamp::from_micros(row.get(first + 3)),
        source: row.get(first + 4),
    }
}

/// Returns a size as a parameter.
pub(super) fn size(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Returns an offset as a parameter. No dataset has more records.
pub(super) fn offset(window: Window) -> i64 {
    i64::try_from(window.offset).unwrap_or(i64::MAX)
}

/// Appends the records of a selection to `body`, or returns `None` if that takes more than `max_bytes`.
pub(super) async fn page(
    database: Database,
    workspace: Uuid,
    selection: Selection,
    format: RecordFormat,
    body: Vec<u8>,
    max_bytes: usize,
) -> Result<Option<RecordPage>, StorageError> {
    let connection = database.connection().await?;
    let (missing, limit) = match &selection {
        Selection::Dataset(_, window) => (Missing::Dataset, window.limit as usize),
        Selection::Record(id) => (Missing::Record(*id), 1),
    };
    let mut rows = pin!(query(&connection, workspace, selection, max_bytes).await?);
    let mut page = PageWriter::new(format, body, max_bytes, limit);
    let mut count = None;
    while let Some(row) = rows.try_next().await? {
        count = Some(row.get::<_, i64>(0) as u64);
        if row.get::<_, Option<Uuid>>(2).is_none() {
            break;
        }
        let (Some(payload), Some(properties)) =
            (row.get::<_, Option<&str>>(6), row.get::<_, Option<&str>>(7))
        else {
            return Ok(None);
        };
        if !page.push(head(&row, 1), payload.as_bytes(), properties.as_bytes()) {
            return Ok(None);
        }
    }
    let count = count.ok_or(missing)?;
    Ok(Some(RecordPage { count, body: page.into_body() }))
}

async fn query(
    connection: &Connection,
    workspace: Uuid,
    selection: Selection,
    max_bytes: usize,
) -> Result<RowStream, StorageError> {
    let max_bytes = size(max_bytes);
    match selection {
        Selection::Dataset(dataset, window) => {
            let (skip, limit) = (offset(window), i64::from(window.limit));
            match dataset {
                DatasetKey::Id(id) => {
                    let sql = page!("d.uuid = $2");
                    connection.query(sql, params![workspace, id, skip, limit, max_bytes]).await
                }
                DatasetKey::Slug(slug) => {
                    let (sql, slug) = (page!("d.slug = $2"), storable(&slug));
                    connection.query(sql, params![workspace, slug, skip, limit, max_bytes]).await
                }
            }
        }
        Selection::Record(id) => {
            let sql = visible!(
                "1::bigint, d.uuid, r.id, r.created_at, r.updated_at, r.source, \
                 CASE WHEN octet_length(r.payload) <= $3 THEN r.payload END, \
                 CASE WHEN octet_length(r.properties) <= $3 THEN r.properties END",
                "r.id = $2"
            );
            connection.query(sql, params![workspace, id, max_bytes]).await
        }
    }
}

/// Returns records in the order of `ids`: at least one, and no more after those that together reach `max_bytes`.
pub(super) async fn by_id(
    database: Database,
    workspace: Uuid,
    ids: Vec<Uuid>,
    max_bytes: usize,
) -> Result<Vec<Record>, StorageError> {
    let connection = database.connection().await?;
    // `before` is the number of bytes of the records before this one.
    let sql = concat!(
        "SELECT wanted, dataset, id, created_at, updated_at, source, payload, properties FROM (",
        "SELECT wanted.number, wanted.id AS wanted, r.*, ",
        "coalesce(sum(octet_length(r.payload)::bigint + octet_length(r.properties)) OVER ( ",
        "ORDER BY wanted.number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before ",
        "FROM unnest($2::uuid[]) WITH ORDINALITY AS wanted (id, number) LEFT JOIN LATERAL (",
        visible!(
            "r.id, d.uuid AS dataset, r.created_at, r.updated_at, r.source, r.payload, r.properties",
            "r.id = wanted.id"
        ),
        ") r ON true) found WHERE number = 1 OR before < $3 ORDER BY number"
    );
    let mut rows = pin!(connection.query(sql, params![workspace, ids, size(max_bytes)]).await?);
    let mut records = Vec::new();
    while let Some(row) = rows.try_next().await? {
        if row.get::<_, Option<Uuid>>(2).is_none() {
            return Err(Missing::Record(row.get(0)).into());
        }
        let RecordHead { id, created_at, updated_at, dataset, source } = head(&row, 1);
        records.push(Record {
            id,
            created_at,
            updated_at,
            dataset,
            payload: row.get(6),
            properties: row.get(7),
            source: source.to_owned(),
        });
    }
    Ok(records)
}

/// Fails if one of the records does not exist.
pub(super) async fn require(
    database: Database,
    workspace: Uuid,
    ids: Vec<Uuid>,
) -> Result<(), StorageError> {
    let connection = database.connection().await?;
    let sql = concat!(
        "SELECT wanted.id FROM unnest($2::uuid[]) WITH ORDINALITY AS wanted (id, number) ",
        "LEFT JOIN LATERAL (",
        visible!("r.id", "r.id = wanted.id"),
        ") r ON true WHERE r.id IS NULL ORDER BY wanted.number LIMIT 1"
    );
    let mut rows = pin!(connection.query(sql, params![workspace, ids]).await?);
    match rows.try_next().await? {
        Some(row) => Err(Missing::Record(row.get(0)).into()),
        None => Ok(()),
    }
}
