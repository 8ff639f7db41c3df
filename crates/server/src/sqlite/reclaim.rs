//! Frees space: removes the staged records of failed imports, the records of deleted datasets, discarded workspaces, and the
//! content of deleted records. Shrinks the file if a large part of it is free.
//!
//! This happens in small steps, so that other writes do not wait long. Each step determines from the data what to do next, so
//! it continues after a restart.

use rusqlite::{Connection, OptionalExtension, params};

use super::budget::Cost;
use super::connection::PAGE_SIZE;
use super::positions;
use super::writer::outside_savepoint;
use crate::disk_space::DiskSpace;
use crate::storage::StorageError;

/// The maximum number of rows removed in one step. This takes a few milliseconds.
const ROWS: u32 = 200;

/// The maximum number of pages returned to the operating system in one step.
const PAGES: u32 = 256;

/// The number of free pages kept for future writes: 8 MB.
const SPARE_PAGES: u64 = 1024;

/// An upper bound of the pages that one step changes.
pub(super) const STEP_COST: Cost = Cost::delete(ROWS as u64 + PAGES as u64);

/// Runs one step. Returns whether there may be more to do.
pub(super) fn step(connection: &Connection, space: &DiskSpace) -> Result<bool, StorageError> {
    // The removed rows are invisible, so the step need not be atomic.
    outside_savepoint(connection, || remove(connection, space))
}

fn remove(connection: &Connection, space: &DiskSpace) -> Result<bool, StorageError> {
    if let Some(run) = first(connection, "SELECT id FROM runs WHERE abandoned = 1 LIMIT 1")? {
        remove_run(connection, run)?;
        return Ok(true);
    }
    let discarded = first(connection, "SELECT id FROM workspaces WHERE discarded = 1 LIMIT 1")?;
    if let Some(workspace) = discarded {
        remove_workspace(connection, workspace)?;
        return Ok(true);
    }
    if erase_deleted_content(connection)? {
        return Ok(true);
    }
    shrink_file(connection, space)
}

/// Erases the content of some records that an earlier version deleted. Returns whether there were any.
fn erase_deleted_content(connection: &Connection) -> Result<bool, StorageError> {
    let erased = connection
        .prepare_cached(
            "UPDATE deleted_records SET properties = '', payload = '' WHERE key IN \
             (SELECT key FROM deleted_records WHERE payload <> '' LIMIT ?1)",
        )?
        .execute([ROWS])?;
    Ok(erased > 0)
}

/// Shrinks the file if more than a quarter of it is free, or if the disk is so full that its free pages are needed elsewhere.
/// Returns whether it did. The operating system gets the space at the next checkpoint.
fn shrink_file(connection: &Connection, space: &DiskSpace) -> Result<bool, StorageError> {
    let pages = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, u64>(0));
    let free = pages("freelist_count")?;
    let is_large = free > SPARE_PAGES && free >= pages("page_count")? / 4;
    // A write needs space in the WAL as well as in the file.
    let is_needed = free > u64::from(PAGES) && free * u64::from(PAGE_SIZE) > space.unclaimed();
    if !is_large && !is_needed {
        return Ok(false);
    }
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    let mut steps = vacuum.query([])?;
    while steps.next()?.is_some() {}
    // Files created without `auto_vacuum` cannot shrink; their free pages are only reused.
    Ok(pages("freelist_count")? < free)
}

fn first(connection: &Connection, sql: &str) -> Result<Option<i64>, StorageError> {
    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?)
}

fn first_of(connection: &Connection, sql: &str, of: i64) -> Result<Option<i64>, StorageError> {
    Ok(connection.prepare_cached(sql)?.query_row([of], |row| row.get(0)).optional()?)
}

/// Removes some rows. Returns whether there were any.
fn remove_some(connection: &Connection, sql: &str, of: i64) -> Result<bool, StorageError> {
    Ok(connection.prepare_cached(sql)?.execute(params![of, ROWS])? > 0)
}

/// Removes some records of a run, or the run itself if it has none.
fn remove_run(connection: &Connection, run: i64) -> Result<(), StorageError> {
    let (low, high) = (positions::key(run, 0), positions::last_key(run));
    for sql in [
        "DELETE FROM records WHERE key IN (SELECT key FROM records WHERE key BETWEEN ?1 AND ?2 LIMIT ?3)",
        "DELETE FROM deleted_records WHERE key IN \
         (SELECT key FROM deleted_records WHERE key BETWEEN ?1 AND ?2 LIMIT ?3)",
    ] {
        if connection.prepare_cached(sql)?.execute(params![low, high, ROWS])? > 0 {
            return Ok(());
        }
    }
    connection.prepare_cached("DELETE FROM gaps WHERE run = ?1")?.execute([run])?;
    connection.prepare_cached("DELETE FROM runs WHERE id = ?1")?.execute([run])?;
    Ok(())
}

