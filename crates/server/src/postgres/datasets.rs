//! Datasets in PostgreSQL.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use super::database::Database;
use super::params::{params, storable};
use super::{PostgresStorage, files, workspaces};
use crate::storage::{
    Dataset, DatasetChange, DatasetKey, DatasetStore, Listed, Missing, NewDataset, Pending,
    StorageError, Window, erased_slug, fold_case, slug,
};
use crate::time::Timestamp;

/// A query for datasets, with the columns that [`read`] expects.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT d.id, d.uuid, d.created_at, d.updated_at, d.name, d.slug, d.description, d.owner, w.uuid, ",
            "d.record_count, d.task_count, d.revision, d.workspace ",
            "FROM datasets d JOIN workspaces w ON w.id = d.workspace ",
            $rest
        )
    };
}

/// A dataset with its row id, that of its workspace, and counts.
pub(super) struct Found {
    pub(super) row: i64,
    pub(super) workspace_row: i64,
    pub(super) dataset: Dataset,
    pub(super) record_count: u64,
    pub(super) task_count: u64,
    /// Changes with every change of the records.
    pub(super) revision: u64,
}

fn read(row: &Row) -> Found {
    let count = |column| row.get::<_, i64>(column) as u64;
    Found {
        row: row.get(0),
        workspace_row: row.get(12),
        dataset: Dataset {
            id: row.get(1),
            created_at: Timestamp::from_micros(row.get(2)),
            updated_at: Timestamp::from_micros(row.get(3)),
            name: row.get(4),
            slug: row.get(5),
            description: row.get(6),
            owner: row.get(7),
            workspace: row.get(8),
        },
        record_count: count(9),
        task_count: count(10),
        revision: count(11),
    }
}

/// Returns a dataset that is not deleted.
pub(super) async fn find(
    transaction: &Transaction<'_>,
    workspace: Uuid,
    key: &DatasetKey,
) -> Result<Found, StorageError> {
    let row = match key {
        DatasetKey::Id(id) => {
            let sql = select!(
                "WHERE d.uuid = $2 AND d.deleted_at IS NULL AND w.uuid = $1 AND NOT w.discarded"
            );
            transaction.query_typed_opt(sql, params![workspace, id]).await?
        }
        DatasetKey::Slug(slug) => {
            let sql = select!(
                "WHERE d.slug = $2 AND d.deleted_at IS NULL AND w.uuid = $1 AND NOT w.discarded"
            );
            transaction.query_typed_opt(sql, params![workspace, storable(slug)]).await?
        }
    };
    Ok(read(&row.ok_or(Missing::Dataset)?))
}

/// Like [`find`], and locks the dataset until the transaction ends: records, tasks and runs are added in the order of the commits.
pub(super) async fn lock(
    transaction: &Transaction<'_>,
    workspace: Uuid,
    key: &DatasetKey,
) -> Result<Found, StorageError> {
    let row = match key {
        DatasetKey::Id(id) => {
            let sql = select!(
                "WHERE d.uuid = $2 AND d.deleted_at IS NULL AND w.uuid = $1 AND NOT w.discarded \
                 FOR NO KEY UPDATE OF d"
            );
            transaction.query_typed_opt(sql, params![workspace, id]).await?
        }
        DatasetKey::Slug(slug) => {
            let sql = select!(
                "WHERE d.slug = $2 AND d.deleted_at IS NULL AND w.uuid = $1 AND NOT w.discarded \
                 FOR NO KEY UPDATE OF d"
            );
            transaction.query_typed_opt(sql, params![workspace, storable(slug)]).await?
        }
    };
    Ok(read(&row.ok_or(Missing::Dataset)?))
}

