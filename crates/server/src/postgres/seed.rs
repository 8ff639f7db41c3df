//! Seeds in PostgreSQL.

use std::sync::Arc;

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::params::{params, storable};
use super::{PostgresStorage, datasets, fixtures, seed_records, workspaces};
use crate::storage::{DatasetKey, NewDataset, Pending, Seed, SeedDataset, SeedStore, StorageError};

async fn insert(
    transaction: &Transaction<'_>,
    workspace: Uuid,
    owner: Uuid,
    seed: &Seed,
) -> Result<(), StorageError> {
    // Servers that insert the same seed wait for each other here.
    let row = workspaces::lock(transaction, workspace).await?;
    let sql = "SELECT coalesce(seed = $2, false) FROM workspaces WHERE id = $1";
    let is_inserted = transaction.query_typed_one(sql, params![row, &seed.digest[..]]).await?;
    if is_inserted.get(0) {
        return Ok(());
    }
    fixtures::insert_events(transaction, row, &seed.events).await?;
    fixtures::insert_conversations(transaction, row, &seed.conversations).await?;
    for campaign in &seed.campaigns {
        fixtures::insert_campaign(transaction, row, campaign).await?;
    }
    for dataset in &seed.datasets {
        let sql = "SELECT 1 FROM datasets WHERE workspace = $1 AND name = $2 AND deleted_at IS NULL LIMIT 1";
        let name = storable(&dataset.name);
        if transaction.query_typed_opt(sql, params![row, name]).await?.is_none() {
            insert_dataset(transaction, workspace, owner, dataset).await?;
        }
    }
    let sql = "UPDATE workspaces SET seed = $2 WHERE id = $1";
    transaction.execute_typed(sql, params![row, &seed.digest[..]]).await?;
    Ok(())
}

async fn insert_dataset(
    transaction: &Transaction<'_>,
    workspace: Uuid,
    owner: Uuid,
    dataset: &SeedDataset,
) -> Result<(), StorageError> {
    let new =
        NewDataset { name: dataset.name.clone(), description: dataset.description.clone(), owner };
    let id = datasets::create(transaction, workspace, new).await?.id;
    if dataset.records.is_empty() {
        return Ok(());
    }
    let row = datasets::lock(transaction, workspace, &DatasetKey::Id(id)).await?.row;
    seed_records::insert(transaction, row, &dataset.records).await
}

impl SeedStore for PostgresStorage {
    fn insert_seed(&self, workspace: Uuid, owner: Uuid, seed: Arc<Seed>) -> Pending<()> {
        let database = self.database.clone();
        Box::pin(async move {
            let mut connection = database.connection().await?;
            let transaction = connection.write().await?;
            insert(&transaction, workspace, owner, &seed).await?;
            transaction.commit().await
        })
    }

    fn reset_to_seed(&self, workspace: Uuid, owner: Uuid, seed: Arc<Seed>) -> Pending<()> {
        let database = self.database.clone();
        Box::pin(async move {
            let mut connection = database.connection().await?;
            let transaction = connection.write().await?;
            workspaces::reset(&transaction, workspace).await?;
            insert(&transaction, workspace, owner, &seed).await?;
            transaction.commit().await
        })
    }
}
