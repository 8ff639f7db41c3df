//! The runs that imports fill with records.
//!
//! A run is staged as long as it has no ordinal. Only its import appends to it then, and holds the lock of the import. Everything that
//! makes records visible needs the lock of the dataset.

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::params::params;
use crate::storage::{NewRecord, StorageError};
use crate::time::Timestamp;

/// The number of positions in a run. A position takes 32 bits of a key.
const CAPACITY: u64 = 1 << 32;

/// A run that records can be appended to.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) id: i64,
    pub(super) size: u64,
}

/// Creates a run that is not visible yet.
pub(super) async fn stage(
    transaction: &Transaction<'_>,
    dataset: i64,
) -> Result<Run, StorageError> {
    let sql = "INSERT INTO runs (dataset) VALUES ($1) RETURNING id";
    let row = transaction.query_typed_one(sql, params![dataset]).await?;
    Ok(Run { id: row.get(0), size: 0 })
}

/// Returns the last visible run of a dataset if it has capacity for `more` records, or a new one.
pub(super) async fn open(
    transaction: &Transaction<'_>,
    dataset: i64,
    more: usize,
) -> Result<Run, StorageError> {
    let sql = "SELECT id, size FROM runs WHERE dataset = $1 AND ordinal IS NOT NULL ORDER BY ordinal DESC LIMIT 1";
    let last = transaction.query_typed_opt(sql, params![dataset]).await?;
    let last = last.map(|row| Run { id: row.get(0), size: row.get::<_, i64>(1) as u64 });
    match last {
        Some(run) if run.size + more as u64 <= CAPACITY => Ok(run),
        _ => {
            let run = stage(transaction, dataset).await?;
            publish(transaction, dataset, run.id).await?;
            Ok(run)
        }
    }
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
    let first = run.id << 32 | run.size as i64;
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

/// Makes a staged run visible at the end of its dataset, adds its records to the record count, and changes the revision.
pub(super) async fn publish(
    transaction: &Transaction<'_>,
    dataset: i64,
    run: i64,
) -> Result<(), StorageError> {
    let sql = "WITH run AS (\
                   UPDATE runs SET ordinal = (SELECT 1 + coalesce(max(ordinal), 0) FROM runs WHERE dataset = $1) \
                   WHERE id = $2 RETURNING live) \
               UPDATE datasets SET record_count = record_count + run.live, revision = revision + 1 FROM run \
               WHERE datasets.id = $1";
    transaction.execute_typed(sql, params![dataset, run]).await?;
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
