//! Finds stored contents that belong to no file.
//!
//! A content is stored before its file is added, perhaps by another server, so a content without a file is not always an orphan. Two
//! rules keep the contents of uploads:
//!
//! - An id contains the time at which its upload started. Ids of the last [`UPLOAD_TIME`] are not orphans.
//! - An id that is reported as orphaned gets an erased row. Adding a file with this id then fails, so even a slower upload, or a
//!   server that was suspended, never gets a file without content.
//!
//! Erased rows are removed like those of deleted files, after some days.

use std::collections::HashSet;
use std::time::Duration;

use uuid::Uuid;

use super::database::Database;
use super::params::params;
use super::workspaces::NO_ROW;
use crate::storage::StorageError;
use crate::time::Timestamp;

/// How old an id is at least if its content is an orphan. Longer uploads can fail.
const UPLOAD_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The maximum number of ids that are looked up in one transaction.
const STEP: usize = 1_000;

/// Returns the given ids that no file has or will have, in their order.
pub(super) async fn orphaned(
    database: Database,
    ids: Vec<Uuid>,
) -> Result<Vec<Uuid>, StorageError> {
    let mut orphaned = Vec::new();
    for ids in ids.chunks(STEP) {
        let erased = erase_unknown(&database, ids).await?;
        orphaned.extend(ids.iter().filter(|id| erased.contains(id)));
    }
    Ok(orphaned)
}

/// Adds erased rows for old ids that no file has. Returns the ids of all erased rows.
async fn erase_unknown(database: &Database, ids: &[Uuid]) -> Result<HashSet<Uuid>, StorageError> {
    let now = Timestamp::now();
    let before = now.minus(UPLOAD_TIME);
    let old: Vec<Uuid> = ids.iter().copied().filter(|id| started_before(*id, before)).collect();
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    // Servers that look up the same ids insert them in the same order.
    let sql = "INSERT INTO files (workspace, uuid, export, created_at, deleted_at, name, folded_name, bytes, purpose, visibility, \
               signature, erased) \
               SELECT $2, content, false, $3, $3, '', '', 0, '', '', '', true FROM unnest($1) AS given (content) \
               WHERE NOT EXISTS (SELECT FROM files WHERE uuid = content) ORDER BY content ON CONFLICT DO NOTHING";
    transaction.execute_typed(sql, params![old, NO_ROW, now.micros()]).await?;
    let sql = "SELECT uuid FROM files WHERE uuid = ANY ($1) AND erased";
    let erased = transaction.query_typed(sql, params![ids.to_vec()]).await?;
    transaction.commit().await?;
    Ok(erased.iter().map(|row| row.get(0)).collect())
}

/// Returns whether an id was created before a time. Ids without a time were not created by an upload.
fn started_before(id: Uuid, time: Timestamp) -> bool {
    let Some(created) = id.get_timestamp() else { return true };
    let (seconds, _) = created.to_unix();
    i64::try_from(seconds).unwrap_or(i64::MAX) < time.seconds()
}
