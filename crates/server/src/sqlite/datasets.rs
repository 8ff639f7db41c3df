//! Datasets in SQLite.

use memchr::memmem::Finder;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{SqliteStorage, files, runs, workspaces};
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
            "d.record_count, d.task_count, d.revision, d.workspace FROM datasets d JOIN workspaces w ON w.id = d.workspace ",
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

fn read(row: &Row<'_>) -> rusqlite::Result<Found> {
    Ok(Found {
        row: row.get(0)?,
        workspace_row: row.get(12)?,
        dataset: Dataset {
            id: row.get(1)?,
            created_at: Timestamp::from_micros(row.get(2)?),
            updated_at: Timestamp::from_micros(row.get(3)?),
            name: row.get(4)?,
            slug: row.get(5)?,
            description: row.get(6)?,
            owner: row.get(7)?,
            workspace: row.get(8)?,
        },
        record_count: row.get(9)?,
        task_count: row.get(10)?,
        revision: row.get(11)?,
    })
}

/// Returns a dataset that is not deleted.
pub(super) fn find(
    connection: &Connection,
    workspace: Uuid,
    key: &DatasetKey,
) -> Result<Found, StorageError> {
    let found = match key {
        DatasetKey::Id(id) => connection
            .prepare_cached(select!(
                "WHERE d.uuid = ?2 AND d.deleted_at IS NULL AND w.uuid = ?1 AND w.discarded = 0"
            ))?
            .query_row(params![workspace, id], read)
            .optional()?,
        DatasetKey::Slug(slug) => connection
            .prepare_cached(select!(
                "WHERE d.slug = ?2 AND d.deleted_at IS NULL AND w.uuid = ?1 AND w.discarded = 0"
            ))?
            .query_row(params![workspace, slug], read)
            .optional()?,
    };
    found.ok_or_else(|| Missing::Dataset.into())
}

pub(super) fn create(
    connection: &Connection,
    workspace: Uuid,
    new: NewDataset,
) -> Result<Dataset, StorageError> {
    let row = workspaces::find_or_create(connection, workspace)?;
    let now = Timestamp::now();
    let dataset = Dataset {
        id: Uuid::now_v7(),
        created_at: now,
        updated_at: now,
        slug: free_slug(connection, row, &new.name)?,
        name: new.name,
        description: new.description,
        owner: new.owner,
        workspace,
    };
    connection
        .prepare_cached(
            "INSERT INTO datasets (workspace, uuid, owner, created_at, updated_at, name, description, slug, \
             folded_name, folded_description) VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            row,
            dataset.id,
            dataset.owner,
            now.micros(),
            dataset.name,
            dataset.description,
            dataset.slug,
            fold_case(&dataset.name),
            fold_case(&dataset.description),
        ])?;
    workspaces::count_dataset(connection, row, 1)?;
    Ok(dataset)
}

/// Returns a slug that no dataset of the workspace has or ever had, so that an old link never points to another dataset.
fn free_slug(connection: &Connection, workspace: i64, name: &str) -> Result<String, StorageError> {
    let base = slug(name);
    let mut taken = connection
        .prepare_cached("SELECT 1 FROM datasets WHERE workspace = ?1 AND slug IN (?2, ?3)")?;
    let mut free =
        |slug: &str| taken.exists(params![workspace, slug, erased_slug(slug)]).map(|taken| !taken);
    if free(&base)? {
        return Ok(base);
    }
    // With many datasets of one name, counting up from 2 would be slow. Instead, find a free number by doubling, then search
    // down to the smallest one by bisection.
    let numbered = |number: u64| format!("{base}-{number}");
    let mut low = 1;
    let mut high = 2;
    while !free(&numbered(high))? {
        low = high;
        high *= 2;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if free(&numbered(middle))? { high = middle } else { low = middle }
    }
    Ok(numbered(high))
}

/// Erases the name, the description and the slug of a deleted dataset.
pub(super) fn erase(connection: &Connection, row: i64) -> Result<(), StorageError> {
    let slug: String = connection
        .prepare_cached("SELECT slug FROM datasets WHERE id = ?1")?
        .query_row([row], |row| row.get(0))?;
    connection
        .prepare_cached(
            "UPDATE datasets SET name = '', description = '', folded_name = '', folded_description = '', slug = ?2 \
             WHERE id = ?1",
        )?
        .execute(params![row, erased_slug(&slug)])?;
    Ok(())
}

fn list(
    connection: &Connection,
    workspace: Uuid,
    containing: Option<&str>,
    window: Window,
) -> Result<Listed<Dataset>, StorageError> {
    let empty = Listed { count: 0, results: Vec::new() };
    let Some(row) = workspaces::find(connection, workspace)? else { return Ok(empty) };
    let (count, rows) = match containing {
        None => all(connection, row, window)?,
        Some(text) => matching(connection, row, text, window)?,
    };
    let mut statement = connection.prepare_cached(select!("WHERE d.id = ?1"))?;
    let results = rows
        .into_iter()
        .map(|row| statement.query_row([row], |row| Ok(read(row)?.dataset)))
        .collect::<Result<_, _>>()?;
    Ok(Listed { count, results })
}