/// Adds an empty dataset to a workspace.
pub(super) async fn create(
    transaction: &Transaction<'_>,
    workspace: Uuid,
    new: NewDataset,
) -> Result<Dataset, StorageError> {
    let row = workspaces::lock(transaction, workspace).await?;
    let now = Timestamp::now();
    let dataset = Dataset {
        id: Uuid::now_v7(),
        created_at: now,
        updated_at: now,
        slug: free_slug(transaction, row, &new.name).await?,
        name: storable(&new.name).into_owned(),
        description: storable(&new.description).into_owned(),
        owner: new.owner,
        workspace,
    };
    let sql = "INSERT INTO datasets (workspace, uuid, owner, created_at, updated_at, name, description, slug, folded_name, \
               folded_description) VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9)";
    let (folded_name, folded_description) =
        (fold_case(&dataset.name), fold_case(&dataset.description));
    transaction
        .execute_typed(
            sql,
            params![
                row,
                dataset.id,
                dataset.owner,
                now.micros(),
                dataset.name,
                dataset.description,
                dataset.slug,
                folded_name,
                folded_description,
            ],
        )
        .await?;
    workspaces::count_dataset(transaction, row, 1).await?;
    Ok(dataset)
}

/// Returns a slug that no dataset of the workspace has or ever had, so that an old link never points to another dataset.
async fn free_slug(
    transaction: &Transaction<'_>,
    workspace: i64,
    name: &str,
) -> Result<String, StorageError> {
    let base = slug(name);
    let is_free = async |slug: &str| -> Result<bool, StorageError> {
        let sql = "SELECT 1 FROM datasets WHERE workspace = $1 AND slug IN ($2, $3) LIMIT 1";
        Ok(transaction
            .query_typed_opt(sql, params![workspace, slug, erased_slug(slug)])
            .await?
            .is_none())
    };
    if is_free(&base).await? {
        return Ok(base);
    }
    // As in SQLite, a free number is found by doubling, then by bisection.
    let numbered = |number: u64| format!("{base}-{number}");
    let (mut low, mut high) = (1, 2);
    while !is_free(&numbered(high)).await? {
        low = high;
        high *= 2;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if is_free(&numbered(middle)).await? { high = middle } else { low = middle }
    }
    Ok(numbered(high))
}

/// Erases the name, the description and the slug of a deleted dataset, unless it still has tasks. Returns whether it was erased.
pub(super) async fn erase(
    transaction: &Transaction<'_>,
    row: i64,
    slug: &str,
) -> Result<bool, StorageError> {
    let sql = "UPDATE datasets SET name = '', description = '', folded_name = '', folded_description = '', slug = $2 \
               WHERE id = $1 AND NOT EXISTS (SELECT FROM tasks WHERE dataset = $1)";
    Ok(transaction.execute_typed(sql, params![row, erased_slug(slug)]).await? > 0)
}

async fn list(
    database: Database,
    workspace: Uuid,
    containing: Option<String>,
    window: Window,
) -> Result<Listed<Dataset>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    let row = workspaces::find_or_none(&transaction, workspace).await?;
    let offset = i64::try_from(window.offset).unwrap_or(i64::MAX);
    let limit = i64::from(window.limit);
    let (count, rows) = match containing {
        None => {
            let sql = "SELECT coalesce((SELECT dataset_count FROM workspaces WHERE id = $1), 0)";
            let count: i64 = transaction.query_typed_one(sql, params![row]).await?.get(0);
            let sql = select!(
                "WHERE d.workspace = $1 AND d.deleted_at IS NULL ORDER BY d.id DESC LIMIT $2 OFFSET $3"
            );
            (count, transaction.query_typed(sql, params![row, limit, offset]).await?)
        }
        Some(text) => {
            let text = fold_case(&storable(&text));
            let sql = "SELECT count(*) FROM datasets WHERE workspace = $1 AND deleted_at IS NULL \
                       AND (strpos(folded_name, $2) > 0 OR strpos(folded_description, $2) > 0)";
            let count: i64 = transaction.query_typed_one(sql, params![row, text]).await?.get(0);
            let sql = select!(
                "WHERE d.workspace = $1 AND d.deleted_at IS NULL \
                 AND (strpos(d.folded_name, $2) > 0 OR strpos(d.folded_description, $2) > 0) \
                 ORDER BY d.id DESC LIMIT $3 OFFSET $4"
            );
            (count, transaction.query_typed(sql, params![row, text, limit, offset]).await?)
        }
    };
    let results = rows.iter().map(|row| read(row).dataset).collect();
    Ok(Listed { count: count as u64, results })
}

