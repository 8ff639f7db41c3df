//! Reads and serializes records.

use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::records::locate;
use super::{datasets, runs};
use crate::storage::{PageWriter, RecordFormat, RecordHead, RecordPage, Selection, StorageError};
use crate::time::Timestamp;

/// A query for the records in a range of keys. Payloads and properties larger than the last parameter are NULL: SQLite would load
/// them completely, and a page that contains one is read in pieces.
pub(super) const QUERY: &str = "SELECT key, id, created_at, updated_at, source, \
     CASE WHEN octet_length(payload) <= ?4 THEN payload END, \
     CASE WHEN octet_length(properties) <= ?4 THEN properties END \
     FROM records WHERE key BETWEEN ?1 AND ?2 ORDER BY key LIMIT ?3";

/// Where the records of a selection are.
pub(super) struct Found {
    /// The number of records in the dataset.
    pub(super) count: u64,
    /// The revision of the dataset.
    pub(super) revision: u64,
    /// The id of the dataset.
    pub(super) dataset: Uuid,
    /// The first and the last key of each range. The last range may contain more than `limit` records.
    pub(super) ranges: Vec<(i64, i64)>,
    pub(super) limit: usize,
}

/// Finds the records of a selection.
pub(super) fn find(
    connection: &Connection,
    workspace: Uuid,
    selection: &Selection,
) -> Result<Found, StorageError> {
    match selection {
        Selection::Dataset(dataset, window) => {
            let found = datasets::find(connection, workspace, dataset)?;
            Ok(Found {
                count: found.record_count,
                revision: found.revision,
                dataset: found.dataset.id,
                ranges: runs::key_ranges(connection, found.row, *window)?,
                limit: window.limit as usize,
            })
        }
        Selection::Record(id) => {
            let location = locate(connection, workspace, *id)?;
            let ranges = vec![(location.key, location.key)];
            Ok(Found { count: 1, revision: 0, dataset: location.dataset_id, ranges, limit: 1 })
        }
    }
}

/// Returns a record of [`QUERY`] without its payload and properties.
pub(super) fn head<'a>(row: &'a Row<'_>, dataset: Uuid) -> rusqlite::Result<RecordHead<'a>> {
    Ok(RecordHead {
        id: row.get(1)?,
        created_at: Timestamp::from_micros(row.get(2)?),
        updated_at: Timestamp::from_micros(row.get(3)?),
        dataset,
        source: row.get_ref(4)?.as_str()?,
    })
}

/// Returns the payload and the properties of a record of [`QUERY`]. Those that are too large are `None`.
pub(super) fn values<'a>(row: &'a Row<'_>) -> rusqlite::Result<[Option<&'a [u8]>; 2]> {
    Ok([row.get_ref(5)?.as_bytes_or_null()?, row.get_ref(6)?.as_bytes_or_null()?])
}

/// Appends the records of a selection to `body`, or returns `None` if that takes more than `max_bytes`.
pub(super) fn page(
    connection: &Connection,
    workspace: Uuid,
    selection: &Selection,
    format: RecordFormat,
    body: Vec<u8>,
    max_bytes: usize,
) -> Result<Option<RecordPage>, StorageError> {
    let Found { count, dataset, ranges, limit, .. } = find(connection, workspace, selection)?;
    let mut statement = connection.prepare_cached(QUERY)?;
    let mut page = PageWriter::new(format, body, max_bytes, limit);
    let mut wanted = limit;
    for (first, last) in ranges {
        let mut rows = statement.query(params![first, last, wanted, max_bytes])?;
        while let Some(row) = rows.next()? {
            let [Some(payload), Some(properties)] = values(row)? else { return Ok(None) };
            if !page.push(head(row, dataset)?, payload, properties) {
                return Ok(None);
            }
            wanted -= 1;
        }
    }
    Ok(Some(RecordPage { count, body: page.into_body() }))
}
