//! Campaigns in SQLite.

use std::time::Duration;

use memchr::memmem::Finder;
use mistral_datasets_types::TaskStatus;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::budget::Cost;
use super::writer::{Durability, SpaceUse};
use super::{SqliteStorage, events, workspaces};
use crate::storage::{
    CampaignEntry, CampaignKey, CampaignStore, ClaimedCampaign, EventSummary, Listed, Missing,
    NewCampaign, Pending, QueueLimits, StorageError, Verdict, WaitingEvent, Window,
    annotation_name, fold_case,
};
use crate::time::Timestamp;

/// A query for campaigns, with the columns that [`read`] expects. Fixtures have no judge.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, c.uuid, c.created_at, c.updated_at, c.name, c.description, c.owner, w.uuid, c.max_events, ",
            "c.search_params, c.judge_copy, c.status FROM campaigns c JOIN workspaces w ON w.id = c.workspace ",
            "WHERE c.judge IS NOT NULL AND c.deleted_at IS NULL AND w.discarded = 0 ",
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

fn read(row: &Row<'_>) -> rusqlite::Result<Found> {
    Ok(Found {
        row: row.get(0)?,
        entry: CampaignEntry {
            id: row.get(1)?,
            created_at: Timestamp::from_micros(row.get(2)?),
            updated_at: Timestamp::from_micros(row.get(3)?),
            name: row.get(4)?,
            description: row.get(5)?,
            owner: row.get(6)?,
            workspace: row.get(7)?,
            max_events: row.get(8)?,
            search_params: row.get(9)?,
            judge_copy: row.get(10)?,
        },
        status: TaskStatus::from(row.get_ref(11)?.as_str()?),
    })
}

fn find(connection: &Connection, workspace: Uuid, id: Uuid) -> Result<Found, StorageError> {
    connection
        .prepare_cached(select!("AND w.uuid = ?1 AND c.uuid = ?2"))?
        .query_row([workspace, id], read)
        .optional()?
        .ok_or_else(|| Missing::Campaign.into())
}

fn check_limits(
    connection: &Connection,
    workspace: i64,
    limits: QueueLimits,
) -> Result<(), StorageError> {
    let (own, all): (u64, u64) = connection
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE c.workspace = ?1), count(*) \
             FROM campaigns c JOIN workspaces w ON w.id = c.workspace \
             WHERE c.status = 'RUNNING' AND c.deleted_at IS NULL AND w.discarded = 0",
        )?
        .query_row([workspace], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if own >= limits.workspace || all >= limits.total {
        return Err(StorageError::QueueFull);
    }
    Ok(())
}

fn create(
    connection: &Connection,
    workspace: Uuid,
    new: NewCampaign,
    limits: QueueLimits,
) -> Result<CampaignEntry, StorageError> {
    let workspace_row = workspaces::find_or_create(connection, workspace)?;
    check_limits(connection, workspace_row, limits)?;
    let now = Timestamp::now();
    let entry = CampaignEntry {
        id: Uuid::now_v7(),
        created_at: now,
        updated_at: now,
        name: new.name,
        description: new.description,
        owner: new.owner,
        workspace,
        max_events: new.max_events,
        search_params: new.search_params,
        judge_copy: new.judge.copy,
    };
    connection
        .prepare_cached(
            "INSERT INTO campaigns (workspace, uuid, name, folded_name, owner, created_at, updated_at, description, max_events, \
             search_params, judge, judge_copy, status) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9, ?10, ?11, 'RUNNING')",
        )?
        .execute(params![
            workspace_row,
            entry.id,
            entry.name,
            fold_case(&entry.name),
            entry.owner,
            now.micros(),
            entry.description,
            entry.max_events,
            entry.search_params,
            new.judge.id,
            entry.judge_copy,
        ])?;
    let campaign = connection.last_insert_rowid();
    let mut insert = connection.prepare_cached(
        "INSERT INTO campaign_events (campaign, ordinal, event, state) VALUES (?1, ?2, ?3, 'WAITING')",
    )?;
    for (ordinal, event) in new.event_ids.iter().enumerate() {
        insert.execute(params![campaign, ordinal, event])?;
    }
    let options = new.judge.options.map(|options| serde_json::json!(options).to_string());
    connection
        .prepare_cached(
            "INSERT INTO event_annotations (workspace, judge, name, options) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (workspace, judge) DO UPDATE SET name = ?3, options = ?4",
        )?
        .execute(params![workspace_row, new.judge.id, new.judge.name, options])?;
    Ok(entry)
}

