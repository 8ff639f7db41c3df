//! How connections to the file are set up.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

/// When a write counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Synchronous {
    /// When it is on the disk.
    Full,
    /// At once, but on the disk before whatever is written after it.
    Normal,
    /// At once, for data that ends with the process.
    Off,
}

/// Statements that stay prepared on a connection; more than the storage has, so that none is ever prepared twice.
const STATEMENTS: usize = 128;

/// How long a connection waits for a lock that another process holds on the file.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// The connection that writes.
pub(super) fn writer(path: &Path, durability: Synchronous) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    // Records of a conversation's size waste less of a larger page. It counts for a new file only, and before WAL.
    connection.pragma_update(None, "page_size", 8192)?;
    // Where the file's pages are used is noted, so that it can be made smaller bit by bit. It counts for a new file only, too.
    connection.pragma_update(None, "auto_vacuum", "incremental")?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    synchronise(&connection, durability)?;
    // A log that once grew long gives the space back when it begins anew.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    // 4 MB: what is written lies at the ends of a few trees.
    connection.pragma_update(None, "cache_size", -4096)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    keep_statements(&connection)?;
    Ok(connection)
}

/// A connection that copies the log into the file.
pub(super) fn copier(path: &Path, durability: Synchronous) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    synchronise(&connection, durability)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    Ok(connection)
}

/// Says when the connection's transactions count as done.
pub(super) fn synchronise(
    connection: &Connection,
    durability: Synchronous,
) -> rusqlite::Result<()> {
    let synchronous = match durability {
        Synchronous::Full => "full",
        Synchronous::Normal => "normal",
        Synchronous::Off => "off",
    };
    connection.pragma_update(None, "synchronous", synchronous)
}

/// A connection that only reads. The log lets it see one moment while others write.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.pragma_update(None, "cache_size", -2048)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    keep_statements(&connection)?;
    Ok(connection)
}

/// Statements are prepared once. Without the guarantee that plans do not depend on parameters, SQLite would prepare those that
/// could use a partial index again whenever they are given other parameters.
fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}
