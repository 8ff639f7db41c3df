//! The queue of unfinished imports in SQLite.

use std::time::Duration;

use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::budget::Cost;
use super::files;
use crate::storage::{
    Claim, ClaimedImport, ClaimedSource, FieldMapping, IMPORT_BLOCK, ImportPosition, ImportSource,
    NewImport, QueueLimits, SourceIds, SpanMapping, SpanReference, StorageError, StoredSource,
    WaitingImports, decode_import_block,
};
use crate::time::Timestamp;

// `CROSS JOIN` makes SQLite start with the imports. There may be many more workspaces.

/// Fails if a workspace may not queue another import.
pub(super) fn check_limits(
    connection: &Connection,
    workspace: i64,
    limits: QueueLimits,
) -> Result<(), StorageError> {
    let own: u64 = connection
        .prepare_cached(
            "SELECT count(*) FROM imports WHERE workspace = ?1 AND state IN ('WAITING', 'HELD', 'RUNNING')",
        )?
        .query_row([workspace], |row| row.get(0))?;
    let all: u64 = connection
        .prepare_cached(
            "SELECT count(*) FROM imports i CROSS JOIN workspaces w ON w.id = i.workspace \
             WHERE w.discarded = 0 AND i.state IN ('WAITING', 'HELD', 'RUNNING')",
        )?
        .query_row([], |row| row.get(0))?;
    if own >= limits.workspace || all >= limits.total {
        return Err(StorageError::QueueFull);
    }
    Ok(())
}

/// Returns the cost of adding an import.
pub(super) fn cost(source: &ImportSource) -> Cost {
    let (count, bytes) = match source {
        ImportSource::File(_) => return Cost::SMALL,
        ImportSource::Ids(SourceIds::Events(ids) | SourceIds::Conversations(ids)) => {
            // Escaping a character takes up to five further bytes.
            (ids.len(), ids.iter().map(|id| id.len() * 6 + 3).sum())
        }
        ImportSource::Ids(SourceIds::Records(ids)) => (ids.len(), ids.len() * size_of::<Uuid>()),
        ImportSource::Ids(SourceIds::Spans(references)) => {
            (references.len(), spans_size(references))
        }
        ImportSource::Spans(references, SpanMapping(fields)) => {
            let size = |field: &FieldMapping| 6 * (field.target.len() + field.key.len()) + 64;
            (references.len(), spans_size(references) + fields.iter().map(size).sum::<usize>())
        }
    };
    Cost::insert(count.div_ceil(IMPORT_BLOCK) as u64, bytes as u64)
}

/// Returns an upper bound of the size of references as JSON.
fn spans_size(references: &[SpanReference]) -> usize {
    references.iter().map(|span| 6 * (span.trace_id.len() + span.span_id.len()) + 32).sum()
}

