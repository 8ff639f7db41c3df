//! Judges in SQLite.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use uuid::Uuid;

use super::budget::Cost;
use super::{SqliteStorage, workspaces};
use crate::storage::{
    Judge, JudgeFilter, JudgeStore, JudgeWrite, Listed, Missing, NewJudge, Pending, StorageError,
    Window, fold_case,
};
use crate::time::Timestamp;

const COLUMNS: &str = "id, uuid, created_at, updated_at, owner, definition";

/// A judge with its row id.
struct Found {
    row: i64,
    judge: Judge,
}

fn read(row: &Row<'_>, workspace: Uuid) -> rusqlite::Result<Found> {
    Ok(Found {
        row: row.get(0)?,
        judge: Judge {
            id: row.get(1)?,
            created_at: Timestamp::from_micros(row.get(2)?),
            updated_at: Timestamp::from_micros(row.get(3)?),
            owner: row.get(4)?,
            workspace,
            definition: row.get(5)?,
        },
    })
}

fn find(connection: &Connection, workspace: Uuid, id: Uuid) -> Result<Found, StorageError> {
    let row = workspaces::find_or_none(connection, workspace)?;
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM judges WHERE uuid = ?1 AND workspace = ?2 AND deleted_at IS NULL"
        ))?
        .query_row(params![id, row], |row| read(row, workspace))
        .optional()?
        .ok_or_else(|| Missing::Judge.into())
}

/// Returns whether another judge of the workspace than `except` has a name.
fn is_taken(
    connection: &Connection,
    workspace: i64,
    name: &str,
    except: i64,
) -> Result<bool, StorageError> {
    let mut statement = connection.prepare_cached(
        "SELECT 1 FROM judges WHERE workspace = ?1 AND name = ?2 AND deleted_at IS NULL AND id <> ?3",
    )?;
    Ok(statement.exists(params![workspace, name, except])?)
}

fn create(
    connection: &Connection,
    workspace: Uuid,
    owner: Uuid,
    new: NewJudge,
) -> Result<JudgeWrite, StorageError> {
    let row = workspaces::find_or_create(connection, workspace)?;
    if is_taken(connection, row, &new.name, workspaces::NO_ROW)? {
        return Ok(JudgeWrite::NameTaken);
    }
    let (id, now) = (Uuid::now_v7(), Timestamp::now());
    connection
        .prepare_cached(
            "INSERT INTO judges (workspace, uuid, owner, created_at, updated_at, name, folded_name, model_name, output_type, \
                definition) VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            row,
            id,
            owner,
            now.micros(),
            new.name,
            fold_case(&new.name),
            new.model_name,
            new.output_type,
            new.definition,
        ])?;
    let definition = new.definition;
    let judge = Judge { id, created_at: now, updated_at: now, owner, workspace, definition };
    Ok(JudgeWrite::Done(judge))
}

fn update(
    connection: &Connection,
    workspace: Uuid,
    id: Uuid,
    new: NewJudge,
    unless_used: bool,
) -> Result<JudgeWrite, StorageError> {
    let Found { row, mut judge } = find(connection, workspace, id)?;
    let workspace = workspaces::find_or_none(connection, workspace)?;
    if judge.definition == new.definition {
        return Ok(JudgeWrite::Unchanged);
    }
    let used = "SELECT 1 FROM campaigns WHERE workspace = ?1 AND judge = ?2 AND deleted_at IS NULL";
    if unless_used && connection.prepare_cached(used)?.exists(params![workspace, id])? {
        return Ok(JudgeWrite::InUse);
    }
    if is_taken(connection, workspace, &new.name, row)? {
        return Ok(JudgeWrite::NameTaken);
    }
    judge.updated_at = judge.updated_at.next();
    connection
        .prepare_cached(
            "UPDATE judges SET updated_at = ?2, name = ?3, folded_name = ?4, model_name = ?5, output_type = ?6, definition = ?7 \
             WHERE id = ?1",
        )?
        .execute(params![
            row,
            judge.updated_at.micros(),
            new.name,
            fold_case(&new.name),
            new.model_name,
            new.output_type,
            new.definition,
        ])?;
    judge.definition = new.definition;
    Ok(JudgeWrite::Done(judge))
}

fn delete(connection: &Connection, workspace: Uuid, id: Uuid) -> Result<(), StorageError> {
    let found = find(connection, workspace, id)?;
    connection
        .prepare_cached(
            "UPDATE judges SET deleted_at = ?2, name = '', folded_name = '', model_name = '', output_type = '', definition = '' \
             WHERE id = ?1",
        )?
        .execute(params![found.row, found.judge.updated_at.next().micros()])?;
    Ok(())
}

fn list(
    connection: &Connection,
    workspace: Uuid,
    filter: JudgeFilter,
    window: Window,
) -> Result<Listed<Judge>, StorageError> {
    let row = workspaces::find_or_none(connection, workspace)?;
    let mut conditions = "workspace = ? AND deleted_at IS NULL".to_owned();
    let mut values: Vec<Value> = vec![row.into()];
    if let Some(text) = filter.containing {
        conditions.push_str(" AND instr(folded_name, ?) > 0");
        values.push(fold_case(&text).into());
    }
    for (column, accepted) in [("output_type", filter.types), ("model_name", filter.models)] {
        if !accepted.is_empty() {
            let placeholders = vec!["?"; accepted.len()].join(", ");
            conditions.push_str(&format!(" AND {column} IN ({placeholders})"));
            values.extend(accepted.into_iter().map(Value::from));
        }
    }
    let count = connection
        .prepare(&format!("SELECT count(*) FROM judges WHERE {conditions}"))?
        .query_row(params_from_iter(&values), |row| row.get(0))?;
    let offset = i64::try_from(window.offset).unwrap_or(i64::MAX);
    values.extend([i64::from(window.limit).into(), offset.into()]);
    let results = connection
        .prepare(&format!(
            "SELECT {COLUMNS} FROM judges WHERE {conditions} ORDER BY id DESC LIMIT ? OFFSET ?"
        ))?
        .query_map(params_from_iter(&values), |row| read(row, workspace))?
        .map(|found| Ok(found?.judge))
        .collect::<Result<_, StorageError>>()?;
    Ok(Listed { count, results })
}

impl JudgeStore for SqliteStorage {
    fn create_judge(&self, workspace: Uuid, owner: Uuid, new: NewJudge) -> Pending<JudgeWrite> {
        let cost = Cost::insert(1, 2 * new.definition.len() as u64);
        self.write_costing(cost, move |connection| create(connection, workspace, owner, new))
    }

    fn judge(&self, workspace: Uuid, id: Uuid) -> Pending<Judge> {
        self.look_up(move |connection| Ok(find(connection, workspace, id)?.judge))
    }

    fn judges(
        &self,
        workspace: Uuid,
        filter: JudgeFilter,
        window: Window,
    ) -> Pending<Listed<Judge>> {
        self.read(move |connection| list(connection, workspace, filter, window))
    }

    fn update_judge(
        &self,
        workspace: Uuid,
        id: Uuid,
        new: NewJudge,
        unless_used: bool,
    ) -> Pending<JudgeWrite> {
        let cost = Cost::insert(1, 2 * new.definition.len() as u64);
        self.write_costing(cost, move |connection| {
            update(connection, workspace, id, new, unless_used)
        })
    }

    fn delete_judge(&self, workspace: Uuid, id: Uuid) -> Pending<()> {
        self.write_freeing(move |connection| delete(connection, workspace, id))
    }
}
