//! File metadata in SQLite.

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{SqliteStorage, datasets, file_listing, workspaces};
use crate::storage::{
    DatasetKey, FileEntry, FileFilter, FileIndex, Listed, Missing, NewFile, Pending, Retention,
    StorageError, Window, fold_case,
};
use crate::time::Timestamp;

/// The maximum number of files that are deleted or discarded in one step.
const STEP: u32 = 100;

/// A query for existing files, with the columns that [`read`] expects.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT f.uuid, f.created_at, f.expires_at, f.name, f.bytes, f.purpose, f.mimetype, f.visibility, f.lines, ",
            "f.signature FROM files f JOIN workspaces w ON w.id = f.workspace ",
            "WHERE w.discarded = 0 AND f.deleted_at IS NULL AND (f.expires_at IS NULL OR f.expires_at > ?1) ",
            $rest
        )
    };
}

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<FileEntry> {
    Ok(FileEntry {
        id: row.get(0)?,
        created_at: Timestamp::from_micros(row.get(1)?),
        expires_at: row.get::<_, Option<i64>>(2)?.map(Timestamp::from_micros),
        name: row.get(3)?,
        bytes: row.get(4)?,
        purpose: row.get(5)?,
        mimetype: row.get(6)?,
        visibility: row.get(7)?,
        lines: row.get(8)?,
        signature: row.get(9)?,
    })
}

fn add(connection: &Connection, workspace: Uuid, new: NewFile) -> Result<FileEntry, StorageError> {
    if let Some(export) = new.export {
        // The dataset may have been deleted while it was exported. Its records must not be accessible any more.
        datasets::find(connection, workspace, &DatasetKey::Id(export.dataset))?;
    }
    let workspace = workspaces::find_or_create(connection, workspace)?;
    let now = Timestamp::now();
    connection
        .prepare_cached(
            "INSERT INTO files (workspace, uuid, export, created_at, expires_at, name, folded_name, bytes, purpose, \
             mimetype, visibility, lines, signature, dataset, revision) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute(params![
            workspace,
            new.id,
            new.export.is_some(),
            now.micros(),
            new.expires_at.map(Timestamp::micros),
            new.name,
            fold_case(&new.name),
            new.bytes,
            new.purpose,
            new.mimetype,
            new.visibility,
            new.lines,
            new.signature,
            new.export.map(|export| export.dataset),
            new.export.map(|export| export.revision),
        ])?;
    Ok(FileEntry {
        id: new.id,
        created_at: now,
        expires_at: new.expires_at,
        name: new.name,
        bytes: new.bytes,
        purpose: new.purpose,
        mimetype: new.mimetype,
        visibility: new.visibility,
        lines: new.lines,
        signature: new.signature,
    })
}

pub(super) fn fetch(
    connection: &Connection,
    workspace: Uuid,
    id: Uuid,
) -> Result<FileEntry, StorageError> {
    connection
        .prepare_cached(select!("AND f.export = 0 AND f.uuid = ?2 AND w.uuid = ?3"))?
        .query_row(params![Timestamp::now().micros(), id, workspace], read)
        .optional()?
        .ok_or_else(|| Missing::File.into())
}

fn linked(connection: &Connection, id: Uuid) -> Result<FileEntry, StorageError> {
    connection
        .prepare_cached(select!("AND f.uuid = ?2"))?
        .query_row(params![Timestamp::now().micros(), id], read)
        .optional()?
        .ok_or_else(|| Missing::File.into())
}

fn workspace_of(connection: &Connection, id: Uuid) -> Result<Uuid, StorageError> {
    connection
        .prepare_cached(
            "SELECT w.uuid FROM files f JOIN workspaces w ON w.id = f.workspace \
             WHERE w.discarded = 0 AND f.uuid = ?1",
        )?
        .query_row([id], |row| row.get(0))
        .optional()?
        .ok_or_else(|| Missing::File.into())
}

