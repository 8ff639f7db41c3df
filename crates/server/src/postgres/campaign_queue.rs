//! The queue of running campaigns in PostgreSQL, which several servers share.
//!
//! A claim is a lease by the clock of the database. Each claim gets a new epoch, and all writes for the campaign require the current one, so
//! a server that has lost its claim writes nothing.

use std::time::Duration;

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::answers::{answers, with_field};
use super::database::Database;
use super::params::params;
use crate::storage::{
    CampaignKey, ClaimedCampaign, Missing, StorageError, Verdict, WaitingEvent, annotation_name,
};
use crate::time::Timestamp;

/// How long a claim lasts unless it is renewed.
pub(super) const LEASE: Duration = Duration::from_secs(30);

/// Claims the next campaign that runs nowhere.
pub(super) async fn claim(
    database: Database,
    claimant: Uuid,
    lease: Duration,
) -> Result<Option<ClaimedCampaign>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    // Losing a claim in a crash of the database does no harm: the campaign is claimed again.
    transaction.relax_durability().await?;
    // A campaign that was claimed after the snapshot is checked again when it is locked.
    let sql = "WITH next AS ( \
                   SELECT c.id, w.uuid AS workspace FROM campaigns c JOIN workspaces w ON w.id = c.workspace \
                   LEFT JOIN (SELECT workspace, count(*) AS claimed FROM campaigns WHERE status = 'RUNNING' \
                       AND deleted_at IS NULL AND leased_until > clock_timestamp() GROUP BY workspace) r \
                       ON r.workspace = c.workspace \
                   WHERE c.status = 'RUNNING' AND c.deleted_at IS NULL AND NOT w.discarded \
                   AND (c.leased_until IS NULL OR c.leased_until <= clock_timestamp()) \
                   ORDER BY coalesce(r.claimed, 0), c.id \
                   LIMIT 1 FOR NO KEY UPDATE OF c SKIP LOCKED) \
               UPDATE campaigns c SET claimant = $1, leased_until = clock_timestamp() + $2 * interval '1 millisecond', \
                   epoch = c.epoch + 1, attempts = c.attempts + 1 \
               FROM next WHERE c.id = next.id RETURNING c.id, c.epoch, c.uuid, next.workspace, c.judge_copy, c.attempts";
    let milliseconds = lease.as_millis() as f64;
    let row = transaction.query_typed_opt(sql, params![claimant, milliseconds]).await?;
    transaction.commit().await?;
    Ok(row.map(|row| ClaimedCampaign {
        key: CampaignKey { row: row.get(0), epoch: row.get(1) },
        id: row.get(2),
        workspace: row.get(3),
        judge_copy: row.get(4),
        attempts: u32::try_from(row.get::<_, i64>(5)).unwrap_or(u32::MAX),
    }))
}

/// Extends the lease of a claim. Another server has not taken it over, even if the lease has ended.
pub(super) async fn renew(
    database: Database,
    campaign: CampaignKey,
    lease: Duration,
) -> Result<(), StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    transaction.relax_durability().await?;
    let sql = "UPDATE campaigns c SET leased_until = clock_timestamp() + $3 * interval '1 millisecond' FROM workspaces w \
               WHERE c.id = $1 AND c.epoch = $2 AND c.status = 'RUNNING' AND c.deleted_at IS NULL AND w.id = c.workspace \
               AND NOT w.discarded";
    let milliseconds = lease.as_millis() as f64;
    let CampaignKey { row, epoch } = campaign;
    if transaction.execute_typed(sql, params![row, epoch, milliseconds]).await? == 0 {
        return Err(Missing::Campaign.into());
    }
    transaction.commit().await
}

/// Ends the leases of a claimant. Its claims have no effect any longer.
pub(super) async fn release(database: Database, claimant: Uuid) -> Result<(), StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    // Stopping a server is not an attempt that failed.
    let sql = "UPDATE campaigns SET claimant = NULL, leased_until = NULL, epoch = epoch + 1, attempts = greatest(attempts - 1, 0) \
               WHERE id IN (SELECT id FROM campaigns WHERE claimant = $1 AND status = 'RUNNING' AND deleted_at IS NULL \
                   ORDER BY id FOR NO KEY UPDATE)";
    transaction.execute_typed(sql, params![claimant]).await?;
    transaction.commit().await
}

/// A condition on a campaign `c` in a workspace `w` that still runs for a claim, whose parts are $1 and $2.
macro_rules! runs {
    () => {
        "c.id = $1 AND c.epoch = $2 AND c.status = 'RUNNING' AND c.deleted_at IS NULL AND NOT w.discarded "
    };
}

