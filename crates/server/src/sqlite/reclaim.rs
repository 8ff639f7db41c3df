//! Frees space and erases deleted data: removes the staged records of failed imports, the ids that ended imports have read, what is
//! left of deleted datasets, and discarded workspaces, and then the free pages, which still contain what was deleted.
//!
//! This happens in small steps, so that other writes do not wait long. Each step determines from the data what to do next, so
//! it continues after a restart.
//!
//! The connection overwrites deleted rows within their pages (`secure_delete = fast`). It does not overwrite pages that become
//! free, because deleting would then write as much as was deleted, also on a full disk. Vacuuming fills each free page with one
//! from the end of the file and truncates the file.

use rusqlite::{Connection, OptionalExtension, params};

use super::budget::Cost;
use super::writer::outside_savepoint;
use super::{datasets, positions};
use crate::storage::StorageError;

/// The maximum number of rows removed in one step. This takes a few milliseconds.
const ROWS: u32 = 200;

/// The maximum number of pages returned to the operating system in one step.
const PAGES: u64 = 256;

/// An upper bound of the pages that one step changes.
pub(super) const STEP_COST: Cost = Cost::delete(ROWS as u64);

/// An upper bound of the pages that one step of [`shrink`] changes.
pub(super) const SHRINK_COST: Cost = Cost::delete(PAGES);

/// Runs one step. Returns whether there may be more to do.
pub(super) fn step(connection: &Connection) -> Result<bool, StorageError> {
    // The removed rows are invisible, so the step need not be atomic.
    outside_savepoint(connection, || remove(connection))
}

fn remove(connection: &Connection) -> Result<bool, StorageError> {
    if let Some(run) = first(connection, "SELECT id FROM runs WHERE abandoned = 1 LIMIT 1")? {
        remove_run(connection, run)?;
        return Ok(true);
    }
    let ended = "SELECT task FROM imports WHERE state = 'ENDED' LIMIT 1";
    if let Some(task) = first(connection, ended)? {
        remove_import(connection, task)?;
        return Ok(true);
    }
    let deleted = "SELECT id FROM datasets WHERE deleted_at IS NOT NULL AND name <> '' LIMIT 1";
    if let Some(dataset) = first(connection, deleted)? {
        erase_dataset(connection, dataset)?;
        return Ok(true);
    }
    let deleted = "SELECT id FROM campaigns WHERE deleted_at IS NOT NULL LIMIT 1";
    if let Some(campaign) = first(connection, deleted)? {
        remove_campaign(connection, campaign)?;
        return Ok(true);
    }
    // The rows of files are needed until their contents are removed.
    let discarded = "SELECT id FROM workspaces WHERE discarded = 1 AND NOT EXISTS \
                     (SELECT 1 FROM files WHERE workspace = workspaces.id AND erased = 0) LIMIT 1";
    let discarded = first(connection, discarded)?;
    if let Some(workspace) = discarded {
        remove_workspace(connection, workspace)?;
        return Ok(true);
    }
    Ok(false)
}

/// Removes some free pages from the end of the file, after moving used ones. Returns how many further steps are needed. The
/// operating system gets the space at the next checkpoint.
pub(super) fn shrink(connection: &Connection) -> Result<u64, StorageError> {
    outside_savepoint(connection, || remove_free_pages(connection))
}

fn remove_free_pages(connection: &Connection) -> Result<u64, StorageError> {
    let free_pages =
        || connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, u64>(0));
    let before = free_pages()?;
    if before == 0 {
        return Ok(0);
    }
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    let mut steps = vacuum.query([])?;
    while steps.next()?.is_some() {}
    let left = free_pages()?;
    // A file that was created without `auto_vacuum` cannot shrink. Its free pages were overwritten when they became free.
    Ok(if left < before { left.div_ceil(PAGES) } else { 0 })
}

/// Removes some tasks of a deleted dataset, or its name if it has none.
fn erase_dataset(connection: &Connection, dataset: i64) -> Result<(), StorageError> {
    if remove_tasks(connection, dataset)? {
        return Ok(());
    }
    datasets::erase(connection, dataset)
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
    let sql = "DELETE FROM records WHERE key IN (SELECT key FROM records WHERE key BETWEEN ?1 AND ?2 LIMIT ?3)";
    if connection.prepare_cached(sql)?.execute(params![low, high, ROWS])? > 0 {
        return Ok(());
    }
    connection.prepare_cached("DELETE FROM gaps WHERE run = ?1")?.execute([run])?;
    connection.prepare_cached("DELETE FROM runs WHERE id = ?1")?.execute([run])?;
    Ok(())
}

