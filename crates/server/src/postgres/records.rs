//! Records in PostgreSQL.

use std::collections::BTreeMap;
use std::time::Duration;

use deadpool_postgres::Transaction;
use futures::future::try_join4;
use uuid::Uuid;

use super::database::Database;
use super::params::params;
use super::{PostgresStorage, positions, record_reads, record_stream};
use crate::storage::{
    DatasetKey, Missing, NewRecord, Pending, Record, RecordFormat, RecordPage, RecordStore,
    RecordStream, Selection, StorageError,
};
use crate::time::Timestamp;

/// A query for records `r` in datasets `d` of the workspace `$1` that can be seen.
macro_rules! visible {
    ($select:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $select,
            " FROM records r JOIN runs u ON u.id = r.key >> 32 JOIN datasets d ON d.id = u.dataset ",
            "JOIN workspaces w ON w.id = d.workspace ",
            "WHERE u.ordinal IS NOT NULL AND d.deleted_at IS NULL AND w.uuid = $1 AND NOT w.discarded AND ",
            $rest
        )
    };
}
pub(super) use visible;

/// Changes the record counts of datasets, which must be locked, and their revisions.
pub(super) async fn count(
    transaction: &Transaction<'_>,
    changes: BTreeMap<i64, i64>,
) -> Result<(), StorageError> {
    let (datasets, changes): (Vec<_>, Vec<_>) = changes.into_iter().unzip();
    let sql = "UPDATE datasets SET record_count = record_count + change.count, revision = revision + 1 \
               FROM unnest($1::bigint[], $2::bigint[]) AS change (dataset, count) WHERE id = change.dataset";
    transaction.execute_typed(sql, params![datasets, changes]).await?;
    Ok(())
}

/// Replaces the payload or the properties of a record, as `sql` says.
async fn replace(
    database: Database,
    workspace: Uuid,
    id: Uuid,
    sql: &'static str,
    text: String,
) -> Result<(), StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    let lock = visible!("d.id, r.key", "r.id = $2 FOR NO KEY UPDATE OF d");
    let row = transaction.query_typed_opt(lock, params![workspace, id]).await?;
    let row = row.ok_or(Missing::Record(id))?;
    let (dataset, key): (i64, i64) = (row.get(0), row.get(1));
    let now = Timestamp::now().micros();
    let changed = transaction.execute_typed(sql, params![key, now, text, dataset]).await?;
    if changed == 0 {
        // The record was deleted before the dataset could be locked.
        return Err(Missing::Record(id).into());
    }
    transaction.commit().await
}

async fn delete(database: Database, workspace: Uuid, ids: Vec<Uuid>) -> Result<(), StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    lock_datasets(&transaction, workspace, &ids).await?;
    // The outer join keeps the planner from reading all records of the workspace.
    let sql = concat!(
        "SELECT wanted.id, r.key, r.dataset FROM unnest($2::uuid[]) WITH ORDINALITY AS wanted (id, number) ",
        "LEFT JOIN LATERAL (",
        visible!("r.key, d.id AS dataset", "r.id = wanted.id"),
        ") r ON true ORDER BY wanted.number"
    );
    // The key and the dataset of each record.
    let mut found: BTreeMap<i64, i64> = BTreeMap::new();
    for row in transaction.query_typed(sql, params![workspace, ids]).await? {
        let key: Option<i64> = row.get(1);
        found.insert(key.ok_or_else(|| Missing::Record(row.get(0)))?, row.get(2));
    }
    let keys: Vec<i64> = found.keys().copied().collect();
    let mut changes: BTreeMap<i64, i64> = BTreeMap::new();
    for dataset in found.into_values() {
        *changes.entry(dataset).or_default() -= 1;
    }
    // All are sent at once.
    try_join4(
        remove(&transaction, &keys),
        shrink_runs(&transaction, &keys),
        positions::count_deletions(&transaction, &keys),
        count(&transaction, changes),
    )
    .await?;
    transaction.commit().await
}

