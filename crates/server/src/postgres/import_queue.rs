//! The queue of unfinished imports in PostgreSQL.
//!
//! Imports are claimed for the time of a lease, by the clock of the database. What a server does with a claim has an effect only if it
//! has the epoch of the last claim, whether the lease has ended or not.

use std::time::Duration;

use deadpool_postgres::Transaction;
use futures::future::try_join;
use tokio_postgres::Row;
use uuid::Uuid;

use super::params::params;
use crate::storage::{
    Claim, ClaimedImport, ClaimedSource, IMPORT_BLOCK, ImportPosition, NewImport, QueueLimits,
    SourceIds, StorageError, StoredSource, WaitingImports, decode_import_block,
};
use crate::time::Timestamp;

/// For how long an import belongs to a server that does not extend its lease.
pub(super) const LEASE: Duration = Duration::from_secs(30);

/// The key of the advisory lock for adding an import. It is the last lock that a transaction takes.
const QUEUE_LOCK: i64 = 0x696d_706f_7274_0001;

/// The key of the advisory lock for claiming an import, so that each claim takes the earlier ones into account. Transactions with
/// another lock do not take it.
const CLAIM_LOCK: i64 = 0x696d_706f_7274_0002;

/// Fails if a workspace may not queue another import. Others cannot add an import until the transaction ends.
pub(super) async fn check_limits(
    transaction: &Transaction<'_>,
    workspace: i64,
    limits: QueueLimits,
) -> Result<(), StorageError> {
    // The second statement sees what was committed before the lock was free.
    let sql = "SELECT count(*) FILTER (WHERE i.workspace = $1), count(*) \
               FROM imports i JOIN workspaces w ON w.id = i.workspace \
               WHERE i.state <> 'ENDED' AND i.state <> 'STUCK' AND NOT w.discarded";
    let (_, counts) = try_join(
        transaction.query_typed_one("SELECT pg_advisory_xact_lock($1)", params![QUEUE_LOCK]),
        transaction.query_typed_one(sql, params![workspace]),
    )
    .await?;
    let (own, all): (i64, i64) = (counts.get(0), counts.get(1));
    if own as u64 >= limits.workspace || all as u64 >= limits.total {
        return Err(StorageError::QueueFull);
    }
    Ok(())
}

/// Returns whether a file exists, and prevents its deletion until the transaction ends.
pub(super) async fn lock_file(
    transaction: &Transaction<'_>,
    workspace: i64,
    file: Uuid,
) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM files WHERE uuid = $1 AND workspace = $2 AND NOT export AND deleted_at IS NULL \
               AND (expires_at IS NULL OR expires_at > $3) FOR SHARE";
    let now = Timestamp::now().micros();
    let found = transaction.query_typed_opt(sql, params![file, workspace, now]).await?;
    Ok(found.is_some())
}

/// Adds the import of a task.
pub(super) async fn add(
    transaction: &Transaction<'_>,
    task: i64,
    workspace: i64,
    new: &NewImport,
    source: StoredSource,
) -> Result<(), StorageError> {
    let StoredSource { name, file, mapping, ids, blocks } = source;
    let state = if new.held_by.is_some() { "HELD" } else { "WAITING" };
    let lease = new.held_by.map(|_| LEASE.as_secs_f64());
    let sql = "INSERT INTO imports (task, workspace, state, claimant, leased_until, source, file, ids, skipped, mapping) \
               VALUES ($1, $2, $3, $4, statement_timestamp() + make_interval(secs => $5), $6, $7, $8, $9, $10)";
    let (ids, skipped) = (ids as i64, new.skipped as i64);
    transaction
        .execute_typed(
            sql,
            params![task, workspace, state, new.held_by, lease, name, file, ids, skipped, mapping],
        )
        .await?;
    if !blocks.is_empty() {
        let firsts: Vec<i64> = (0..blocks.len()).map(|n| (n * IMPORT_BLOCK) as i64).collect();
        let sql = "INSERT INTO import_ids (task, first, ids) SELECT $1, * FROM unnest($2, $3)";
        transaction.execute_typed(sql, params![task, firsts, blocks]).await?;
    }
    Ok(())
}

/// Returns how many imports can be claimed. Their number is limited, and an index contains only unfinished ones.
pub(super) async fn waiting(transaction: &Transaction<'_>) -> Result<WaitingImports, StorageError> {
    let sql = "SELECT q.count, t.created_at FROM (\
                   SELECT count(*), min(i.task) AS task FROM imports i JOIN workspaces w ON w.id = i.workspace \
                   WHERE i.state <> 'ENDED' AND i.state = 'WAITING' AND NOT w.discarded) q LEFT JOIN tasks t ON t.id = q.task";
    let row = transaction.query_typed_one(sql, params![]).await?;
    let accepted: Option<i64> = row.get(1);
    let age = |accepted| Duration::from_micros(Timestamp::now().micros().abs_diff(accepted));
    Ok(WaitingImports { count: row.get::<_, i64>(0) as u64, oldest: accepted.map(age) })
}

