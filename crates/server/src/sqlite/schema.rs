//! The schema and its migrations.

use rusqlite::{Connection, TransactionBehavior};

/// The migrations from an empty file to the current schema. Released migrations are never changed; changes are added as new ones.
/// `user_version` is the number of migrations applied to a file.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
    include_str!("schema/6.sql"),
    include_str!("schema/7.sql"),
    include_str!("schema/8.sql"),
    include_str!("schema/9.sql"),
    include_str!("schema/10.sql"),
    include_str!("schema/11.sql"),
];

/// An error opening a database.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// A newer version of the server wrote the file.
    #[error(
        "the data was written by a newer version (schema {found}, this version supports up to {known}); use that version or \
         another directory"
    )]
    Newer { found: i64, known: i64 },
    /// The file is not a database, or cannot be read or written.
    #[error("cannot open the database")]
    Database(#[from] rusqlite::Error),
    /// A thread could not be started.
    #[error("cannot start a thread")]
    Thread(#[from] std::io::Error),
}

/// Applies all pending migrations in one transaction.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    apply(connection, MIGRATIONS)
}

fn apply(connection: &mut Connection, migrations: &[&str]) -> Result<(), OpenError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let applied = applied(&transaction, migrations.len())?;
    if applied == migrations.len() {
        return Ok(());
    }
    for migration in &migrations[applied..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", migrations.len() as i64)?;
    transaction.commit()?;
    Ok(())
}

/// Returns whether the file has a schema. Fails if a newer version wrote it.
pub(super) fn exists(connection: &Connection) -> Result<bool, OpenError> {
    Ok(applied(connection, MIGRATIONS.len())? > 0)
}

/// Applies the migrations before the one that gives files their positions.
#[cfg(test)]
pub(super) fn migrate_without_positions(connection: &Connection) {
    let before: Vec<_> =
        MIGRATIONS.iter().take_while(|sql| !sql.contains("file_positions")).collect();
    for migration in &before {
        connection.execute_batch(migration).unwrap();
    }
    connection.pragma_update(None, "user_version", before.len() as i64).unwrap();
}

/// Returns the schema version of a database, and the current one.
pub(super) fn versions(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    let found = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok((found, MIGRATIONS.len() as i64))
}

/// Returns how many of the known migrations were applied.
fn applied(connection: &Connection, known: usize) -> Result<usize, OpenError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match usize::try_from(found) {
        Ok(applied) if applied <= known => Ok(applied),
        _ => Err(OpenError::Newer { found, known: known as i64 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_migration_is_applied_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'records'", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(tables, 1);
    }

    #[test]
    fn a_failed_migration_leaves_the_file_unchanged() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        let first = "CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('kept')";
        apply(&mut Connection::open(&path).unwrap(), &[first]).unwrap();
        let failing = "ALTER TABLE notes ADD COLUMN number INTEGER; UPDATE notes SET text = 'changed'; \
                       INSERT INTO nowhere VALUES (1)";
        // The second migration succeeds, and is rolled back together with the third.
        let migrations = [first, "CREATE TABLE more (text TEXT)", failing];
        let error = apply(&mut Connection::open(&path).unwrap(), &migrations).unwrap_err();
        assert!(matches!(error, OpenError::Database(_)), "{error}");

        let connection = Connection::open(&path).unwrap();
        let one = |sql| connection.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(
            one("SELECT group_concat(sql) FROM sqlite_schema"),
            "CREATE TABLE notes (text TEXT)"
        );
        assert_eq!(one("SELECT text FROM notes"), "kept");
        assert_eq!(applied(&connection, migrations.len()).unwrap(), 1);
        // A corrected migration can be applied afterwards.
        let corrected = [first, migrations[1], "UPDATE notes SET text = 'corrected'"];
        apply(&mut Connection::open(&path).unwrap(), &corrected).unwrap();
        assert_eq!(one("SELECT text FROM notes"), "corrected");
    }

    #[test]
    fn a_newer_file_is_rejected() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let error = migrate(&mut connection).unwrap_err();
        assert!(
            matches!(error, OpenError::Newer { found: 99, known } if known == MIGRATIONS.len() as i64),
            "{error}"
        );
        assert!(error.to_string().contains("newer version"));
    }

    #[test]
    fn imports_that_an_earlier_version_left_unfinished_are_failed() {
        let mut connection = Connection::open_in_memory().unwrap();
        apply(&mut connection, &MIGRATIONS[..4]).unwrap();
        connection
            .execute_batch(
                "INSERT INTO workspaces (id, uuid) VALUES (1, x'01'); \
                 INSERT INTO datasets (id, workspace, uuid, owner, created_at, updated_at, name, description, slug, \
                    folded_name, folded_description) VALUES (1, 1, x'02', x'', 0, 0, '', '', '', '', ''); \
                 INSERT INTO runs (id, dataset) VALUES (1, 1), (2, 1); \
                 INSERT INTO tasks (uuid, dataset, number, creator, created_at, updated_at, status, progress, run) \
                    VALUES (x'03', 1, 1, x'', 0, 5, 'RUNNING', 50, 1), (x'04', 1, 2, x'', 0, 5, 'COMPLETED', 100, NULL)",
            )
            .unwrap();
        migrate(&mut connection).unwrap();
        let one = |sql| connection.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(one("SELECT group_concat(status) FROM tasks"), "FAILED,COMPLETED");
        assert!(one("SELECT message FROM tasks WHERE number = 1").contains("nothing was imported"));
        assert_eq!(one("SELECT group_concat(abandoned) FROM runs"), "1,0");
    }
}