/// Locks the datasets of records in the order of their rows. All changes of records lock the dataset first, so their rows then cannot
/// change.
async fn lock_datasets(
    transaction: &Transaction<'_>,
    workspace: Uuid,
    ids: &Vec<Uuid>,
) -> Result<(), StorageError> {
    let sql = concat!(
        "SELECT FROM datasets WHERE id IN (",
        visible!("d.id", "r.id = ANY($2)"),
        ") ORDER BY id FOR NO KEY UPDATE"
    );
    transaction.execute_typed(sql, params![workspace, ids]).await?;
    Ok(())
}

async fn remove(transaction: &Transaction<'_>, keys: &Vec<i64>) -> Result<(), StorageError> {
    let sql = "DELETE FROM records WHERE key = ANY($1)";
    transaction.execute_typed(sql, params![keys]).await?;
    Ok(())
}

/// Subtracts deleted records from the live records of their runs.
async fn shrink_runs(transaction: &Transaction<'_>, keys: &[i64]) -> Result<(), StorageError> {
    let mut deleted: BTreeMap<i64, i64> = BTreeMap::new();
    for key in keys {
        *deleted.entry(positions::split(*key).0).or_default() += 1;
    }
    let (runs, counts): (Vec<_>, Vec<_>) = deleted.into_iter().unzip();
    let sql = "UPDATE runs SET live = live - deleted.count \
               FROM unnest($1::bigint[], $2::bigint[]) AS deleted (run, count) WHERE id = deleted.run";
    transaction.execute_typed(sql, params![runs, counts]).await?;
    Ok(())
}

impl RecordStore for PostgresStorage {
    fn create_record(
        &self,
        workspace: Uuid,
        dataset: DatasetKey,
        new: NewRecord,
    ) -> Pending<Record> {
        self.creates.create(workspace, dataset, new)
    }

    fn read_records(
        &self,
        workspace: Uuid,
        selection: Selection,
        format: RecordFormat,
        body: Vec<u8>,
        max_bytes: usize,
    ) -> Pending<Option<RecordPage>> {
        let database = self.database.clone();
        Box::pin(record_reads::page(database, workspace, selection, format, body, max_bytes))
    }

    fn stream_records(
        &self,
        workspace: Uuid,
        selection: Selection,
        format: RecordFormat,
        body: Vec<u8>,
        stall_timeout: Duration,
    ) -> Pending<RecordStream> {
        let database = self.database.clone();
        record_stream::start(database, workspace, selection, format, body, stall_timeout)
    }

    fn records_by_id(
        &self,
        workspace: Uuid,
        ids: Vec<Uuid>,
        max_bytes: usize,
    ) -> Pending<Vec<Record>> {
        Box::pin(record_reads::by_id(self.database.clone(), workspace, ids, max_bytes))
    }

    fn require_records(&self, workspace: Uuid, ids: Vec<Uuid>) -> Pending<()> {
        Box::pin(record_reads::require(self.database.clone(), workspace, ids))
    }

    fn replace_payload(&self, workspace: Uuid, id: Uuid, payload: String) -> Pending<()> {
        const SQL: &str = "WITH changed AS (UPDATE datasets SET revision = revision + 1 WHERE id = $4) \
                           UPDATE records SET payload = $3, updated_at = greatest($2, updated_at + 1) WHERE key = $1";
        Box::pin(replace(self.database.clone(), workspace, id, SQL, payload))
    }

    fn replace_properties(&self, workspace: Uuid, id: Uuid, properties: String) -> Pending<()> {
        const SQL: &str = "WITH changed AS (UPDATE datasets SET revision = revision + 1 WHERE id = $4) \
                           UPDATE records SET properties = $3, updated_at = greatest($2, updated_at + 1) WHERE key = $1";
        Box::pin(replace(self.database.clone(), workspace, id, SQL, properties))
    }

    fn delete_records(&self, workspace: Uuid, ids: Vec<Uuid>) -> Pending<()> {
        Box::pin(delete(self.database.clone(), workspace, ids))
    }
}
