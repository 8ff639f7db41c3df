//! When the write-ahead log is moved into the file.
//!
//! What is written goes to the end of the log first, which must then be copied into the file, or it grows for ever. SQLite
//! lets the write that finds the log too long do that, and everybody who writes waits. Here a thread with a connection of its
//! own copies while the writer goes on, again and again until it has nearly caught up; the writer then copies the little that
//! is left, so that the log can begin anew.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::connection::{self, Synchronous};
use super::disk::{Disk, is_failed_flush};
use crate::disk_space;

/// From so many pages on the log is copied: 16 MB.
const LONG: u32 = 2048;

/// With so many pages the writer waits until it is copied: 64 MB.
const TOO_LONG: u32 = 8192;

/// What the writer copies itself is at most about this, which takes it no longer than a chunk of an import.
const LITTLE: u32 = 512;

/// The thread tries so often to catch up. Each time what is left is a fraction of what was left before, or the disk is so
/// slow that only waiting helps.
const ROUNDS: usize = 5;

/// For so long the writer waits for those who still read from the log, before it leaves the log as it is for now.
const PATIENCE: Duration = Duration::from_millis(20);

/// The log of the connection that writes. Dropping it ends the thread that copies.
pub(super) struct Wal {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// The log is looked at again when it has so many pages.
    next: u32,
    disk: Disk,
    path: PathBuf,
}

struct Shared {
    /// How many pages the log has.
    pages: AtomicU32,
    phase: Mutex<Phase>,
    changed: Condvar,
    disk: Disk,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// There is nothing to copy.
    Rest,
    /// The thread is to copy, or does.
    Copying,
    /// The thread has copied what it could.
    Copied,
    /// The thread is to end.
    Closed,
}

impl Wal {
    /// Takes over the log of the connection that writes to the file.
    pub(super) fn of(
        writer: &mut Connection,
        path: PathBuf,
        durability: Synchronous,
    ) -> Result<Self, super::OpenError> {
        let disk = Disk::default();
        let shared = Arc::new(Shared {
            pages: AtomicU32::new(0),
            phase: Mutex::new(Phase::Rest),
            changed: Condvar::new(),
            disk: disk.clone(),
        });
        let hears = Arc::clone(&shared);
        // This also ends the copying by SQLite itself.
        writer.wal_hook(Some(move |_: &mut _, pages: i32| {
            hears.pages.store(u32::try_from(pages).unwrap_or_default(), Ordering::Relaxed);
            Ok(())
        }))?;
        let copies = Arc::clone(&shared);
        let file = path.clone();
        let thread = std::thread::Builder::new()
            .name("datasets-log".to_owned())
            .spawn(move || copies.copy_when_asked(&path, durability))?;
        Ok(Self { shared, thread: Some(thread), next: LONG, disk, path: file })
    }

    /// The disk that it lies on.
    pub(super) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Whether there is only room left for what gives some back.
    pub(super) fn is_full(&self, writer: &Connection) -> bool {
        let room = disk_space::available(&self.path);
        // What was removed from the file leaves room in it.
        room < disk_space::RESERVED
            && free_in_file(writer).is_ok_and(|free| room + free < disk_space::RESERVED)
    }

    /// To be called when there was no room for a transaction, which then gives back what it took.
    pub(super) fn make_room(&mut self, writer: &Connection) {
        if let Err(error) = self.cut_off(writer) {
            tracing::warn!(%error, "the log could not be shortened");
        }
        if let Err(error) = begin_anew(writer, "TRUNCATE") {
            failed(&self.disk, &error);
        }
    }

    /// Cuts off what the log's file has beyond the last transaction. SQLite would write over it, and nobody reads it.
    fn cut_off(&self, writer: &Connection) -> Result<(), Box<dyn std::error::Error>> {
        const HEAD: u64 = 32;
        const HEAD_OF_PAGE: u64 = 24;
        let pages = u64::from(self.shared.pages.load(Ordering::Relaxed));
        let used = HEAD + pages * (HEAD_OF_PAGE + page_size(writer)?);
        let mut name = self.path.clone().into_os_string();
        name.push("-wal");
        let log = File::options().write(true).open(name)?;
        if log.metadata()?.len() > used {
            log.set_len(used)?;
        }
        Ok(())
    }

    /// To be called between the transactions of the connection that writes.
    pub(super) fn tend(&mut self, writer: &Connection) {
        let pages = self.shared.pages.load(Ordering::Relaxed);
        // The file must be able to take what is in the log.
        let room = disk_space::available(&self.path).saturating_sub(disk_space::RESERVED);
        if page_size(writer).is_ok_and(|size| u64::from(pages) * size > room) {
            if let Err(error) = begin_anew(writer, "TRUNCATE") {
                failed(&self.disk, &error);
            }
            return;
        }
        if pages < LONG {
            // It has begun anew.
            self.next = LONG;
        }
        if pages < self.next {
            return;
        }
        let mut phase = self.shared.lock();
        if *phase == Phase::Rest {
            *phase = Phase::Copying;
            self.shared.changed.notify_all();
        }
        if pages >= TOO_LONG {
            phase = self.shared.wait_while(phase, Phase::Copying);
        }
        if *phase != Phase::Copied {
            return;
        }
        *phase = Phase::Rest;
        drop(phase);
        // Somebody who reads for long keeps the log from beginning anew. There is no use in trying at every write.
        self.next = pages + LONG;
        if let Err(error) = begin_anew(writer, "RESTART") {
            failed(&self.disk, &error);
        }
    }
}