/// Adds the import of a task. The file must exist.
pub(super) fn add(
    connection: &Connection,
    task: i64,
    workspace: i64,
    new: &NewImport,
) -> Result<(), StorageError> {
    if let ImportSource::File(id) = new.source {
        files::fetch(connection, new.workspace, id)?;
    }
    let StoredSource { name, file, mapping, ids, blocks } = StoredSource::encode(&new.source)?;
    let state = if new.held_by.is_some() { "HELD" } else { "WAITING" };
    connection
        .prepare_cached(
            "INSERT INTO imports (task, workspace, state, claimant, source, file, ids, skipped, mapping) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![task, workspace, state, new.held_by, name, file, ids, new.skipped, mapping])?;
    let mut insert = connection.prepare_cached("INSERT INTO import_ids VALUES (?1, ?2, ?3)")?;
    for (index, block) in blocks.into_iter().enumerate() {
        insert.execute(params![task, index * IMPORT_BLOCK, block])?;
    }
    Ok(())
}

/// Returns how many imports can be claimed. Their number is limited, and an index contains only them.
pub(super) fn waiting(connection: &Connection) -> Result<WaitingImports, StorageError> {
    let count = connection
        .prepare_cached(
            "SELECT count(*) FROM imports i JOIN workspaces w ON w.id = i.workspace \
             WHERE i.state = 'WAITING' AND w.discarded = 0",
        )?
        .query_row([], |row| row.get(0))?;
    let accepted: Option<i64> = connection
        .prepare_cached(
            "SELECT t.created_at FROM imports i JOIN workspaces w ON w.id = i.workspace JOIN tasks t ON t.id = i.task \
             WHERE i.state = 'WAITING' AND w.discarded = 0 ORDER BY i.task LIMIT 1",
        )?
        .query_row([], |row| row.get(0))
        .optional()?;
    let age = |accepted| Duration::from_micros(Timestamp::now().micros().abs_diff(accepted));
    Ok(WaitingImports { count, oldest: accepted.map(age) })
}

/// Returns the ids that follow the first `done` ones in their block.
pub(super) fn ids(
    connection: &Connection,
    task: Uuid,
    done: u64,
) -> Result<SourceIds, StorageError> {
    let (source, first, ids): (String, usize, Vec<u8>) = connection
        .prepare_cached(
            "SELECT i.source, b.first, b.ids FROM tasks t JOIN imports i ON i.task = t.id \
             JOIN import_ids b ON b.task = t.id WHERE t.uuid = ?1 AND i.state <> 'ENDED' AND b.first <= ?2 \
             ORDER BY b.first DESC LIMIT 1",
        )?
        .query_row(params![task, done], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?
        .ok_or(StorageError::ImportAborted)?;
    let skip = usize::try_from(done).unwrap_or(usize::MAX) - first;
    decode_import_block(&source, &ids, skip)
}

/// Lets an import be claimed that was held back.
pub(super) fn release(connection: &Connection, task: Uuid) -> Result<(), StorageError> {
    connection
        .prepare_cached(
            "UPDATE imports SET state = 'WAITING', claimant = NULL \
             WHERE state = 'HELD' AND task = (SELECT id FROM tasks WHERE uuid = ?1)",
        )?
        .execute([task])?;
    Ok(())
}

/// Marks an import that was held back as stuck. It no longer needs its file.
pub(super) fn block(connection: &Connection, task: Uuid) -> Result<(), StorageError> {
    connection
        .prepare_cached(
            "UPDATE imports SET state = 'STUCK', file = NULL \
             WHERE state = 'HELD' AND task = (SELECT id FROM tasks WHERE uuid = ?1)",
        )?
        .execute([task])?;
    Ok(())
}

/// Assigns the next import to a claimant.
pub(super) fn claim(
    connection: &Connection,
    claimant: Uuid,
) -> Result<Option<ClaimedImport>, StorageError> {
    let Some(task) = next(connection, claimant)? else { return Ok(None) };
    let claimed = connection
        .prepare_cached(
            "SELECT t.uuid, w.uuid, i.source, i.file, i.ids, i.position, i.line, coalesce(r.size, 0), i.skipped, \
             i.attempts + 1, i.state = 'STUCK', f.bytes, f.signature, i.mapping \
             FROM imports i JOIN tasks t ON t.id = i.task JOIN workspaces w ON w.id = i.workspace \
             LEFT JOIN runs r ON r.id = t.run LEFT JOIN files f ON f.uuid = i.file WHERE i.task = ?1",
        )?
        .query_row([task], read)?;
    connection
        .prepare_cached(
            "UPDATE imports SET state = iif(state = 'STUCK', state, 'RUNNING'), claimant = ?2, attempts = attempts + 1 \
             WHERE task = ?1",
        )?
        .execute(params![task, claimant])?;
    connection
        .prepare_cached(
            "UPDATE workspaces SET import_claimed_at = ?2 \
             WHERE id = (SELECT workspace FROM imports WHERE task = ?1)",
        )?
        .execute(params![task, Timestamp::now().micros()])?;
    Ok(Some(claimed))
}

/// Returns the import to be claimed next.
fn next(connection: &Connection, claimant: Uuid) -> Result<Option<i64>, StorageError> {
    // Failing a stuck import takes no time, so it does not wait behind others.
    let stuck = connection
        .prepare_cached(
            "SELECT i.task FROM imports i CROSS JOIN workspaces w ON w.id = i.workspace \
             WHERE i.state = 'STUCK' AND i.claimant <> ?1 AND w.discarded = 0 LIMIT 1",
        )?
        .query_row([claimant], |row| row.get(0))
        .optional()?;
    if stuck.is_some() {
        return Ok(stuck);
    }
    let next = connection
        .prepare_cached(
            "SELECT n.task FROM (SELECT workspace, min(task) AS task FROM imports \
                WHERE state = 'WAITING' OR claimant <> ?1 GROUP BY workspace) n \
             CROSS JOIN workspaces w ON w.id = n.workspace WHERE w.discarded = 0 \
             ORDER BY (SELECT count(*) FROM imports r \
                WHERE r.workspace = n.workspace AND r.state = 'RUNNING' AND r.claimant = ?1), \
             w.import_claimed_at, n.task LIMIT 1",
        )?
        .query_row([claimant], |row| row.get(0))
        .optional()?;
    Ok(next)
}

fn read(row: &Row<'_>) -> rusqlite::Result<ClaimedImport> {
    let source = match row.get_ref(2)?.as_str()? {
        // A stuck import has dropped its file.
        "FILE" => ClaimedSource::File {
            id: row.get::<_, Option<Uuid>>(3)?.unwrap_or_default(),
            bytes: row.get::<_, Option<u64>>(11)?.unwrap_or_default(),
            sha256: row.get::<_, Option<String>>(12)?.unwrap_or_default(),
        },
        "EVENTS" | "CONVERSATIONS" | "RECORDS" => ClaimedSource::Ids(row.get(4)?),
        "SPANS" => {
            let mapping = serde_json::from_str(row.get_ref(13)?.as_str()?)
                .map_err(|error| FromSqlError::Other(error.into()))?;
            ClaimedSource::Spans(row.get(4)?, mapping)
        }
        _ => return Err(FromSqlError::InvalidType.into()),
    };
    Ok(ClaimedImport {
        // The storage has one server, so no import is claimed again while it runs.
        claim: Claim { task: row.get(0)?, epoch: 1, staged: row.get(7)? },
        workspace: row.get(1)?,
        source,
        position: ImportPosition { offset: row.get(5)?, line: row.get(6)? },
        skipped: row.get(8)?,
        attempts: row.get(9)?,
        is_stuck: row.get(10)?,
    })
}

/// Stores where the staged records of a task end.
pub(super) fn advance(
    connection: &Connection,
    task: i64,
    end: ImportPosition,
) -> Result<(), StorageError> {
    connection
        .prepare_cached(
            "UPDATE imports SET position = ?2, line = ?3, attempts = 0 WHERE task = ?1",
        )?
        .execute(params![task, end.offset, end.line])?;
    Ok(())
}

/// Removes the import of a task that has ended. Its ids, if any, are removed in the background.
pub(super) fn end(connection: &Connection, task: i64) -> Result<(), StorageError> {
    connection
        .prepare_cached("DELETE FROM imports WHERE task = ?1 AND ids = 0")?
        .execute([task])?;
    connection
        .prepare_cached("UPDATE imports SET state = 'ENDED', claimant = NULL WHERE task = ?1")?
        .execute([task])?;
    Ok(())
}
