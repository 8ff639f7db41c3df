//! What the server has acknowledged is never lost: over kills, ends in order, full and failing disks, and in backups. All of it
//! is tried on servers in processes of their own.

mod backups;
#[cfg(target_os = "linux")]
mod disks;
mod kills;
mod load;
mod served;
mod shutdown;
#[cfg(target_os = "linux")]
mod small_disk;
mod worker;

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// SQLite's own check of every page, index and reference of a data directory that no server uses.
fn check_integrity(directory: &Path) {
    let path = directory.join("datasets.sqlite3");
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let database = database.expect("the database opens");
    let verdict: String =
        database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("the check runs");
    assert_eq!(verdict, "ok");
    let broken: i64 = database
        .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))
        .expect("the check runs");
    assert_eq!(broken, 0);
}
