//! Tests of import tasks and the import queue.

use futures::future::join_all;
use mistral_datasets_types::{RecordSource, TaskStatus};
use uuid::Uuid;

use crate::storage::*;

pub(super) const FIRST: Uuid = Uuid::from_u128(1);
const SECOND: Uuid = Uuid::from_u128(2);

/// The parts of a storage that most tests need.
pub(crate) trait Store: DatasetStore + ImportStore {}

impl<T: DatasetStore + ImportStore> Store for T {}

/// Runs all tests, each on a new and empty storage. `create` also returns a value that is dropped after the storage. `restart` makes
/// all claimants disappear and returns the storage as the next server finds it.
pub(crate) async fn check<S: Store, G>(
    create: impl AsyncFn() -> Option<(S, G)>,
    restart: impl AsyncFn(S, &G) -> S,
) {
    macro_rules! run {
        ($($test:ident),+) => {
            $({
                let Some((storage, guard)) = create().await else { return };
                $test(Queue::new(storage).await, async |storage| restart(storage, &guard).await).await;
            })+
        };
    }
    run!(
        an_interrupted_import_is_claimed_where_its_staged_records_end,
        workspaces_take_turns,
        imports_that_are_held_back_are_claimed_when_they_are_released,
        an_import_that_is_held_back_can_fail,
        ids_are_read_in_batches_from_any_position,
        the_queue_is_limited_per_workspace_and_in_total,
        concurrent_imports_never_exceed_a_limit,
        tasks_are_numbered_without_gaps,
        concurrent_claims_get_different_imports_and_are_fair,
        an_import_into_a_deleted_dataset_is_aborted,
        a_task_ends_once,
        tasks_are_found_in_their_dataset_only,
        waiting_imports_are_counted
    );
}

/// A storage with a dataset in each of three workspaces.
pub(super) struct Queue<S> {
    pub(super) storage: S,
    pub(super) datasets: Vec<(Uuid, DatasetKey)>,
}

impl<S: Store> Queue<S> {
    pub(super) async fn new(storage: S) -> Self {
        let mut datasets = Vec::new();
        for number in 0..3 {
            let workspace = Uuid::from_u128(100 + number);
            let (name, description) = ("Dataset".to_owned(), String::new());
            let new = NewDataset { name, description, owner: Uuid::nil() };
            let dataset = storage.create_dataset(workspace, new).await.unwrap();
            datasets.push((workspace, DatasetKey::Id(dataset.id)));
        }
        Self { storage, datasets }
    }

    async fn restart(self, restart: &impl AsyncFn(S) -> S) -> Self {
        Self { storage: restart(self.storage).await, datasets: self.datasets }
    }

    pub(super) async fn add(
        &self,
        workspace: usize,
        source: ImportSource,
        held_by: Option<Uuid>,
    ) -> Uuid {
        self.try_add(workspace, source, held_by, QueueLimits::NONE).await.unwrap().id
    }

    pub(super) async fn try_add(
        &self,
        workspace: usize,
        source: ImportSource,
        held_by: Option<Uuid>,
        limits: QueueLimits,
    ) -> Result<Task, StorageError> {
        let (workspace, dataset) = self.datasets[workspace].clone();
        let creator = Uuid::nil();
        let new = NewImport { workspace, dataset, creator, source, skipped: 7, held_by };
        self.storage.queue_import(new, limits).await
    }

    pub(super) async fn claim(&self, claimant: Uuid) -> Option<ClaimedImport> {
        self.storage.claim_import(claimant).await.unwrap()
    }

    /// Claims an import and returns the index of its workspace.
    pub(super) async fn claim_workspace(&self, claimant: Uuid) -> (usize, Uuid) {
        let claimed = self.claim(claimant).await.unwrap();
        (self.index(&claimed), claimed.claim.task)
    }

    /// The index of the workspace of an import.
    pub(super) fn index(&self, claimed: &ClaimedImport) -> usize {
        self.datasets.iter().position(|(id, _)| *id == claimed.workspace).unwrap()
    }