fn delete(connection: &Connection, workspace: Uuid, id: Uuid) -> Result<(), StorageError> {
    fetch(connection, workspace, id)?;
    connection
        .prepare_cached("UPDATE files SET deleted_at = ?2 WHERE uuid = ?1")?
        .execute(params![id, Timestamp::now().micros()])?;
    Ok(())
}

/// Deletes the exports of a dataset.
pub(super) fn delete_exports(connection: &Connection, dataset: Uuid) -> Result<(), StorageError> {
    connection
        .prepare_cached(
            "UPDATE files SET deleted_at = ?2 WHERE dataset = ?1 AND deleted_at IS NULL",
        )?
        .execute(params![dataset, Timestamp::now().micros()])?;
    Ok(())
}

/// Extends the lifetime of the current export of a dataset, if there is one.
fn reuse(
    connection: &Connection,
    workspace: Uuid,
    dataset: Uuid,
    expires: Timestamp,
) -> Result<Option<FileEntry>, StorageError> {
    let found = datasets::find(connection, workspace, &DatasetKey::Id(dataset))?;
    let id: Option<Uuid> = connection
        .prepare_cached(
            "UPDATE files SET expires_at = max(expires_at, ?4) WHERE id = (SELECT max(id) FROM files \
             WHERE dataset = ?1 AND revision = ?2 AND deleted_at IS NULL AND expires_at > ?3) RETURNING uuid",
        )?
        .query_row(
            params![dataset, found.revision, Timestamp::now().micros(), expires.micros()],
            |row| row.get(0),
        )
        .optional()?;
    id.map(|id| linked(connection, id)).transpose()
}

fn discard_export(connection: &Connection, id: Uuid) -> Result<(), StorageError> {
    connection
        .prepare_cached(
            "UPDATE files SET deleted_at = ?2 WHERE uuid = ?1 AND export = 1 AND deleted_at IS NULL",
        )?
        .execute(params![id, Timestamp::now().micros()])?;
    Ok(())
}

fn expire(connection: &Connection, retention: Retention) -> Result<bool, StorageError> {
    let now = Timestamp::now().micros();
    let mut changed = connection
        .prepare_cached(
            "UPDATE files SET deleted_at = ?1 WHERE id IN (SELECT id FROM files \
             WHERE deleted_at IS NULL AND expires_at IS NOT NULL AND expires_at <= ?2 LIMIT ?3)",
        )?
        .execute(params![now, retention.expired.micros(), STEP])?;
    if let Some(uploaded) = retention.uploaded {
        changed += connection
            .prepare_cached(
                "UPDATE files SET deleted_at = ?1 WHERE id IN (SELECT id FROM files \
                 WHERE deleted_at IS NULL AND export = 0 AND created_at <= ?2 LIMIT ?3)",
            )?
            .execute(params![now, uploaded.micros(), STEP])?;
    }
    changed += connection
        .prepare_cached(
            "DELETE FROM files WHERE id IN \
             (SELECT id FROM files WHERE erased = 1 AND deleted_at <= ?1 LIMIT ?2)",
        )?
        .execute(params![retention.deleted.micros(), STEP])?;
    Ok(changed > 0)
}

fn discarded(connection: &Connection) -> Result<Vec<Uuid>, StorageError> {
    let mut ids = Vec::new();
    for sql in [
        // Unfinished imports still read their files.
        "SELECT uuid FROM files WHERE deleted_at IS NOT NULL AND erased = 0 \
         AND NOT EXISTS (SELECT 1 FROM imports i JOIN workspaces w ON w.id = i.workspace \
         WHERE i.file = files.uuid AND w.discarded = 0) LIMIT ?1",
        "SELECT f.uuid FROM workspaces w JOIN files f ON f.workspace = w.id \
         WHERE w.discarded = 1 AND f.deleted_at IS NULL AND f.erased = 0 LIMIT ?1",
    ] {
        let mut statement = connection.prepare_cached(sql)?;
        let found = statement.query_map([STEP], |row| row.get::<_, Uuid>(0))?;
        ids.extend(found.collect::<Result<Vec<_>, _>>()?);
    }
    Ok(ids)
}

