//! Opens and configures connections.
//!
//! SQLite is compiled to read a file name that starts with `file:` as a URI, in which `?`, `#` and `%` have a meaning.
//! [`open`] therefore passes absolute paths only, which start differently, so that every path names that file.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{functions, time_limit};

/// When commits are synced to disk: SQLite's `synchronous` setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Synchronous {
    /// Every commit is synced before it completes.
    Full,
    /// Commits are not synced, but stay in order: a crash loses the last ones only.
    Normal,
    /// Nothing is synced. For temporary data.
    Off,
}

/// The size of a page of new files, in bytes.
pub(super) const PAGE_SIZE: u32 = 8192;

/// Capacity of the prepared statement cache. It exceeds the number of statements, so each is prepared once per connection.
const STATEMENT_CACHE: usize = 128;

/// How long to wait for a lock that another process holds. Longer waits would delay the requests behind it as well.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_millis(500);

/// How long to wait for a lock when a server starts, because nobody waits for a response and failing ends the server.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// When to try again after a lock was not released in time.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Above this size in bytes, the WAL file is truncated when it is reset.
const WAL_SIZE_LIMIT: u32 = 64 << 20;

/// Opens a database file with any name.
pub(super) fn open(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let path =
        std::path::absolute(path).map_err(|_| rusqlite::Error::InvalidPath(path.to_owned()))?;
    Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

/// Opens the connection that writes. Creates the file if it is missing.
pub(super) fn writer(path: &Path, synchronous: Synchronous) -> rusqlite::Result<Connection> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    // The page size and `auto_vacuum` only affect new files, and must be set before WAL mode. Larger pages waste less space on
    // records of typical size; incremental vacuuming lets the file shrink in small steps.
    connection.pragma_update(None, "page_size", PAGE_SIZE)?;
    connection.pragma_update(None, "auto_vacuum", "incremental")?;
    // `fast` overwrites deleted rows within their pages, which needs no additional write. Pages that become free are removed by
    // vacuuming. A file that cannot be vacuumed, because an early version created it, needs the expensive way.
    let can_shrink =
        connection.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, i64>(0))? > 0;
    connection.pragma_update(None, "secure_delete", if can_shrink { "fast" } else { "on" })?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    set_synchronous(&connection, synchronous)?;
    connection.pragma_update(None, "journal_size_limit", WAL_SIZE_LIMIT)?;
    // 4 MB are enough: writes go to the right edge of a few B-trees.
    connection.pragma_update(None, "cache_size", -4096)?;
    connection.busy_timeout(OPEN_TIMEOUT)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    functions::register(&connection)?;
    configure_statements(&connection)?;
    Ok(connection)
}

/// Opens the connection that checkpoints the WAL.
pub(super) fn checkpointer(path: &Path, synchronous: Synchronous) -> rusqlite::Result<Connection> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    set_synchronous(&connection, synchronous)?;
    connection.pragma_update(None, "journal_size_limit", WAL_SIZE_LIMIT)?;
    Ok(connection)
}

/// Sets when the connection's commits are synced.
pub(super) fn set_synchronous(
    connection: &Connection,
    synchronous: Synchronous,
) -> rusqlite::Result<()> {
    let value = match synchronous {
        Synchronous::Full => "full",
        Synchronous::Normal => "normal",
        Synchronous::Off => "off",
    };
    connection.pragma_update(None, "synchronous", value)
}

/// Opens a read-only connection. Its transactions see a consistent snapshot while others write.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let mut connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "cache_size", -2048)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    functions::register(&connection)?;
    time_limit::install(&mut connection)?;
    configure_statements(&connection)?;
    Ok(connection)
}

/// Opens a database that nobody writes, without creating or locking any file. Ignores the WAL, which must be empty.
#[cfg(unix)]
pub(super) fn immutable(path: &Path) -> rusqlite::Result<Connection> {
    use std::os::unix::ffi::OsStrExt;

    let path =
        std::path::absolute(path).map_err(|_| rusqlite::Error::InvalidPath(path.to_owned()))?;
    let encoded = percent_encoding::percent_encode(
        path.as_os_str().as_bytes(),
        percent_encoding::NON_ALPHANUMERIC,
    );
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(format!("file:{encoded}?immutable=1"), flags)
}

#[cfg(not(unix))]
pub(super) fn immutable(path: &Path) -> rusqlite::Result<Connection> {
    reader(path)
}

/// Makes prepared statements reusable. Without the query planner stability guarantee, SQLite prepares statements that could use
/// a partial index again whenever their parameters change.
fn configure_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(())
}
