//! Object counts.

use super::PostgresStorage;
use super::database::Database;
use crate::storage::{Counts, Pending, StorageError};

/// The number of datasets, of their records and of their tasks, and the number and size of files.
const TOTALS: &str = "SELECT count(*), coalesce(sum(d.record_count), 0)::bigint, coalesce(sum(d.task_count), 0)::bigint, \
                      coalesce((SELECT sum(t.stored) FROM file_totals t JOIN workspaces w ON w.id = t.workspace \
                      WHERE NOT w.discarded), 0)::bigint, \
                      coalesce((SELECT sum(t.bytes) FROM file_totals t JOIN workspaces w ON w.id = t.workspace \
                      WHERE NOT w.discarded), 0)::bigint \
                      FROM datasets d JOIN workspaces w ON w.id = d.workspace \
                      WHERE d.deleted_at IS NULL AND NOT w.discarded";

/// The number of tasks by status, except for completed ones, which are most.
const UNSUCCESSFUL_TASKS: &str = "SELECT t.status, count(*) FROM tasks t JOIN datasets d ON d.id = t.dataset \
                                  JOIN workspaces w ON w.id = d.workspace \
                                  WHERE t.status <> 'COMPLETED' AND d.deleted_at IS NULL AND NOT w.discarded \
                                  GROUP BY t.status";

/// Returns the number of visible objects in all workspaces. Reads rows of datasets and workspaces, but not those of records, files or
/// completed tasks.
async fn count(database: Database) -> Result<Counts, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    let totals = transaction.query_typed_one(TOTALS, &[]).await?;
    let total = |column: usize| totals.get::<_, i64>(column) as u64;
    let (mut completed, mut running, mut failed) = (total(2), 0, 0);
    for row in transaction.query_typed(UNSUCCESSFUL_TASKS, &[]).await? {
        let count = row.get::<_, i64>(1) as u64;
        completed = completed.saturating_sub(count);
        match row.get(0) {
            "FAILED" => failed += count,
            _ => running += count,
        }
    }
    let tasks = [("RUNNING", running), ("COMPLETED", completed), ("FAILED", failed)];
    Ok(Counts {
        datasets: total(0),
        records: total(1),
        files: total(3),
        file_bytes: total(4),
        tasks: tasks.map(|(status, count)| (status.to_owned(), count)).into(),
    })
}

impl PostgresStorage {
    /// Implements [`Storage::counts`](crate::storage::Storage::counts).
    pub(crate) fn counts(&self) -> Pending<Counts> {
        Box::pin(count(self.database.clone()))
    }
}