async fn update(
    database: Database,
    workspace: Uuid,
    key: DatasetKey,
    change: DatasetChange,
) -> Result<Dataset, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    let Found { row, mut dataset, .. } = lock(&transaction, workspace, &key).await?;
    if change.name.is_none() && change.description.is_none() {
        return Ok(dataset);
    }
    dataset.name = change.name.map_or(dataset.name, |name| storable(&name).into_owned());
    dataset.description =
        change.description.map_or(dataset.description, |text| storable(&text).into_owned());
    dataset.updated_at = dataset.updated_at.next();
    let sql = "UPDATE datasets SET name = $2, description = $3, folded_name = $4, folded_description = $5, updated_at = $6 \
               WHERE id = $1";
    transaction
        .execute_typed(
            sql,
            params![
                row,
                dataset.name,
                dataset.description,
                fold_case(&dataset.name),
                fold_case(&dataset.description),
                dataset.updated_at.micros(),
            ],
        )
        .await?;
    transaction.commit().await?;
    Ok(dataset)
}

async fn delete(database: Database, workspace: Uuid, key: DatasetKey) -> Result<(), StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    let workspace_row = workspaces::lock(&transaction, workspace).await?;
    let found = lock(&transaction, workspace, &key).await?;
    let now = Timestamp::now().micros();
    let sql = "UPDATE datasets SET deleted_at = $2 WHERE id = $1";
    transaction.execute_typed(sql, params![found.row, now]).await?;
    // The records are removed in the background.
    let sql = "UPDATE runs SET abandoned = true WHERE dataset = $1";
    transaction.execute_typed(sql, params![found.row]).await?;
    files::delete_exports(&transaction, found.dataset.id).await?;
    workspaces::count_dataset(&transaction, workspace_row, -1).await?;
    transaction.commit().await
}

impl DatasetStore for PostgresStorage {
    fn create_dataset(&self, workspace: Uuid, new: NewDataset) -> Pending<Dataset> {
        let database = self.database.clone();
        Box::pin(async move {
            let mut connection = database.connection().await?;
            let transaction = connection.write().await?;
            let dataset = create(&transaction, workspace, new).await?;
            transaction.commit().await?;
            Ok(dataset)
        })
    }

    fn dataset(&self, workspace: Uuid, key: DatasetKey) -> Pending<Dataset> {
        let database = self.database.clone();
        Box::pin(async move {
            let mut connection = database.connection().await?;
            let transaction = connection.read().await?;
            Ok(find(&transaction, workspace, &key).await?.dataset)
        })
    }

    fn datasets(
        &self,
        workspace: Uuid,
        containing: Option<String>,
        window: Window,
    ) -> Pending<Listed<Dataset>> {
        Box::pin(list(self.database.clone(), workspace, containing, window))
    }

    fn update_dataset(
        &self,
        workspace: Uuid,
        key: DatasetKey,
        change: DatasetChange,
    ) -> Pending<Dataset> {
        Box::pin(update(self.database.clone(), workspace, key, change))
    }

    fn delete_dataset(&self, workspace: Uuid, key: DatasetKey) -> Pending<()> {
        Box::pin(delete(self.database.clone(), workspace, key))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use futures::future::join_all;

    use super::*;
    use crate::postgres::testing::servers;

    #[tokio::test(flavor = "multi_thread")]
    async fn datasets_of_several_servers_have_different_slugs() {
        let Some(servers) = servers::<2>().await else { return };
        let workspace = Uuid::from_u128(1);
        let creates = (0..40).map(|n| {
            let (name, description) = ("Same name".to_owned(), String::new());
            let new = NewDataset { name, description, owner: Uuid::nil() };
            servers[n % 2].create_dataset(workspace, new)
        });
        let created = join_all(creates).await;
        let slugs: HashSet<_> = created.into_iter().map(|created| created.unwrap().slug).collect();
        assert_eq!(slugs.len(), 40);
        let window = Window { offset: 0, limit: 100 };
        let listed = servers[0].datasets(workspace, None, window).await.unwrap();
        assert_eq!((listed.count, listed.results.len()), (40, 40));
    }
}
