//! File metadata in PostgreSQL.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use super::database::{Database, failed};
use super::params::{params, storable};
use super::{PostgresStorage, datasets, file_listing, file_totals, orphans, workspaces};
use crate::storage::{
    DatasetKey, FileEntry, FileFilter, FileIndex, Listed, Missing, NewFile, Pending, Retention,
    StorageError, Window, fold_case,
};
use crate::time::Timestamp;

/// The maximum number of files that are deleted or discarded in one step.
const STEP: i64 = 100;

/// A query for existing files, with the columns that [`read`] expects.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT f.uuid, f.created_at, f.expires_at, f.name, f.bytes, f.purpose, f.mimetype, f.visibility, f.lines, ",
            "f.signature FROM files f JOIN workspaces w ON w.id = f.workspace ",
            "WHERE NOT w.discarded AND f.deleted_at IS NULL AND (f.expires_at IS NULL OR f.expires_at > $1) ",
            $rest
        )
    };
}

pub(super) fn read(row: &Row) -> FileEntry {
    FileEntry {
        id: row.get(0),
        created_at: Timestamp::from_micros(row.get(1)),
        expires_at: row.get::<_, Option<i64>>(2).map(Timestamp::from_micros),
        name: row.get(3),
        bytes: row.get::<_, i64>(4) as u64,
        purpose: row.get(5),
        mimetype: row.get(6),
        visibility: row.get(7),
        lines: row.get::<_, Option<i64>>(8).map(|lines| lines as u64),
        signature: row.get(9),
    }
}

/// The content was reported as orphaned, and may be removed already.
#[derive(Debug, thiserror::Error)]
#[error("the content of a new file was removed, because no file had it for a day")]
struct ContentRemoved;

async fn add(database: Database, workspace: Uuid, new: NewFile) -> Result<FileEntry, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    let row = workspaces::lock(&transaction, workspace).await?;
    if let Some(export) = new.export {
        // The dataset may have been deleted while it was exported. Its records must not be accessible any more. Deleting it locks the
        // workspace, so it is not deleted meanwhile.
        datasets::find(&transaction, workspace, &DatasetKey::Id(export.dataset)).await?;
    }
    let file = FileEntry {
        id: new.id,
        created_at: Timestamp::now(),
        expires_at: new.expires_at,
        name: storable(&new.name).into_owned(),
        bytes: new.bytes,
        purpose: storable(&new.purpose).into_owned(),
        mimetype: new.mimetype.map(|mimetype| storable(&mimetype).into_owned()),
        visibility: new.visibility,
        lines: new.lines,
        signature: new.signature,
    };
    // Exports have no position.
    let sql = "WITH total AS (INSERT INTO file_totals (workspace, position, listed, stored, bytes) \
               VALUES ($1, $16, $16, 1, $8) ON CONFLICT (workspace) DO UPDATE SET position = file_totals.position + excluded.position, \
               listed = file_totals.listed + excluded.listed, stored = file_totals.stored + excluded.stored, \
               bytes = file_totals.bytes + excluded.bytes RETURNING position) \
               INSERT INTO files (workspace, uuid, export, position, created_at, expires_at, name, folded_name, bytes, purpose, \
               mimetype, visibility, lines, signature, dataset, revision) \
               SELECT $1, $2, $3, CASE WHEN $3 THEN NULL ELSE position END, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15 \
               FROM total ON CONFLICT (uuid) DO NOTHING";
    let added = transaction
        .execute_typed(
            sql,
            params![
                row,
                file.id,
                new.export.is_some(),
                file.created_at.micros(),
                file.expires_at.map(Timestamp::micros),
                file.name,
                fold_case(&file.name),
                file.bytes as i64,
                file.purpose,
                file.mimetype,
                file.visibility,
                file.lines.map(|lines| lines as i64),
                file.signature,
                new.export.map(|export| export.dataset),
                new.export.map(|export| export.revision as i64),
                i64::from(new.export.is_none()),
            ],
        )
        .await?;
    if added == 0 {
        return Err(failed(ContentRemoved));
    }
    transaction.commit().await?;
    Ok(file)
}

async fn fetch(database: Database, workspace: Uuid, id: Uuid) -> Result<FileEntry, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    let sql = select!("AND NOT f.export AND f.uuid = $2 AND w.uuid = $3");
    let now = Timestamp::now().micros();
    let row = transaction.query_typed_opt(sql, params![now, id, workspace]).await?;
    Ok(read(&row.ok_or(Missing::File)?))
}

