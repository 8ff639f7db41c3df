//! Inserts the records of seeds into new datasets.

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::params::params;
use crate::storage::{NewRecord, StorageError};
use crate::time::Timestamp;

/// A statement ends with the record that reaches this size in bytes.
const STATEMENT_BYTES: usize = 4 << 20;

/// Inserts the first records of a dataset, which must be locked.
pub(super) async fn insert(
    transaction: &Transaction<'_>,
    dataset: i64,
    records: &[NewRecord],
) -> Result<(), StorageError> {
    let count = records.len() as i64;
    let sql = "INSERT INTO runs (dataset, ordinal, size, live) VALUES ($1, 1, $2, $2) RETURNING id";
    let run: i64 = transaction.query_typed_one(sql, params![dataset, count]).await?.get(0);
    let mut key = run << 32;
    let mut rest = records;
    while !rest.is_empty() {
        let (part, others) = rest.split_at(part_of(rest));
        insert_part(transaction, key, part).await?;
        key += part.len() as i64;
        rest = others;
    }
    let sql = "UPDATE datasets SET record_count = record_count + $2, revision = revision + 1 WHERE id = $1";
    transaction.execute_typed(sql, params![dataset, count]).await?;
    Ok(())
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

async fn insert_part(
    transaction: &Transaction<'_>,
    first_key: i64,
    records: &[NewRecord],
) -> Result<(), StorageError> {
    let now = Timestamp::now().micros();
    let ids: Vec<_> = records.iter().map(|_| Uuid::now_v7()).collect();
    let sources: Vec<_> = records.iter().map(|record| record.source.as_str()).collect();
    let properties: Vec<_> = records.iter().map(|record| record.properties.as_str()).collect();
    let payloads: Vec<_> = records.iter().map(|record| record.payload.as_str()).collect();
    let sql = "INSERT INTO records (key, id, created_at, updated_at, source, properties, payload) \
               SELECT $1 + n.number - 1, n.id, $2, $2, n.source, n.properties, n.payload \
               FROM unnest($3, $4, $5, $6) WITH ORDINALITY AS n (id, source, properties, payload, number)";
    transaction
        .execute_typed(sql, params![first_key, now, ids, sources, properties, payloads])
        .await?;
    Ok(())
}
