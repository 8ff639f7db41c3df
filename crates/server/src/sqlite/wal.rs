//! Checkpoints the write-ahead log (WAL).
//!
//! Commits append to the WAL, which must be copied into the database file from time to time, or it grows without bound. By
//! default SQLite does this in the commit that finds the WAL too long, and all waiting writes are delayed. Here, a thread with
//! its own connection copies while the writer continues, until it has nearly caught up. The writer then copies the small rest,
//! so that the WAL can be reset.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::budget::Budget;
use super::connection::{self, Synchronous};
use super::disk::{DiskHealth, is_failed_sync};
use super::long_reader::LongReader;
use super::writer::SpaceUse;
use crate::disk_space::DiskSpace;

/// WAL length at which the thread starts to copy, in pages: 16 MB.
const CHECKPOINT_PAGES: u32 = 2048;

/// WAL length at which the writer waits for the thread, in pages: 64 MB.
const MAX_PAGES: u32 = 8192;

/// The thread stops when at most this many pages are left for the writer. Copying them takes no longer than a chunk of an import.
const REMAINING_PAGES: u32 = 512;

/// How often the thread tries to catch up. Each round leaves a fraction of the previous one, unless the disk is so slow that
/// only waiting helps.
const MAX_ROUNDS: usize = 5;

const WAL_HEADER_SIZE: u64 = 32;

/// The size of a page in the WAL, with its header.
const FRAME_SIZE: u64 = 24 + connection::PAGE_SIZE as u64;

/// How long the writer waits for readers of the WAL before it postpones the reset.
const RESET_TIMEOUT: Duration = Duration::from_millis(20);

/// The WAL of the connection that writes. Dropping it ends the checkpoint thread.
pub(super) struct Wal {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// WAL length at which to checkpoint next, in pages.
    next: u32,
    disk: DiskHealth,
    space: DiskSpace,
    /// The path of the database.
    path: PathBuf,
    long_reader: LongReader,
}

struct Shared {
    /// Length of the WAL, in pages.
    pages: AtomicU32,
    phase: Mutex<Phase>,
    changed: Condvar,
    disk: DiskHealth,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The thread waits for pages to copy.
    Idle,
    /// The thread is copying, or about to.
    Copying,
    /// The thread has copied what it could.
    Copied,
    /// The thread must end.
    Closed,
}

impl Wal {
    /// Takes over checkpoints from SQLite and starts the checkpoint thread.
    pub(super) fn start(
        writer: &mut Connection,
        path: PathBuf,
        synchronous: Synchronous,
        space: DiskSpace,
    ) -> Result<Self, super::OpenError> {
        let disk = DiskHealth::default();
        let shared = Arc::new(Shared {
            pages: AtomicU32::new(0),
            phase: Mutex::new(Phase::Idle),
            changed: Condvar::new(),
            disk: disk.clone(),
        });
        let hook = Arc::clone(&shared);
        // Setting a hook disables SQLite's automatic checkpoints.
        writer.wal_hook(Some(move |_: &mut _, pages: i32| {
            hook.pages.store(u32::try_from(pages).unwrap_or_default(), Ordering::Relaxed);
            Ok(())
        }))?;
        let thread = std::thread::Builder::new().name("datasets-wal".to_owned()).spawn({
            let (shared, path) = (Arc::clone(&shared), path.clone());
            move || shared.run(&path, synchronous)
        })?;
        let wal = Self {
            shared,
            thread: Some(thread),
            next: CHECKPOINT_PAGES,
            disk,
            space,
            path,
            long_reader: LongReader::default(),
        };
        // What a killed server left in the WAL has not been counted.
        let left = u32::try_from(wal.file_len() / FRAME_SIZE).unwrap_or(u32::MAX);
        wal.shared.pages.store(left, Ordering::Relaxed);
        wal.empty(writer);
        Ok(wal)
    }

    /// Returns the health of the disk.
    pub(super) fn disk(&self) -> &DiskHealth {
        &self.disk
    }

    /// Returns the disk space.
    pub(super) fn space(&self) -> &DiskSpace {
        &self.space
    }

    /// Returns the space that a transaction may use. If `first` does not fit, checkpoints to make room for it.
    pub(super) fn budget(&self, writer: &Connection, first: SpaceUse) -> Budget {
        let budget = Budget { unclaimed: self.space.unclaimed(), reusable_wal: 0, free_pages: 0 };
        let cost = match first {
            SpaceUse::Consumes(cost) | SpaceUse::Frees(cost) => cost.bytes(),
        };
        if budget.fits(cost) {
            return budget;
        }
        let budget = self.exact_budget(writer);
        if budget.fits(cost) {
            return budget;
        }
        if self.used() > 0 {
            self.truncate(writer);
        }
        self.space.restore_reserve();
        let budget = self.exact_budget(writer);
        if matches!(first, SpaceUse::Frees(_)) && !budget.fits(cost) {
            self.space.use_reserve();
        }
        budget
    }

