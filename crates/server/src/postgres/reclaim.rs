//! Removes what is no longer visible: the staged records of failed imports, the ids that ended imports have read, what is left of
//! deleted datasets, deleted campaigns, and discarded workspaces.
//!
//! This happens in small steps. Each one is a transaction that determines from the data what to do next, so it can be interrupted
//! anywhere and continues after a restart.
//!
//! Several servers share the work: a step locks what it removes something of, and skips what others have locked. It locks also the
//! rows that it removes without waiting for them. They may belong to a request that started before its dataset or workspace was
//! deleted, so the row of a dataset or a workspace is only removed when nothing refers to it any more.

use deadpool_postgres::Transaction;

use super::database::Database;
use super::params::params;
use super::{PostgresStorage, datasets};
use crate::storage::{Pending, StorageError};

/// The maximum number of rows removed in one step.
const ROWS: i64 = 500;

/// A step that is lost in a crash is repeated. The rows to remove are found by indexes even if most rows of a table have to be removed:
/// a scan of the table would read those that earlier steps have removed again and again. Where there is no index, the scan must not be
/// compiled because its cost seems high.
const SETTINGS: &str = "SET LOCAL synchronous_commit = off; SET LOCAL enable_seqscan = off; \
                        SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off";

/// Runs one step. Returns whether there may be more to do.
async fn step(database: Database) -> Result<bool, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    transaction.batch_execute(SETTINGS).await?;
    let has_removed = remove(&transaction).await?;
    transaction.commit().await?;
    Ok(has_removed)
}

/// Removes some rows. Returns whether there were any that could be removed.
async fn remove(transaction: &Transaction<'_>) -> Result<bool, StorageError> {
    Ok(remove_abandoned_run(transaction).await?
        || remove_ended_import(transaction).await?
        || erase_deleted_dataset(transaction).await?
        || remove_deleted_campaign(transaction).await?
        || remove_discarded_workspace(transaction).await?)
}

/// Deletes some rows of a table, given its name and what selects them by the first parameter. The second parameter is the maximum
/// number of rows.
macro_rules! delete {
    ($table:literal, $selection:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            // `ANY (ARRAY(...))` makes PostgreSQL run the inner query only once.
            " WHERE ctid = ANY (ARRAY(SELECT r.ctid FROM ",
            $selection,
            " LIMIT $2 FOR UPDATE OF r SKIP LOCKED))"
        )
    };
}

/// Runs a statement of [`delete!`]. Returns whether it removed anything.
async fn remove_some(
    transaction: &Transaction<'_>,
    sql: &str,
    of: i64,
) -> Result<bool, StorageError> {
    Ok(transaction.execute_typed(sql, params![of, ROWS]).await? > 0)
}

async fn remove_abandoned_run(transaction: &Transaction<'_>) -> Result<bool, StorageError> {
    let sql =
        "SELECT id, size FROM runs WHERE abandoned ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED";
    let Some(run) = transaction.query_typed_opt(sql, &[]).await? else { return Ok(false) };
    remove_run(transaction, run.get(0), run.get(1)).await?;
    Ok(true)
}

/// Removes the last records of a run, or the run itself if it has none. The run must be locked.
async fn remove_run(
    transaction: &Transaction<'_>,
    run: i64,
    size: i64,
) -> Result<(), StorageError> {
    // The run gets shorter, so that no step has to skip the records that earlier ones have removed.
    let left = (size - ROWS).max(0);
    let sql = "DELETE FROM records WHERE key >= ($1::bigint << 32) + $2::bigint AND key < ($1::bigint + 1) << 32";
    transaction.execute_typed(sql, params![run, left]).await?;
    if left > 0 {
        let sql = "UPDATE runs SET size = $2 WHERE id = $1";
        transaction.execute_typed(sql, params![run, left]).await?;
    } else if !remove_some(transaction, delete!("gaps", "gaps r WHERE run = $1"), run).await? {
        transaction.execute_typed("DELETE FROM runs WHERE id = $1", params![run]).await?;
    }
    Ok(())
}

