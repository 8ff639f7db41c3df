//! Interrupts searches that take too long. There are few reader threads, and other reads wait for them.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::storage::StorageError;

/// How long a search may take.
pub(super) const SEARCH_TIME: Duration = Duration::from_secs(10);

/// The number of SQLite's operations after which the deadline is checked. They take a few hundred microseconds.
const CHECKED_OPERATIONS: i32 = 20_000;

thread_local! {
    /// When the current read of the thread is interrupted.
    static DEADLINE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Lets reads on a connection be interrupted.
pub(super) fn install(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.progress_handler(CHECKED_OPERATIONS, Some(is_late))
}

/// Returns whether the current read of the thread has to end. Functions that may take long check it: while they run, SQLite does not.
pub(super) fn is_late() -> bool {
    DEADLINE.get().is_some_and(|deadline| Instant::now() >= deadline)
}

/// Runs a read that is interrupted when it takes longer than `limit`.
pub(super) fn limited<T>(
    limit: Duration,
    read: impl FnOnce() -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    /// Ends the limit, also if the read panics.
    struct Limit;

    impl Drop for Limit {
        fn drop(&mut self) {
            DEADLINE.set(None);
        }
    }

    DEADLINE.set(Some(Instant::now() + limit));
    let _limit = Limit;
    read()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(connection: &Connection, to: u32) -> Result<u32, StorageError> {
        let sql = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1) SELECT count(*) FROM n";
        Ok(connection.query_row(sql, [to], |row| row.get(0))?)
    }

    #[test]
    fn a_read_is_interrupted_at_its_limit() {
        let mut connection = Connection::open_in_memory().unwrap();
        install(&mut connection).unwrap();
        let limit = Duration::from_millis(50);
        let endless = limited(limit, || count(&connection, u32::MAX));
        assert!(matches!(endless, Err(StorageError::TimedOut)), "{endless:?}");
        assert_eq!(limited(limit, || count(&connection, 100)).unwrap(), 100);
        // The next read has no limit.
        std::thread::sleep(limit);
        assert_eq!(count(&connection, 100_000).unwrap(), 100_000);
    }
}
