//! The tables, and how older ones are brought up to date.

use rusqlite::{Connection, TransactionBehavior};

/// The steps from an empty file to the schema of today. A step that was released is never changed: what is to be different
/// comes as a further step. The number of steps a file has taken is its `user_version`.
const STEPS: &[&str] =
    &[include_str!("schema/1.sql"), include_str!("schema/2.sql"), include_str!("schema/3.sql")];

/// Why a file could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// A newer version of the server wrote the file.
    #[error(
        "the data was written by a newer version (its schema has number {found}, this version knows those up to {known}); \
         use that version or another directory"
    )]
    Newer { found: i64, known: i64 },
    /// The file is no database, or cannot be read or written.
    #[error("the database cannot be opened")]
    Database(#[from] rusqlite::Error),
    /// A thread could not be started.
    #[error("a thread cannot be started")]
    Thread(#[from] std::io::Error),
}

/// Takes the steps that the file has not taken yet, all or none.
pub(super) fn bring_up_to_date(connection: &mut Connection) -> Result<(), OpenError> {
    take(connection, STEPS)
}

fn take(connection: &mut Connection, steps: &[&str]) -> Result<(), OpenError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let taken = taken(&transaction, steps.len())?;
    if taken == steps.len() {
        return Ok(());
    }
    for step in &steps[taken..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", steps.len() as i64)?;
    transaction.commit()?;
    Ok(())
}

/// Whether a file has a schema, which must not be that of a newer version.
pub(super) fn is_there(connection: &Connection) -> Result<bool, OpenError> {
    Ok(taken(connection, STEPS.len())? > 0)
}

/// How many of the known steps a file has taken.
fn taken(connection: &Connection, known: usize) -> Result<usize, OpenError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match usize::try_from(found) {
        Ok(taken) if taken <= known => Ok(taken),
        _ => Err(OpenError::Newer { found, known: known as i64 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_takes_every_step_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        bring_up_to_date(&mut connection).unwrap();
        bring_up_to_date(&mut connection).unwrap();
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'records'", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(tables, 1);
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        let first = "CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('kept')";
        take(&mut Connection::open(&path).unwrap(), &[first]).unwrap();
        let halfway = "ALTER TABLE notes ADD COLUMN number INTEGER; UPDATE notes SET text = 'changed'; \
                       INSERT INTO nowhere VALUES (1)";
        // The step before it would have succeeded, and goes with it.
        let steps = [first, "CREATE TABLE more (text TEXT)", halfway];
        let error = take(&mut Connection::open(&path).unwrap(), &steps).unwrap_err();
        assert!(matches!(error, OpenError::Database(_)), "{error}");

        let connection = Connection::open(&path).unwrap();
        let one = |sql| connection.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(
            one("SELECT group_concat(sql) FROM sqlite_schema"),
            "CREATE TABLE notes (text TEXT)"
        );
        assert_eq!(one("SELECT text FROM notes"), "kept");
        assert_eq!(taken(&connection, steps.len()).unwrap(), 1);
        // The version that can take it finds everything it needs.
        let mended = [first, steps[1], "UPDATE notes SET text = 'mended'"];
        take(&mut Connection::open(&path).unwrap(), &mended).unwrap();
        assert_eq!(one("SELECT text FROM notes"), "mended");
    }

    #[test]
    fn a_newer_file_is_refused_and_stays_as_it_is() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let error = bring_up_to_date(&mut connection).unwrap_err();
        assert!(
            matches!(error, OpenError::Newer { found: 99, known } if known == STEPS.len() as i64),
            "{error}"
        );
        assert!(error.to_string().contains("newer version"));
    }
}