async fn linked(database: Database, id: Uuid) -> Result<FileEntry, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    let now = Timestamp::now().micros();
    let row = transaction.query_typed_opt(select!("AND f.uuid = $2"), params![now, id]).await?;
    Ok(read(&row.ok_or(Missing::File)?))
}

async fn workspace_of(database: Database, id: Uuid) -> Result<Uuid, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    let sql = "SELECT w.uuid FROM files f JOIN workspaces w ON w.id = f.workspace WHERE NOT w.discarded AND f.uuid = $1";
    let row = transaction.query_typed_opt(sql, params![id]).await?;
    Ok(row.ok_or(Missing::File)?.get(0))
}

async fn delete(database: Database, workspace: Uuid, id: Uuid) -> Result<(), StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    let sql = "UPDATE files f SET deleted_at = $1 FROM workspaces w WHERE w.id = f.workspace AND NOT w.discarded AND w.uuid = $3 \
               AND f.uuid = $2 AND NOT f.export AND f.deleted_at IS NULL AND (f.expires_at IS NULL OR f.expires_at > $1) \
               RETURNING f.workspace, f.export, f.bytes";
    let now = Timestamp::now().micros();
    let deleted = transaction.query_typed(sql, params![now, id, workspace]).await?;
    if deleted.is_empty() {
        return Err(Missing::File.into());
    }
    file_totals::subtract(&transaction, &deleted).await?;
    transaction.commit().await
}

/// Deletes the exports of a dataset.
pub(super) async fn delete_exports(
    transaction: &Transaction<'_>,
    dataset: Uuid,
) -> Result<(), StorageError> {
    let sql = "UPDATE files SET deleted_at = $2 WHERE id = ANY (ARRAY( \
               SELECT id FROM files WHERE dataset = $1 AND deleted_at IS NULL ORDER BY id FOR UPDATE)) \
               RETURNING workspace, export, bytes";
    let now = Timestamp::now().micros();
    let deleted = transaction.query_typed(sql, params![dataset, now]).await?;
    file_totals::subtract(transaction, &deleted).await
}

/// Extends the lifetime of the current export of a dataset, if there is one.
async fn reuse(
    database: Database,
    workspace: Uuid,
    dataset: Uuid,
    expires: Timestamp,
) -> Result<Option<FileEntry>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    let found = datasets::find(&transaction, workspace, &DatasetKey::Id(dataset)).await?;
    // The export may be deleted between the two conditions on `deleted_at`.
    let sql = "UPDATE files SET expires_at = greatest(expires_at, $4) WHERE id = (SELECT max(id) FROM files \
               WHERE dataset = $1 AND revision = $2 AND deleted_at IS NULL AND expires_at > $3) AND deleted_at IS NULL \
               RETURNING uuid, created_at, expires_at, name, bytes, purpose, mimetype, visibility, lines, signature";
    let (revision, now) = (found.revision as i64, Timestamp::now().micros());
    let reused =
        transaction.query_typed_opt(sql, params![dataset, revision, now, expires.micros()]).await?;
    transaction.commit().await?;
    Ok(reused.as_ref().map(read))
}

async fn discard_export(database: Database, id: Uuid) -> Result<(), StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    let sql = "UPDATE files SET deleted_at = $2 WHERE uuid = $1 AND export AND deleted_at IS NULL RETURNING workspace, export, bytes";
    let now = Timestamp::now().micros();
    let deleted = transaction.query_typed(sql, params![id, now]).await?;
    file_totals::subtract(&transaction, &deleted).await?;
    transaction.commit().await
}

// Each of the following takes rows that no other transaction has locked, so several servers share the work. `ANY (ARRAY(...))` makes
// PostgreSQL run the inner query only once.

