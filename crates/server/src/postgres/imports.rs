//! Import tasks and staged records in PostgreSQL.

use std::time::Duration;

use deadpool_postgres::Transaction;
use futures::future::{try_join, try_join3};
use mistral_datasets_types::TaskStatus;
use tokio_postgres::Row;
use uuid::Uuid;

use super::database::Database;
use super::params::{params, storable};
use super::staging::{self, Run};
use super::{PostgresStorage, datasets, import_queue};
use crate::storage::{
    Claim, ClaimedImport, DatasetKey, ImportCounts, ImportPosition, ImportSource, ImportStore,
    Listed, Missing, NewImport, NewRecord, Pending, Progress, QueueLimits, SourceIds, StorageError,
    StoredSource, Task, WaitingImports, Window,
};
use crate::time::Timestamp;

/// A query for tasks, with the columns that [`read`] expects.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT uuid, created_at, updated_at, creator, status, progress, message, requested, imported, skipped ",
            "FROM tasks ",
            $rest
        )
    };
}

fn read(row: &Row, dataset: &datasets::Found) -> Task {
    let count = |column| row.get::<_, Option<i64>>(column).map(|count| count as u64);
    let counts = match (count(7), count(8), count(9)) {
        (Some(requested), Some(imported), Some(skipped)) => {
            Some(ImportCounts { requested, imported, skipped })
        }
        _ => None,
    };
    Task {
        id: row.get(0),
        created_at: Timestamp::from_micros(row.get(1)),
        updated_at: Timestamp::from_micros(row.get(2)),
        creator: row.get(3),
        dataset: dataset.dataset.id,
        workspace: dataset.dataset.workspace,
        status: TaskStatus::from(row.get::<_, &str>(4)),
        progress: Progress(u8::try_from(row.get::<_, i16>(5)).unwrap_or(0)),
        message: row.get(6),
        counts,
    }
}

async fn queue(
    database: Database,
    new: NewImport,
    limits: QueueLimits,
) -> Result<Task, StorageError> {
    let source = StoredSource::encode(&new.source)?;
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    let found = datasets::lock(&transaction, new.workspace, &new.dataset).await?;
    let file_exists = match new.source {
        ImportSource::File(file) => {
            import_queue::lock_file(&transaction, found.workspace_row, file).await?
        }
        _ => true,
    };
    import_queue::check_limits(&transaction, found.workspace_row, limits).await?;
    if !file_exists {
        return Err(Missing::File.into());
    }
    let now = Timestamp::now();
    let task = Task {
        id: Uuid::now_v7(),
        created_at: now,
        updated_at: now,
        creator: new.creator,
        dataset: found.dataset.id,
        workspace: new.workspace,
        status: TaskStatus::Running,
        progress: Progress::NONE,
        message: None,
        counts: None,
    };
    let row = add_task(&transaction, found.row, &task).await?;
    import_queue::add(&transaction, row, found.workspace_row, &new, source).await?;
    transaction.commit().await?;
    Ok(task)
}

/// Adds a task to a dataset, whose lock is held, and returns its row.
async fn add_task(
    transaction: &Transaction<'_>,
    dataset: i64,
    task: &Task,
) -> Result<i64, StorageError> {
    let sql = "WITH d AS (UPDATE datasets SET task_count = task_count + 1 WHERE id = $2 RETURNING task_count) \
               INSERT INTO tasks (uuid, dataset, number, creator, created_at, updated_at, status, progress) \
               SELECT $1, $2, d.task_count, $3, $4, $4, $5, $6 FROM d RETURNING id";
    let row = transaction
        .query_typed_one(
            sql,
            params![
                task.id,
                dataset,
                task.creator,
                task.created_at.micros(),
                task.status.as_str(),
                i16::from(task.progress.0),
            ],
        )
        .await?;
    Ok(row.get(0))
}

async fn fetch(
    database: Database,
    workspace: Uuid,
    dataset: DatasetKey,
    id: Uuid,
) -> Result<Task, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    let found = datasets::find(&transaction, workspace, &dataset).await?;
    let sql = select!("WHERE uuid = $1 AND dataset = $2");
    let row = transaction.query_typed_opt(sql, params![id, found.row]).await?;
    Ok(read(&row.ok_or(Missing::Task)?, &found))
}

async fn list(
    database: Database,
    workspace: Uuid,
    dataset: DatasetKey,
    window: Window,
) -> Result<Listed<Task>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    let found = datasets::find(&transaction, workspace, &dataset).await?;
    // Task numbers have no gaps, so a page is a range of numbers.
    let newest = found.task_count.saturating_sub(window.offset) as i64;
    let sql = select!("WHERE dataset = $1 AND number <= $2 ORDER BY number DESC LIMIT $3");
    let limit = i64::from(window.limit);
    let rows = transaction.query_typed(sql, params![found.row, newest, limit]).await?;
    Ok(Listed {
        count: found.task_count,
        results: rows.iter().map(|row| read(row, &found)).collect(),
    })
}

