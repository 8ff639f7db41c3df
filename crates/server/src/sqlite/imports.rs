//! Import tasks and staged records in SQLite.

use std::time::Duration;

use mistral_datasets_types::TaskStatus;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::budget::Cost;
use super::writer::{Durability, SpaceUse};
use super::{SqliteStorage, datasets, import_queue, records, runs};
use crate::storage::{
    Claim, ClaimedImport, DatasetKey, ImportCounts, ImportPosition, ImportStore, Listed, Missing,
    NewImport, NewRecord, Pending, Progress, QueueLimits, SourceIds, StorageError, Task,
    WaitingImports, Window,
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

fn read(row: &Row<'_>, dataset: &datasets::Found) -> rusqlite::Result<Task> {
    let counts = match (row.get(7)?, row.get(8)?, row.get(9)?) {
        (Some(requested), Some(imported), Some(skipped)) => {
            Some(ImportCounts { requested, imported, skipped })
        }
        _ => None,
    };
    Ok(Task {
        id: row.get(0)?,
        created_at: Timestamp::from_micros(row.get(1)?),
        updated_at: Timestamp::from_micros(row.get(2)?),
        creator: row.get(3)?,
        dataset: dataset.dataset.id,
        workspace: dataset.dataset.workspace,
        status: TaskStatus::from(row.get_ref(4)?.as_str()?),
        progress: Progress(row.get(5)?),
        message: row.get(6)?,
        counts,
    })
}

fn queue(
    connection: &Connection,
    new: &NewImport,
    limits: QueueLimits,
) -> Result<Task, StorageError> {
    let NewImport { workspace, creator, .. } = *new;
    let found = datasets::find(connection, workspace, &new.dataset)?;
    import_queue::check_limits(connection, found.workspace_row, limits)?;
    let now = Timestamp::now();
    let task = Task {
        id: Uuid::now_v7(),
        created_at: now,
        updated_at: now,
        creator,
        dataset: found.dataset.id,
        workspace,
        status: TaskStatus::Running,
        progress: Progress::NONE,
        message: None,
        counts: None,
    };
    connection
        .prepare_cached(
            "INSERT INTO tasks (uuid, dataset, number, creator, created_at, updated_at, status, progress) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)",
        )?
        .execute(params![
            task.id,
            found.row,
            found.task_count + 1,
            task.creator,
            now.micros(),
            task.status.as_str(),
            task.progress.0,
        ])?;
    import_queue::add(connection, connection.last_insert_rowid(), found.workspace_row, new)?;
    connection
        .prepare_cached("UPDATE datasets SET task_count = task_count + 1 WHERE id = ?1")?
        .execute([found.row])?;
    Ok(task)
}

fn fetch(
    connection: &Connection,
    workspace: Uuid,
    dataset: &DatasetKey,
    id: Uuid,
) -> Result<Task, StorageError> {
    let found = datasets::find(connection, workspace, dataset)?;
    connection
        .prepare_cached(select!("WHERE uuid = ?1 AND dataset = ?2"))?
        .query_row(params![id, found.row], |row| read(row, &found))
        .optional()?
        .ok_or_else(|| Missing::Task.into())
}

fn list(
    connection: &Connection,
    workspace: Uuid,
    dataset: &DatasetKey,
    window: Window,
) -> Result<Listed<Task>, StorageError> {
    let found = datasets::find(connection, workspace, dataset)?;
    // Task numbers have no gaps, so a page is a range of numbers.
    let newest = found.task_count.saturating_sub(window.offset);
    let mut statement = connection.prepare_cached(select!(
        "WHERE dataset = ?1 AND number <= ?2 ORDER BY number DESC LIMIT ?3"
    ))?;
    let results = statement
        .query_map(params![found.row, newest, window.limit], |row| read(row, &found))?
        .collect::<Result<_, _>>()?;
    Ok(Listed { count: found.task_count, results })
}

/// A running task.
struct Running {
    row: i64,
    dataset: i64,
    run: Option<i64>,
    updated_at: Timestamp,
}

/// Returns a task that is still running and whose dataset exists.
fn running(connection: &Connection, task: Uuid) -> Result<Running, StorageError> {
    connection
        .prepare_cached(
            "SELECT t.id, t.dataset, t.run, t.updated_at FROM tasks t \
             JOIN datasets d ON d.id = t.dataset JOIN workspaces w ON w.id = d.workspace \
             WHERE t.uuid = ?1 AND t.status = 'RUNNING' AND d.deleted_at IS NULL AND w.discarded = 0",
        )?
        .query_row([task], |row| {
            Ok(Running {
                row: row.get(0)?,
                dataset: row.get(1)?,
                run: row.get(2)?,
                updated_at: Timestamp::from_micros(row.get(3)?),
            })
        })
        .optional()?
        .ok_or(StorageError::ImportAborted)
}

fn stage(
    connection: &Connection,
    task: Uuid,
    new: &[NewRecord],
    end: ImportPosition,
    progress: Progress,
) -> Result<(), StorageError> {
    let task = running(connection, task)?;
    let run = match task.run {
        Some(run) => runs::find(connection, run)?,
        None => runs::stage(connection, task.dataset)?,
    };
    runs::append(connection, run, new)?;
    connection
        .prepare_cached("UPDATE tasks SET run = ?2, progress = ?3, updated_at = ?4 WHERE id = ?1")?
        .execute(params![task.row, run.id, progress.0, task.updated_at.next().micros()])?;
    import_queue::advance(connection, task.row, end)
}

fn finish(
    connection: &Connection,
    task: Uuid,
    last_records: &[NewRecord],
    counts: ImportCounts,
) -> Result<(), StorageError> {
    let task = running(connection, task)?;
    match task.run {
        Some(run) => {
            runs::append(connection, runs::find(connection, run)?, last_records)?;
            runs::publish(connection, task.dataset, run)?;
        }
        // The import had a single chunk, so nothing was staged.
        None if !last_records.is_empty() => {
            let run = runs::open(connection, task.dataset, last_records.len())?;
            runs::append(connection, run, last_records)?;
            records::count(connection, task.dataset, last_records.len() as i64)?;
        }
        None => {}
    }
    connection
        .prepare_cached(
            "UPDATE tasks SET status = 'COMPLETED', progress = ?2, updated_at = ?3, requested = ?4, imported = ?5, \
             skipped = ?6, run = NULL WHERE id = ?1",
        )?
        .execute(params![
            task.row,
            Progress::DONE.0,
            task.updated_at.next().micros(),
            counts.requested,
            counts.imported,
            counts.skipped,
        ])?;
    import_queue::end(connection, task.row)
}

/// Fails a running task, even if its dataset was deleted.
fn fail(connection: &Connection, task: Uuid, message: &str) -> Result<(), StorageError> {
    let found: Option<(i64, Option<i64>, i64)> = connection
        .prepare_cached(
            "SELECT id, run, updated_at FROM tasks WHERE uuid = ?1 AND status = 'RUNNING'",
        )?
        .query_row([task], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((row, run, updated_at)) = found else { return Ok(()) };
    if let Some(run) = run {
        runs::abandon(connection, run)?;
    }
    connection
        .prepare_cached(
            "UPDATE tasks SET status = 'FAILED', message = ?2, updated_at = ?3, run = NULL WHERE id = ?1",
        )?
        .execute(params![row, message, Timestamp::from_micros(updated_at).next().micros()])?;
    import_queue::end(connection, row)
}

/// Returns the cost of inserting records.
pub(super) fn records_cost(records: &[NewRecord]) -> Cost {
    let bytes = records.iter().map(|record| record.size() as u64).sum();
    Cost::insert(records.len() as u64, bytes)
}

impl ImportStore for SqliteStorage {
    fn import_lease(&self) -> Option<Duration> {
        None
    }

    fn queue_import(&self, new: NewImport, limits: QueueLimits) -> Pending<Task> {
        self.write_costing(import_queue::cost(&new.source), move |connection| {
            queue(connection, &new, limits)
        })
    }

    fn release_import(&self, task: Uuid) -> Pending<()> {
        self.write_queue(move |connection| import_queue::release(connection, task))
    }

    fn block_import(&self, task: Uuid) -> Pending<()> {
        self.write_queue(move |connection| import_queue::block(connection, task))
    }

    fn claim_import(&self, claimant: Uuid) -> Pending<Option<ClaimedImport>> {
        self.write_queue(move |connection| import_queue::claim(connection, claimant))
    }

    fn renew_import(&self, _: Claim) -> Pending<()> {
        Box::pin(async { Ok(()) })
    }

    fn waiting_imports(&self) -> Pending<WaitingImports> {
        self.look_up(import_queue::waiting)
    }

    fn import_ids(&self, task: Uuid, done: u64) -> Pending<SourceIds> {
        self.look_up(move |connection| import_queue::ids(connection, task, done))
    }

    fn task(&self, workspace: Uuid, dataset: DatasetKey, id: Uuid) -> Pending<Task> {
        self.look_up(move |connection| fetch(connection, workspace, &dataset, id))
    }

    fn tasks(&self, workspace: Uuid, dataset: DatasetKey, window: Window) -> Pending<Listed<Task>> {
        self.look_up(move |connection| list(connection, workspace, &dataset, window))
    }

    fn stage_records(
        &self,
        claim: Claim,
        records: Vec<NewRecord>,
        end: ImportPosition,
        progress: Progress,
    ) -> Pending<()> {
        // Staged records are invisible until the import finishes, and that write is fully durable. A crash of the machine may lose
        // the last ones together with the position where they end.
        let cost = records_cost(&records);
        self.write_relaxed(cost, move |connection| {
            stage(connection, claim.task, &records, end, progress)
        })
    }

    fn finish_import(
        &self,
        claim: Claim,
        last_records: Vec<NewRecord>,
        counts: ImportCounts,
    ) -> Pending<()> {
        let cost = records_cost(&last_records);
        self.write_costing(cost, move |connection| {
            finish(connection, claim.task, &last_records, counts)
        })
    }

    fn fail_import(&self, claim: Claim, message: String) -> Pending<()> {
        self.write_freeing(move |connection| fail(connection, claim.task, &message))
    }
}

impl SqliteStorage {
    /// Changes the state of a queued import. Losing the change in a crash of the machine does no harm: the import is claimed again.
    /// An import must be claimed to report that the disk is full, so this works on a full disk.
    fn write_queue<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        self.writer.run(Durability::Relaxed, SpaceUse::Frees(Cost::delete(1)), work)
    }
}
