//! Workspaces in PostgreSQL. The row of a workspace is created by the first write to it.

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::PostgresStorage;
use super::params::params;
use crate::storage::{Pending, StorageError};

/// An id that no row has.
pub(super) const NO_ROW: i64 = -1;

/// Returns the row of a workspace, or [`NO_ROW`] if nothing was written to it, so that queries find nothing.
pub(super) async fn find_or_none(
    transaction: &Transaction<'_>,
    workspace: Uuid,
) -> Result<i64, StorageError> {
    let row = transaction
        .query_typed_opt(
            "SELECT id FROM workspaces WHERE uuid = $1 AND NOT discarded",
            params![workspace],
        )
        .await?;
    Ok(row.map_or(NO_ROW, |row| row.get(0)))
}

/// Returns the row of a workspace, creating it if it is missing. Others can lock and discard it, but not remove it until the
/// transaction ends.
pub(super) async fn find_or_create(
    transaction: &Transaction<'_>,
    workspace: Uuid,
) -> Result<i64, StorageError> {
    let row = transaction
        .query_typed_opt(
            "SELECT id FROM workspaces WHERE uuid = $1 AND NOT discarded FOR KEY SHARE",
            params![workspace],
        )
        .await?;
    match row {
        Some(row) => Ok(row.get(0)),
        None => lock(transaction, workspace).await,
    }
}

/// Returns the row of a workspace, creating it if it is missing, and locks it. Others can neither lock nor discard it until the
/// transaction ends, so what is numbered or counted per workspace gets its number in the order of the commits.
pub(super) async fn lock(
    transaction: &Transaction<'_>,
    workspace: Uuid,
) -> Result<i64, StorageError> {
    // The update locks the row if another transaction created it.
    let row = transaction
        .query_typed_one(
            "INSERT INTO workspaces (uuid) VALUES ($1) \
             ON CONFLICT (uuid) WHERE NOT discarded DO UPDATE SET uuid = excluded.uuid RETURNING id",
            params![workspace],
        )
        .await?;
    Ok(row.get(0))
}

/// Changes the dataset count of a workspace.
pub(super) async fn count_dataset(
    transaction: &Transaction<'_>,
    workspace: i64,
    change: i64,
) -> Result<(), StorageError> {
    let sql = "UPDATE workspaces SET dataset_count = dataset_count + $2 WHERE id = $1";
    transaction.execute_typed(sql, params![workspace, change]).await?;
    Ok(())
}

/// Discards a workspace with everything in it, unfinished imports included. The next write creates a new row.
pub(super) async fn reset(
    transaction: &Transaction<'_>,
    workspace: Uuid,
) -> Result<(), StorageError> {
    let sql = "UPDATE workspaces SET discarded = true WHERE uuid = $1 AND NOT discarded";
    transaction.execute_typed(sql, params![workspace]).await?;
    Ok(())
}

impl PostgresStorage {
    /// Implements [`Storage::reset`](crate::storage::Storage::reset).
    pub(crate) fn reset(&self, workspace: Uuid) -> Pending<()> {
        let database = self.database.clone();
        Box::pin(async move {
            let mut connection = database.connection().await?;
            let transaction = connection.write().await?;
            reset(&transaction, workspace).await?;
            transaction.commit().await
        })
    }
}