/// A running task, whose import is locked.
struct Running {
    row: i64,
    dataset: i64,
    /// Whether the dataset exists.
    is_wanted: bool,
    run: Option<Run>,
    updated_at: Timestamp,
}

impl Running {
    /// Fails if the dataset was deleted, or if staged records were lost.
    fn check(&self, claim: Claim) -> Result<(), StorageError> {
        if !self.is_wanted {
            return Err(StorageError::ImportAborted);
        }
        if self.run.map_or(0, |run| run.size) != claim.staged {
            return Err(StorageError::ClaimLost);
        }
        Ok(())
    }
}

/// Locks the dataset of a task.
const LOCK_DATASET: &str = "SELECT d.id FROM tasks t JOIN datasets d ON d.id = t.dataset WHERE t.uuid = $1 \
                            FOR NO KEY UPDATE OF d";

/// Locks the dataset of a task that has no run yet.
const LOCK_DATASET_UNLESS_STAGED: &str = "SELECT d.id FROM tasks t JOIN datasets d ON d.id = t.dataset WHERE t.uuid = $1 \
                                          AND t.run IS NULL FOR NO KEY UPDATE OF d";

/// Locks the import of a running task, after what `lock_dataset` locks. Returns `None` if the task has ended.
async fn lock(
    transaction: &Transaction<'_>,
    claim: Claim,
    lock_dataset: Option<&str>,
) -> Result<Option<Running>, StorageError> {
    let dataset = async {
        match lock_dataset {
            Some(sql) => Ok(Some(transaction.query_typed_opt(sql, params![claim.task]).await?)),
            None => Ok(None),
        }
    };
    // Statements are sent together and run one after the other. The last one sees what was committed before the locks were free.
    let sql = "SELECT t.id, t.dataset, d.deleted_at IS NULL AND NOT w.discarded, t.run, r.size, t.updated_at \
               FROM tasks t JOIN datasets d ON d.id = t.dataset JOIN workspaces w ON w.id = d.workspace \
               LEFT JOIN runs r ON r.id = t.run WHERE t.uuid = $1 AND t.status = 'RUNNING'";
    let task = async { Ok(transaction.query_typed_opt(sql, params![claim.task]).await?) };
    let (_, is_running, row) =
        try_join3(dataset, import_queue::lock(transaction, claim), task).await?;
    let Some(row) = row.filter(|_| is_running) else { return Ok(None) };
    let run = row.get::<_, Option<i64>>(3).map(|id| {
        let size = row.get::<_, Option<i64>>(4).unwrap_or_default();
        Run { id, size: size as u64 }
    });
    Ok(Some(Running {
        row: row.get(0),
        dataset: row.get(1),
        is_wanted: row.get(2),
        run,
        updated_at: Timestamp::from_micros(row.get(5)),
    }))
}

async fn stage(
    database: Database,
    claim: Claim,
    new: Vec<NewRecord>,
    end: ImportPosition,
    progress: Progress,
) -> Result<(), StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    // Staged records are invisible until the import finishes, and that write is fully durable. A crash of the database may lose the
    // last ones together with the position where they end.
    transaction.relax_durability().await?;
    // A run is created with the lock of the dataset, so that it is abandoned if the dataset is deleted.
    let task = lock(&transaction, claim, Some(LOCK_DATASET_UNLESS_STAGED)).await?;
    let task = task.ok_or(StorageError::ImportAborted)?;
    task.check(claim)?;
    let run = match task.run {
        Some(run) => run,
        None => staging::stage(&transaction, task.dataset).await?,
    };
    staging::append(&transaction, run, &new).await?;
    let sql = "UPDATE tasks SET run = $2, progress = $3, updated_at = $4 WHERE id = $1";
    let (progress, now) = (i16::from(progress.0), task.updated_at.next().micros());
    let update = async {
        Ok(transaction.execute_typed(sql, params![task.row, run.id, progress, now]).await?)
    };
    try_join(update, import_queue::advance(&transaction, task.row, end)).await?;
    transaction.commit().await
}

