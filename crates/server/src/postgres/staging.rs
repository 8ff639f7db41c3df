//! The runs that imports fill with records.
//!
//! A run is staged as long as it has no ordinal. Only its import appends to it then, and holds the lock of the import. Everything that
//! makes records visible needs the lock of the dataset.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::params::params;
use super::positions;
use super::runs;
pub(super) use super::runs::{Run, publish, stage};
use crate::storage::{NewRecord, StorageError};
use crate::time::Timestamp;

/// Returns the last visible run of a dataset, which must be locked, if it has capacity for `more` records, or a new one.
pub(super) async fn open(
    transaction: &Transaction<'_>,
    dataset: i64,
    more: usize,
) -> Result<Run, StorageError> {
    let opened = runs::open(transaction, &BTreeMap::from([(dataset, more as u64)])).await?;
    opened.get(&dataset).copied().ok_or_else(|| StorageError::Failed("no run was opened".into()))
}

/// Appends records to a run. Does not change the record count of the dataset.
///
/// Fails if the run is abandoned, because its dataset was deleted.
pub(super) async fn append(
    transaction: &Transaction<'_>,
    run: Run,
    records: &[NewRecord],
) -> Result<(), StorageError> {
    // Before the records are inserted, so that the run cannot be removed meanwhile.
    let sql = "UPDATE runs SET size = size + $2, live = live + $2 WHERE id = $1 AND NOT abandoned";
    let count = records.len() as i64;
    if transaction.execute_typed(sql, params![run.id, count]).await? == 0 {
        return Err(StorageError::ImportAborted);
    }
    let first = positions::key(run.id, run.size);
    let keys: Vec<i64> = (first..first + count).collect();
    let ids: Vec<Uuid> = records.iter().map(|_| Uuid::now_v7()).collect();
    let sources: Vec<&str> = records.iter().map(|record| record.source.as_str()).collect();
    let properties: Vec<&str> = records.iter().map(|record| &*record.properties).collect();
    let payloads: Vec<&str> = records.iter().map(|record| &*record.payload).collect();
    let sql = "INSERT INTO records (key, id, created_at, updated_at, source, properties, payload) \
               SELECT new.key, new.id, $1, $1, new.source, new.properties, new.payload \
               FROM unnest($2, $3, $4, $5, $6) AS new (key, id, source, properties, payload)";
    let now = Timestamp::now().micros();
    transaction.execute_typed(sql, params![now, keys, ids, sources, properties, payloads]).await?;
    Ok(())
}

/// Adds records in a visible run to the record count of the dataset, and changes the revision.
pub(super) async fn count(
    transaction: &Transaction<'_>,
    dataset: i64,
    records: usize,
) -> Result<(), StorageError> {
    let sql = "UPDATE datasets SET record_count = record_count + $2, revision = revision + 1 WHERE id = $1";
    transaction.execute_typed(sql, params![dataset, records as i64]).await?;
    Ok(())
}

/// Marks a staged run as abandoned. Its records are removed in the background.
pub(super) async fn abandon(transaction: &Transaction<'_>, run: i64) -> Result<(), StorageError> {
    let sql = "UPDATE runs SET abandoned = true WHERE id = $1";
    transaction.execute_typed(sql, params![run]).await?;
    Ok(())
}
