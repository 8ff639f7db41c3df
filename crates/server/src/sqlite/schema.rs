//! The tables, and how older ones are brought up to date.

use rusqlite::{Connection, TransactionBehavior};

/// The steps from an empty file to the schema of today. A step that was released is never changed: what is to be different
/// comes as a further step. The number of steps a file has taken is its `user_version`.
const STEPS: &[&str] = &[include_str!("schema/1.sql")];

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
    let known = STEPS.len() as i64;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > known {
        return Err(OpenError::Newer { found, known });
    }
    if found == known {
        return Ok(());
    }
    for step in &STEPS[found.max(0) as usize..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
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
    fn a_newer_file_is_refused_and_stays_as_it_is() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let error = bring_up_to_date(&mut connection).unwrap_err();
        assert!(matches!(error, OpenError::Newer { found: 99, known: 1 }), "{error}");
        assert!(error.to_string().contains("newer version"));
    }
}
