//! The schema and its migrations.

use super::database::Database;
use super::params::params;
use crate::storage::StorageError;

/// The migrations from an empty database to the current schema. Released migrations are never changed; changes are added as new
/// ones. They first add and later remove, so that servers of two successive versions can use the same database.
const MIGRATIONS: &[&str] =
    &[include_str!("schema/1.sql"), include_str!("schema/2.sql"), include_str!("schema/3.sql")];

/// The oldest schema version whose servers can use a database with the current schema.
const MIN_READER: i64 = 1;

/// The key of the advisory lock that a server holds while it migrates.
const LOCK: i64 = 0x6d69_7374_6461_7461;

/// The database cannot be used by this version.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SchemaError {
    /// A newer version changed the schema so that this version cannot use it.
    #[error(
        "a newer version migrated the database (schema {found}, readable from schema {min_reader} on; this version has {known}); \
         use that version or another database"
    )]
    Newer { found: i64, min_reader: i64, known: i64 },
    /// The database failed.
    #[error("cannot migrate the database")]
    Storage(#[from] StorageError),
}

/// Applies all pending migrations in one transaction. Servers that start at the same time wait for each other. Returns how many
/// migrations were applied.
pub(super) async fn migrate(database: &Database) -> Result<usize, SchemaError> {
    apply(database, MIGRATIONS, MIN_READER).await
}

async fn apply(
    database: &Database,
    migrations: &[&str],
    min_reader: i64,
) -> Result<usize, SchemaError> {
    let known = migrations.len() as i64;
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    let locked = transaction.query_typed("SELECT pg_advisory_xact_lock($1)", params![LOCK]).await;
    locked.map_err(StorageError::from)?;
    let create = "CREATE TABLE IF NOT EXISTS schema_version (version bigint NOT NULL, min_reader bigint NOT NULL)";
    transaction.batch_execute(create).await.map_err(StorageError::from)?;
    let row = transaction.query_typed_opt("SELECT version, min_reader FROM schema_version", &[]);
    let row = row.await.map_err(StorageError::from)?;
    let (found, oldest) = row.map_or((0, 0), |row| (row.get(0), row.get::<_, i64>(1)));
    if found > known && oldest > known {
        return Err(SchemaError::Newer { found, min_reader: oldest, known });
    }
    let pending = migrations.get(found as usize..).unwrap_or_default();
    for migration in pending {
        transaction.batch_execute(migration).await.map_err(StorageError::from)?;
    }
    if !pending.is_empty() {
        let set = if found == 0 {
            "INSERT INTO schema_version (version, min_reader) VALUES ($1, $2)"
        } else {
            "UPDATE schema_version SET version = $1, min_reader = $2"
        };
        let written = transaction.execute_typed(set, params![known, min_reader]).await;
        written.map_err(StorageError::from)?;
    }
    transaction.commit().await?;
    Ok(pending.len())
}

#[cfg(test)]
mod tests {
    use super::super::testing::TestDatabase;
    use super::*;

    #[tokio::test]
    async fn each_migration_is_applied_once_by_servers_that_start_together() {
        let Some(test) = TestDatabase::empty().await else { return };
        let migrations = (0..4).map(|_| migrate(test.database()));
        let applied: Result<Vec<_>, _> =
            futures::future::join_all(migrations).await.into_iter().collect();
        let mut applied = applied.unwrap();
        applied.sort_unstable();
        assert_eq!(applied, [0, 0, 0, MIGRATIONS.len()]);
    }

    #[tokio::test]
    async fn a_newer_schema_is_used_only_if_it_can_be_read() {
        let Some(test) = TestDatabase::empty().await else { return };
        let newer = ["CREATE TABLE a (n int)", "CREATE TABLE b (n int)"];
        assert_eq!(apply(test.database(), &newer, 1).await.unwrap(), 2);
        assert_eq!(apply(test.database(), &newer[..1], 1).await.unwrap(), 0);
        let newest = ["CREATE TABLE a (n int)", "CREATE TABLE b (n int)", "DROP TABLE a"];
        assert_eq!(apply(test.database(), &newest, 3).await.unwrap(), 1);
        let error = apply(test.database(), &newer, 1).await.unwrap_err();
        let message = error.to_string();
        assert!(
            matches!(error, SchemaError::Newer { found: 3, min_reader: 3, known: 2 }),
            "{message}"
        );
        assert!(message.contains("newer version"));
    }

    #[tokio::test]
    async fn a_failed_migration_changes_nothing() {
        let Some(test) = TestDatabase::empty().await else { return };
        let failing = ["CREATE TABLE a (n int)", "INSERT INTO nowhere VALUES (1)"];
        assert!(apply(test.database(), &failing, 1).await.is_err());
        assert_eq!(apply(test.database(), &failing[..1], 1).await.unwrap(), 1);
    }
}
