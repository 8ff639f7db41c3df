//! Tests that acknowledged writes are never lost: after kills, graceful shutdowns, full and failing disks, and in backups.
//! Others attack the server's memory and check that it stays bounded. The servers run in separate processes.

mod backups;
#[cfg(unix)]
mod campaign_kills;
#[cfg(target_os = "linux")]
mod failing_disk;
#[cfg(target_os = "linux")]
mod full_disk;
mod import_kills;
mod kills;
mod load;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod open_files;
mod server;
mod shared;
mod shared_kills;
mod shutdown;
#[cfg(target_os = "linux")]
mod small_disk;
mod telemetry;
mod worker;

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// Runs SQLite's checks of pages, indexes and foreign keys on a data directory that no server is using.
fn check_integrity(directory: &Path) {
    let path = directory.join("datasets.sqlite3");
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let database = database.expect("database opens");
    let result: String =
        database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("the check runs");
    assert_eq!(result, "ok");
    let violations: i64 = database
        .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))
        .expect("the check runs");
    assert_eq!(violations, 0);
}