/// Remove some of the tasks of a dataset and their imports.
const TASKS: [&str; 3] = [
    "DELETE FROM import_ids WHERE (task, first) IN (SELECT i.task, i.first FROM tasks t \
     JOIN import_ids i ON i.task = t.id WHERE t.dataset = ?1 LIMIT ?2)",
    "DELETE FROM imports WHERE task IN (SELECT i.task FROM tasks t \
     JOIN imports i ON i.task = t.id WHERE t.dataset = ?1 LIMIT ?2)",
    "DELETE FROM tasks WHERE id IN (SELECT id FROM tasks WHERE dataset = ?1 LIMIT ?2)",
];

/// Removes some tasks of a dataset. Returns whether there were any.
fn remove_tasks(connection: &Connection, dataset: i64) -> Result<bool, StorageError> {
    for sql in TASKS {
        if remove_some(connection, sql, dataset)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes some ids of an import that has ended, or the import itself if it has none.
fn remove_import(connection: &Connection, task: i64) -> Result<(), StorageError> {
    let ids = "DELETE FROM import_ids WHERE (task, first) IN \
               (SELECT task, first FROM import_ids WHERE task = ?1 LIMIT ?2)";
    if !remove_some(connection, ids, task)? {
        connection.prepare_cached("DELETE FROM imports WHERE task = ?1")?.execute([task])?;
    }
    Ok(())
}

/// Removes some events of a deleted campaign from its selection, or the campaign itself if it has none.
fn remove_campaign(connection: &Connection, campaign: i64) -> Result<(), StorageError> {
    let events = "DELETE FROM campaign_events WHERE (campaign, ordinal) IN \
                  (SELECT campaign, ordinal FROM campaign_events WHERE campaign = ?1 LIMIT ?2)";
    if !remove_some(connection, events, campaign)? {
        connection.prepare_cached("DELETE FROM campaigns WHERE id = ?1")?.execute([campaign])?;
    }
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
        "DELETE FROM event_annotations WHERE (workspace, judge) IN \
         (SELECT workspace, judge FROM event_annotations WHERE workspace = ?1 LIMIT ?2)",
        "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE workspace = ?1 LIMIT ?2)",
        "DELETE FROM spans WHERE id IN (SELECT id FROM spans WHERE workspace = ?1 LIMIT ?2)",
        "DELETE FROM traces WHERE id IN (SELECT id FROM traces WHERE workspace = ?1 LIMIT ?2)",
        "DELETE FROM logs WHERE id IN (SELECT id FROM logs WHERE workspace = ?1 LIMIT ?2)",
        "DELETE FROM span_evaluations WHERE id IN \
         (SELECT id FROM span_evaluations WHERE workspace = ?1 LIMIT ?2)",
        "DELETE FROM judges WHERE id IN (SELECT id FROM judges WHERE workspace = ?1 LIMIT ?2)",
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
    if remove_tasks(connection, dataset)? {
        return Ok(());
    }
    connection.prepare_cached("DELETE FROM datasets WHERE id = ?1")?.execute([dataset])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use mistral_datasets_types::RecordSource;
    use uuid::Uuid;

    use crate::sqlite::SqliteStorage;
    use crate::storage::{
        Dataset, DatasetKey, DatasetStore, ImportStore, NewDataset, NewImport, NewRecord,
        QueueLimits, RecordFormat, RecordStore, Selection, Storage, Window,
    };

    const WORKSPACE: Uuid = Uuid::from_u128(1);

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
        while storage.shrink().await.unwrap() > 0 {}
        steps
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
        let format = RecordFormat {
            begin: |_, _| {},
            middle: |_| {},
            // The properties are `{}`.
            end: |body, _| body.truncate(body.len() - 2),
            single_line: false,
        };
        let all = Selection::Dataset(kept, all);
        let records = storage.read_records(WORKSPACE, all, format, Vec::new(), usize::MAX >> 1);
        let records = records.await.unwrap().unwrap();
        assert_eq!((records.count, records.body), (500, payload().repeat(500).into_bytes()));
        let check = storage.read(|connection| {
            Ok(connection
                .pragma_query_value(None, "integrity_check", |row| row.get::<_, String>(0))?)
        });
        assert_eq!(check.await.unwrap(), "ok");
    }

    #[tokio::test]
    async fn only_the_id_and_the_times_of_a_deleted_dataset_remain() {
        let directory = tempfile::tempdir().unwrap();
        let storage = SqliteStorage::open_in(directory.path());
        let deleted = new_dataset(&storage, WORKSPACE).await;
        let kept = new_dataset(&storage, WORKSPACE).await;
        assert_eq!((&*deleted.slug, &*kept.slug), ("name", "name-2"));
        for dataset in [&deleted, &kept] {
            storage
                .queue_import(
                    NewImport::empty(WORKSPACE, DatasetKey::Id(dataset.id)),
                    QueueLimits::NONE,
                )
                .await
                .unwrap();
        }
        storage.delete_dataset(WORKSPACE, DatasetKey::Id(deleted.id)).await.unwrap();
        reclaim_all(&storage).await;
        assert_eq!(rows(&storage, "tasks").await, 1);
        let row = storage.read(move |connection| {
            let sql = "SELECT name || description || folded_name || folded_description, slug, created_at \
                       FROM datasets WHERE uuid = ?1";
            Ok(connection.query_row(sql, [deleted.id], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
            })?)
        });
        let (text, slug, created_at) = row.await.unwrap();
        assert_eq!((&*text, created_at), ("", deleted.created_at.micros()));
        assert!(slug.starts_with('#') && !slug.contains("name"), "{slug}");
        // The slug is neither found nor used again.
        for slug in ["name", &slug] {
            assert!(storage.dataset(WORKSPACE, DatasetKey::Slug(slug.to_owned())).await.is_err());
        }
        assert_eq!(new_dataset(&storage, WORKSPACE).await.slug, "name-3");
        assert_eq!(storage.dataset(WORKSPACE, DatasetKey::Id(kept.id)).await.unwrap().name, "Name");
    }

    /// Deletes and creates records of many sizes, and returns how many deleted ones left a trace in the file.
    async fn traces(storage: &SqliteStorage, path: &std::path::Path, seed: u64) -> (usize, usize) {
        use rand::seq::IndexedRandom;
        use rand::{Rng, SeedableRng, rngs::StdRng};
        let mut random = StdRng::seed_from_u64(seed);
        let dataset = DatasetKey::Id(new_dataset(storage, WORKSPACE).await.id);
        let mut live: Vec<(Uuid, usize)> = Vec::new();
        let mut deleted = Vec::new();
        for n in 0..600 {
            let bytes = *[100, 2_000, 9_000, 50_000].choose(&mut random).unwrap();
            let payload = format!("<{n:06}>").repeat(random.random_range(bytes / 16..bytes / 8));
            let record = NewRecord { payload, ..new_record() };
            let created = storage.create_record(WORKSPACE, dataset.clone(), record).await.unwrap();
            live.push((created.id, n));
            while live.len() > 40 {
                let (id, n) = live.swap_remove(random.random_range(0..live.len()));
                storage.delete_records(WORKSPACE, vec![id]).await.unwrap();
                deleted.push(n);
            }
        }
        reclaim_all(storage).await;
        assert!(storage.release_space().await.unwrap());
        let file = std::fs::read(path).unwrap();
        let is_left =
            |n: &&usize| memchr::memmem::find(&file, format!("<{n:06}>").as_bytes()).is_some();
        assert_eq!(live.iter().filter(|(_, n)| is_left(&n)).count(), live.len());
        assert_eq!(std::fs::metadata(path.with_file_name("db-wal")).unwrap().len(), 0);
        (deleted.iter().filter(is_left).count(), deleted.len())
    }

    #[tokio::test]
    async fn the_content_of_deleted_records_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        let storage = SqliteStorage::open_in(directory.path());
        let (left, deleted) = traces(&storage, &path, 1).await;
        // When SQLite merges pages, it may leave a copy of a record in the unused part of a page.
        assert!(left * 100 <= deleted, "{left} of {deleted} deleted records left a trace");
    }

    #[tokio::test]
    async fn files_that_cannot_shrink_are_overwritten_too() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        let old = rusqlite::Connection::open(&path).unwrap();
        old.execute_batch("PRAGMA auto_vacuum = none; CREATE TABLE x (y); DROP TABLE x").unwrap();
        drop(old);
        let storage = SqliteStorage::open_in(directory.path());
        let (left, deleted) = traces(&storage, &path, 2).await;
        assert!(left * 100 <= deleted, "{left} of {deleted} deleted records left a trace");
    }
}
