//! The number and size of the files of a workspace.
//!
//! They change in the transaction that adds or deletes files. The rows of deleted files are locked before.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::params::params;
use crate::storage::StorageError;

/// Removes deleted files from the totals of their workspaces. Each row has the workspace of a file, whether it is an export, and its
/// size.
pub(super) async fn subtract(
    transaction: &Transaction<'_>,
    deleted: &[Row],
) -> Result<(), StorageError> {
    // The rows are locked in the order of the map.
    let mut totals: BTreeMap<i64, (i64, i64, i64)> = BTreeMap::new();
    for row in deleted {
        let (listed, stored, bytes) = totals.entry(row.get(0)).or_default();
        *listed += i64::from(!row.get::<_, bool>(1));
        *stored += 1;
        *bytes += row.get::<_, i64>(2);
    }
    for (workspace, (listed, stored, bytes)) in totals {
        let sql = "UPDATE file_totals SET listed = listed - $2, stored = stored - $3, bytes = bytes - $4 WHERE workspace = $1";
        transaction.execute_typed(sql, params![workspace, listed, stored, bytes]).await?;
    }
    Ok(())
}