/// Removes some ids of an import that has ended, or the import itself if it has none.
async fn remove_ended_import(transaction: &Transaction<'_>) -> Result<bool, StorageError> {
    let sql = "SELECT task FROM imports WHERE state = 'ENDED' ORDER BY task LIMIT 1 FOR UPDATE SKIP LOCKED";
    let Some(import) = transaction.query_typed_opt(sql, &[]).await? else { return Ok(false) };
    let task: i64 = import.get(0);
    let ids = delete!("import_ids", "import_ids r WHERE task = $1");
    if !remove_some(transaction, ids, task).await? {
        transaction.execute_typed("DELETE FROM imports WHERE task = $1", params![task]).await?;
    }
    Ok(true)
}

/// Removes some tasks of a deleted dataset, or its name if it has none.
async fn erase_deleted_dataset(transaction: &Transaction<'_>) -> Result<bool, StorageError> {
    let sql = "SELECT id, slug FROM datasets WHERE deleted_at IS NOT NULL AND name <> '' \
               ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED";
    let Some(dataset) = transaction.query_typed_opt(sql, &[]).await? else { return Ok(false) };
    let row: i64 = dataset.get(0);
    Ok(remove_tasks(transaction, row).await?
        || datasets::erase(transaction, row, dataset.get(1)).await?)
}

/// Remove some of the tasks of a dataset and their imports.
const TASKS: [&str; 3] = [
    delete!("import_ids", "tasks t JOIN import_ids r ON r.task = t.id WHERE t.dataset = $1"),
    delete!("imports", "tasks t JOIN imports r ON r.task = t.id WHERE t.dataset = $1"),
    delete!(
        "tasks",
        "tasks r WHERE dataset = $1 AND NOT EXISTS (SELECT FROM imports WHERE task = r.id)"
    ),
];