    async fn fetch(&self, workspace: usize, task: Uuid) -> Task {
        let (workspace, dataset) = self.datasets[workspace].clone();
        self.storage.task(workspace, dataset, task).await.unwrap()
    }

    pub(super) async fn list(&self, workspace: usize, offset: u64, limit: u32) -> Listed<Task> {
        let (workspace, dataset) = self.datasets[workspace].clone();
        self.storage.tasks(workspace, dataset, Window { offset, limit }).await.unwrap()
    }

    /// Finishes an import that was claimed once.
    async fn finish(&self, task: Uuid) {
        let claim = Claim { task, epoch: 1, staged: 0 };
        let counts = ImportCounts::default();
        self.storage.finish_import(claim, Vec::new(), counts).await.unwrap();
    }
}

pub(super) fn records(numbers: std::ops::Range<u32>) -> Vec<NewRecord> {
    let record = |number| NewRecord {
        payload: format!("[{number}]"),
        properties: "{}".to_owned(),
        source: RecordSource::UploadedFile,
    };
    numbers.map(record).collect()
}

pub(super) fn no_ids() -> ImportSource {
    ImportSource::Ids(SourceIds::Records(Vec::new()))
}

pub(super) fn is_aborted<T>(result: &Result<T, StorageError>) -> bool {
    matches!(result, Err(StorageError::ImportAborted))
}

pub(super) fn is_full<T>(result: &Result<T, StorageError>) -> bool {
    matches!(result, Err(StorageError::QueueFull))
}

async fn an_interrupted_import_is_claimed_where_its_staged_records_end<S: Store>(
    queue: Queue<S>,
    restart: impl AsyncFn(S) -> S,
) {
    let ids = (0..9).map(Uuid::from_u128).collect();
    let task = queue.add(0, ImportSource::Ids(SourceIds::Records(ids)), None).await;
    let claimed = queue.claim(FIRST).await.unwrap();
    let unread = ClaimedImport {
        claim: Claim { task, staged: 0, ..claimed.claim },
        workspace: queue.datasets[0].0,
        source: ClaimedSource::Ids(9),
        position: ImportPosition::default(),
        skipped: 7,
        attempts: 1,
        is_stuck: false,
    };
    assert_eq!(claimed, unread);
    assert_eq!(queue.claim(FIRST).await, None);
    // Attempts without progress are counted.
    let queue = queue.restart(&restart).await;
    let claimed = queue.claim(SECOND).await.unwrap();
    assert_eq!(claimed, ClaimedImport { claim: claimed.claim, attempts: 2, ..unread.clone() });
    let mut claim = claimed.claim;
    for end in [3, 5] {
        let position = ImportPosition { offset: 100 * end, line: end };
        let staged = records(0..end as u32);
        queue.storage.stage_records(claim, staged, position, Progress(50)).await.unwrap();
        claim = claim.after_staging(end as usize);
    }
    let running = queue.fetch(0, task).await;
    assert_eq!((running.status, running.progress), (TaskStatus::Running, Progress(50)));
    assert!(running.updated_at > running.created_at && running.counts.is_none());
    let queue = queue.restart(&restart).await;
    let claimed = queue.claim(FIRST).await.unwrap();
    let claim = Claim { task, staged: 8, ..claimed.claim };
    let position = ImportPosition { offset: 500, line: 5 };
    assert_eq!(claimed, ClaimedImport { claim, position, ..unread });
    queue.storage.renew_import(claim).await.unwrap();
    let counts = ImportCounts { requested: 17, imported: 10, skipped: 7 };
    queue.storage.finish_import(claim, records(0..2), counts).await.unwrap();
    let queue = queue.restart(&restart).await;
    assert_eq!(queue.claim(SECOND).await, None);
    let task = queue.fetch(0, task).await;
    assert_eq!((task.status, task.counts), (TaskStatus::Completed, Some(counts)));
    assert_eq!((task.progress, task.message), (Progress::DONE, None));
    assert!(task.updated_at > running.updated_at);
}