fn create_cost(new: &NewCampaign) -> Cost {
    let ids: usize = new.event_ids.iter().map(|id| id.len() + 32).sum();
    let options = new.judge.options.iter().flatten().map(|option| 6 * option.len() + 3);
    // The name is stored three times, once with folded case.
    let texts = 4 * new.name.len()
        + new.description.len()
        + new.search_params.len()
        + new.judge.copy.len()
        + new.judge.name.len()
        + options.sum::<usize>();
    // An index entry for each event.
    Cost::insert(2 * new.event_ids.len() as u64 + 4, (2 * ids + texts) as u64)
}

fn list(
    connection: &Connection,
    workspace: Uuid,
    containing: Option<&str>,
    window: Window,
) -> Result<Listed<CampaignEntry>, StorageError> {
    let workspace = workspaces::find_or_none(connection, workspace)?;
    let mut statement = connection.prepare_cached(
        "SELECT id, folded_name FROM campaigns WHERE workspace = ?1 AND judge IS NOT NULL AND deleted_at IS NULL \
         ORDER BY id DESC",
    )?;
    let text = fold_case(containing.unwrap_or_default());
    let text = Finder::new(&text);
    let mut rows = statement.query([workspace])?;
    let (mut count, mut found) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        if text.find(row.get_ref(1)?.as_bytes().map_err(rusqlite::Error::from)?).is_none() {
            continue;
        }
        if count >= window.offset && found.len() < window.limit as usize {
            found.push(row.get::<_, i64>(0)?);
        }
        count += 1;
    }
    let mut statement = connection.prepare_cached(select!("AND c.id = ?1"))?;
    let results = found
        .into_iter()
        .map(|row| statement.query_row([row], |row| Ok(read(row)?.entry)))
        .collect::<Result<_, _>>()?;
    Ok(Listed { count, results })
}