/// Removes some objects of a workspace, or the workspace itself if it has none.
fn remove_workspace(connection: &Connection, workspace: i64) -> Result<(), StorageError> {
    let dataset =
        first_of(connection, "SELECT id FROM datasets WHERE workspace = ?1 LIMIT 1", workspace)?;
    if let Some(dataset) = dataset {
        return remove_dataset(connection, dataset);
    }
    for sql in [
        "DELETE FROM campaign_events WHERE (campaign, ordinal) IN (SELECT e.campaign, e.ordinal \
         FROM campaigns c JOIN campaign_events e ON e.campaign = c.id WHERE c.workspace = ?1 LIMIT ?2)",
        "DELETE FROM campaigns WHERE id IN (SELECT id FROM campaigns WHERE workspace = ?1 LIMIT ?2)",
        "DELETE FROM events WHERE rowid IN (SELECT rowid FROM events WHERE workspace = ?1 LIMIT ?2)",
        "DELETE FROM conversations WHERE rowid IN \
         (SELECT rowid FROM conversations WHERE workspace = ?1 LIMIT ?2)",
        "DELETE FROM files WHERE id IN (SELECT id FROM files WHERE workspace = ?1 LIMIT ?2)",
    ] {
        if remove_some(connection, sql, workspace)? {
            return Ok(());
        }
    }
    connection.prepare_cached("DELETE FROM workspaces WHERE id = ?1")?.execute([workspace])?;
    Ok(())
}

