//! File metadata in SQLite.

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{SqliteStorage, file_listing, workspaces};
use crate::storage::{
    FileEntry, FileFilter, FileIndex, Listed, Missing, NewFile, Pending, StorageError, Window,
    fold_case,
};
use crate::time::Timestamp;

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
    let workspace = workspaces::find_or_create(connection, workspace)?;
    let now = Timestamp::now();
    connection
        .prepare_cached(
            "INSERT INTO files (workspace, uuid, export, created_at, expires_at, name, folded_name, bytes, purpose, \
             mimetype, visibility, lines, signature) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            workspace,
            new.id,
            new.export,
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

fn fetch(connection: &Connection, workspace: Uuid, id: Uuid) -> Result<FileEntry, StorageError> {
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

fn expire(connection: &Connection) -> Result<Vec<Uuid>, StorageError> {
    let mut statement = connection.prepare_cached(
        "UPDATE files SET deleted_at = ?1 \
         WHERE deleted_at IS NULL AND expires_at IS NOT NULL AND expires_at <= ?1 RETURNING uuid",
    )?;
    let expired = statement
        .query_map([Timestamp::now().micros()], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(expired)
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
                match linked(connection, id) {
                    Ok(_) => {}
                    Err(StorageError::Missing(_)) => orphaned.push(id),
                    Err(error) => return Err(error),
                }
            }
            Ok(orphaned)
        })
    }

    fn expire_files(&self) -> Pending<Vec<Uuid>> {
        self.write_freeing(expire)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const WORKSPACE: Uuid = Uuid::from_u128(1);

    fn file(expires_at: Option<Timestamp>) -> NewFile {
        NewFile {
            id: Uuid::now_v7(),
            export: false,
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

    #[tokio::test]
    async fn an_expired_file_does_not_exist_and_its_content_is_orphaned() {
        let directory = tempfile::tempdir().unwrap();
        let storage = SqliteStorage::open_in(directory.path());
        let now = Timestamp::now();
        let add =
            async |expires_at| storage.add_file(WORKSPACE, file(expires_at)).await.unwrap().id;
        let kept = add(None).await;
        let later = add(Some(now.plus(Duration::from_secs(3600)))).await;
        let past = add(Some(now)).await;
        let unknown = Uuid::now_v7();

        let missing = |result| matches!(result, Err(StorageError::Missing(Missing::File)));
        assert!(missing(storage.file(WORKSPACE, past).await));
        assert!(missing(storage.linked_file(past).await));
        assert!(storage.file(WORKSPACE, later).await.is_ok());
        let window = Window { offset: 0, limit: 10 };
        let listed = storage.files(WORKSPACE, FileFilter::default(), window).await.unwrap();
        assert_eq!((listed.count, listed.results[0].id), (2, later));
        let orphaned = storage.orphaned_contents(vec![kept, unknown, later, past]).await;
        assert_eq!(orphaned.unwrap(), [unknown, past]);
        assert_eq!(storage.expire_files().await.unwrap(), [past]);
        assert!(storage.expire_files().await.unwrap().is_empty());
    }
}
