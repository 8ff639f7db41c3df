//! Rewrites a database without free pages.
//!
//! `VACUUM INTO` writes the new database next to the old one, and renaming it replaces the old one atomically. Compared to a plain
//! `VACUUM`, this needs half the disk space, and an interrupted run changes nothing.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::connection;
use super::schema::{self, OpenError};
use super::wal::wal_path;
use crate::disk_space::{Claim, DiskSpace};

/// How many instructions of SQLite's virtual machine run between two checks for cancellation.
///
/// A few of them copy a row, however large it is.
const INSTRUCTIONS_PER_CHECK: i32 = 100;

/// A reason why a database was not compacted.
#[derive(Debug)]
pub(crate) enum CompactFailure {
    /// The database has no schema yet.
    NoSchema,
    /// Another process has opened the database.
    Busy,
    DiskFull {
        needed: u64,
        available: u64,
    },
    Io(io::Error),
    Open(OpenError),
    Stopped,
}

impl From<rusqlite::Error> for CompactFailure {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::OperationInterrupted) => Self::Stopped,
            _ => Self::Open(error.into()),
        }
    }
}

impl From<io::Error> for CompactFailure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Compacts the database at `path`, using the empty private file `temporary` in the same directory. Returns the sizes before and
/// after in bytes.
pub(crate) fn compact(
    path: &Path,
    temporary: &Path,
    space: &DiskSpace,
    should_continue: impl Fn() -> bool + Send + 'static,
) -> Result<(u64, u64), CompactFailure> {
    let result = write(path, temporary, space, should_continue);
    if result.is_err() {
        let _ = fs::remove_file(temporary);
    }
    result
}

fn write(
    path: &Path,
    temporary: &Path,
    space: &DiskSpace,
    should_continue: impl Fn() -> bool + Send + 'static,
) -> Result<(u64, u64), CompactFailure> {
    let size = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    let before = size(path) + size(&wal_path(path));
    let mut connection = connection::open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(connection::BUSY_TIMEOUT)?;
    if !schema::exists(&connection).map_err(CompactFailure::Open)? {
        return Err(CompactFailure::NoSchema);
    }
    let _claim = claim_space(&connection, path, space)?;
    // Without a WAL, the file contains everything. This fails if another process has opened the database, and the lock is then
    // held until the connection is closed, so that nobody writes to the old file after it was copied.
    connection.pragma_update(None, "locking_mode", "exclusive")?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "delete", |row| row.get(0))?;
    if mode != "delete" {
        return Err(CompactFailure::Busy);
    }
    connection.execute_batch("BEGIN EXCLUSIVE; COMMIT")?;
    connection.progress_handler(INSTRUCTIONS_PER_CHECK, Some(move || !should_continue()))?;
    let name = temporary
        .to_str()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path is not UTF-8"))?;
    connection.execute("VACUUM INTO ?1", [name])?;
    connection.progress_handler(0, None::<fn() -> bool>)?;
    File::options().write(true).open(temporary)?.sync_all()?;
    let after = size(temporary);
    // Windows does not replace open files.
    #[cfg(not(unix))]
    drop(connection);
    fs::rename(temporary, path)?;
    #[cfg(unix)]
    if let Some(directory) = path.parent() {
        File::open(directory)?.sync_all()?;
    }
    Ok((before, after))
}