async fn finish(
    database: Database,
    claim: Claim,
    last_records: Vec<NewRecord>,
    counts: ImportCounts,
) -> Result<(), StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    let task = lock(&transaction, claim, Some(LOCK_DATASET)).await?;
    let task = task.ok_or(StorageError::ImportAborted)?;
    task.check(claim)?;
    match task.run {
        Some(run) => {
            staging::append(&transaction, run, &last_records).await?;
            staging::publish(&transaction, task.dataset, run.id).await?;
        }
        // The import had a single chunk, so nothing was staged.
        None if !last_records.is_empty() => {
            let run = staging::open(&transaction, task.dataset, last_records.len()).await?;
            staging::append(&transaction, run, &last_records).await?;
            staging::count(&transaction, task.dataset, last_records.len()).await?;
        }
        None => {}
    }
    let sql = "UPDATE tasks SET status = 'COMPLETED', progress = $2, updated_at = $3, requested = $4, imported = $5, \
               skipped = $6, run = NULL WHERE id = $1";
    let (done, now) = (i16::from(Progress::DONE.0), task.updated_at.next().micros());
    let ImportCounts { requested, imported, skipped } = counts;
    let [requested, imported, skipped] = [requested, imported, skipped].map(|count| count as i64);
    let update = async {
        let params = params![task.row, done, now, requested, imported, skipped];
        Ok(transaction.execute_typed(sql, params).await?)
    };
    try_join(update, import_queue::end(&transaction, task.row)).await?;
    transaction.commit().await
}

/// Fails a running task, even if its dataset was deleted.
async fn fail(database: Database, claim: Claim, message: String) -> Result<(), StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    let Some(task) = lock(&transaction, claim, None).await? else { return Ok(()) };
    if let Some(run) = task.run {
        staging::abandon(&transaction, run.id).await?;
    }
    let sql = "UPDATE tasks SET status = 'FAILED', message = $2, updated_at = $3, run = NULL WHERE id = $1";
    let (message, now) = (storable(&message), task.updated_at.next().micros());
    let update =
        async { Ok(transaction.execute_typed(sql, params![task.row, message, now]).await?) };
    try_join(update, import_queue::end(&transaction, task.row)).await?;
    transaction.commit().await
}

impl ImportStore for PostgresStorage {
    fn import_lease(&self) -> Option<Duration> {
        Some(import_queue::LEASE)
    }

    fn queue_import(&self, new: NewImport, limits: QueueLimits) -> Pending<Task> {
        Box::pin(queue(self.database.clone(), new, limits))
    }

    fn release_import(&self, task: Uuid) -> Pending<()> {
        let database = self.database.clone();
        Box::pin(async move {
            let mut connection = database.connection().await?;
            let transaction = connection.write().await?;
            import_queue::release(&transaction, task).await?;
            transaction.commit().await
        })
    }

    fn block_import(&self, task: Uuid) -> Pending<()> {
        let database = self.database.clone();
        Box::pin(async move {
            let mut connection = database.connection().await?;
            let transaction = connection.write().await?;
            import_queue::block(&transaction, task).await?;
            transaction.commit().await
        })
    }

    fn claim_import(&self, claimant: Uuid) -> Pending<Option<ClaimedImport>> {
        let database = self.database.clone();
        Box::pin(async move {
            let mut connection = database.connection().await?;
            let transaction = connection.write().await?;
            let claimed = import_queue::claim(&transaction, claimant).await?;
            // The claim is durable, because a crash of the database must not make two claims have the same epoch.
            transaction.commit().await?;
            Ok(claimed)
        })
    }

    fn renew_import(&self, claim: Claim) -> Pending<()> {
        let database = self.database.clone();
        Box::pin(async move {
            let mut connection = database.connection().await?;
            let transaction = connection.write().await?;
            transaction.relax_durability().await?;
            import_queue::renew(&transaction, claim).await?;
            transaction.commit().await
        })
    }

    fn waiting_imports(&self) -> Pending<WaitingImports> {
        let database = self.database.clone();
        Box::pin(async move {
            let mut connection = database.connection().await?;
            import_queue::waiting(&connection.read().await?).await
        })
    }

    fn import_ids(&self, task: Uuid, done: u64) -> Pending<SourceIds> {
        let database = self.database.clone();
        Box::pin(async move {
            let mut connection = database.connection().await?;
            import_queue::ids(&connection.read().await?, task, done).await
        })
    }

    fn task(&self, workspace: Uuid, dataset: DatasetKey, id: Uuid) -> Pending<Task> {
        Box::pin(fetch(self.database.clone(), workspace, dataset, id))
    }

    fn tasks(&self, workspace: Uuid, dataset: DatasetKey, window: Window) -> Pending<Listed<Task>> {
        Box::pin(list(self.database.clone(), workspace, dataset, window))
    }

    fn stage_records(
        &self,
        claim: Claim,
        records: Vec<NewRecord>,
        end: ImportPosition,
        progress: Progress,
    ) -> Pending<()> {
        Box::pin(stage(self.database.clone(), claim, records, end, progress))
    }

    fn finish_import(
        &self,
        claim: Claim,
        last_records: Vec<NewRecord>,
        counts: ImportCounts,
    ) -> Pending<()> {
        Box::pin(finish(self.database.clone(), claim, last_records, counts))
    }

    fn fail_import(&self, claim: Claim, message: String) -> Pending<()> {
        Box::pin(fail(self.database.clone(), claim, message))
    }
}
