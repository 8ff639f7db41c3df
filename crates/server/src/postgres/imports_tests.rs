//! Tests of imports by several servers that share a database.

use std::collections::HashSet;
use std::pin::Pin;
use std::time::Duration;

use futures::future::join_all;
use mistral_datasets_types::{RecordSource, TaskStatus};
use tokio::time::timeout;
use uuid::Uuid;

use super::params::params;
use super::testing::{expire_leases, servers};
use super::{PostgresStorage, import_queue};
use crate::storage::{
    Claim, ClaimedImport, DatasetKey, DatasetStore, ImportCounts, ImportPosition, ImportStore,
    NewDataset, NewImport, NewRecord, Progress, QueueLimits, StorageError, Window,
};

const FIRST: Uuid = Uuid::from_u128(1);
const SECOND: Uuid = Uuid::from_u128(2);
const WORKSPACE: Uuid = Uuid::from_u128(100);

/// Two servers with one dataset.
struct Servers {
    first: PostgresStorage,
    second: PostgresStorage,
    dataset: DatasetKey,
}

impl Servers {
    async fn start() -> Option<Self> {
        let [first, second] = servers().await?;
        let dataset = new_dataset(&first, WORKSPACE).await;
        Some(Self { first, second, dataset })
    }

    /// The storage of one of both servers.
    fn any(&self, number: usize) -> &PostgresStorage {
        if number.is_multiple_of(2) { &self.first } else { &self.second }
    }

    async fn queue(&self) -> Uuid {
        let new = NewImport::empty(WORKSPACE, self.dataset.clone());
        self.first.queue_import(new, QueueLimits::NONE).await.unwrap().id
    }

    /// Lets the lease of an import end, and has the second server take it over.
    async fn take_over(&self) -> ClaimedImport {
        assert_eq!(self.second.claim_import(SECOND).await.unwrap(), None);
        expire_leases(&self.first).await;
        self.second.claim_import(SECOND).await.unwrap().unwrap()
    }

    async fn status(&self, task: Uuid) -> TaskStatus {
        self.first.task(WORKSPACE, self.dataset.clone(), task).await.unwrap().status
    }