    /// Computes the budget from the sizes of the files.
    fn exact_budget(&self, writer: &Connection) -> Budget {
        self.space.set_owed(self.owed(writer).unwrap_or(u64::MAX));
        Budget {
            unclaimed: self.space.unclaimed(),
            reusable_wal: self.file_len().saturating_sub(self.used()),
            free_pages: free_bytes(writer).unwrap_or_default(),
        }
    }

    /// Returns how many bytes a checkpoint adds to the database file.
    fn owed(&self, writer: &Connection) -> rusqlite::Result<u64> {
        let pages: u64 =
            writer.prepare_cached("PRAGMA page_count")?.query_row([], |row| row.get(0))?;
        let length = self.path.metadata().map_or(0, |metadata| metadata.len());
        Ok((pages * u64::from(connection::PAGE_SIZE)).saturating_sub(length))
    }

    /// Returns the number of bytes used in the WAL file.
    fn used(&self) -> u64 {
        match self.shared.pages.load(Ordering::Relaxed) {
            0 => 0,
            pages => WAL_HEADER_SIZE + u64::from(pages) * FRAME_SIZE,
        }
    }

    /// Returns the length of the WAL file in bytes.
    fn file_len(&self) -> u64 {
        wal_path(&self.path).metadata().map_or(0, |metadata| metadata.len())
    }

    /// Copies the whole WAL into the database file, when a server starts and before it stops. There is space for this, unless
    /// another program has taken it; the reserve then helps.
    pub(super) fn empty(&self, writer: &Connection) {
        if self.used() > 0 && !self.truncate(writer) {
            self.space.use_reserve();
            self.truncate(writer);
        }
        self.space.restore_reserve();
    }

    /// Frees the space of a transaction that failed because the disk is full.
    pub(super) fn free_space(&mut self, writer: &Connection) {
        if let Err(error) = self.truncate_unused() {
            tracing::warn!(%error, "failed to truncate the WAL");
        }
        self.empty(writer);
    }

    /// Copies the whole WAL into the database file and truncates both. Returns false if a read in progress prevents it.
    pub(super) fn truncate(&self, writer: &Connection) -> bool {
        // Only one checkpoint can run at a time.
        drop(self.shared.wait_while(self.shared.lock(), Phase::Copying));
        let is_done = self.checkpoint(writer, "TRUNCATE");
        if is_done {
            self.shared.pages.store(0, Ordering::Relaxed);
        }
        self.space.set_owed(self.owed(writer).unwrap_or(u64::MAX));
        is_done
    }

    /// Cuts off the part of the WAL file after the last transaction. It is never read, and SQLite would overwrite it.
    fn truncate_unused(&self) -> std::io::Result<()> {
        let file = File::options().write(true).open(wal_path(&self.path))?;
        if file.metadata()?.len() > self.used() {
            file.set_len(self.used())?;
        }
        Ok(())
    }

    /// Checkpoints if necessary. The writer calls this after every transaction.
    pub(super) fn after_commit(&mut self, writer: &Connection) {
        if self.space.is_reserve_used() {
            self.truncate(writer);
            self.space.restore_reserve();
            return;
        }
        let (used, available) = (self.used(), self.space.available());
        // Another program may fill the disk, so little is owed on a disk that is nearly full.
        if used > available {
            self.truncate(writer);
            return;
        }
        // The size of the WAL is an upper bound that costs no query.
        let owed = if used < available / 4 { Ok(used) } else { self.owed(writer) };
        self.space.set_owed(owed.unwrap_or(used));
        let pages = self.shared.pages.load(Ordering::Relaxed);
        if pages < CHECKPOINT_PAGES {
            // The WAL was reset.
            self.next = CHECKPOINT_PAGES;
        }
        if pages < self.next {
            return;
        }
        let mut phase = self.shared.lock();
        if *phase == Phase::Idle {
            *phase = Phase::Copying;
            self.shared.changed.notify_all();
        }
        if pages >= MAX_PAGES {
            phase = self.shared.wait_while(phase, Phase::Copying);
        }
        if *phase != Phase::Copied {
            return;
        }
        *phase = Phase::Idle;
        drop(phase);
        // A long read prevents the reset, so it is not tried again at every write.
        self.next = pages + CHECKPOINT_PAGES;
        let is_reset = self.checkpoint(writer, "RESTART");
        self.long_reader.record(is_reset, self.used());
    }

    /// Copies the rest of the WAL and resets it if nobody reads from it, and returns whether it did. `mode` decides whether the
    /// file is also truncated.
    fn checkpoint(&self, writer: &Connection, mode: &str) -> bool {
        run_checkpoint(writer, mode).unwrap_or_else(|error| {
            checkpoint_failed(&self.disk, &error);
            false
        })
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

    fn wait_while<'a>(&self, guard: MutexGuard<'a, Phase>, phase: Phase) -> MutexGuard<'a, Phase> {
        self.changed
            .wait_while(guard, |current| *current == phase)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the checkpoint thread.
    fn run(&self, path: &Path, synchronous: Synchronous) {
        // Opened when needed: most servers never write enough.
        let mut connection = None;
        loop {
            let mut phase = self.lock();
            while matches!(*phase, Phase::Idle | Phase::Copied) {
                let current = *phase;
                phase = self.wait_while(phase, current);
            }
            if *phase == Phase::Closed {
                return;
            }
            drop(phase);
            if let Err(error) = self.catch_up(&mut connection, path, synchronous) {
                checkpoint_failed(&self.disk, &error);
            }
            let mut phase = self.lock();
            if *phase == Phase::Copying {
                *phase = Phase::Copied;
                self.changed.notify_all();
            }
        }
    }