/// Returns the number of datasets and the rows in the window.
fn all(
    connection: &Connection,
    workspace: i64,
    window: Window,
) -> Result<(u64, Vec<i64>), StorageError> {
    let count = connection
        .prepare_cached("SELECT dataset_count FROM workspaces WHERE id = ?1")?
        .query_row([workspace], |row| row.get(0))?;
    let mut statement = connection.prepare_cached(
        "SELECT id FROM datasets WHERE workspace = ?1 AND deleted_at IS NULL ORDER BY id DESC LIMIT ?2 OFFSET ?3",
    )?;
    let offset = i64::try_from(window.offset).unwrap_or(i64::MAX);
    let rows = statement
        .query_map(params![workspace, window.limit, offset], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok((count, rows))
}

/// Returns the number of datasets that contain a text and the rows in the window.
fn matching(
    connection: &Connection,
    workspace: i64,
    text: &str,
    window: Window,
) -> Result<(u64, Vec<i64>), StorageError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, folded_name, folded_description FROM datasets \
         WHERE workspace = ?1 AND deleted_at IS NULL ORDER BY id DESC",
    )?;
    // Faster than SQLite's `instr`, which compares at every position.
    let text = fold_case(text);
    let text = Finder::new(&text);
    let mut searched = statement.query([workspace])?;
    let (mut count, mut rows) = (0, Vec::new());
    while let Some(row) = searched.next()? {
        let contains = |column| -> Result<bool, StorageError> {
            Ok(text.find(row.get_ref(column)?.as_bytes().map_err(rusqlite::Error::from)?).is_some())
        };
        if !contains(1)? && !contains(2)? {
            continue;
        }
        if count >= window.offset && rows.len() < window.limit as usize {
            rows.push(row.get(0)?);
        }
        count += 1;
    }
    Ok((count, rows))
}

fn update(
    connection: &Connection,
    workspace: Uuid,
    key: &DatasetKey,
    change: DatasetChange,
) -> Result<Dataset, StorageError> {
    let Found { row, mut dataset, .. } = find(connection, workspace, key)?;
    if change.name.is_none() && change.description.is_none() {
        return Ok(dataset);
    }
    dataset.name = change.name.unwrap_or(dataset.name);
    dataset.description = change.description.unwrap_or(dataset.description);
    dataset.updated_at = dataset.updated_at.next();
    connection
        .prepare_cached(
            "UPDATE datasets SET name = ?2, description = ?3, folded_name = ?4, folded_description = ?5, \
             updated_at = ?6 WHERE id = ?1",
        )?
        .execute(params![
            row,
            dataset.name,
            dataset.description,
            fold_case(&dataset.name),
            fold_case(&dataset.description),
            dataset.updated_at.micros(),
        ])?;
    Ok(dataset)
}

fn delete(connection: &Connection, workspace: Uuid, key: &DatasetKey) -> Result<(), StorageError> {
    let found = find(connection, workspace, key)?;
    connection
        .prepare_cached("UPDATE datasets SET deleted_at = ?2 WHERE id = ?1")?
        .execute(params![found.row, Timestamp::now().micros()])?;
    runs::abandon_all(connection, found.row)?;
    files::delete_exports(connection, found.dataset.id)?;
    let row = workspaces::find_or_create(connection, workspace)?;
    workspaces::count_dataset(connection, row, -1)
}

impl DatasetStore for SqliteStorage {
    fn create_dataset(&self, workspace: Uuid, new: NewDataset) -> Pending<Dataset> {
        self.write(move |connection| create(connection, workspace, new))
    }

    fn dataset(&self, workspace: Uuid, key: DatasetKey) -> Pending<Dataset> {
        self.look_up(move |connection| Ok(find(connection, workspace, &key)?.dataset))
    }

    fn datasets(
        &self,
        workspace: Uuid,
        containing: Option<String>,
        window: Window,
    ) -> Pending<Listed<Dataset>> {
        self.read(move |connection| list(connection, workspace, containing.as_deref(), window))
    }

    fn update_dataset(
        &self,
        workspace: Uuid,
        key: DatasetKey,
        change: DatasetChange,
    ) -> Pending<Dataset> {
        self.write(move |connection| update(connection, workspace, &key, change))
    }

    fn delete_dataset(&self, workspace: Uuid, key: DatasetKey) -> Pending<()> {
        // Its exports are rows of their own.
        self.write_deleting(16, move |connection| delete(connection, workspace, &key))
    }
}