/// Removes some tasks of a dataset. Returns whether there were any.
async fn remove_tasks(transaction: &Transaction<'_>, dataset: i64) -> Result<bool, StorageError> {
    for sql in TASKS {
        if remove_some(transaction, sql, dataset).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes some events of a deleted campaign from its selection, or the campaign itself if it has none.
async fn remove_deleted_campaign(transaction: &Transaction<'_>) -> Result<bool, StorageError> {
    let sql = "SELECT id FROM campaigns WHERE deleted_at IS NOT NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED";
    let Some(campaign) = transaction.query_typed_opt(sql, &[]).await? else { return Ok(false) };
    let campaign: i64 = campaign.get(0);
    let events = delete!("campaign_events", "campaign_events r WHERE campaign = $1");
    if remove_some(transaction, events, campaign).await? {
        return Ok(true);
    }
    let sql = "DELETE FROM campaigns WHERE id = $1 AND NOT EXISTS (SELECT FROM campaign_events WHERE campaign = $1)";
    Ok(transaction.execute_typed(sql, params![campaign]).await? > 0)
}

/// Removes some objects of a discarded workspace, or the workspace itself if it has none.
async fn remove_discarded_workspace(transaction: &Transaction<'_>) -> Result<bool, StorageError> {
    // The rows of files are needed until their contents are removed.
    let sql = "SELECT id FROM workspaces w WHERE discarded \
               AND NOT EXISTS (SELECT FROM files WHERE workspace = w.id AND NOT erased) \
               ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED";
    let Some(workspace) = transaction.query_typed_opt(sql, &[]).await? else { return Ok(false) };
    let workspace: i64 = workspace.get(0);
    let sql = "SELECT id FROM datasets WHERE workspace = $1 LIMIT 1 FOR UPDATE SKIP LOCKED";
    if let Some(dataset) = transaction.query_typed_opt(sql, params![workspace]).await?
        && remove_dataset(transaction, dataset.get(0)).await?
    {
        return Ok(true);
    }
    for sql in WORKSPACE {
        if remove_some(transaction, sql, workspace).await? {
            return Ok(true);
        }
    }
    Ok(transaction.execute_typed(EMPTY_WORKSPACE, params![workspace]).await? > 0)
}

/// Remove some of the objects of a workspace, except for datasets.
const WORKSPACE: [&str; 12] = [
    delete!(
        "campaign_events",
        "campaigns c JOIN campaign_events r ON r.campaign = c.id WHERE c.workspace = $1"
    ),
    delete!(
        "campaigns",
        "campaigns r WHERE workspace = $1 AND NOT EXISTS (SELECT FROM campaign_events WHERE campaign = r.id)"
    ),
    delete!("event_annotations", "event_annotations r WHERE workspace = $1"),
    delete!("events", "events r WHERE workspace = $1"),
    delete!("spans", "spans r WHERE workspace = $1"),
    delete!("traces", "traces r WHERE workspace = $1"),
    delete!("logs", "logs r WHERE workspace = $1"),
    delete!("span_evaluations", "span_evaluations r WHERE workspace = $1"),
    delete!("judges", "judges r WHERE workspace = $1"),
    delete!("conversations", "conversations r WHERE workspace = $1"),
    delete!("files", "files r WHERE workspace = $1 AND erased"),
    delete!("file_totals", "file_totals r WHERE workspace = $1"),
];

/// Removes a workspace without objects.
const EMPTY_WORKSPACE: &str = "DELETE FROM workspaces WHERE id = $1 \
    AND NOT EXISTS (SELECT FROM datasets WHERE workspace = $1) \
    AND NOT EXISTS (SELECT FROM campaigns WHERE workspace = $1) \
    AND NOT EXISTS (SELECT FROM event_annotations WHERE workspace = $1) \
    AND NOT EXISTS (SELECT FROM events WHERE workspace = $1) \
    AND NOT EXISTS (SELECT FROM spans WHERE workspace = $1) \
    AND NOT EXISTS (SELECT FROM traces WHERE workspace = $1) \
    AND NOT EXISTS (SELECT FROM logs WHERE workspace = $1) \
    AND NOT EXISTS (SELECT FROM span_evaluations WHERE workspace = $1) \
    AND NOT EXISTS (SELECT FROM judges WHERE workspace = $1) \
    AND NOT EXISTS (SELECT FROM conversations WHERE workspace = $1) \
    AND NOT EXISTS (SELECT FROM files WHERE workspace = $1) \
    AND NOT EXISTS (SELECT FROM file_totals WHERE workspace = $1)";

/// Removes some objects of a dataset, or the dataset itself if it has none. Returns whether anything could be removed.
async fn remove_dataset(transaction: &Transaction<'_>, dataset: i64) -> Result<bool, StorageError> {
    let sql = "SELECT id, size FROM runs WHERE dataset = $1 LIMIT 1 FOR UPDATE SKIP LOCKED";
    if let Some(run) = transaction.query_typed_opt(sql, params![dataset]).await? {
        remove_run(transaction, run.get(0), run.get(1)).await?;
        return Ok(true);
    }
    if remove_tasks(transaction, dataset).await? {
        return Ok(true);
    }
    let sql = "DELETE FROM datasets WHERE id = $1 AND NOT EXISTS (SELECT FROM runs WHERE dataset = $1) \
               AND NOT EXISTS (SELECT FROM tasks WHERE dataset = $1)";
    Ok(transaction.execute_typed(sql, params![dataset]).await? > 0)
}

impl PostgresStorage {
    /// Implements [`Storage::reclaim`](crate::storage::Storage::reclaim).
    pub(crate) fn reclaim(&self) -> Pending<bool> {
        Box::pin(step(self.database.clone()))
    }

    /// Implements [`Storage::shrink`](crate::storage::Storage::shrink): the database server frees the space of deleted rows itself.
    pub(crate) fn shrink(&self) -> Pending<u64> {
        Box::pin(async { Ok(0) })
    }

    /// Implements [`Storage::release_space`](crate::storage::Storage::release_space), like [`shrink`](Self::shrink).
    pub(crate) fn release_space(&self) -> Pending<bool> {
        Box::pin(async { Ok(true) })
    }
}
