//! Seeds in SQLite.

use std::sync::Arc;

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::budget::Cost;
use super::{SqliteStorage, datasets, fixtures, imports, records, runs, workspaces};
use crate::storage::{DatasetKey, NewDataset, Pending, Seed, SeedDataset, SeedStore, StorageError};

fn insert(
    connection: &Connection,
    workspace: Uuid,
    owner: Uuid,
    seed: &Seed,
) -> Result<(), StorageError> {
    let row = workspaces::find_or_create(connection, workspace)?;
    let previous: Option<[u8; 32]> = connection
        .prepare_cached("SELECT seed FROM workspaces WHERE id = ?1")?
        .query_row([row], |row| row.get(0))?;
    if previous == Some(seed.digest) {
        return Ok(());
    }
    fixtures::insert_events(connection, workspace, &seed.events)?;
    fixtures::insert_conversations(connection, workspace, &seed.conversations)?;
    for campaign in &seed.campaigns {
        fixtures::insert_campaign(connection, workspace, campaign)?;
    }
    let mut existing = connection.prepare_cached(
        "SELECT 1 FROM datasets WHERE workspace = ?1 AND name = ?2 AND deleted_at IS NULL",
    )?;
    for dataset in &seed.datasets {
        if !existing.exists(params![row, dataset.name])? {
            insert_dataset(connection, workspace, owner, dataset)?;
        }
    }
    connection
        .prepare_cached("UPDATE workspaces SET seed = ?2 WHERE id = ?1")?
        .execute(params![row, seed.digest])?;
    Ok(())
}

fn insert_dataset(
    connection: &Connection,
    workspace: Uuid,
    owner: Uuid,
    dataset: &SeedDataset,
) -> Result<(), StorageError> {
    let new =
        NewDataset { name: dataset.name.clone(), description: dataset.description.clone(), owner };
    let id = datasets::create(connection, workspace, new)?.id;
    if dataset.records.is_empty() {
        return Ok(());
    }
    let row = datasets::find(connection, workspace, &DatasetKey::Id(id))?.row;
    let run = runs::open(connection, row, dataset.records.len())?;
    runs::append(connection, run, &dataset.records)?;
    records::count(connection, row, dataset.records.len() as i64)
}

fn cost(seed: &Seed) -> Cost {
    let datasets = seed.datasets.iter().map(|dataset| imports::records_cost(&dataset.records));
    let campaigns = seed.campaigns.iter().map(fixtures::campaign_cost);
    let fixtures =
        [fixtures::events_cost(&seed.events), fixtures::conversations_cost(&seed.conversations)];
    datasets.chain(campaigns).chain(fixtures).sum()
}

impl SeedStore for SqliteStorage {
    fn insert_seed(&self, workspace: Uuid, owner: Uuid, seed: Arc<Seed>) -> Pending<()> {
        self.write_costing(cost(&seed), move |connection| {
            insert(connection, workspace, owner, &seed)
        })
    }

    fn reset_to_seed(&self, workspace: Uuid, owner: Uuid, seed: Arc<Seed>) -> Pending<Vec<Uuid>> {
        self.write_costing(cost(&seed), move |connection| {
            let files = workspaces::reset(connection, workspace)?;
            insert(connection, workspace, owner, &seed)?;
            Ok(files)
        })
    }
}