async fn workspaces_take_turns<S: Store>(queue: Queue<S>, restart: impl AsyncFn(S) -> S) {
    let mut first = Vec::new();
    for _ in 0..4 {
        first.push(queue.add(0, no_ids(), None).await);
    }
    let second = [queue.add(1, no_ids(), None).await, queue.add(1, no_ids(), None).await];
    assert_eq!(queue.claim_workspace(FIRST).await, (0, first[0]));
    // The other workspace has fewer running imports.
    assert_eq!(queue.claim_workspace(FIRST).await, (1, second[0]));
    // Equally many run, so the one that was served earlier is next.
    assert_eq!(queue.claim_workspace(FIRST).await, (0, first[1]));
    assert_eq!(queue.claim_workspace(FIRST).await, (1, second[1]));
    queue.finish(first[0]).await;
    queue.finish(first[1]).await;
    queue.finish(second[0]).await;
    queue.finish(second[1]).await;
    // Nothing runs: a workspace that was never served comes first.
    let third = queue.add(2, no_ids(), None).await;
    assert_eq!(queue.claim_workspace(FIRST).await, (2, third));
    assert_eq!(queue.claim_workspace(FIRST).await, (0, first[2]));
    // What another server was running is resumed, and does not count as running.
    let queue = queue.restart(&restart).await;
    assert_eq!(queue.claim_workspace(SECOND).await, (2, third));
    assert_eq!(queue.claim_workspace(SECOND).await, (0, first[2]));
    assert_eq!(queue.claim_workspace(SECOND).await, (0, first[3]));
    assert_eq!(queue.claim(SECOND).await, None);
}

async fn imports_that_are_held_back_are_claimed_when_they_are_released<S: Store>(
    queue: Queue<S>,
    restart: impl AsyncFn(S) -> S,
) {
    let held = queue.add(0, no_ids(), Some(FIRST)).await;
    let stuck = queue.add(0, no_ids(), Some(FIRST)).await;
    assert_eq!(queue.claim(FIRST).await, None);
    queue.storage.renew_import(Claim::by_creator(held)).await.unwrap();
    queue.storage.release_import(held).await.unwrap();
    queue.storage.block_import(stuck).await.unwrap();
    queue.storage.renew_import(Claim::by_creator(stuck)).await.unwrap();
    assert_eq!(queue.claim_workspace(FIRST).await.1, held);
    assert_eq!(queue.claim(FIRST).await, None);
    // A running import can be neither released nor blocked.
    queue.storage.release_import(held).await.unwrap();
    queue.storage.block_import(held).await.unwrap();
    assert_eq!(queue.claim(FIRST).await, None);
    // After a restart, the stuck one comes first, because it only has to fail.
    let queue = queue.restart(&restart).await;
    let claimed = queue.claim(SECOND).await.unwrap();
    assert_eq!((claimed.claim.task, claimed.is_stuck), (stuck, true));
    queue.storage.fail_import(claimed.claim, "stuck".to_owned()).await.unwrap();
    let claimed = queue.claim(SECOND).await.unwrap();
    assert_eq!((claimed.claim.task, claimed.is_stuck), (held, false));
    // Nobody is left to release what was held back before the restart, so it is claimed too.
    let delayed = queue.add(1, no_ids(), Some(FIRST)).await;
    let queue = queue.restart(&restart).await;
    assert_eq!(queue.claim_workspace(Uuid::from_u128(3)).await.1, delayed);
}

