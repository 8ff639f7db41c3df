//! Campaigns in PostgreSQL.

use std::time::Duration;

use deadpool_postgres::Transaction;
use mistral_datasets_types::TaskStatus;
use tokio_postgres::Row;
use uuid::Uuid;

use super::database::Database;
use super::params::{params, storable};
use super::{PostgresStorage, campaign_queue, events, fixtures, workspaces};
use crate::storage::{
    CampaignEntry, CampaignJudge, CampaignKey, CampaignStore, ClaimedCampaign, EventSummary,
    Listed, Missing, NewCampaign, Pending, QueueLimits, StorageError, Verdict, WaitingEvent,
    Window, fold_case,
};
use crate::time::Timestamp;

/// The key of the advisory lock that a transaction holds while it counts the running campaigns of all workspaces and adds one.
const LIMIT_LOCK: i64 = 0x6d69_7374_6361_6d70;

/// A query for campaigns, with the columns that [`read`] expects. Fixtures have no judge.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, c.uuid, c.created_at, c.updated_at, c.name, c.description, c.owner, w.uuid, c.max_events, ",
            "c.search_params, c.judge_copy, c.status FROM campaigns c JOIN workspaces w ON w.id = c.workspace ",
            "WHERE w.uuid = $1 AND NOT w.discarded AND c.judge IS NOT NULL AND c.deleted_at IS NULL ",
            $rest
        )
    };
}

/// A campaign with its row id and its status.
struct Found {
    row: i64,
    entry: CampaignEntry,
    status: TaskStatus,
}

fn read(row: &Row) -> Found {
    Found {
        row: row.get(0),
        entry: CampaignEntry {
            id: row.get(1),
            created_at: Timestamp::from_micros(row.get(2)),
            updated_at: Timestamp::from_micros(row.get(3)),
            name: row.get(4),
            description: row.get(5),
            owner: row.get(6),
            workspace: row.get(7),
            max_events: row.get::<_, i64>(8) as u32,
            search_params: row.get(9),
            judge_copy: row.get(10),
        },
        status: TaskStatus::from(row.get::<_, &str>(11)),
    }
}

async fn find(
    transaction: &Transaction<'_>,
    workspace: Uuid,
    id: Uuid,
) -> Result<Found, StorageError> {
    let row =
        transaction.query_typed_opt(select!("AND c.uuid = $2"), params![workspace, id]).await?;
    Ok(read(&row.ok_or(Missing::Campaign)?))
}

async fn check_limits(
    transaction: &Transaction<'_>,
    workspace: i64,
    limits: QueueLimits,
) -> Result<(), StorageError> {
    let sql = "SELECT pg_advisory_xact_lock($1)";
    transaction.query_typed(sql, params![LIMIT_LOCK]).await?;
    let sql = "SELECT count(*) FILTER (WHERE c.workspace = $1), count(*) FROM campaigns c JOIN workspaces w ON w.id = c.workspace \
               WHERE c.status = 'RUNNING' AND c.deleted_at IS NULL AND NOT w.discarded";
    let row = transaction.query_typed_one(sql, params![workspace]).await?;
    let (own, all) = (row.get::<_, i64>(0) as u64, row.get::<_, i64>(1) as u64);
    if own >= limits.workspace || all >= limits.total {
        return Err(StorageError::QueueFull);
    }
    Ok(())
}

async fn create(
    database: Database,
    workspace: Uuid,
    new: NewCampaign,
    limits: QueueLimits,
) -> Result<CampaignEntry, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    let workspace_row = workspaces::lock(&transaction, workspace).await?;
    check_limits(&transaction, workspace_row, limits).await?;
    let now = Timestamp::now();
    let entry = CampaignEntry {
        id: Uuid::now_v7(),
        created_at: now,
        updated_at: now,
        name: storable(&new.name).into_owned(),
        description: storable(&new.description).into_owned(),
        owner: new.owner,
        workspace,
        max_events: new.max_events,
        search_params: new.search_params,
        judge_copy: new.judge.copy.clone(),
    };
    let sql = "INSERT INTO campaigns (workspace, uuid, name, folded_name, owner, created_at, updated_at, description, max_events, \
               search_params, judge, judge_copy, status) VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10, $11, 'RUNNING') \
               RETURNING id";
    let row = transaction
        .query_typed_one(
            sql,
            params![
                workspace_row,
                entry.id,
                entry.name,
                fold_case(&entry.name),
                entry.owner,
                now.micros(),
                entry.description,
                i64::from(entry.max_events),
                entry.search_params,
                new.judge.id,
                entry.judge_copy,
            ],
        )
        .await?;
    let (campaign, waiting) = (row.get(0), Some("WAITING"));
    fixtures::insert_campaign_events(&transaction, campaign, &new.event_ids, waiting).await?;
    insert_annotation(&transaction, workspace_row, &new.judge).await?;
    transaction.commit().await?;
    Ok(entry)
}

/// Remembers that events may have answers of a judge.
async fn insert_annotation(
    transaction: &Transaction<'_>,
    workspace: i64,
    judge: &CampaignJudge,
) -> Result<(), StorageError> {
    let sql = "INSERT INTO event_annotations (workspace, judge, name, options) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (workspace, judge) DO UPDATE SET name = excluded.name, options = excluded.options";
    let options = judge.options.as_ref().map(|options| serde_json::json!(options).to_string());
    let name = storable(&judge.name);
    transaction.execute_typed(sql, params![workspace, judge.id, name, options]).await?;
    Ok(())
}