fn erase(connection: &Connection, ids: &[Uuid]) -> Result<(), StorageError> {
    let mut statement = connection.prepare_cached(
        "UPDATE files SET erased = 1, deleted_at = coalesce(deleted_at, ?2), name = '', folded_name = '', bytes = 0, \
         purpose = '', mimetype = NULL, visibility = '', lines = NULL, signature = '' WHERE uuid = ?1",
    )?;
    let now = Timestamp::now().micros();
    for id in ids {
        statement.execute(params![id, now])?;
    }
    Ok(())
}

/// Returns whether a file has this id and its content was not removed.
fn is_stored(connection: &Connection, id: Uuid) -> Result<bool, StorageError> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM files WHERE uuid = ?1 AND erased = 0")?
        .exists([id])?)
}

impl FileIndex for SqliteStorage {
    fn add_file(&self, workspace: Uuid, new: NewFile) -> Pending<FileEntry> {
        self.write(move |connection| add(connection, workspace, new))
    }

    fn file(&self, workspace: Uuid, id: Uuid) -> Pending<FileEntry> {
        self.look_up(move |connection| fetch(connection, workspace, id))
    }

    fn files(
        &self,
        workspace: Uuid,
        filter: FileFilter,
        window: Window,
    ) -> Pending<Listed<FileEntry>> {
        self.read(move |connection| file_listing::list(connection, workspace, &filter, window))
    }

    fn delete_file(&self, workspace: Uuid, id: Uuid) -> Pending<()> {
        self.write_freeing(move |connection| delete(connection, workspace, id))
    }

    fn reuse_export(
        &self,
        workspace: Uuid,
        dataset: Uuid,
        expires: Timestamp,
    ) -> Pending<Option<FileEntry>> {
        self.write(move |connection| reuse(connection, workspace, dataset, expires))
    }

    fn discard_export(&self, id: Uuid) -> Pending<()> {
        self.write_freeing(move |connection| discard_export(connection, id))
    }

    fn linked_file(&self, id: Uuid) -> Pending<FileEntry> {
        self.look_up(move |connection| linked(connection, id))
    }

    fn workspace_of_file(&self, id: Uuid) -> Pending<Uuid> {
        self.look_up(move |connection| workspace_of(connection, id))
    }

    fn orphaned_contents(&self, ids: Vec<Uuid>) -> Pending<Vec<Uuid>> {
        self.read(move |connection| {
            let mut orphaned = Vec::new();
            for id in ids {
                if !is_stored(connection, id)? {
                    orphaned.push(id);
                }
            }
            Ok(orphaned)
        })
    }

    fn expire_files(&self, retention: Retention) -> Pending<bool> {
        self.write_deleting(3 * STEP as usize, move |connection| expire(connection, retention))
    }

    fn discarded_files(&self) -> Pending<Vec<Uuid>> {
        self.read(discarded)
    }