fn selected_events(
    connection: &Connection,
    workspace: Uuid,
    id: Uuid,
    window: Window,
) -> Result<Listed<EventSummary>, StorageError> {
    let campaign = find(connection, workspace, id)?.row;
    let mut statement = connection.prepare_cached(
        "SELECT e.id FROM campaigns c JOIN campaign_events s ON s.campaign = c.id \
         JOIN events e ON e.workspace = c.workspace AND e.name = s.event WHERE c.id = ?1 ORDER BY s.ordinal",
    )?;
    // There are at most 10,000 events.
    let rows: Vec<i64> =
        statement.query_map([campaign], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let offset = usize::try_from(window.offset).unwrap_or(usize::MAX);
    let results = rows
        .iter()
        .skip(offset)
        .take(window.limit as usize)
        .map(|row| events::annotated(connection, *row))
        .collect::<Result<_, _>>()?;
    Ok(Listed { count: rows.len() as u64, results })
}

fn delete(connection: &Connection, workspace: Uuid, id: Uuid) -> Result<(), StorageError> {
    let campaign = find(connection, workspace, id)?.row;
    // Housekeeping removes the rows. What was entered is erased at once.
    connection
        .prepare_cached(
            "UPDATE campaigns SET deleted_at = ?2, name = '', folded_name = '', description = '', search_params = '', \
             judge_copy = '' WHERE id = ?1",
        )?
        .execute(params![campaign, Timestamp::now().micros()])?;
    Ok(())
}

fn claim(connection: &Connection, claimant: Uuid) -> Result<Option<ClaimedCampaign>, StorageError> {
    let next = connection
        .prepare_cached(
            "SELECT c.id, c.uuid, w.uuid, c.judge_copy, c.attempts + 1 \
             FROM campaigns c JOIN workspaces w ON w.id = c.workspace \
             WHERE c.status = 'RUNNING' AND c.deleted_at IS NULL AND c.claimant IS NOT ?1 AND w.discarded = 0 \
             ORDER BY (SELECT count(*) FROM campaigns r WHERE r.status = 'RUNNING' AND r.deleted_at IS NULL \
                AND r.workspace = c.workspace AND r.claimant = ?1), c.id LIMIT 1",
        )?
        .query_row([claimant], |row| {
            Ok(ClaimedCampaign {
                key: CampaignKey { row: row.get(0)?, epoch: 0 },
                id: row.get(1)?,
                workspace: row.get(2)?,
                judge_copy: row.get(3)?,
                attempts: row.get(4)?,
            })
        })
        .optional()?;
    if let Some(campaign) = &next {
        connection
            .prepare_cached(
                "UPDATE campaigns SET claimant = ?2, attempts = attempts + 1 WHERE id = ?1",
            )?
            .execute(params![campaign.key.row, claimant])?;
    }
    Ok(next)
}

/// Returns the row of the workspace and the judge of a campaign that still runs.
fn running(connection: &Connection, campaign: CampaignKey) -> Result<(i64, Uuid), StorageError> {
    connection
        .prepare_cached(
            "SELECT c.workspace, c.judge FROM campaigns c JOIN workspaces w ON w.id = c.workspace \
             WHERE c.id = ?1 AND c.status = 'RUNNING' AND c.deleted_at IS NULL AND w.discarded = 0",
        )?
        .query_row([campaign.row], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .ok_or_else(|| Missing::Campaign.into())
}

fn waiting(
    connection: &Connection,
    campaign: CampaignKey,
    after: Option<i64>,
    limit: u32,
) -> Result<Vec<WaitingEvent>, StorageError> {
    running(connection, campaign)?;
    let mut statement = connection.prepare_cached(
        "SELECT ordinal, event FROM campaign_events WHERE campaign = ?1 AND state = 'WAITING' AND ordinal > ?2 \
         ORDER BY ordinal LIMIT ?3",
    )?;
    let events = statement.query_map(params![campaign.row, after.unwrap_or(-1), limit], |row| {
        Ok(WaitingEvent { ordinal: row.get(0)?, id: row.get(1)? })
    })?;
    Ok(events.collect::<Result<_, _>>()?)
}

fn store(
    connection: &Connection,
    campaign: CampaignKey,
    ordinal: i64,
    verdict: &Verdict,
) -> Result<(), StorageError> {
    let (workspace, judge) = running(connection, campaign)?;
    let mut state = "FAILED";
    if let Verdict::Answer { json, .. } = verdict {
        let path = format!("$.\"{}\"", annotation_name(judge));
        let updated = connection
            .prepare_cached(
                "UPDATE events SET extra_fields = json_set(extra_fields, ?4, json(?5)) WHERE workspace = ?1 \
                 AND name = (SELECT event FROM campaign_events WHERE campaign = ?2 AND ordinal = ?3)",
            )?
            .execute(params![workspace, campaign.row, ordinal, path, json])?;
        // The event may have been deleted meanwhile.
        if updated > 0 {
            state = "ANNOTATED";
        }
    }
    connection
        .prepare_cached(
            "UPDATE campaign_events SET state = ?3 WHERE campaign = ?1 AND ordinal = ?2",
        )?
        .execute(params![campaign.row, ordinal, state])?;
    connection
        .prepare_cached(
            "UPDATE campaigns SET attempts = 0, updated_at = max(updated_at + 1, ?2) WHERE id = ?1",
        )?
        .execute(params![campaign.row, Timestamp::now().micros()])?;
    Ok(())
}

fn end(
    connection: &Connection,
    campaign: CampaignKey,
    broke_off: bool,
) -> Result<(), StorageError> {
    connection
        .prepare_cached(
            "UPDATE campaigns SET claimant = NULL, updated_at = max(updated_at + 1, ?3), status = iif(?2 OR NOT EXISTS \
                (SELECT 1 FROM campaign_events WHERE campaign = ?1 AND state = 'ANNOTATED'), 'FAILED', 'COMPLETED') \
             WHERE id = ?1 AND status = 'RUNNING'",
        )?
        .execute(params![campaign.row, broke_off, Timestamp::now().micros()])?;
    Ok(())
}

impl CampaignStore for SqliteStorage {
    fn campaign_lease(&self) -> Option<Duration> {
        None
    }

    fn create_campaign(
        &self,
        workspace: Uuid,
        new: NewCampaign,
        limits: QueueLimits,
    ) -> Pending<CampaignEntry> {
        self.write_costing(create_cost(&new), move |connection| {
            create(connection, workspace, new, limits)
        })
    }

    fn campaign(&self, workspace: Uuid, id: Uuid) -> Pending<CampaignEntry> {
        self.look_up(move |connection| Ok(find(connection, workspace, id)?.entry))
    }

    fn campaigns(
        &self,
        workspace: Uuid,
        containing: Option<String>,
        window: Window,
    ) -> Pending<Listed<CampaignEntry>> {
        self.read(move |connection| list(connection, workspace, containing.as_deref(), window))
    }

    fn campaign_status(&self, workspace: Uuid, id: Uuid) -> Pending<TaskStatus> {
        self.look_up(move |connection| Ok(find(connection, workspace, id)?.status))
    }

    fn selected_events(
        &self,
        workspace: Uuid,
        id: Uuid,
        window: Window,
    ) -> Pending<Listed<EventSummary>> {
        self.read(move |connection| selected_events(connection, workspace, id, window))
    }

    fn delete_campaign(&self, workspace: Uuid, id: Uuid) -> Pending<()> {
        self.write_freeing(move |connection| delete(connection, workspace, id))
    }

    fn claim_campaign(&self, claimant: Uuid) -> Pending<Option<ClaimedCampaign>> {
        // Losing a claim in a crash of the machine does no harm: the campaign is claimed again.
        let space = SpaceUse::Frees(Cost::delete(1));
        self.writer.run(Durability::Relaxed, space, move |connection| claim(connection, claimant))
    }

    fn renew_campaign(&self, campaign: CampaignKey) -> Pending<()> {
        self.look_up(move |connection| running(connection, campaign).map(drop))
    }

    fn release_campaigns(&self, _: Uuid) -> Pending<()> {
        // The next server has another claimant, which gets them anyway.
        Box::pin(async { Ok(()) })
    }

    fn waiting_events(
        &self,
        campaign: CampaignKey,
        after: Option<i64>,
        limit: u32,
    ) -> Pending<Vec<WaitingEvent>> {
        self.look_up(move |connection| waiting(connection, campaign, after, limit))
    }

    fn store_verdict(&self, campaign: CampaignKey, ordinal: i64, verdict: Verdict) -> Pending<()> {
        let cost = match &verdict {
            // The row of the event is written again, and that of the campaign event moves to another place in an index.
            Verdict::Answer { json, event_bytes } => {
                Cost::insert(3, (2 * event_bytes + json.len()) as u64)
            }
            Verdict::Failed => Cost::SMALL,
        };
        self.write_costing(cost, move |connection| store(connection, campaign, ordinal, &verdict))
    }

    fn end_campaign(&self, campaign: CampaignKey, broke_off: bool) -> Pending<()> {
        self.write_freeing(move |connection| end(connection, campaign, broke_off))
    }
}
