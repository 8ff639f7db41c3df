//! Judges in PostgreSQL.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use super::database::Database;
use super::params::{params, storable};
use super::{PostgresStorage, workspaces};
use crate::storage::{
    Judge, JudgeFilter, JudgeStore, JudgeWrite, Listed, Missing, NewJudge, Pending, StorageError,
    Window, fold_case,
};
use crate::time::Timestamp;

/// A query for judges that are not deleted, with the columns that [`read`] expects.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT j.id, j.uuid, j.created_at, j.updated_at, j.owner, j.definition, w.uuid FROM workspaces w ",
            "JOIN judges j ON j.workspace = w.id WHERE w.uuid = $1 AND NOT w.discarded AND j.deleted_at IS NULL ",
            $rest
        )
    };
}

/// A judge with its row id.
struct Found {
    row: i64,
    judge: Judge,
}

fn read(row: &Row) -> Found {
    Found {
        row: row.get(0),
        judge: Judge {
            id: row.get(1),
            created_at: Timestamp::from_micros(row.get(2)),
            updated_at: Timestamp::from_micros(row.get(3)),
            owner: row.get(4),
            definition: row.get(5),
            workspace: row.get(6),
        },
    }
}

async fn find(
    transaction: &Transaction<'_>,
    workspace: Uuid,
    id: Uuid,
) -> Result<Found, StorageError> {
    let row =
        transaction.query_typed_opt(select!("AND j.uuid = $2"), params![workspace, id]).await?;
    Ok(read(&row.ok_or(Missing::Judge)?))
}

/// Returns whether another judge of the workspace than `except` has a name.
async fn is_taken(
    transaction: &Transaction<'_>,
    workspace: i64,
    name: &str,
    except: i64,
) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM judges WHERE workspace = $1 AND name = $2 AND deleted_at IS NULL AND id <> $3";
    let row = transaction.query_typed_opt(sql, params![workspace, name, except]).await?;
    Ok(row.is_some())
}

async fn create(
    database: Database,
    workspace: Uuid,
    owner: Uuid,
    new: NewJudge,
) -> Result<JudgeWrite, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    // Names are unique in the workspace.
    let row = workspaces::lock(&transaction, workspace).await?;
    let name = storable(&new.name);
    if is_taken(&transaction, row, &name, workspaces::NO_ROW).await? {
        return Ok(JudgeWrite::NameTaken);
    }
    let (id, now) = (Uuid::now_v7(), Timestamp::now());
    let sql = "INSERT INTO judges (workspace, uuid, owner, created_at, updated_at, name, folded_name, model_name, output_type, \
               definition) VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9)";
    transaction
        .execute_typed(
            sql,
            params![
                row,
                id,
                owner,
                now.micros(),
                name,
                fold_case(&name),
                storable(&new.model_name),
                new.output_type,
                new.definition,
            ],
        )
        .await?;
    transaction.commit().await?;
    let definition = new.definition;
    let judge = Judge { id, created_at: now, updated_at: now, owner, workspace, definition };
    Ok(JudgeWrite::Done(judge))
}

async fn update(
    database: Database,
    workspace: Uuid,
    id: Uuid,
    new: NewJudge,
    unless_used: bool,
) -> Result<JudgeWrite, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    // Campaigns are created with the same lock.
    let workspace_row = workspaces::lock(&transaction, workspace).await?;
    let Found { row, mut judge } = find(&transaction, workspace, id).await?;
    if judge.definition == new.definition {
        return Ok(JudgeWrite::Unchanged);
    }
    let sql = "SELECT 1 FROM campaigns WHERE workspace = $1 AND judge = $2 AND deleted_at IS NULL LIMIT 1";
    if unless_used && transaction.query_typed_opt(sql, params![workspace_row, id]).await?.is_some()
    {
        return Ok(JudgeWrite::InUse);
    }
    let name = storable(&new.name);
    if is_taken(&transaction, workspace_row, &name, row).await? {
        return Ok(JudgeWrite::NameTaken);
    }
    judge.updated_at = judge.updated_at.next();
    let sql = "UPDATE judges SET updated_at = $2, name = $3, folded_name = $4, model_name = $5, output_type = $6, definition = $7 \
               WHERE id = $1";
    transaction
        .execute_typed(
            sql,
            params![
                row,
                judge.updated_at.micros(),
                name,
                fold_case(&name),
                storable(&new.model_name),
                new.output_type,
                new.definition,
            ],
        )
        .await?;
    transaction.commit().await?;
    judge.definition = new.definition;
    Ok(JudgeWrite::Done(judge))
}

