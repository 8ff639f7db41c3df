//! Object counts.

use rusqlite::Connection;

use crate::storage::{Counts, StorageError};

const TOTALS: &str = "SELECT dataset_count, record_count, stored_files, stored_bytes, task_count, completed_tasks, failed_tasks \
                      FROM totals";

/// Returns the number of visible objects in all workspaces. Reads one row, however much is stored.
pub(super) fn count(connection: &Connection) -> Result<Counts, StorageError> {
    let counts = connection.prepare_cached(TOTALS)?.query_row([], |row| {
        let (tasks, completed, failed): (u64, u64, u64) = (row.get(4)?, row.get(5)?, row.get(6)?);
        let running = tasks.saturating_sub(completed).saturating_sub(failed);
        let tasks = [("RUNNING", running), ("COMPLETED", completed), ("FAILED", failed)];
        Ok(Counts {
            datasets: row.get(0)?,
            records: row.get(1)?,
            files: row.get(2)?,
            file_bytes: row.get(3)?,
            tasks: tasks.map(|(status, count)| (status.to_owned(), count)).into(),
        })
    })?;
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rusqlite::StatementStatus;
    use uuid::Uuid;

    use super::*;
    use crate::sqlite::SqliteStorage;
    use crate::storage::*;
    use crate::time::Timestamp;

    /// Counts visible objects by reading all of them.
    fn recount(path: &Path) -> Counts {
        let connection = Connection::open(path).unwrap();
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, u64>(0)).unwrap();
        let datasets = "FROM datasets d JOIN workspaces w ON w.id = d.workspace AND w.discarded = 0 \
                        AND d.deleted_at IS NULL";
        let files = "FROM files f JOIN workspaces w ON w.id = f.workspace AND w.discarded = 0 \
                     WHERE f.deleted_at IS NULL";
        let tasks = ["RUNNING", "COMPLETED", "FAILED"].map(|status| {
            let matching = format!("JOIN tasks t ON t.dataset = d.id WHERE t.status = '{status}'");
            (status.to_owned(), count(&format!("SELECT count(*) {datasets} {matching}")))
        });
        let records = "JOIN runs r ON r.dataset = d.id AND r.ordinal IS NOT NULL";
        Counts {
            datasets: count(&format!("SELECT count(*) {datasets}")),
            records: count(&format!("SELECT coalesce(sum(r.live), 0) {datasets} {records}")),
            files: count(&format!("SELECT count(*) {files}")),
            file_bytes: count(&format!("SELECT coalesce(sum(f.bytes), 0) {files}")),
            tasks: tasks.into(),
        }
    }

    fn new_dataset(name: &str) -> NewDataset {
        NewDataset { name: name.into(), description: String::new(), owner: Uuid::nil() }
    }

    fn new_record() -> NewRecord {
        NewRecord {
            payload: "{}".into(),
            properties: "{}".into(),
            source: mistral_datasets_types::RecordSource::DirectInput,
        }
    }

    fn new_file(bytes: u64, export: Option<ExportedRevision>) -> NewFile {
        NewFile {
            id: Uuid::now_v7(),
            expires_at: export.as_ref().map(|_| Timestamp::from_seconds(1)),
            export,
            name: "name".into(),
            bytes,
            purpose: "fine-tune".into(),
            mimetype: None,
            visibility: "user".into(),
            lines: None,
            signature: String::new(),
        }
    }

    /// Queues an import of nothing and returns its task.
    async fn queue_import(storage: &SqliteStorage, workspace: Uuid, dataset: DatasetKey) -> Uuid {
        let new = NewImport::empty(workspace, dataset);
        storage.queue_import(new, QueueLimits::NONE).await.unwrap().id
    }

    /// Checks the counts of a storage against its content.
    async fn check(storage: &SqliteStorage, path: &Path) -> Counts {
        let counts = storage.counts().await.unwrap();
        assert_eq!(counts, recount(path));
        counts
    }

    async fn reclaim_all(storage: &SqliteStorage) {
        let discarded = storage.discarded_files().await.unwrap();
        storage.erase_files(discarded).await.unwrap();
        while storage.reclaim().await.unwrap() {}
    }

    #[tokio::test]
    async fn counts_match_the_content_after_every_kind_of_change() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        let storage = SqliteStorage::open_in(directory.path());
        for workspace in [Uuid::from_u128(1), Uuid::from_u128(2)] {
            for name in ["kept", "deleted"] {
                let dataset =
                    storage.create_dataset(workspace, new_dataset(name)).await.unwrap().id;
                let key = DatasetKey::Id(dataset);
                let mut records = Vec::new();
                for _ in 0..3 {
                    let new = storage.create_record(workspace, key.clone(), new_record());
                    records.push(new.await.unwrap().id);
                }
                storage.delete_records(workspace, records.split_off(2)).await.unwrap();
                for kind in ["finished", "failed", "running"] {
                    let task = queue_import(&storage, workspace, key.clone()).await;
                    let staged = vec![new_record(), new_record()];
                    let end = ImportPosition::default();
                    storage
                        .stage_records(Claim::by_creator(task), staged, end, Progress::NONE)
                        .await
                        .unwrap();
                    let counts = ImportCounts { requested: 3, imported: 3, skipped: 0 };
                    match kind {
                        "finished" => {
                            storage
                                .finish_import(Claim::by_creator(task), vec![new_record()], counts)
                                .await
                                .unwrap();
                        }
                        "failed" => storage
                            .fail_import(Claim::by_creator(task), "injected".into())
                            .await
                            .unwrap(),
                        _ => {}
                    }
                }
                let export = Some(ExportedRevision { dataset, revision: 0 });
                for file in [new_file(10, None), new_file(100, None), new_file(1_000, export)] {
                    storage.add_file(workspace, file).await.unwrap();
                }
                check(&storage, &path).await;
                let all = FileFilter { containing: None, purpose: None };
                let first = Window { offset: 0, limit: 1 };
                let listed = storage.files(workspace, all, first).await.unwrap();
                storage.delete_file(workspace, listed.results[0].id).await.unwrap();
                let now = Timestamp::now();
                let retention =
                    Retention { expired: now, uploaded: None, deleted: Timestamp::from_micros(0) };
                storage.expire_files(retention).await.unwrap();
                let counts = check(&storage, &path).await;
                assert!(counts.records > 0 && counts.file_bytes > 0, "{counts:?}");
                if name == "deleted" {
                    storage.delete_dataset(workspace, key).await.unwrap();
                    check(&storage, &path).await;
                }
            }
        }
        reclaim_all(&storage).await;
        let counts = check(&storage, &path).await;
        let statuses = counts.tasks.iter().map(|(_, count)| *count);
        assert_eq!((counts.datasets, counts.records), (2, 10));
        assert_eq!(Vec::from_iter(statuses), [2, 2, 2]);
        storage.reset(Uuid::from_u128(1)).await.unwrap();
        assert_eq!(check(&storage, &path).await.datasets, 1);
        // What remains of the workspace is removed step by step, without being subtracted again.
        reclaim_all(&storage).await;
        assert_eq!(check(&storage, &path).await.datasets, 1);
        storage.create_dataset(Uuid::from_u128(1), new_dataset("new")).await.unwrap();
        assert_eq!(check(&storage, &path).await.datasets, 2);
    }

    #[tokio::test]
    async fn counting_takes_the_same_time_however_much_is_stored() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        let storage = SqliteStorage::open_in(directory.path());
        let steps = || {
            let connection = Connection::open(&path).unwrap();
            let mut query = connection.prepare(TOTALS).unwrap();
            query.query_row([], |_| Ok(())).unwrap();
            query.get_status(StatementStatus::VmStep)
        };
        let empty = steps();
        for number in 0..100 {
            let workspace = Uuid::from_u128(number);
            let dataset = storage.create_dataset(workspace, new_dataset("name")).await.unwrap().id;
            let key = DatasetKey::Id(dataset);
            storage.create_record(workspace, key.clone(), new_record()).await.unwrap();
            queue_import(&storage, workspace, key).await;
            storage.add_file(workspace, new_file(1, None)).await.unwrap();
        }
        assert_eq!(storage.counts().await.unwrap().records, 100);
        assert_eq!(steps(), empty);
    }

    #[tokio::test]
    async fn the_content_of_an_earlier_version_is_counted_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        let earlier = Connection::open(&path).unwrap();
        for migration in [
            include_str!("schema/1.sql"),
            include_str!("schema/2.sql"),
            include_str!("schema/3.sql"),
            include_str!("schema/4.sql"),
            "INSERT INTO workspaces VALUES (1, x'01', 0, 1, NULL), (2, x'02', 1, 1, NULL), (3, x'03', 0, 0, NULL);
             INSERT INTO datasets (id, workspace, uuid, owner, created_at, updated_at, deleted_at, name, description, slug, \
                folded_name, folded_description, record_count, task_count) VALUES \
                (1, 1, x'11', x'00', 0, 0, NULL, '', '', 'a', '', '', 5, 4), \
                (2, 1, x'12', x'00', 0, 0, 1, '', '', 'b', '', '', 50, 1), \
                (3, 2, x'13', x'00', 0, 0, NULL, '', '', 'c', '', '', 500, 1);
             INSERT INTO runs (dataset, ordinal, size, live) VALUES (1, 1, 6, 5), (2, 1, 50, 50), (3, 1, 500, 500);
             INSERT INTO tasks (uuid, dataset, number, creator, created_at, updated_at, status, progress) VALUES \
                (x'21', 1, 1, x'00', 0, 0, 'COMPLETED', 100), (x'22', 1, 2, x'00', 0, 0, 'COMPLETED', 100), \
                (x'23', 1, 3, x'00', 0, 0, 'FAILED', 0), (x'24', 1, 4, x'00', 0, 0, 'RUNNING', 0), \
                (x'25', 2, 1, x'00', 0, 0, 'COMPLETED', 100), (x'26', 3, 1, x'00', 0, 0, 'FAILED', 0);
             INSERT INTO files (workspace, uuid, export, created_at, deleted_at, name, folded_name, bytes, purpose, \
                visibility, signature) VALUES (1, x'31', 0, 0, NULL, '', '', 7, '', '', ''), \
                (3, x'32', 1, 0, NULL, '', '', 70, '', '', ''), (1, x'33', 0, 0, 1, '', '', 700, '', '', ''), \
                (2, x'34', 0, 0, NULL, '', '', 7000, '', '', '');
             PRAGMA user_version = 4;",
        ] {
            earlier.execute_batch(migration).unwrap();
        }
        drop(earlier);
        let storage = SqliteStorage::open_in(directory.path());
        let counts = check(&storage, &path).await;
        let expected = (1, 5, 2, 77);
        assert_eq!((counts.datasets, counts.records, counts.files, counts.file_bytes), expected);
        assert_eq!(Vec::from_iter(counts.tasks.iter().map(|(_, count)| *count)), [0, 2, 2]);
    }
}