impl Drop for Wal {
    fn drop(&mut self) {
        *self.shared.lock() = Phase::Closed;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while<'a>(
        &self,
        phase: MutexGuard<'a, Phase>,
        while_it_is: Phase,
    ) -> MutexGuard<'a, Phase> {
        self.changed
            .wait_while(phase, |phase| *phase == while_it_is)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What the thread does until the log is dropped.
    fn copy_when_asked(&self, path: &std::path::Path, durability: Synchronous) {
        // Most servers never write so much that the connection is needed.
        let mut connection = None;
        loop {
            let mut phase = self.lock();
            while matches!(*phase, Phase::Rest | Phase::Copied) {
                let now = *phase;
                phase = self.wait_while(phase, now);
            }
            if *phase == Phase::Closed {
                return;
            }
            drop(phase);
            if let Err(error) = self.catch_up(&mut connection, path, durability) {
                failed(&self.disk, &error);
            }
            let mut phase = self.lock();
            if *phase == Phase::Copying {
                *phase = Phase::Copied;
                self.changed.notify_all();
            }
        }
    }

    /// Copies until little is left.
    fn catch_up(
        &self,
        kept: &mut Option<Connection>,
        path: &std::path::Path,
        durability: Synchronous,
    ) -> rusqlite::Result<()> {
        let connection = match kept {
            Some(connection) => connection,
            None => kept.insert(connection::copier(path, durability)?),
        };
        for _ in 0..ROUNDS {
            let copied = connection
                .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(2))?;
            let pages = self.pages.load(Ordering::Relaxed);
            if i64::from(pages) - copied <= i64::from(LITTLE) || *self.lock() == Phase::Closed {
                break;
            }
        }
        Ok(())
    }
}

/// What was not copied stays in the log, and is tried again, unless the disk is not to be trusted any more.
fn failed(disk: &Disk, error: &rusqlite::Error) {
    tracing::warn!(%error, "the log could not be copied into the database");
    if is_failed_flush(error) {
        disk.fail();
    }
}

/// Copies what is left, and lets the next write begin the log anew if nobody reads from it: within the file that it has, or with
/// an empty one.
fn begin_anew(writer: &Connection, how: &str) -> rusqlite::Result<()> {
    writer.busy_timeout(PATIENCE)?;
    let copied = writer.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |_| Ok(()));
    writer.busy_timeout(connection::BUSY)?;
    copied
}

/// How many bytes of the file are free.
fn free_in_file(connection: &Connection) -> rusqlite::Result<u64> {
    let pages: u64 =
        connection.prepare_cached("PRAGMA freelist_count")?.query_row([], |row| row.get(0))?;
    Ok(pages * page_size(connection)?)
}

fn page_size(connection: &Connection) -> rusqlite::Result<u64> {
    connection.prepare_cached("PRAGMA page_size")?.query_row([], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// A megabyte a transaction, and the log tended after each. Answers how large the log's file was at most.
    fn write(connection: &Connection, log: &mut Wal, path: &Path, megabytes: usize) -> u64 {
        let mut largest = 0;
        for _ in 0..megabytes {
            connection.execute("INSERT INTO blobs VALUES (zeroblob(1048576))", []).unwrap();
            log.tend(connection);
            largest = largest.max(path.with_extension("db-wal").metadata().unwrap().len());
        }
        largest >> 20
    }

    fn open(path: &Path) -> (Connection, Wal) {
        let mut connection = connection::writer(path, Synchronous::Normal).unwrap();
        connection.execute_batch("CREATE TABLE blobs (blob BLOB)").unwrap();
        let log = Wal::of(&mut connection, path.to_owned(), Synchronous::Normal).unwrap();
        (connection, log)
    }

    #[test]
    fn the_log_stays_short_whatever_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("blobs.db");
        let (connection, mut log) = open(&path);
        let largest = write(&connection, &mut log, &path, 200);
        assert!(largest <= 80, "{largest} MB");
        drop((log, connection));
        let connection = Connection::open(&path).unwrap();
        let count = "SELECT count(*) FROM blobs WHERE length(blob) = 1048576";
        assert_eq!(connection.query_row(count, [], |row| row.get(0)), Ok(200));
    }

    #[test]
    fn who_reads_for_long_holds_up_no_write_and_the_log_is_short_again_afterwards() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("blobs.db");
        let (connection, mut log) = open(&path);
        let reader = connection::reader(&path).unwrap();
        let count = || {
            let count = "SELECT count(*) FROM blobs";
            reader.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap()
        };
        reader.execute_batch("BEGIN").unwrap();
        assert_eq!(count(), 0);
        write(&connection, &mut log, &path, 100);
        // What it sees is still of the moment at which it began.
        assert_eq!(count(), 0);
        reader.execute_batch("COMMIT").unwrap();
        assert_eq!(count(), 100);
        write(&connection, &mut log, &path, 100);
        let pages = log.shared.pages.load(Ordering::Relaxed);
        assert!(pages <= TOO_LONG + 1024, "{pages} pages");
    }
}