/// Removes some objects of a dataset, or the dataset itself if it has none.
fn remove_dataset(connection: &Connection, dataset: i64) -> Result<(), StorageError> {
    if let Some(run) =
        first_of(connection, "SELECT id FROM runs WHERE dataset = ?1 LIMIT 1", dataset)?
    {
        return remove_run(connection, run);
    }
    let tasks = "DELETE FROM tasks WHERE id IN (SELECT id FROM tasks WHERE dataset = ?1 LIMIT ?2)";
    if remove_some(connection, tasks, dataset)? {
        return Ok(());
    }
    connection.prepare_cached("DELETE FROM datasets WHERE id = ?1")?.execute([dataset])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use mistral_datasets_types::RecordSource;
    use uuid::Uuid;

    use super::ROWS;
    use crate::sqlite::SqliteStorage;
    use crate::storage::{
        Campaign, Conversation, Dataset, DatasetKey, DatasetStore, Event, FixtureStore,
        ImportStore, NewDataset, NewRecord, Progress, RecordStore, Storage, Window,
    };

    const WORKSPACE: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn new_record() -> NewRecord {
        NewRecord {
            payload: "{}".to_owned(),
            properties: "{}".to_owned(),
            source: RecordSource::DirectInput,
        }
    }

    async fn new_dataset(storage: &SqliteStorage, workspace: Uuid) -> Dataset {
        let (name, description) = ("Name".to_owned(), String::new());
        let new = NewDataset { name, description, owner: Uuid::nil() };
        storage.create_dataset(workspace, new).await.unwrap()
    }

    /// Returns the number of rows in a table.
    async fn rows(storage: &SqliteStorage, table: &'static str) -> i64 {
        let count = storage.read(move |connection| {
            let sql = format!("SELECT count(*) FROM {table}");
            Ok(connection.query_row(&sql, [], |row| row.get::<_, i64>(0))?)
        });
        count.await.unwrap()
    }

    /// Returns the number of pages in the file.
    async fn pages(storage: &SqliteStorage) -> u64 {
        let count = storage.read(|connection| {
            Ok(connection.pragma_query_value(None, "page_count", |row| row.get::<_, u64>(0))?)
        });
        count.await.unwrap()
    }

    async fn reclaim_all(storage: &SqliteStorage) -> usize {
        let mut steps = 0;
        while storage.reclaim().await.unwrap() {
            steps += 1;
        }
        steps
    }

    #[tokio::test]
    async fn records_of_a_failed_import_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        let storage = SqliteStorage::open_in(directory.path());
        let dataset = DatasetKey::Id(new_dataset(&storage, WORKSPACE).await.id);
        storage.create_record(WORKSPACE, dataset.clone(), new_record()).await.unwrap();
        let task = storage.create_task(WORKSPACE, dataset, Uuid::nil()).await.unwrap();
        let staged = (0..ROWS + 1).map(|_| new_record()).collect();
        storage.stage_records(task.id, staged, Progress::NONE).await.unwrap();
        assert_eq!(rows(&storage, "records").await, i64::from(ROWS) + 2);
        // Records staged by a running import are kept.
        assert_eq!(reclaim_all(&storage).await, 0);
        storage.fail_import(task.id, "injected".to_owned()).await.unwrap();
        assert!(reclaim_all(&storage).await > 1);
        assert_eq!((rows(&storage, "records").await, rows(&storage, "runs").await), (1, 1));
    }

    #[tokio::test]
    async fn records_of_a_deleted_dataset_are_removed_and_the_file_shrinks() {
        let directory = tempfile::tempdir().unwrap();
        let storage = SqliteStorage::open_in(directory.path());
        let kept = DatasetKey::Id(new_dataset(&storage, WORKSPACE).await.id);
        let deleted = DatasetKey::Id(new_dataset(&storage, WORKSPACE).await.id);
        // The datasets alternate in the file, so pages of the one that is kept have to be moved.
        let payload = || format!("{{\"text\":\"{}\"}}", "x".repeat(50_000));
        for dataset in [&deleted, &kept].into_iter().cycle().take(1_000) {
            let record = NewRecord { payload: payload(), ..new_record() };
            storage.create_record(WORKSPACE, dataset.clone(), record).await.unwrap();
        }
        let before = pages(&storage).await;
        storage.delete_dataset(WORKSPACE, deleted.clone()).await.unwrap();
        reclaim_all(&storage).await;
        assert_eq!((rows(&storage, "records").await, rows(&storage, "runs").await), (500, 1));
        let after = pages(&storage).await;
        assert!(after < before * 3 / 4, "{before} pages, then {after}");
        let all = Window { offset: 0, limit: 1_000 };
        let records = storage.record_page(WORKSPACE, kept, all, Vec::new(), |body, record| {
            body.extend_from_slice(record.payload);
        });
        let records = records.await.unwrap();
        assert_eq!((records.count, records.body), (500, payload().repeat(500).into_bytes()));
        let check = storage.read(|connection| {
            Ok(connection
                .pragma_query_value(None, "integrity_check", |row| row.get::<_, String>(0))?)
        });
        assert_eq!(check.await.unwrap(), "ok");
    }

    /// Returns the number of deleted records with content.
    async fn with_content(storage: &SqliteStorage) -> i64 {
        let count = storage.read(|connection| {
            let sql =
                "SELECT count(*) FROM deleted_records WHERE payload <> '' OR properties <> ''";
            Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))?)
        });
        count.await.unwrap()
    }

    #[tokio::test]
    async fn the_content_of_deleted_records_is_not_kept() {
        let directory = tempfile::tempdir().unwrap();
        let storage = SqliteStorage::open_in(directory.path());
        let dataset = DatasetKey::Id(new_dataset(&storage, WORKSPACE).await.id);
        let created = storage.create_record(WORKSPACE, dataset, new_record()).await.unwrap();
        storage.delete_records(WORKSPACE, vec![created.id]).await.unwrap();
        assert_eq!((rows(&storage, "deleted_records").await, with_content(&storage).await), (1, 0));
        // Rows of an earlier version.
        let insert = storage.write(|connection| {
            connection.execute_batch(
                "WITH RECURSIVE n (key) AS (SELECT 1000 UNION ALL SELECT key + 1 FROM n LIMIT 500) \
                 INSERT INTO deleted_records SELECT key, randomblob(16), 0, 0, '', '{}', '{}', 0 FROM n",
            )?;
            Ok(())
        });
        insert.await.unwrap();
        assert_eq!(with_content(&storage).await, 500);
        reclaim_all(&storage).await;
        assert_eq!(
            (rows(&storage, "deleted_records").await, with_content(&storage).await),
            (501, 0)
        );
    }

    #[tokio::test]
    async fn a_reset_workspace_is_removed_and_others_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let storage = SqliteStorage::open_in(directory.path());
        for workspace in [WORKSPACE, OTHER] {
            let dataset = DatasetKey::Id(new_dataset(&storage, workspace).await.id);
            let mut ids = Vec::new();
            for _ in 0..3 {
                let created = storage.create_record(workspace, dataset.clone(), new_record());
                ids.push(created.await.unwrap().id);
            }
            storage.delete_records(workspace, ids[..1].to_vec()).await.unwrap();
            storage.create_task(workspace, dataset, Uuid::nil()).await.unwrap();
            let json = || "[]".to_owned();
            let event = Event {
                id: "e".to_owned(),
                request_messages: json(),
                response_messages: json(),
                extra_fields: "{}".to_owned(),
            };
            storage.insert_events(workspace, vec![event]).await.unwrap();
            let conversation = Conversation { id: "c".to_owned(), messages: json() };
            storage.insert_conversations(workspace, vec![conversation]).await.unwrap();
            let (name, event_ids) = ("Campaign".to_owned(), vec!["e".to_owned()]);
            let campaign = Campaign { id: Uuid::now_v7(), name, event_ids };
            storage.insert_campaign(workspace, campaign).await.unwrap();
        }
        storage.reset(WORKSPACE).await.unwrap();
        reclaim_all(&storage).await;
        for (table, left) in [
            ("workspaces", 1),
            ("datasets", 1),
            ("runs", 1),
            ("records", 2),
            ("deleted_records", 1),
            ("gaps", 3),
            ("tasks", 1),
            ("events", 1),
            ("conversations", 1),
            ("campaigns", 1),
            ("campaign_events", 1),
        ] {
            assert_eq!(rows(&storage, table).await, left, "{table}");
        }
    }
}