    /// Copies until few pages are left.
    fn catch_up(
        &self,
        connection: &mut Option<Connection>,
        path: &Path,
        synchronous: Synchronous,
    ) -> rusqlite::Result<()> {
        let connection = match connection {
            Some(connection) => connection,
            None => connection.insert(connection::checkpointer(path, synchronous)?),
        };
        for _ in 0..MAX_ROUNDS {
            let copied = connection
                .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(2))?;
            let remaining = i64::from(self.pages.load(Ordering::Relaxed)) - copied;
            if remaining <= i64::from(REMAINING_PAGES) || *self.lock() == Phase::Closed {
                break;
            }
        }
        Ok(())
    }
}

/// Logs a failed checkpoint. The pages stay in the WAL and are copied later, unless fsync failed.
fn checkpoint_failed(disk: &DiskHealth, error: &rusqlite::Error) {
    tracing::warn!(%error, "failed to checkpoint the WAL");
    if is_failed_sync(error) {
        disk.fail();
    }
}

/// Returns whether the checkpoint was complete. The first column is 1 if a reader prevented that.
fn run_checkpoint(writer: &Connection, mode: &str) -> rusqlite::Result<bool> {
    writer.busy_timeout(RESET_TIMEOUT)?;
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    let result = writer.query_row(&sql, [], |row| Ok(row.get::<_, i64>(0)? == 0));
    writer.busy_timeout(connection::BUSY_TIMEOUT)?;
    result
}

/// Returns the path of the WAL of a database.
pub(super) fn wal_path(database: &Path) -> PathBuf {
    let mut name = database.to_owned().into_os_string();
    name.push("-wal");
    name.into()
}

/// Returns how many bytes of the database file are free pages.
fn free_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let pages: u64 =
        connection.prepare_cached("PRAGMA freelist_count")?.query_row([], |row| row.get(0))?;
    Ok(pages * u64::from(connection::PAGE_SIZE))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes one megabyte per transaction. Returns the maximum size of the WAL file in megabytes.
    fn write(connection: &Connection, wal: &mut Wal, path: &Path, megabytes: usize) -> u64 {
        let mut largest = 0;
        for _ in 0..megabytes {
            connection.execute("INSERT INTO blobs VALUES (zeroblob(1048576))", []).unwrap();
            wal.after_commit(connection);
            largest = largest.max(path.with_extension("db-wal").metadata().unwrap().len());
        }
        largest >> 20
    }

    fn open(path: &Path) -> (Connection, Wal) {
        let mut connection = connection::writer(path, Synchronous::Normal).unwrap();
        connection.execute_batch("CREATE TABLE blobs (blob BLOB)").unwrap();
        let space = DiskSpace::without_reserve_file(path.parent().unwrap());
        let wal = Wal::start(&mut connection, path.to_owned(), Synchronous::Normal, space).unwrap();
        (connection, wal)
    }

    #[test]
    fn the_wal_stays_short_under_constant_writes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("blobs.db");
        let (connection, mut wal) = open(&path);
        let largest = write(&connection, &mut wal, &path, 200);
        assert!(largest <= 80, "{largest} MB");
        drop((wal, connection));
        let connection = Connection::open(&path).unwrap();
        let count = "SELECT count(*) FROM blobs WHERE length(blob) = 1048576";
        assert_eq!(connection.query_row(count, [], |row| row.get(0)), Ok(200));
    }

    #[test]
    fn a_long_read_blocks_no_write_and_the_wal_shrinks_afterwards() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("blobs.db");
        let (connection, mut wal) = open(&path);
        let reader = connection::reader(&path).unwrap();
        let count = || {
            let count = "SELECT count(*) FROM blobs";
            reader.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap()
        };
        reader.execute_batch("BEGIN").unwrap();
        assert_eq!(count(), 0);
        write(&connection, &mut wal, &path, 100);
        assert!(!wal.long_reader.has_warned());
        write(&connection, &mut wal, &path, 60);
        assert!(wal.long_reader.has_warned());
        // The reader still sees its snapshot.
        assert_eq!(count(), 0);
        reader.execute_batch("COMMIT").unwrap();
        assert_eq!(count(), 160);
        write(&connection, &mut wal, &path, 100);
        let pages = wal.shared.pages.load(Ordering::Relaxed);
        assert!(pages <= MAX_PAGES + 1024, "{pages} pages");
    }
}
