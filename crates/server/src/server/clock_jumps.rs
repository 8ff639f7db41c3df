//! Tests that housekeeping removes files in time, but not because of a clock that is wrong for a moment.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::content::{ContentSink, ContentStore, DirectoryStore};
use crate::disk_space::DiskSpace;
use crate::housekeeping::{Cleanup, Clock, Housekeeping, Look};
use crate::sqlite::{SqliteStorage, Synchronous};
use crate::storage::{NewFile, Storage};
use crate::time::Timestamp;

const WORKSPACE: Uuid = Uuid::from_u128(1);
const HOUR: Duration = Duration::from_secs(3600);

/// A clock that only moves when a test moves it, and counts how often it was looked at.
struct TestClock(Mutex<(Look, usize)>);

impl Clock for TestClock {
    fn look(&self) -> Look {
        let mut state = self.0.lock().unwrap();
        state.1 += 1;
        state.0
    }
}

/// Housekeeping with a test clock, and what it works on.
struct Setup {
    storage: Arc<dyn Storage>,
    contents: Arc<dyn ContentStore>,
    cleanup: Arc<Cleanup>,
    clock: Arc<TestClock>,
    running: JoinHandle<()>,
}

impl Setup {
    fn start(directory: &Path, keep_uploads: Option<Duration>) -> Self {
        let space = DiskSpace::without_reserve_file(directory);
        let database = directory.join("db");
        let storage = SqliteStorage::open(&database, Synchronous::Off, space.clone()).unwrap();
        let storage: Arc<dyn Storage> = Arc::new(storage);
        let contents = DirectoryStore::open(directory.join("files"), space).unwrap();
        let contents: Arc<dyn ContentStore> = Arc::new(contents);
        let cleanup = Arc::new(Cleanup::default());
        let look = Look { wall: Timestamp::now(), monotonic: Duration::ZERO };
        let clock = Arc::new(TestClock(Mutex::new((look, 0))));
        let housekeeping = Housekeeping {
            storage: Arc::clone(&storage),
            contents: Arc::clone(&contents),
            cleanup: Arc::clone(&cleanup),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            keep_uploads,
            keep_traces: None,
            erase_delay: Duration::ZERO,
        };
        let running = tokio::spawn(housekeeping.run(Vec::new()));
        Self { storage, contents, cleanup, clock, running }
    }

    async fn upload(&self, expires_at: Option<Timestamp>) -> Uuid {
        let sink = ContentSink::create(&*self.contents).await.unwrap();
        assert!(sink.write(Bytes::from_static(b"content")).await);
        let stored = sink.finish().await.unwrap();
        let new = NewFile {
            id: stored.id,
            export: None,
            expires_at,
            name: "name".to_owned(),
            bytes: stored.bytes,
            purpose: String::new(),
            mimetype: None,
            visibility: String::new(),
            lines: None,
            signature: stored.sha256,
        };
        self.storage.add_file(WORKSPACE, new).await.unwrap().id
    }

    /// Changes both clocks and waits until housekeeping has acted on it.
    async fn after(&self, wall: impl FnOnce(Timestamp) -> Timestamp, passed: Duration) {
        let before = {
            let (look, looks) = &mut *self.clock.0.lock().unwrap();
            look.wall = wall(look.wall);
            look.monotonic += passed;
            *looks
        };
        // The second look follows when everything is done.
        for looks in [before + 1, before + 2] {
            self.cleanup.remove();
            while self.clock.0.lock().unwrap().1 < looks {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }

    async fn time_passes(&self, time: Duration) {
        self.after(|wall| wall.plus(time), time).await;
    }

    async fn stored(&self) -> Vec<Uuid> {
        let mut stored = self.contents.list().await.unwrap();
        stored.sort();
        stored
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        self.running.abort();
    }
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_deletes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let setup = Setup::start(directory.path(), Some(1000 * HOUR));
    let file = setup.upload(Some(Timestamp::now().plus(HOUR))).await;
    let kept = setup.upload(None).await;
    setup.time_passes(HOUR / 2).await;
    // The clock is ahead by a year for five minutes, and wrong again at every other look.
    for _ in 0..5 {
        let year = 366 * 24 * HOUR;
        setup.after(|wall| wall.plus(year), Duration::ZERO).await;
        setup.time_passes(HOUR / 12).await;
        setup.after(|wall| wall.minus(year), Duration::ZERO).await;
        assert_eq!(setup.stored().await, [file, kept]);
        assert!(setup.storage.file(WORKSPACE, file).await.is_ok());
    }
    setup.time_passes(HOUR).await;
    assert_eq!(setup.stored().await, [file, kept]);
    // Ten minutes later the file has certainly expired.
    setup.time_passes(HOUR / 6).await;
    assert_eq!(setup.stored().await, [kept]);
}

#[tokio::test]
async fn uploads_are_removed_after_the_configured_time() {
    let directory = tempfile::tempdir().unwrap();
    let setup = Setup::start(directory.path(), Some(24 * HOUR));
    let file = setup.upload(None).await;
    setup.time_passes(23 * HOUR).await;
    setup.time_passes(HOUR / 2).await;
    assert_eq!(setup.stored().await, [file]);
    setup.time_passes(HOUR).await;
    setup.time_passes(HOUR / 6).await;
    assert!(setup.stored().await.is_empty());
    assert!(setup.storage.file(WORKSPACE, file).await.is_err());
}

#[tokio::test]
async fn uploads_are_kept_by_default() {
    let directory = tempfile::tempdir().unwrap();
    let setup = Setup::start(directory.path(), None);
    let file = setup.upload(None).await;
    for _ in 0..3 {
        setup.time_passes(10_000 * HOUR).await;
    }
    assert_eq!(setup.stored().await, [file]);
}