async fn delete(database: Database, workspace: Uuid, id: Uuid) -> Result<(), StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    workspaces::lock(&transaction, workspace).await?;
    let found = find(&transaction, workspace, id).await?;
    let sql = "UPDATE judges SET deleted_at = $2, name = '', folded_name = '', model_name = '', output_type = '', definition = '' \
               WHERE id = $1";
    let now = found.judge.updated_at.next().micros();
    transaction.execute_typed(sql, params![found.row, now]).await?;
    transaction.commit().await
}

/// The conditions of a [`JudgeFilter`], in the parameters $2 to $4.
macro_rules! filtered {
    () => {
        "AND ($2::text IS NULL OR strpos(j.folded_name, $2) > 0) \
         AND (cardinality($3::text[]) = 0 OR j.output_type = ANY($3)) \
         AND (cardinality($4::text[]) = 0 OR j.model_name = ANY($4)) "
    };
}

async fn list(
    database: Database,
    workspace: Uuid,
    filter: JudgeFilter,
    window: Window,
) -> Result<Listed<Judge>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    let text = filter.containing.map(|text| fold_case(&storable(&text)));
    let storable = |texts: &[String]| -> Vec<String> {
        texts.iter().map(|text| storable(text).into_owned()).collect()
    };
    let (types, models) = (storable(&filter.types), storable(&filter.models));
    let sql = concat!(
        "SELECT count(*) FROM workspaces w JOIN judges j ON j.workspace = w.id \
         WHERE w.uuid = $1 AND NOT w.discarded AND j.deleted_at IS NULL ",
        filtered!()
    );
    let count = transaction.query_typed_one(sql, params![workspace, text, types, models]).await?;
    let sql = concat!(select!(""), filtered!(), "ORDER BY j.id DESC LIMIT $5 OFFSET $6");
    let limit = i64::from(window.limit);
    let offset = i64::try_from(window.offset).unwrap_or(i64::MAX);
    let rows = transaction
        .query_typed(sql, params![workspace, text, types, models, limit, offset])
        .await?;
    let results = rows.iter().map(|row| read(row).judge).collect();
    Ok(Listed { count: count.get::<_, i64>(0) as u64, results })
}

impl JudgeStore for PostgresStorage {
    fn create_judge(&self, workspace: Uuid, owner: Uuid, new: NewJudge) -> Pending<JudgeWrite> {
        Box::pin(create(self.database.clone(), workspace, owner, new))
    }

    fn judge(&self, workspace: Uuid, id: Uuid) -> Pending<Judge> {
        let database = self.database.clone();
        Box::pin(async move {
            let mut connection = database.connection().await?;
            let transaction = connection.read().await?;
            Ok(find(&transaction, workspace, id).await?.judge)
        })
    }

    fn judges(
        &self,
        workspace: Uuid,
        filter: JudgeFilter,
        window: Window,
    ) -> Pending<Listed<Judge>> {
        Box::pin(list(self.database.clone(), workspace, filter, window))
    }

    fn update_judge(
        &self,
        workspace: Uuid,
        id: Uuid,
        new: NewJudge,
        unless_used: bool,
    ) -> Pending<JudgeWrite> {
        Box::pin(update(self.database.clone(), workspace, id, new, unless_used))
    }

    fn delete_judge(&self, workspace: Uuid, id: Uuid) -> Pending<()> {
        Box::pin(delete(self.database.clone(), workspace, id))
    }
}