async fn an_import_that_is_held_back_can_fail<S: Store>(
    queue: Queue<S>,
    restart: impl AsyncFn(S) -> S,
) {
    let held = queue.add(0, no_ids(), Some(FIRST)).await;
    let failing = queue.storage.fail_import(Claim::by_creator(held), "injected".to_owned());
    failing.await.unwrap();
    let task = queue.fetch(0, held).await;
    assert_eq!((task.status, task.message.as_deref()), (TaskStatus::Failed, Some("injected")));
    assert_eq!(task.counts, None);
    queue.storage.release_import(held).await.unwrap();
    queue.storage.block_import(held).await.unwrap();
    let queue = queue.restart(&restart).await;
    assert_eq!(queue.claim(SECOND).await, None);
}

async fn ids_are_read_in_batches_from_any_position<S: Store>(
    queue: Queue<S>,
    _: impl AsyncFn(S) -> S,
) {
    let uuids: Vec<Uuid> = (0..1_201).map(Uuid::from_u128).collect();
    let names: Vec<String> = (0..1_201).map(|n| format!("\"{n} \u{1f600}\0")).collect();
    let spans = (0..1_201)
        .map(|n| SpanReference { trace_id: format!("{n:032x}"), span_id: format!("{n:016x}") });
    let spans: Vec<_> = spans.collect();
    let mapping = SpanMapping(vec![FieldMapping {
        target: "\"t\"".to_owned(),
        namespace: AttributeNamespace::Resource,
        key: "é\0".to_owned(),
    }]);
    for source in [
        SourceIds::Spans(spans),
        SourceIds::Records(uuids),
        SourceIds::Events(names.clone()),
        SourceIds::Conversations(names),
    ] {
        let (added, expected) = match &source {
            SourceIds::Spans(spans) => (
                ImportSource::Spans(spans.clone(), mapping.clone()),
                ClaimedSource::Spans(1_201, mapping.clone()),
            ),
            ids => (ImportSource::Ids(ids.clone()), ClaimedSource::Ids(1_201)),
        };
        let task = queue.add(0, added, None).await;
        let claimed = queue.claim(FIRST).await.unwrap();
        assert_eq!((claimed.claim.task, claimed.source), (task, expected));
        for done in [0, 1, 499, 500, 501, 1_000, 1_200] {
            let read = queue.storage.import_ids(task, done).await.unwrap();
            let end = (done as usize / 500 * 500 + 500).min(1_201);
            let expected = match &source {
                SourceIds::Records(ids) => SourceIds::Records(ids[done as usize..end].into()),
                SourceIds::Events(ids) => SourceIds::Events(ids[done as usize..end].into()),
                SourceIds::Spans(ids) => SourceIds::Spans(ids[done as usize..end].into()),
                SourceIds::Conversations(ids) => {
                    SourceIds::Conversations(ids[done as usize..end].into())
                }
            };
            assert_eq!(read, expected, "{done}");
        }
        queue.finish(task).await;
        let error = queue.storage.import_ids(task, 0).await.unwrap_err();
        assert!(matches!(error, StorageError::ImportAborted), "{error}");
        assert_eq!(queue.claim(FIRST).await, None);
    }
}

async fn the_queue_is_limited_per_workspace_and_in_total<S: Store>(
    queue: Queue<S>,
    _: impl AsyncFn(S) -> S,
) {
    let limits = QueueLimits { workspace: 2, total: 3 };
    let add = async |workspace, held_by| {
        queue.try_add(workspace, no_ids(), held_by, limits).await.map(|task| task.id)
    };
    let held = add(0, Some(FIRST)).await.unwrap();
    let running = add(0, None).await.unwrap();
    assert!(is_full(&add(0, None).await));
    // Running imports take a place, too.
    assert_eq!(queue.claim_workspace(FIRST).await.1, running);
    assert!(is_full(&add(0, None).await));
    add(1, None).await.unwrap();
    assert!(is_full(&add(1, None).await) && is_full(&add(2, None).await));
    assert_eq!(queue.list(0, 0, 9).await.count, 2, "a rejected import leaves no task");
    // A stuck import does not take a place.
    queue.storage.block_import(held).await.unwrap();
    add(0, None).await.unwrap();
    assert!(is_full(&add(2, None).await));
    queue.finish(running).await;
    add(2, None).await.unwrap();
}