/// Returns the ids that follow the first `done` ones in their block.
pub(super) async fn ids(
    transaction: &Transaction<'_>,
    task: Uuid,
    done: u64,
) -> Result<SourceIds, StorageError> {
    let sql = "SELECT i.source, b.first, b.ids FROM tasks t JOIN imports i ON i.task = t.id \
               JOIN import_ids b ON b.task = t.id WHERE t.uuid = $1 AND i.state <> 'ENDED' AND b.first <= $2 \
               ORDER BY b.first DESC LIMIT 1";
    let done = i64::try_from(done).unwrap_or(i64::MAX);
    let row = transaction.query_typed_opt(sql, params![task, done]).await?;
    let row = row.ok_or(StorageError::ImportAborted)?;
    let (source, first, ids): (&str, i64, &[u8]) = (row.get(0), row.get(1), row.get(2));
    decode_import_block(source, ids, usize::try_from(done - first).unwrap_or(usize::MAX))
}

/// Lets an import be claimed that was held back.
pub(super) async fn release(transaction: &Transaction<'_>, task: Uuid) -> Result<(), StorageError> {
    let sql = "UPDATE imports SET state = 'WAITING', claimant = NULL, leased_until = NULL \
               WHERE state = 'HELD' AND task = (SELECT id FROM tasks WHERE uuid = $1)";
    transaction.execute_typed(sql, params![task]).await?;
    Ok(())
}

/// Marks an import that was held back as stuck. It no longer needs its file.
pub(super) async fn block(transaction: &Transaction<'_>, task: Uuid) -> Result<(), StorageError> {
    let sql = "UPDATE imports SET state = 'STUCK', file = NULL \
               WHERE state = 'HELD' AND task = (SELECT id FROM tasks WHERE uuid = $1)";
    transaction.execute_typed(sql, params![task]).await?;
    Ok(())
}

/// Assigns the next import to a claimant.
///
/// Failing a stuck import takes no time, so it does not wait behind others. Imports whose row is locked are skipped: their claimant
/// has lost its lease, but is just writing. The turn of a workspace is not recorded while its row is locked, because workspaces are
/// locked before imports.
pub(super) async fn claim(
    transaction: &Transaction<'_>,
    claimant: Uuid,
) -> Result<Option<ClaimedImport>, StorageError> {
    let sql = "\
        WITH queue AS (\
            SELECT workspace, count(*) FILTER (WHERE state = 'RUNNING' AND leased_until >= statement_timestamp()) AS running, \
            min(task) FILTER (WHERE state = 'STUCK' AND leased_until < statement_timestamp()) AS stuck, \
            min(task) FILTER (WHERE state = 'WAITING' OR leased_until < statement_timestamp()) AS task \
            FROM imports WHERE state <> 'ENDED' GROUP BY workspace), \
        candidates AS (\
            SELECT coalesce(q.stuck, q.task) AS task, \
            row_number() OVER (ORDER BY q.stuck IS NULL, q.running, w.import_claimed_at, q.task) AS rank \
            FROM queue q JOIN workspaces w ON w.id = q.workspace WHERE q.task IS NOT NULL AND NOT w.discarded \
            ORDER BY rank LIMIT 10), \
        next AS (\
            SELECT i.task FROM candidates c JOIN imports i ON i.task = c.task \
            WHERE i.state = 'WAITING' OR i.leased_until < statement_timestamp() \
            ORDER BY c.rank LIMIT 1 FOR NO KEY UPDATE OF i SKIP LOCKED), \
        claimed AS (\
            UPDATE imports i SET state = CASE i.state WHEN 'STUCK' THEN i.state ELSE 'RUNNING' END, claimant = $1, \
            leased_until = statement_timestamp() + make_interval(secs => $2), epoch = i.epoch + 1, attempts = i.attempts + 1 \
            FROM next WHERE i.task = next.task RETURNING i.*), \
        turn AS (\
            UPDATE workspaces SET import_claimed_at = (extract(epoch FROM statement_timestamp()) * 1000000)::bigint \
            WHERE id = (SELECT id FROM workspaces WHERE id = (SELECT workspace FROM claimed) FOR NO KEY UPDATE SKIP LOCKED)) \
        SELECT t.uuid, w.uuid, c.source, c.file, c.ids, c.position, c.line, coalesce(r.size, 0), c.skipped, c.attempts, \
        c.state = 'STUCK', f.bytes, f.signature, c.mapping, c.epoch \
        FROM claimed c JOIN tasks t ON t.id = c.task JOIN workspaces w ON w.id = c.workspace \
        LEFT JOIN runs r ON r.id = t.run LEFT JOIN files f ON f.uuid = c.file";
    let (_, row) = try_join(
        transaction.query_typed_one("SELECT pg_advisory_xact_lock($1)", params![CLAIM_LOCK]),
        transaction.query_typed_opt(sql, params![claimant, LEASE.as_secs_f64()]),
    )
    .await?;
    row.map(|row| read(&row)).transpose()
}