/// Claims space for a second copy of the used pages, and for the WAL that is copied into the database first.
fn claim_space(
    connection: &Connection,
    path: &Path,
    space: &DiskSpace,
) -> Result<Claim, CompactFailure> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    let (pages, free, page_size) =
        (pragma("page_count")?, pragma("freelist_count")?, pragma("page_size")?);
    let grown = (pages * page_size).saturating_sub(fs::metadata(path)?.len());
    let needed = (pages - free) * page_size + grown;
    let available = space.unclaimed();
    match space.claim(needed) {
        Some(claim) => Ok(claim),
        None => Err(CompactFailure::DiskFull { needed, available }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{SqliteStorage, Synchronous};

    /// Creates a database that is about half free.
    fn create(path: &Path) -> DiskSpace {
        let space = DiskSpace::without_reserve_file(path.parent().unwrap());
        drop(SqliteStorage::open(path, Synchronous::Off, space.clone()).unwrap());
        let connection = Connection::open(path).unwrap();
        connection
            .execute_batch(
                "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 200) \
                 INSERT INTO settings SELECT 'name ' || n, zeroblob(20000) FROM n; \
                 DELETE FROM settings WHERE length(name) < 8",
            )
            .unwrap();
        space
    }

    fn pragma(connection: &Connection, name: &str) -> String {
        let value = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
        format!("{:?}", connection.pragma_query_value(None, name, value).unwrap())
    }

    #[test]
    fn the_compacted_database_has_the_same_settings_and_no_free_pages() {
        let directory = tempfile::tempdir().unwrap();
        let (path, temporary) = (directory.path().join("db"), directory.path().join("new"));
        let space = create(&path);
        let settings = ["page_size", "auto_vacuum", "user_version"];
        let connection = Connection::open(&path).unwrap();
        let before = settings.map(|name| pragma(&connection, name));
        assert_ne!(pragma(&connection, "freelist_count"), "Integer(0)");
        drop(connection);
        let (bytes_before, bytes_after) = compact(&path, &temporary, &space, || true).unwrap();
        assert!(bytes_after < bytes_before * 3 / 4, "{bytes_before}, then {bytes_after}");
        assert_eq!(bytes_after, fs::metadata(&path).unwrap().len());
        assert!(!temporary.exists());
        let connection = Connection::open(&path).unwrap();
        assert_eq!(settings.map(|name| pragma(&connection, name)), before);
        assert_eq!(pragma(&connection, "freelist_count"), "Integer(0)");
        assert_eq!(pragma(&connection, "integrity_check"), "Text(\"ok\")");
        drop(connection);
        SqliteStorage::open(&path, Synchronous::Full, space).unwrap();
    }

    #[test]
    fn a_stopped_or_refused_run_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (path, temporary) = (directory.path().join("db"), directory.path().join("new"));
        let space = create(&path);
        let size = fs::metadata(&path).unwrap().len();
        let result = compact(&path, &temporary, &space, || false);
        assert!(matches!(result, Err(CompactFailure::Stopped)), "{result:?}");
        let other = connection::reader(&path).unwrap();
        let count = "SELECT count(*) FROM settings";
        // Stopping leaves the file without a WAL; a server or writer enables it again.
        connection::writer(&path, Synchronous::Off).unwrap();
        let first: i64 = other.query_row(count, [], |row| row.get(0)).unwrap();
        let result = compact(&path, &temporary, &space, || true);
        assert!(matches!(result, Err(CompactFailure::Busy)), "{result:?}");
        assert!(!temporary.exists());
        assert_eq!(fs::metadata(&path).unwrap().len(), size);
        assert_eq!(other.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap(), first);
        drop(other);
        compact(&path, &temporary, &space, || true).unwrap();
    }

    #[test]
    fn a_full_disk_is_noticed_before_anything_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let (path, temporary) = (directory.path().join("db"), directory.path().join("new"));
        create(&path);
        let size = fs::metadata(&path).unwrap().len();
        let quota = |bytes| {
            DiskSpace::with_quota(directory.path(), &directory.path().join("reserve"), bytes)
        };
        let space = quota(size + (4 << 20)).unwrap();
        let result = compact(&path, &temporary, &space, || true);
        let Err(CompactFailure::DiskFull { needed, available }) = result else {
            panic!("{result:?}")
        };
        assert!(available < needed && needed < size, "{available} of {needed}");
        assert_eq!((temporary.exists(), fs::metadata(&path).unwrap().len()), (false, size));
        compact(&path, &temporary, &quota(size + (40 << 20)).unwrap(), || true).unwrap();
    }
}