    /// The payloads of all visible records, in order.
    async fn payloads(&self) -> Vec<String> {
        let sql = "SELECT q.payload FROM records q JOIN runs r ON r.id = q.key >> 32 WHERE r.ordinal IS NOT NULL \
                   ORDER BY r.ordinal, q.key";
        let mut connection = self.first.database.connection().await.unwrap();
        let transaction = connection.read().await.unwrap();
        let rows = transaction.query_typed(sql, params![]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Returns the number that a query counts.
    async fn count(&self, sql: &str) -> i64 {
        let mut connection = self.first.database.connection().await.unwrap();
        let transaction = connection.read().await.unwrap();
        transaction.query_typed_one(sql, params![]).await.unwrap().get(0)
    }
}

async fn new_dataset(storage: &PostgresStorage, workspace: Uuid) -> DatasetKey {
    let (name, description) = ("Dataset".to_owned(), String::new());
    let new = NewDataset { name, description, owner: Uuid::nil() };
    DatasetKey::Id(storage.create_dataset(workspace, new).await.unwrap().id)
}

fn records(numbers: std::ops::Range<u32>) -> Vec<NewRecord> {
    let record = |number| NewRecord {
        payload: number_payload(number),
        properties: "{}".to_owned(),
        source: RecordSource::UploadedFile,
    };
    numbers.map(record).collect()
}

fn number_payload(number: u32) -> String {
    format!("[{number}]")
}

fn is_lost<T>(result: &Result<T, StorageError>) -> bool {
    matches!(result, Err(StorageError::ClaimLost))
}

async fn stage(
    storage: &PostgresStorage,
    claim: Claim,
    numbers: std::ops::Range<u32>,
) -> Result<Claim, StorageError> {
    let count = numbers.len();
    let end = ImportPosition { offset: u64::from(numbers.end), line: 0 };
    storage.stage_records(claim, records(numbers), end, Progress::NONE).await?;
    Ok(claim.after_staging(count))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_taken_over_completes_exactly_once() {
    let Some(servers) = Servers::start().await else { return };
    let task = servers.queue().await;
    let old = servers.first.claim_import(FIRST).await.unwrap().unwrap().claim;
    let old = stage(&servers.first, old, 0..10).await.unwrap();
    let resumed = servers.take_over().await;
    assert_eq!((resumed.claim.task, resumed.claim.staged, resumed.attempts), (task, 10, 1));
    assert_eq!(resumed.position.offset, 10);

    // The first server notices nothing until it writes.
    let counts = ImportCounts { requested: 25, imported: 25, skipped: 0 };
    assert!(is_lost(&stage(&servers.first, old, 10..20).await));
    assert!(is_lost(&servers.first.finish_import(old, records(10..25), counts).await));
    assert!(is_lost(&servers.first.fail_import(old, "lost".to_owned()).await));
    assert!(is_lost(&servers.first.renew_import(old).await));
    assert_eq!(servers.status(task).await, TaskStatus::Running);

    let new = stage(&servers.second, resumed.claim, 10..20).await.unwrap();
    assert!(is_lost(&stage(&servers.first, old, 10..20).await));
    assert!(servers.payloads().await.is_empty());
    servers.second.finish_import(new, records(20..25), counts).await.unwrap();
    for claim in [old, new] {
        let finished = servers.first.finish_import(claim, records(20..25), counts).await;
        assert!(matches!(finished, Err(StorageError::ImportAborted)));
        servers.first.fail_import(claim, "late".to_owned()).await.unwrap();
    }
    assert_eq!(servers.status(task).await, TaskStatus::Completed);
    assert_eq!(servers.payloads().await, (0..25).map(number_payload).collect::<Vec<_>>());
    assert_eq!(servers.count("SELECT record_count FROM datasets").await, 25);
    assert_eq!(servers.count("SELECT count(*) FROM imports").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_of_two_servers_finishes_an_import() {
    let Some(servers) = Servers::start().await else { return };
    let counts = ImportCounts::default();
    for round in 0..20 {
        servers.queue().await;
        let claim = servers.first.claim_import(FIRST).await.unwrap().unwrap().claim;
        expire_leases(&servers.first).await;
        // The second server claims the import, or it has ended already.
        let (finished, claimed) = tokio::join!(
            servers.first.finish_import(claim, records(round..round + 1), counts),
            servers.second.claim_import(SECOND)
        );
        match claimed.unwrap() {
            None => assert!(finished.is_ok()),
            Some(import) => {
                assert!(is_lost(&finished));
                let record = records(round..round + 1);
                servers.second.finish_import(import.claim, record, counts).await.unwrap();
            }
        }
    }
    // A claim that skips a locked row does not take another one.
    assert_eq!(servers.first.claim_import(FIRST).await.unwrap(), None);
    assert_eq!(servers.payloads().await, (0..20).map(number_payload).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_extended_by_staging_and_on_request() {
    let Some(servers) = Servers::start().await else { return };
    servers.queue().await;
    let mut claim = servers.first.claim_import(FIRST).await.unwrap().unwrap().claim;
    for staging in [false, true] {
        expire_leases(&servers.first).await;
        // A lease that has ended does no harm until another server takes the import.
        if staging {
            claim = stage(&servers.first, claim, 0..1).await.unwrap();
        } else {
            servers.first.renew_import(claim).await.unwrap();
        }
        assert_eq!(servers.second.claim_import(SECOND).await.unwrap(), None);
        let lease = import_queue::LEASE.as_secs();
        let seconds = "SELECT round(extract(epoch FROM leased_until - now()))::bigint FROM imports";
        assert!(servers.count(seconds).await.abs_diff(lease as i64) <= 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_loses_what_it_holds_back_when_its_lease_ends() {
    let Some(servers) = Servers::start().await else { return };
    let new = NewImport::empty(WORKSPACE, servers.dataset.clone());
    let new = NewImport { held_by: Some(FIRST), ..new };
    let task = servers.first.queue_import(new, QueueLimits::NONE).await.unwrap().id;
    let old = Claim::by_creator(task);
    servers.first.renew_import(old).await.unwrap();
    let taken = servers.take_over().await;
    assert!(!taken.is_stuck);
    assert!(is_lost(&servers.first.renew_import(old).await));
    servers.first.release_import(task).await.unwrap();
    servers.first.block_import(task).await.unwrap();
    assert!(is_lost(&servers.first.fail_import(old, "injected".to_owned()).await));
    assert_eq!(servers.first.claim_import(FIRST).await.unwrap(), None);
    let counts = ImportCounts::default();
    servers.second.finish_import(taken.claim, Vec::new(), counts).await.unwrap();
    assert_eq!(servers.status(task).await, TaskStatus::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_a_crash_of_the_database_lost_are_staged_again() {
    let Some(servers) = Servers::start().await else { return };
    let task = servers.queue().await;
    let claim = servers.first.claim_import(FIRST).await.unwrap().unwrap().claim;
    let kept = stage(&servers.first, claim, 0..3).await.unwrap();
    // The server has staged 3 further records, but the database has lost them.
    let ahead = kept.after_staging(3);
    assert!(is_lost(&stage(&servers.first, ahead, 6..9).await));
    let counts = ImportCounts { requested: 9, imported: 9, skipped: 0 };
    assert!(is_lost(&servers.first.finish_import(ahead, records(6..9), counts).await));
    let resumed = servers.take_over().await;
    assert_eq!((resumed.claim.staged, resumed.position.offset), (3, 3));
    servers.second.finish_import(resumed.claim, records(3..9), counts).await.unwrap();
    assert_eq!(servers.status(task).await, TaskStatus::Completed);
    assert_eq!(servers.payloads().await, (0..9).map(number_payload).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_never_claim_the_same_import() {
    let Some(servers) = Servers::start().await else { return };
    let mut queued = HashSet::new();
    for _ in 0..40 {
        queued.insert(servers.queue().await);
    }
    let claiming = (0..60)
        .map(|n| servers.any(n).claim_import(if n.is_multiple_of(2) { FIRST } else { SECOND }));
    let claimed = join_all(claiming).await.into_iter().filter_map(Result::unwrap);
    let claimed: Vec<Uuid> = claimed.map(|import| import.claim.task).collect();
    assert_eq!(claimed.len(), 40);
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>(), queued);
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_of_all_servers_count_for_the_turns_of_workspaces() {
    let Some(servers) = Servers::start().await else { return };
    for number in 0..3 {
        let workspace = Uuid::from_u128(200 + number);
        let dataset = new_dataset(&servers.first, workspace).await;
        for _ in 0..10 + 5 * number {
            let new = NewImport::empty(workspace, dataset.clone());
            servers.second.queue_import(new, QueueLimits::NONE).await.unwrap();
        }
    }
    let claiming = (0..24).map(|n| servers.any(n).claim_import(if n < 4 { FIRST } else { SECOND }));
    let claimed = join_all(claiming).await.into_iter().map(|import| import.unwrap().unwrap());
    let mut counts = [0; 3];
    claimed.for_each(|import| counts[import.workspace.as_u128() as usize - 200] += 1);
    assert_eq!(counts, [8, 8, 8]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_together_respect_the_limits_and_number_tasks_without_gaps() {
    let Some(servers) = Servers::start().await else { return };
    let other = Uuid::from_u128(101);
    let other_dataset = new_dataset(&servers.first, other).await;
    let limits = QueueLimits { workspace: 20, total: 31 };
    let adding = (0..80).map(|n| {
        let new = if n % 4 < 2 {
            NewImport::empty(WORKSPACE, servers.dataset.clone())
        } else {
            NewImport::empty(other, other_dataset.clone())
        };
        servers.any(n).queue_import(new, limits)
    });
    let mut accepted = 0;
    for result in join_all(adding).await {
        match result {
            Ok(_) => accepted += 1,
            Err(error) => assert!(matches!(error, StorageError::QueueFull), "{error}"),
        }
    }
    assert_eq!(accepted, 31);
    let mut counts = Vec::new();
    for (workspace, dataset) in [(WORKSPACE, servers.dataset.clone()), (other, other_dataset)] {
        let window = Window { offset: 0, limit: 100 };
        let tasks = servers.first.tasks(workspace, dataset, window).await.unwrap();
        assert_eq!(tasks.count, tasks.results.len() as u64);
        counts.push(tasks.count);
    }
    assert!(counts.iter().all(|count| *count <= 20) && counts.iter().sum::<u64>() == 31);
    let gaps = "SELECT count(*) FROM (SELECT number, row_number() OVER (PARTITION BY dataset ORDER BY number) AS expected \
                FROM tasks) t WHERE number <> expected";
    assert_eq!(servers.count(gaps).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_staged_run_remains_when_a_dataset_is_deleted_meanwhile() {
    let Some(servers) = Servers::start().await else { return };
    for _ in 0..20 {
        let dataset = new_dataset(&servers.first, WORKSPACE).await;
        let new = NewImport::empty(WORKSPACE, dataset.clone());
        servers.first.queue_import(new, QueueLimits::NONE).await.unwrap();
        let claim = servers.first.claim_import(FIRST).await.unwrap().unwrap().claim;
        let importing = async {
            let claim = stage(&servers.first, claim, 0..5).await?;
            let claim = stage(&servers.first, claim, 5..10).await?;
            let counts = ImportCounts::default();
            servers.first.finish_import(claim, records(10..11), counts).await
        };
        let (imported, deleted) =
            tokio::join!(importing, servers.second.delete_dataset(WORKSPACE, dataset));
        deleted.unwrap();
        if let Err(error) = imported {
            assert!(matches!(error, StorageError::ImportAborted), "{error:?}");
            servers.first.fail_import(claim, error.to_string()).await.unwrap();
        }
    }
    assert_eq!(servers.count("SELECT count(*) FROM runs WHERE NOT abandoned").await, 0);
    assert_eq!(servers.count("SELECT count(*) FROM tasks WHERE status = 'RUNNING'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_waits_for_a_deletion_and_then_writes_nothing() {
    let Some(servers) = Servers::start().await else { return };
    for chunks in 0..3 {
        let dataset = new_dataset(&servers.first, WORKSPACE).await;
        let new = NewImport::empty(WORKSPACE, dataset.clone());
        servers.first.queue_import(new, QueueLimits::NONE).await.unwrap();
        let mut claim = servers.first.claim_import(FIRST).await.unwrap().unwrap().claim;
        for chunk in 0..chunks {
            claim = stage(&servers.first, claim, chunk..chunk + 1).await.unwrap();
        }
        // What a deletion does before its commit.
        let DatasetKey::Id(id) = dataset else { unreachable!() };
        let mut connection = servers.second.database.connection().await.unwrap();
        let deletion = connection.write().await.unwrap();
        let sql = "WITH d AS (UPDATE datasets SET deleted_at = 1 WHERE uuid = $1 RETURNING id) \
                   UPDATE runs SET abandoned = true FROM d WHERE runs.dataset = d.id";
        deletion.execute_typed(sql, params![id]).await.unwrap();
        let mut writing: Pin<Box<dyn Future<Output = Result<(), StorageError>>>> = if chunks < 2 {
            Box::pin(async { stage(&servers.first, claim, 7..9).await.map(drop) })
        } else {
            servers.first.finish_import(claim, records(7..9), ImportCounts::default())
        };
        assert!(timeout(Duration::from_millis(200), &mut writing).await.is_err());
        deletion.commit().await.unwrap();
        let error = writing.await.unwrap_err();
        assert!(matches!(error, StorageError::ImportAborted), "{error}");
        servers.first.fail_import(claim, error.to_string()).await.unwrap();
    }
    assert_eq!(servers.count("SELECT count(*) FROM runs WHERE NOT abandoned").await, 0);
    assert_eq!(servers.count("SELECT count(*) FROM records WHERE payload > '[6]'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_imports_and_deletions_neither_deadlock_nor_miscount() {
    let Some(servers) = Servers::start().await else { return };
    let servers = &servers;
    let importing = |n: usize| async move {
        let storage = servers.any(n);
        for round in 0..6 {
            let new = NewImport::empty(WORKSPACE, servers.dataset.clone());
            storage.queue_import(new, QueueLimits::NONE).await.unwrap();
            let claimed = storage.claim_import(FIRST).await.unwrap().unwrap();
            let mut claim = claimed.claim;
            for chunk in 0..round % 3 {
                claim = stage(storage, claim, 10 * chunk..10 * chunk + 10).await.unwrap();
            }
            let counts = ImportCounts::default();
            if round == 5 {
                storage.fail_import(claim, "injected".to_owned()).await.unwrap();
            } else {
                storage.finish_import(claim, records(100..103), counts).await.unwrap();
            }
        }
    };
    let deleting = async {
        for _ in 0..20 {
            let dataset = new_dataset(&servers.second, WORKSPACE).await;
            servers.second.delete_dataset(WORKSPACE, dataset).await.unwrap();
        }
    };
    tokio::join!(join_all((0..8).map(importing)), deleting);
    // Five of six rounds succeed, with 0, 10, 20, 0 and 10 staged records and 3 last ones each.
    let expected = 8 * (40 + 5 * 3);
    assert_eq!(servers.count("SELECT max(record_count) FROM datasets").await, expected);
    assert_eq!(servers.payloads().await.len() as i64, expected);
    let wrong = "SELECT count(*) FROM runs r WHERE size <> (SELECT count(*) FROM records WHERE key >> 32 = r.id)";
    assert_eq!(servers.count(wrong).await, 0);
    assert_eq!(servers.count("SELECT count(*) FROM runs WHERE ordinal IS NULL").await, 8);
}
