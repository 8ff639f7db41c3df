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