async fn concurrent_imports_never_exceed_a_limit<S: Store>(
    queue: Queue<S>,
    _: impl AsyncFn(S) -> S,
) {
    let limits = QueueLimits { workspace: 5, total: 12 };
    let adding = (0..45).map(|n| queue.try_add(n % 3, no_ids(), None, limits));
    let added = join_all(adding).await;
    assert!(added.iter().all(|result| result.is_ok() || is_full(result)));
    assert_eq!(added.iter().filter(|result| result.is_ok()).count(), 12);
    let mut counts = Vec::new();
    for workspace in 0..3 {
        counts.push(queue.list(workspace, 0, 0).await.count);
    }
    assert!(counts.iter().all(|count| *count <= 5), "{counts:?}");
    assert_eq!(counts.iter().sum::<u64>(), 12);
}

async fn tasks_are_numbered_without_gaps<S: Store>(queue: Queue<S>, _: impl AsyncFn(S) -> S) {
    let limits = QueueLimits { workspace: 30, total: 100 };
    let adding = (0..50).map(|_| queue.try_add(0, no_ids(), None, limits));
    let added = join_all(adding).await.into_iter().flatten();
    let mut added: Vec<Uuid> = added.map(|task| task.id).collect();
    let all = queue.list(0, 0, 100).await;
    assert_eq!((all.count, all.results.len()), (30, 30));
    assert!(all.results.is_sorted_by(|a, b| a.created_at >= b.created_at), "newest first");
    let listed: Vec<Uuid> = all.results.iter().map(|task| task.id).collect();
    for (offset, limit) in [(0, 7), (7, 7), (25, 100), (29, 1), (30, 5), (1_000, 1)] {
        let page = queue.list(0, offset, limit).await;
        let page: Vec<Uuid> = page.results.iter().map(|task| task.id).collect();
        let start = listed.len().min(offset as usize);
        let end = listed.len().min(start + limit as usize);
        assert_eq!(page, listed[start..end], "{offset}, {limit}");
    }
    let mut listed = listed;
    listed.sort_unstable();
    added.sort_unstable();
    assert_eq!(listed, added);
}

async fn concurrent_claims_get_different_imports_and_are_fair<S: Store>(
    queue: Queue<S>,
    _: impl AsyncFn(S) -> S,
) {
    for (workspace, count) in [(0, 20), (1, 8), (2, 8)] {
        for _ in 0..count {
            queue.add(workspace, no_ids(), None).await;
        }
    }
    let mut claimed = join_all((0..18).map(|_| queue.claim(FIRST))).await;
    let mut counts = [0; 3];
    claimed.iter().flatten().for_each(|import| counts[queue.index(import)] += 1);
    assert_eq!(counts, [6, 6, 6]);
    claimed.extend(join_all((0..30).map(|_| queue.claim(FIRST))).await);
    let mut tasks: Vec<Uuid> = claimed.iter().flatten().map(|import| import.claim.task).collect();
    assert_eq!(tasks.len(), 36);
    tasks.sort_unstable();
    tasks.dedup();
    assert_eq!(tasks.len(), 36);
}