    fn erase_files(&self, ids: Vec<Uuid>) -> Pending<()> {
        self.write_deleting(ids.len(), move |connection| erase(connection, &ids))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::storage::{
        DatasetChange, DatasetStore, ExportedRevision, ImportCounts, ImportPosition, ImportSource,
        ImportStore, NewDataset, NewImport, NewRecord, Progress, QueueLimits, RecordStore, Storage,
    };
    use mistral_datasets_types::RecordSource;

    const WORKSPACE: Uuid = Uuid::from_u128(1);

    fn file(expires_at: Option<Timestamp>) -> NewFile {
        NewFile {
            id: Uuid::now_v7(),
            export: None,
            expires_at,
            name: "name".to_owned(),
            bytes: 0,
            purpose: String::new(),
            mimetype: None,
            visibility: String::new(),
            lines: None,
            signature: String::new(),
        }
    }

    fn open() -> (SqliteStorage, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        (SqliteStorage::open_in(directory.path()), directory)
    }

    fn in_an_hour() -> Timestamp {
        Timestamp::now().plus(Duration::from_secs(3600))
    }

    fn expired(expired: Timestamp) -> Retention {
        let never = Timestamp::from_micros(0);
        Retention { expired, uploaded: None, deleted: never }
    }

    fn is_missing<T>(result: Result<T, StorageError>) -> bool {
        matches!(result, Err(StorageError::Missing(Missing::File)))
    }

    #[tokio::test]
    async fn an_expired_file_is_inaccessible_at_once_and_discarded_later() {
        let (storage, _directory) = open();
        let now = Timestamp::now();
        let add =
            async |expires_at| storage.add_file(WORKSPACE, file(expires_at)).await.unwrap().id;
        let kept = add(None).await;
        let later = add(Some(in_an_hour())).await;
        let past = add(Some(now)).await;
        let unknown = Uuid::now_v7();

        assert!(is_missing(storage.file(WORKSPACE, past).await));
        assert!(is_missing(storage.linked_file(past).await));
        assert!(storage.file(WORKSPACE, later).await.is_ok());
        let window = Window { offset: 0, limit: 10 };
        let listed = storage.files(WORKSPACE, FileFilter::default(), window).await.unwrap();
        assert_eq!((listed.count, listed.results[0].id), (2, later));
        // A content is not orphaned because the clock says that the file has expired.
        let ids = vec![kept, unknown, later, past];
        assert_eq!(storage.orphaned_contents(ids.clone()).await.unwrap(), [unknown]);

        let before = Timestamp::from_micros(now.micros() - 1);
        assert!(!storage.expire_files(expired(before)).await.unwrap());
        assert!(storage.discarded_files().await.unwrap().is_empty());
        assert!(storage.expire_files(expired(now)).await.unwrap());
        assert!(!storage.expire_files(expired(now)).await.unwrap());
        assert_eq!(storage.discarded_files().await.unwrap(), [past]);
        storage.erase_files(vec![past]).await.unwrap();
        assert!(storage.discarded_files().await.unwrap().is_empty());
        assert_eq!(storage.orphaned_contents(ids).await.unwrap(), [unknown, past]);
        // A request with the link of the file still belongs to the workspace, until nothing of the file is left.
        assert_eq!(storage.workspace_of_file(past).await.unwrap(), WORKSPACE);
        let forget = Retention { deleted: in_an_hour(), ..expired(before) };
        storage.expire_files(forget).await.unwrap();
        assert!(is_missing(storage.workspace_of_file(past).await));
        assert!(storage.file(WORKSPACE, kept).await.is_ok());
    }

    #[tokio::test]
    async fn uploaded_files_are_kept_as_long_as_configured() {
        let (storage, _directory) = open();
        let old = storage.add_file(WORKSPACE, file(Some(in_an_hour()))).await.unwrap();
        let export = exported(&storage, new_dataset(&storage).await).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
        let new = storage.add_file(WORKSPACE, file(None)).await.unwrap();
        let retention =
            Retention { uploaded: Some(old.created_at), ..expired(Timestamp::from_micros(0)) };
        storage.expire_files(retention).await.unwrap();
        assert!(is_missing(storage.file(WORKSPACE, old.id).await));
        assert_eq!(storage.discarded_files().await.unwrap(), [old.id]);
        assert!(storage.file(WORKSPACE, new.id).await.is_ok());
        // The lifetime of uploads does not affect exports.
        let all = Retention { uploaded: Some(in_an_hour()), ..retention };
        storage.expire_files(all).await.unwrap();
        assert!(storage.linked_file(export).await.is_ok());
    }

    async fn new_dataset(storage: &SqliteStorage) -> Uuid {
        let (name, description) = ("Name".to_owned(), String::new());
        let new = NewDataset { name, description, owner: Uuid::nil() };
        storage.create_dataset(WORKSPACE, new).await.unwrap().id
    }

    async fn revision(storage: &SqliteStorage, dataset: Uuid) -> u64 {
        let find = storage.read(move |connection| {
            datasets::find(connection, WORKSPACE, &DatasetKey::Id(dataset))
        });
        find.await.unwrap().revision
    }

    /// Adds an export of the current revision.
    async fn exported(storage: &SqliteStorage, dataset: Uuid) -> Uuid {
        let revision = revision(storage, dataset).await;
        let export = Some(ExportedRevision { dataset, revision });
        let new = NewFile { export, ..file(Some(in_an_hour())) };
        storage.add_file(WORKSPACE, new).await.unwrap().id
    }

    async fn reused(storage: &SqliteStorage, dataset: Uuid) -> Option<Uuid> {
        let reused = storage.reuse_export(WORKSPACE, dataset, in_an_hour()).await.unwrap();
        reused.map(|file| file.id)
    }

    #[tokio::test]
    async fn every_change_of_the_records_changes_the_revision() {
        let (storage, _directory) = open();
        let dataset = new_dataset(&storage).await;
        let key = DatasetKey::Id(dataset);
        let new = || NewRecord {
            payload: "{}".to_owned(),
            properties: "{}".to_owned(),
            source: RecordSource::DirectInput,
        };
        let mut revisions = vec![revision(&storage, dataset).await];
        let mut changed = async || {
            let now = revision(&storage, dataset).await;
            assert!(!revisions.contains(&now), "{revisions:?}, then {now}");
            revisions.push(now);
        };
        let id = storage.create_record(WORKSPACE, key.clone(), new()).await.unwrap().id;
        changed().await;
        storage.replace_payload(WORKSPACE, id, "{\"a\":1}".to_owned()).await.unwrap();
        changed().await;
        storage.replace_properties(WORKSPACE, id, "{\"a\":1}".to_owned()).await.unwrap();
        changed().await;
        storage.delete_records(WORKSPACE, vec![id]).await.unwrap();
        changed().await;
        // An import in one chunk, and one that stages records.
        for staged in [0, 3] {
            let new_import = NewImport::empty(WORKSPACE, key.clone());
            let task = storage.queue_import(new_import, QueueLimits::NONE).await.unwrap();
            let before = revision(&storage, dataset).await;
            if staged > 0 {
                let records = (0..staged).map(|_| new()).collect();
                let end = ImportPosition::default();
                storage.stage_records(task.id, records, end, Progress::NONE).await.unwrap();
            }
            assert_eq!(revision(&storage, dataset).await, before);
            let counts = ImportCounts::default();
            storage.finish_import(task.id, vec![new()], counts).await.unwrap();
            changed().await;
        }
        let before = revision(&storage, dataset).await;
        let change = DatasetChange { name: Some("Other".to_owned()), description: None };
        storage.update_dataset(WORKSPACE, key, change).await.unwrap();
        assert_eq!(revision(&storage, dataset).await, before);
    }

    #[tokio::test]
    async fn an_export_is_reused_until_the_records_change() {
        let (storage, _directory) = open();
        let (dataset, other) = (new_dataset(&storage).await, new_dataset(&storage).await);
        assert_eq!(reused(&storage, dataset).await, None);
        let export = exported(&storage, dataset).await;
        assert_eq!(reused(&storage, dataset).await, Some(export));
        assert_eq!(reused(&storage, other).await, None);
        // The expiry time only increases.
        let expires = in_an_hour().plus(Duration::from_secs(60));
        for requested in [expires, Timestamp::now()] {
            let file = storage.reuse_export(WORKSPACE, dataset, requested).await.unwrap();
            assert_eq!(file.unwrap().expires_at, Some(expires));
        }
        storage.discard_export(export).await.unwrap();
        assert_eq!(reused(&storage, dataset).await, None);
        let second = exported(&storage, dataset).await;
        let record = NewRecord {
            payload: "{}".to_owned(),
            properties: "{}".to_owned(),
            source: RecordSource::DirectInput,
        };
        storage.create_record(WORKSPACE, DatasetKey::Id(dataset), record).await.unwrap();
        assert_eq!(reused(&storage, dataset).await, None);
        // Its link still works.
        assert!(storage.linked_file(second).await.is_ok());
    }

    #[tokio::test]
    async fn exports_are_deleted_with_their_dataset_and_their_workspace() {
        let (storage, _directory) = open();
        let (dataset, other) = (new_dataset(&storage).await, new_dataset(&storage).await);
        let (export, kept) = (exported(&storage, dataset).await, exported(&storage, other).await);
        storage.delete_dataset(WORKSPACE, DatasetKey::Id(dataset)).await.unwrap();
        assert!(is_missing(storage.linked_file(export).await));
        assert_eq!(storage.discarded_files().await.unwrap(), [export]);
        assert!(storage.linked_file(kept).await.is_ok());
        // An export that was being written is refused.
        let late = Some(ExportedRevision { dataset, revision: 0 });
        let late = storage.add_file(WORKSPACE, NewFile { export: late, ..file(None) }).await;
        assert!(matches!(late, Err(StorageError::Missing(Missing::Dataset))));

        storage.reset(WORKSPACE).await.unwrap();
        assert!(is_missing(storage.linked_file(kept).await));
        let mut discarded = storage.discarded_files().await.unwrap();
        discarded.sort();
        assert_eq!(discarded, [export, kept]);
        // The rows are kept until the contents are removed.
        while storage.reclaim().await.unwrap() {}
        assert_eq!(storage.discarded_files().await.unwrap().len(), 2);
        storage.erase_files(discarded).await.unwrap();
        while storage.reclaim().await.unwrap() {}
        let rows = storage.read(|connection| {
            Ok(connection
                .query_row("SELECT count(*) FROM files", [], |row| row.get::<_, i64>(0))?)
        });
        assert_eq!(rows.await.unwrap(), 0);
    }

    #[tokio::test]
    async fn the_content_of_a_deleted_file_is_kept_until_its_imports_have_ended() {
        let directory = tempfile::tempdir().unwrap();
        let storage = SqliteStorage::open_in(directory.path());
        let new = NewDataset { name: "D".into(), description: String::new(), owner: Uuid::nil() };
        let dataset = DatasetKey::Id(storage.create_dataset(WORKSPACE, new).await.unwrap().id);
        let import = async |file| {
            let source = ImportSource::File(file);
            let new = NewImport { source, ..NewImport::empty(WORKSPACE, dataset.clone()) };
            storage.queue_import(new, QueueLimits::NONE).await
        };
        let soon = Timestamp::now().plus(Duration::from_millis(50));
        let deleted = storage.add_file(WORKSPACE, file(None)).await.unwrap().id;
        let past = storage.add_file(WORKSPACE, file(Some(soon))).await.unwrap().id;
        let mut tasks = Vec::new();
        for file in [deleted, deleted, past] {
            tasks.push(import(file).await.unwrap().id);
        }
        storage.delete_file(WORKSPACE, deleted).await.unwrap();
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert!(storage.expire_files(expired(Timestamp::now())).await.unwrap());
        for file in [deleted, past] {
            let error = import(file).await.unwrap_err();
            assert!(matches!(error, StorageError::Missing(Missing::File)), "{error}");
        }
        let removable = async || storage.discarded_files().await.unwrap();
        assert!(removable().await.is_empty());
        assert!(storage.orphaned_contents(vec![deleted, past]).await.unwrap().is_empty());

        storage.finish_import(tasks[0], Vec::new(), ImportCounts::default()).await.unwrap();
        assert!(removable().await.is_empty(), "another import needs it");
        storage.fail_import(tasks[1], "injected".to_owned()).await.unwrap();
        assert_eq!(removable().await, [deleted]);
        storage.fail_import(tasks[2], "injected".to_owned()).await.unwrap();
        assert_eq!(removable().await, [deleted, past]);
        storage.erase_files(vec![deleted, past]).await.unwrap();
        // A reset also ends the imports.
        let kept = storage.add_file(WORKSPACE, file(None)).await.unwrap().id;
        import(kept).await.unwrap();
        storage.delete_file(WORKSPACE, kept).await.unwrap();
        assert!(removable().await.is_empty());
        storage.reset(WORKSPACE).await.unwrap();
        assert_eq!(removable().await, [kept]);
    }
}
