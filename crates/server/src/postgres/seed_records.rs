//! Inserts the records of seeds into new datasets.

use deadpool_postgres::Transaction;

use super::staging;
use crate::storage::{NewRecord, StorageError};

/// A statement ends with the record that reaches this size in bytes.
const STATEMENT_BYTES: usize = 4 << 20;

/// Inserts the first records of a dataset, which must be locked.
pub(super) async fn insert(
    transaction: &Transaction<'_>,
    dataset: i64,
    records: &[NewRecord],
) -> Result<(), StorageError> {
    let mut run = staging::open(transaction, dataset, records.len()).await?;
    let mut rest = records;
    while !rest.is_empty() {
        let (part, others) = rest.split_at(part_of(rest));
        staging::append(transaction, run, part).await?;
        run.size += part.len() as u64;
        rest = others;
    }
    staging::count(transaction, dataset, records.len()).await
}

/// Returns the number of records that one statement inserts.
fn part_of(records: &[NewRecord]) -> usize {
    let mut bytes = 0;
    let is_before = |record: &&NewRecord| {
        let is_before = bytes < STATEMENT_BYTES;
        bytes += record.size();
        is_before
    };
    records.iter().take_while(is_before).count()
}