async fn an_import_into_a_deleted_dataset_is_aborted<S: Store>(
    queue: Queue<S>,
    restart: impl AsyncFn(S) -> S,
) {
    queue.add(0, no_ids(), None).await;
    queue.add(1, no_ids(), None).await;
    let [staged, unread] = [queue.claim(FIRST).await.unwrap(), queue.claim(FIRST).await.unwrap()];
    let (storage, end) = (&queue.storage, ImportPosition::default());
    storage.stage_records(staged.claim, records(0..3), end, Progress::NONE).await.unwrap();
    for (workspace, dataset) in queue.datasets.clone() {
        storage.delete_dataset(workspace, dataset).await.unwrap();
    }
    for claim in [staged.claim.after_staging(3), unread.claim] {
        let staging = storage.stage_records(claim, records(0..1), end, Progress::NONE);
        assert!(is_aborted(&staging.await));
        let counts = ImportCounts::default();
        assert!(is_aborted(&storage.finish_import(claim, records(0..1), counts).await));
        storage.fail_import(claim, "deleted".to_owned()).await.unwrap();
        storage.fail_import(claim, "again".to_owned()).await.unwrap();
    }
    let error = queue.try_add(0, no_ids(), None, QueueLimits::NONE).await.unwrap_err();
    assert!(matches!(error, StorageError::Missing(Missing::Dataset)), "{error}");
    let queue = queue.restart(&restart).await;
    assert_eq!(queue.claim(SECOND).await, None);
}

async fn a_task_ends_once<S: Store>(queue: Queue<S>, _: impl AsyncFn(S) -> S) {
    let (end, counts) = (ImportPosition::default(), ImportCounts::default());
    let storage = &queue.storage;
    for fails in [false, true] {
        let task = queue.add(0, no_ids(), None).await;
        let claim = queue.claim(FIRST).await.unwrap().claim;
        storage.stage_records(claim, records(0..2), end, Progress::NONE).await.unwrap();
        let claim = claim.after_staging(2);
        if fails {
            storage.fail_import(claim, "first".to_owned()).await.unwrap();
        } else {
            storage.finish_import(claim, Vec::new(), counts).await.unwrap();
        }
        let ended = queue.fetch(0, task).await;
        let staging = storage.stage_records(claim, records(0..1), end, Progress::NONE).await;
        assert!(is_aborted(&staging));
        assert!(is_aborted(&storage.finish_import(claim, Vec::new(), counts).await));
        storage.fail_import(claim, "second".to_owned()).await.unwrap();
        let task = queue.fetch(0, task).await;
        assert_eq!((task.status, task.updated_at), (ended.status, ended.updated_at));
        assert_eq!(task.message.as_deref(), fails.then_some("first"));
    }
}

async fn tasks_are_found_in_their_dataset_only<S: Store>(queue: Queue<S>, _: impl AsyncFn(S) -> S) {
    let task = queue.add(0, no_ids(), None).await;
    let created = queue.fetch(0, task).await;
    assert_eq!((created.status, created.progress), (TaskStatus::Running, Progress::NONE));
    assert_eq!((created.created_at, created.message), (created.updated_at, None));
    let [(own, dataset), (other, other_dataset)] =
        [queue.datasets[0].clone(), queue.datasets[1].clone()];
    let missing = [
        (own, dataset.clone(), Uuid::from_u128(5), Missing::Task),
        (other, other_dataset.clone(), task, Missing::Task),
        (other, dataset, task, Missing::Dataset),
        (own, other_dataset, task, Missing::Dataset),
    ];
    for (workspace, dataset, task, expected) in missing {
        let error = queue.storage.task(workspace, dataset, task).await.unwrap_err();
        assert!(matches!(&error, StorageError::Missing(missing) if *missing == expected));
    }
    assert_eq!(queue.list(1, 0, 10).await.count, 0);
}

async fn waiting_imports_are_counted<S: Store>(queue: Queue<S>, _: impl AsyncFn(S) -> S) {
    let waiting = async || queue.storage.waiting_imports().await.unwrap();
    assert_eq!(waiting().await, WaitingImports { count: 0, oldest: None });
    queue.add(0, no_ids(), None).await;
    queue.add(1, no_ids(), None).await;
    queue.add(1, no_ids(), Some(FIRST)).await;
    let found = waiting().await;
    assert_eq!(found.count, 2);
    assert!(found.oldest.unwrap().as_secs() < 60);
    queue.claim(FIRST).await.unwrap();
    assert_eq!(waiting().await.count, 1);
    queue.claim(FIRST).await.unwrap();
    assert_eq!(waiting().await, WaitingImports { count: 0, oldest: None });
}