fn read(row: &Row) -> Result<ClaimedImport, StorageError> {
    let number = |column| row.get::<_, i64>(column) as u64;
    let source = match row.get(2) {
        // A stuck import has dropped its file.
        "FILE" => ClaimedSource::File {
            id: row.get::<_, Option<Uuid>>(3).unwrap_or_default(),
            bytes: row.get::<_, Option<i64>>(11).unwrap_or_default() as u64,
            sha256: row.get::<_, Option<String>>(12).unwrap_or_default(),
        },
        "EVENTS" | "CONVERSATIONS" | "RECORDS" => ClaimedSource::Ids(number(4)),
        "SPANS" => {
            let mapping: Option<&str> = row.get(13);
            let mapping = serde_json::from_str(mapping.unwrap_or_default())
                .map_err(|error| StorageError::Failed(error.into()))?;
            ClaimedSource::Spans(number(4), mapping)
        }
        other => {
            let message = format!("unexpected import source `{other}`");
            return Err(StorageError::Failed(message.into()));
        }
    };
    Ok(ClaimedImport {
        claim: Claim { task: row.get(0), epoch: number(14), staged: number(7) },
        workspace: row.get(1),
        source,
        position: ImportPosition { offset: number(5), line: number(6) },
        skipped: number(8),
        attempts: u32::try_from(number(9)).unwrap_or(u32::MAX),
        is_stuck: row.get(10),
    })
}

/// Extends the lease of an import.
pub(super) async fn renew(transaction: &Transaction<'_>, claim: Claim) -> Result<(), StorageError> {
    let sql = "UPDATE imports SET leased_until = statement_timestamp() + make_interval(secs => $3) \
               WHERE task = (SELECT id FROM tasks WHERE uuid = $1) AND epoch = $2 AND state IN ('HELD', 'RUNNING', 'STUCK')";
    let (epoch, lease) = (claim.epoch as i64, LEASE.as_secs_f64());
    match transaction.execute_typed(sql, params![claim.task, epoch, lease]).await? {
        0 => Err(StorageError::ClaimLost),
        _ => Ok(()),
    }
}

/// Locks an import and checks that it was not claimed again. Returns `false` if it has ended.
pub(super) async fn lock(
    transaction: &Transaction<'_>,
    claim: Claim,
) -> Result<bool, StorageError> {
    let sql = "SELECT i.epoch FROM tasks t JOIN imports i ON i.task = t.id WHERE t.uuid = $1 AND i.state <> 'ENDED' \
               FOR NO KEY UPDATE OF i";
    let row = transaction.query_typed_opt(sql, params![claim.task]).await?;
    match row.map(|row| row.get::<_, i64>(0) as u64) {
        Some(epoch) if epoch != claim.epoch => Err(StorageError::ClaimLost),
        epoch => Ok(epoch.is_some()),
    }
}

/// Stores where the staged records of a task end, and extends its lease.
pub(super) async fn advance(
    transaction: &Transaction<'_>,
    task: i64,
    end: ImportPosition,
) -> Result<(), StorageError> {
    let sql = "UPDATE imports SET position = $2, line = $3, attempts = 0, \
               leased_until = statement_timestamp() + make_interval(secs => $4) WHERE task = $1";
    let (offset, line) = (end.offset as i64, end.line as i64);
    transaction.execute_typed(sql, params![task, offset, line, LEASE.as_secs_f64()]).await?;
    Ok(())
}

/// Removes the import of a task that has ended. Its ids, if any, are removed in the background.
pub(super) async fn end(transaction: &Transaction<'_>, task: i64) -> Result<(), StorageError> {
    let delete = "DELETE FROM imports WHERE task = $1 AND ids = 0";
    let update =
        "UPDATE imports SET state = 'ENDED', claimant = NULL, leased_until = NULL WHERE task = $1";
    try_join(
        transaction.execute_typed(delete, params![task]),
        transaction.execute_typed(update, params![task]),
    )
    .await?;
    Ok(())
}
