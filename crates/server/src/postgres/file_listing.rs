//! Lists uploaded files, newest first.
//!
//! The total is a column. Only files that have expired but are not deleted yet are counted one by one. The first file of a page is
//! found by skipping index entries, which takes about 15 ms for the last of 100,000 files, so there is no search for the nth file as
//! there is for records. A listing with a filter reads all files of the workspace.

use uuid::Uuid;

use super::database::Database;
use super::files;
use super::params::{params, storable};
use crate::storage::{FileEntry, FileFilter, Listed, StorageError, Window, fold_case};
use crate::time::Timestamp;

/// The listed files of a workspace.
macro_rules! files {
    () => {
        "FROM files WHERE workspace = $1 AND deleted_at IS NULL AND NOT export AND (expires_at IS NULL OR expires_at > $2) "
    };
}

/// A query for the listed files of a workspace, newest first, with the columns that [`files::read`] expects.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT uuid, created_at, expires_at, name, bytes, purpose, mimetype, visibility, lines, signature ",
            files!(),
            $rest
        )
    };
}

/// The row of a workspace, the number of its uploaded files, and how many of them have expired.
const TOTALS: &str = "SELECT w.id, coalesce(t.listed, 0), (SELECT count(*) FROM files WHERE workspace = w.id AND deleted_at IS NULL \
                      AND NOT export AND expires_at IS NOT NULL AND expires_at <= $2) \
                      FROM workspaces w LEFT JOIN file_totals t ON t.workspace = w.id WHERE w.uuid = $1 AND NOT w.discarded";

/// Returns a page of files and the number of all files.
pub(super) async fn list(
    database: Database,
    workspace: Uuid,
    filter: FileFilter,
    window: Window,
) -> Result<Listed<FileEntry>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    let now = Timestamp::now().micros();
    let totals = transaction.query_typed_opt(TOTALS, params![workspace, now]).await?;
    let Some(totals) = totals else { return Ok(Listed { count: 0, results: Vec::new() }) };
    let row: i64 = totals.get(0);
    let containing = filter.containing.map(|text| fold_case(&storable(&text)));
    let purpose = filter.purpose.as_deref().map(storable);
    let is_filtered = containing.is_some() || purpose.is_some();
    let count = if is_filtered {
        let sql = concat!(
            "SELECT count(*) ",
            files!(),
            "AND ($3 IS NULL OR strpos(folded_name, $3) > 0) AND ($4 IS NULL OR purpose = $4)"
        );
        let counted =
            transaction.query_typed_one(sql, params![row, now, containing, purpose]).await?;
        counted.get::<_, i64>(0)
    } else {
        totals.get::<_, i64>(1) - totals.get::<_, i64>(2)
    };
    let count = u64::try_from(count).unwrap_or_default();
    if window.offset >= count || window.limit == 0 {
        return Ok(Listed { count, results: Vec::new() });
    }
    let (limit, offset) = (i64::from(window.limit), window.offset as i64);
    let rows = if is_filtered {
        let sql = select!(
            "AND ($3 IS NULL OR strpos(folded_name, $3) > 0) AND ($4 IS NULL OR purpose = $4) \
             ORDER BY position DESC LIMIT $5 OFFSET $6"
        );
        transaction.query_typed(sql, params![row, now, containing, purpose, limit, offset]).await?
    } else {
        // The inner query reads only the index.
        let sql = concat!(
            select!("AND position <= (SELECT position "),
            files!(),
            "ORDER BY position DESC LIMIT 1 OFFSET $4) ORDER BY position DESC LIMIT $3"
        );
        transaction.query_typed(sql, params![row, now, limit, offset]).await?
    };
    Ok(Listed { count, results: rows.iter().map(files::read).collect() })
}