async fn list(
    database: Database,
    workspace: Uuid,
    containing: Option<String>,
    window: Window,
) -> Result<Listed<CampaignEntry>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    let text = fold_case(&storable(&containing.unwrap_or_default()));
    let sql = "SELECT count(*) FROM campaigns c JOIN workspaces w ON w.id = c.workspace WHERE w.uuid = $1 AND NOT w.discarded \
               AND c.judge IS NOT NULL AND c.deleted_at IS NULL AND strpos(c.folded_name, $2) > 0";
    let count = transaction.query_typed_one(sql, params![workspace, text]).await?;
    let sql = select!("AND strpos(c.folded_name, $2) > 0 ORDER BY c.id DESC LIMIT $3 OFFSET $4");
    let limit = i64::from(window.limit);
    let offset = i64::try_from(window.offset).unwrap_or(i64::MAX);
    let rows = transaction.query_typed(sql, params![workspace, text, limit, offset]).await?;
    let results = rows.iter().map(|row| read(row).entry).collect();
    Ok(Listed { count: count.get::<_, i64>(0) as u64, results })
}

async fn selected_events(
    database: Database,
    workspace: Uuid,
    id: Uuid,
    window: Window,
) -> Result<Listed<EventSummary>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    let campaign = find(&transaction, workspace, id).await?.row;
    let sql = "SELECT count(*) FROM campaigns c JOIN campaign_events s ON s.campaign = c.id \
               JOIN events e ON e.workspace = c.workspace AND e.name = s.event WHERE c.id = $1";
    let count = transaction.query_typed_one(sql, params![campaign]).await?;
    let sql = concat!(
        "SELECT ",
        events::columns!(),
        " FROM campaigns c JOIN campaign_events s ON s.campaign = c.id \
         JOIN events e ON e.workspace = c.workspace AND e.name = s.event WHERE c.id = $1 ORDER BY s.ordinal LIMIT $2 OFFSET $3"
    );
    let limit = i64::from(window.limit);
    let offset = i64::try_from(window.offset).unwrap_or(i64::MAX);
    let rows = transaction.query_typed(sql, params![campaign, limit, offset]).await?;
    let results = rows.iter().map(|row| events::read(row).with_annotations_only()).collect();
    Ok(Listed { count: count.get::<_, i64>(0) as u64, results })
}

async fn delete(database: Database, workspace: Uuid, id: Uuid) -> Result<(), StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    // Housekeeping removes the rows. What was entered is erased at once.
    let sql = "UPDATE campaigns c SET deleted_at = $3, name = '', folded_name = '', description = '', search_params = '', \
               judge_copy = '' FROM workspaces w WHERE w.id = c.workspace AND w.uuid = $1 AND NOT w.discarded AND c.uuid = $2 \
               AND c.judge IS NOT NULL AND c.deleted_at IS NULL";
    let now = Timestamp::now().micros();
    if transaction.execute_typed(sql, params![workspace, id, now]).await? == 0 {
        return Err(Missing::Campaign.into());
    }
    transaction.commit().await
}

impl CampaignStore for PostgresStorage {
    fn campaign_lease(&self) -> Option<Duration> {
        Some(campaign_queue::LEASE)
    }

    fn create_campaign(
        &self,
        workspace: Uuid,
        new: NewCampaign,
        limits: QueueLimits,
    ) -> Pending<CampaignEntry> {
        Box::pin(create(self.database.clone(), workspace, new, limits))
    }

    fn campaign(&self, workspace: Uuid, id: Uuid) -> Pending<CampaignEntry> {
        let database = self.database.clone();
        Box::pin(async move {
            let mut connection = database.connection().await?;
            let transaction = connection.read().await?;
            Ok(find(&transaction, workspace, id).await?.entry)
        })
    }

    fn campaigns(
        &self,
        workspace: Uuid,
        containing: Option<String>,
        window: Window,
    ) -> Pending<Listed<CampaignEntry>> {
        Box::pin(list(self.database.clone(), workspace, containing, window))
    }

    fn campaign_status(&self, workspace: Uuid, id: Uuid) -> Pending<TaskStatus> {
        let database = self.database.clone();
        Box::pin(async move {
            let mut connection = database.connection().await?;
            let transaction = connection.read().await?;
            Ok(find(&transaction, workspace, id).await?.status)
        })
    }

    fn selected_events(
        &self,
        workspace: Uuid,
        id: Uuid,
        window: Window,
    ) -> Pending<Listed<EventSummary>> {
        Box::pin(selected_events(self.database.clone(), workspace, id, window))
    }

    fn delete_campaign(&self, workspace: Uuid, id: Uuid) -> Pending<()> {
        Box::pin(delete(self.database.clone(), workspace, id))
    }

    fn claim_campaign(&self, claimant: Uuid) -> Pending<Option<ClaimedCampaign>> {
        Box::pin(campaign_queue::claim(self.database.clone(), claimant, campaign_queue::LEASE))
    }

    fn renew_campaign(&self, campaign: CampaignKey) -> Pending<()> {
        Box::pin(campaign_queue::renew(self.database.clone(), campaign, campaign_queue::LEASE))
    }

    fn release_campaigns(&self, claimant: Uuid) -> Pending<()> {
        Box::pin(campaign_queue::release(self.database.clone(), claimant))
    }

    fn waiting_events(
        &self,
        campaign: CampaignKey,
        after: Option<i64>,
        limit: u32,
    ) -> Pending<Vec<WaitingEvent>> {
        Box::pin(campaign_queue::waiting(self.database.clone(), campaign, after, limit))
    }

    fn store_verdict(&self, campaign: CampaignKey, ordinal: i64, verdict: Verdict) -> Pending<()> {
        Box::pin(campaign_queue::store(self.database.clone(), campaign, ordinal, verdict))
    }

    fn end_campaign(&self, campaign: CampaignKey, broke_off: bool) -> Pending<()> {
        Box::pin(campaign_queue::end(self.database.clone(), campaign, broke_off))
    }
}