async fn expire(database: Database, retention: Retention) -> Result<bool, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    let now = Timestamp::now().micros();
    let sql = "UPDATE files SET deleted_at = $1 WHERE id = ANY (ARRAY(SELECT id FROM files \
               WHERE deleted_at IS NULL AND expires_at IS NOT NULL AND expires_at <= $2 \
               ORDER BY expires_at LIMIT $3 FOR UPDATE SKIP LOCKED)) RETURNING workspace, export, bytes";
    let expired = retention.expired.micros();
    let mut deleted = transaction.query_typed(sql, params![now, expired, STEP]).await?;
    if let Some(uploaded) = retention.uploaded {
        let sql = "UPDATE files SET deleted_at = $1 WHERE id = ANY (ARRAY(SELECT id FROM files \
                   WHERE deleted_at IS NULL AND NOT export AND created_at <= $2 \
                   ORDER BY created_at LIMIT $3 FOR UPDATE SKIP LOCKED)) RETURNING workspace, export, bytes";
        let uploaded = uploaded.micros();
        deleted.extend(transaction.query_typed(sql, params![now, uploaded, STEP]).await?);
    }
    file_totals::subtract(&transaction, &deleted).await?;
    let sql = "DELETE FROM files WHERE id = ANY (ARRAY(SELECT id FROM files WHERE erased AND deleted_at <= $1 \
               ORDER BY deleted_at LIMIT $2 FOR UPDATE SKIP LOCKED))";
    let forgotten =
        transaction.execute_typed(sql, params![retention.deleted.micros(), STEP]).await?;
    transaction.commit().await?;
    Ok(!deleted.is_empty() || forgotten > 0)
}

async fn discarded(database: Database) -> Result<Vec<Uuid>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    // Unfinished imports still read their files.
    let sql = "(SELECT f.uuid FROM files f WHERE f.deleted_at IS NOT NULL AND NOT f.erased AND NOT EXISTS (SELECT FROM imports i \
               JOIN workspaces w ON w.id = i.workspace WHERE i.file = f.uuid AND i.state <> 'ENDED' AND NOT w.discarded) \
               ORDER BY f.id LIMIT $1) \
               UNION ALL (SELECT f.uuid FROM workspaces w CROSS JOIN LATERAL (SELECT uuid FROM files WHERE workspace = w.id \
               AND NOT erased AND deleted_at IS NULL LIMIT $1) f WHERE w.discarded LIMIT $1)";
    let found = transaction.query_typed(sql, params![STEP]).await?;
    Ok(found.iter().map(|row| row.get(0)).collect())
}

async fn erase(database: Database, ids: Vec<Uuid>) -> Result<(), StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    let sql = "UPDATE files SET erased = true, deleted_at = coalesce(deleted_at, $2), name = '', folded_name = '', bytes = 0, \
               purpose = '', mimetype = NULL, visibility = '', lines = NULL, signature = '' \
               WHERE id = ANY (ARRAY(SELECT id FROM files WHERE uuid = ANY ($1) AND NOT erased FOR UPDATE SKIP LOCKED))";
    let now = Timestamp::now().micros();
    transaction.execute_typed(sql, params![ids, now]).await?;
    transaction.commit().await
}

impl FileIndex for PostgresStorage {
    fn add_file(&self, workspace: Uuid, new: NewFile) -> Pending<FileEntry> {
        Box::pin(add(self.database.clone(), workspace, new))
    }

    fn file(&self, workspace: Uuid, id: Uuid) -> Pending<FileEntry> {
        Box::pin(fetch(self.database.clone(), workspace, id))
    }

    fn files(
        &self,
        workspace: Uuid,
        filter: FileFilter,
        window: Window,
    ) -> Pending<Listed<FileEntry>> {
        Box::pin(file_listing::list(self.database.clone(), workspace, filter, window))
    }

    fn delete_file(&self, workspace: Uuid, id: Uuid) -> Pending<()> {
        Box::pin(delete(self.database.clone(), workspace, id))
    }

    fn reuse_export(
        &self,
        workspace: Uuid,
        dataset: Uuid,
        expires: Timestamp,
    ) -> Pending<Option<FileEntry>> {
        Box::pin(reuse(self.database.clone(), workspace, dataset, expires))
    }

    fn discard_export(&self, id: Uuid) -> Pending<()> {
        Box::pin(discard_export(self.database.clone(), id))
    }

    fn linked_file(&self, id: Uuid) -> Pending<FileEntry> {
        Box::pin(linked(self.database.clone(), id))
    }

    fn workspace_of_file(&self, id: Uuid) -> Pending<Uuid> {
        Box::pin(workspace_of(self.database.clone(), id))
    }

    fn orphaned_contents(&self, ids: Vec<Uuid>) -> Pending<Vec<Uuid>> {
        Box::pin(orphans::orphaned(self.database.clone(), ids))
    }

    fn expire_files(&self, retention: Retention) -> Pending<bool> {
        Box::pin(expire(self.database.clone(), retention))
    }

    fn discarded_files(&self) -> Pending<Vec<Uuid>> {
        Box::pin(discarded(self.database.clone()))
    }

    fn erase_files(&self, ids: Vec<Uuid>) -> Pending<()> {
        Box::pin(erase(self.database.clone(), ids))
    }
}