pub(super) async fn waiting(
    database: Database,
    campaign: CampaignKey,
    after: Option<i64>,
    limit: u32,
) -> Result<Vec<WaitingEvent>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    // One row without an event if none is waiting, and no row if the campaign no longer runs.
    let sql = concat!(
        "SELECT s.ordinal, s.event FROM campaigns c JOIN workspaces w ON w.id = c.workspace LEFT JOIN LATERAL \
            (SELECT ordinal, event FROM campaign_events WHERE campaign = c.id AND state = 'WAITING' AND ordinal > $3 \
            ORDER BY ordinal LIMIT $4) s ON true WHERE ",
        runs!(),
        "ORDER BY s.ordinal"
    );
    let CampaignKey { row, epoch } = campaign;
    let (after, limit) = (after.unwrap_or(-1), i64::from(limit));
    let rows = transaction.query_typed(sql, params![row, epoch, after, limit]).await?;
    if rows.is_empty() {
        return Err(Missing::Campaign.into());
    }
    let events = rows.iter().filter_map(|row| {
        Some(WaitingEvent { ordinal: row.get::<_, Option<i64>>(0)?, id: row.get(1) })
    });
    Ok(events.collect())
}

/// Locks a campaign that still runs, until the transaction ends. Returns the row of its workspace and its judge.
async fn lock(
    transaction: &Transaction<'_>,
    campaign: CampaignKey,
) -> Result<(i64, Uuid), StorageError> {
    let sql = concat!(
        "SELECT c.workspace, c.judge FROM campaigns c JOIN workspaces w ON w.id = c.workspace WHERE ",
        runs!(),
        "FOR NO KEY UPDATE OF c"
    );
    let row = transaction.query_typed_opt(sql, params![campaign.row, campaign.epoch]).await?;
    let row = row.ok_or(Missing::Campaign)?;
    Ok((row.get(0), row.get(1)))
}

pub(super) async fn store(
    database: Database,
    campaign: CampaignKey,
    ordinal: i64,
    verdict: Verdict,
) -> Result<(), StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    let (workspace, judge) = lock(&transaction, campaign).await?;
    let mut state = "FAILED";
    if let Verdict::Answer { json, .. } = &verdict {
        let event = (workspace, campaign.row, ordinal);
        // The event may have been deleted meanwhile.
        if annotate(&transaction, event, judge, json).await? {
            state = "ANNOTATED";
        }
    }
    let sql = "WITH done AS (UPDATE campaign_events SET state = $3 WHERE campaign = $1 AND ordinal = $2) \
               UPDATE campaigns SET attempts = 0, updated_at = greatest(updated_at + 1, $4) WHERE id = $1";
    let now = Timestamp::now().micros();
    transaction.execute_typed(sql, params![campaign.row, ordinal, state, now]).await?;
    transaction.commit().await
}

/// Stores the answer of a judge in an event of a campaign, which is given by the row of its workspace, its campaign and its ordinal.
/// Returns whether the event exists.
async fn annotate(
    transaction: &Transaction<'_>,
    (workspace, campaign, ordinal): (i64, i64, i64),
    judge: Uuid,
    answer: &str,
) -> Result<bool, StorageError> {
    let sql = "SELECT id, extra_fields FROM events WHERE workspace = $1 \
               AND name = (SELECT event FROM campaign_events WHERE campaign = $2 AND ordinal = $3) FOR NO KEY UPDATE";
    let event = transaction.query_typed_opt(sql, params![workspace, campaign, ordinal]).await?;
    let Some(event) = event else { return Ok(false) };
    let fields = with_field(event.get(1), &annotation_name(judge), answer);
    let sql = "UPDATE events SET extra_fields = $2, answers = $3::jsonb WHERE id = $1";
    let (event, answers): (i64, _) = (event.get(0), answers(&fields));
    transaction.execute_typed(sql, params![event, fields, answers]).await?;
    Ok(true)
}

pub(super) async fn end(
    database: Database,
    campaign: CampaignKey,
    broke_off: bool,
) -> Result<(), StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    let sql = "UPDATE campaigns SET claimant = NULL, leased_until = NULL, updated_at = greatest(updated_at + 1, $4), \
                   status = CASE WHEN $3 OR NOT EXISTS (SELECT 1 FROM campaign_events WHERE campaign = $1 AND state = 'ANNOTATED') \
                   THEN 'FAILED' ELSE 'COMPLETED' END \
               WHERE id = $1 AND epoch = $2 AND status = 'RUNNING'";
    let now = Timestamp::now().micros();
    let CampaignKey { row, epoch } = campaign;
    transaction.execute_typed(sql, params![row, epoch, broke_off, now]).await?;
    transaction.commit().await
}
