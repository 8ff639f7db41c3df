//! Tests of import tasks and the import queue.

use mistral_datasets_types::{RecordSource, TaskStatus};
use uuid::Uuid;

use super::{SqliteStorage, Synchronous};
use crate::disk_space::DiskSpace;
use crate::storage::{
    AttributeNamespace, ClaimedImport, ClaimedSource, DatasetKey, DatasetStore, FieldMapping,
    FileIndex, ImportCounts, ImportPosition, ImportSource, ImportStore, NewDataset, NewFile,
    NewImport, NewRecord, Progress, QueueLimits, RecordFormat, RecordStore, Selection, SourceIds,
    SpanMapping, SpanReference, Storage, StorageError, Task, Window,
};

const FIRST: Uuid = Uuid::from_u128(1);
const SECOND: Uuid = Uuid::from_u128(2);

/// A storage with a dataset in each of some workspaces.
struct Queue {
    storage: SqliteStorage,
    datasets: Vec<(Uuid, DatasetKey)>,
    directory: tempfile::TempDir,
}

impl Queue {
    async fn new(workspaces: u128) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let storage = SqliteStorage::open_in(directory.path());
        Self::with(storage, workspaces, directory).await
    }

    async fn with(storage: SqliteStorage, workspaces: u128, directory: tempfile::TempDir) -> Self {
        let mut datasets = Vec::new();
        for number in 0..workspaces {
            let workspace = Uuid::from_u128(100 + number);
            let (name, description) = ("Dataset".to_owned(), String::new());
            let new = NewDataset { name, description, owner: Uuid::nil() };
            let dataset = storage.create_dataset(workspace, new).await.unwrap();
            datasets.push((workspace, DatasetKey::Id(dataset.id)));
        }
        Self { storage, datasets, directory }
    }

    /// Closes the storage and opens it again.
    fn reopen(self) -> Self {
        let Self { storage, datasets, directory } = self;
        drop(storage);
        let storage = SqliteStorage::open_in(directory.path());
        Self { storage, datasets, directory }
    }

    async fn add(&self, workspace: usize, source: ImportSource, held_by: Option<Uuid>) -> Uuid {
        let limits = QueueLimits { workspace: 1_000, total: 1_000 };
        self.try_add(workspace, source, held_by, limits).await.unwrap().id
    }

    async fn try_add(
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

    async fn claim(&self, claimant: Uuid) -> Option<ClaimedImport> {
        self.storage.claim_import(claimant).await.unwrap()
    }

    /// Claims an import and returns the index of its workspace.
    async fn claim_workspace(&self, claimant: Uuid) -> (usize, Uuid) {
        let claimed = self.claim(claimant).await.unwrap();
        let index = self.datasets.iter().position(|(id, _)| *id == claimed.workspace);
        (index.unwrap(), claimed.task)
    }

    async fn fetch(&self, workspace: usize, task: Uuid) -> Task {
        let (workspace, dataset) = self.datasets[workspace].clone();
        self.storage.task(workspace, dataset, task).await.unwrap()
    }

    async fn finish(&self, task: Uuid) {
        let counts = ImportCounts::default();
        self.storage.finish_import(task, Vec::new(), counts).await.unwrap();
    }
}

fn records(numbers: std::ops::Range<u32>) -> Vec<NewRecord> {
    let record = |number| NewRecord {
        payload: format!("[{number}]"),
        properties: "{}".to_owned(),
        source: RecordSource::UploadedFile,
    };
    numbers.map(record).collect()
}

fn no_ids() -> ImportSource {
    ImportSource::Ids(SourceIds::Records(Vec::new()))
}

#[tokio::test]
async fn an_interrupted_import_is_claimed_where_its_staged_records_end() {
    let queue = Queue::new(1).await;
    let (workspace, dataset) = queue.datasets[0].clone();
    let file = NewFile {
        id: Uuid::now_v7(),
        export: None,
        expires_at: None,
        name: "lines.jsonl".to_owned(),
        bytes: 0,
        purpose: String::new(),
        mimetype: None,
        visibility: String::new(),
        lines: None,
        signature: String::new(),
    };
    let file = queue.storage.add_file(workspace, file).await.unwrap().id;
    let task = queue.add(0, ImportSource::File(file), None).await;
    let unread = ClaimedImport {
        task,
        workspace,
        source: ClaimedSource::File { id: file, bytes: 0, sha256: String::new() },
        position: ImportPosition::default(),
        staged: 0,
        skipped: 7,
        attempts: 1,
        is_stuck: false,
    };
    assert_eq!(queue.claim(FIRST).await, Some(unread.clone()));
    assert_eq!(queue.claim(FIRST).await, None);
    // Attempts without progress are counted.
    let queue = queue.reopen();
    let again = ClaimedImport { attempts: 2, ..unread.clone() };
    assert_eq!(queue.claim(SECOND).await, Some(again));
    for end in [3, 5] {
        let position = ImportPosition { offset: 100 * end, line: end };
        let staged = records(0..end as u32);
        queue.storage.stage_records(task, staged, position, Progress(50)).await.unwrap();
    }
    let queue = queue.reopen();
    let position = ImportPosition { offset: 500, line: 5 };
    let resumed = ClaimedImport { position, staged: 8, ..unread };
    assert_eq!(queue.claim(FIRST).await, Some(resumed));
    let counts = ImportCounts { requested: 17, imported: 10, skipped: 7 };
    queue.storage.finish_import(task, records(0..2), counts).await.unwrap();
    assert_eq!(queue.claim(SECOND).await, None);
    let task = queue.fetch(0, task).await;
    assert_eq!((task.status, task.counts), (TaskStatus::Completed, Some(counts)));
    let all = Window { offset: 0, limit: 100 };
    let format = RecordFormat {
        begin: |_, _| {},
        middle: |body| body.push(b' '),
        end: |body, _| body.push(b';'),
        single_line: false,
    };
    let all = Selection::Dataset(dataset, all);
    let page = queue.storage.read_records(workspace, all, format, Vec::new(), 10_000);
    let page = page.await.unwrap().unwrap();
    assert_eq!(page.count, 10);
    let text = String::from_utf8(page.body).unwrap();
    let payloads: Vec<_> =
        text.split_terminator(';').map(|r| r.split(' ').next().unwrap()).collect();
    assert_eq!(payloads, ["[0]", "[1]", "[2]", "[0]", "[1]", "[2]", "[3]", "[4]", "[0]", "[1]"]);
}

#[tokio::test]
async fn workspaces_take_turns() {
    let queue = Queue::new(3).await;
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
    let queue = queue.reopen();
    assert_eq!(queue.claim_workspace(SECOND).await, (2, third));
    assert_eq!(queue.claim_workspace(SECOND).await, (0, first[2]));
    assert_eq!(queue.claim_workspace(SECOND).await, (0, first[3]));
    assert_eq!(queue.claim(SECOND).await, None);
}

#[tokio::test]
async fn imports_that_are_held_back_are_claimed_when_they_are_released() {
    let queue = Queue::new(1).await;
    let held = queue.add(0, no_ids(), Some(FIRST)).await;
    let stuck = queue.add(0, no_ids(), Some(FIRST)).await;
    assert_eq!(queue.claim(FIRST).await, None);
    queue.storage.release_import(held).await.unwrap();
    queue.storage.block_import(stuck).await.unwrap();
    assert_eq!(queue.claim_workspace(FIRST).await.1, held);
    assert_eq!(queue.claim(FIRST).await, None);
    // A running import can be neither released nor blocked.
    queue.storage.release_import(held).await.unwrap();
    queue.storage.block_import(held).await.unwrap();
    assert_eq!(queue.claim(FIRST).await, None);
    // After a restart, the stuck one comes first, because it only has to fail.
    let queue = queue.reopen();
    let claimed = queue.claim(SECOND).await.unwrap();
    assert_eq!((claimed.task, claimed.is_stuck), (stuck, true));
    let claimed = queue.claim(SECOND).await.unwrap();
    assert_eq!((claimed.task, claimed.is_stuck), (held, false));
    // Nobody is left to release what was held back before the restart, so it is claimed too.
    let queue = queue.reopen();
    let delayed = queue.add(0, no_ids(), Some(FIRST)).await;
    assert_eq!(queue.claim_workspace(SECOND).await.1, delayed);
}

#[tokio::test]
async fn ids_are_read_in_batches_from_any_position() {
    let queue = Queue::new(1).await;
    let uuids: Vec<Uuid> = (0..1_201).map(Uuid::from_u128).collect();
    let names: Vec<String> = (0..1_201).map(|n| format!("\"{n} \u{1f600}")).collect();
    let spans = (0..1_201)
        .map(|n| SpanReference { trace_id: format!("{n:032x}"), span_id: format!("{n:016x}") });
    let spans: Vec<_> = spans.collect();
    let mapping = SpanMapping(vec![FieldMapping {
        target: "\"t\"".to_owned(),
        namespace: AttributeNamespace::Resource,
        key: "é".to_owned(),
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
        assert_eq!((claimed.task, claimed.source), (task, expected));
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
    }
}

#[tokio::test]
async fn the_queue_is_limited_per_workspace_and_in_total() {
    let queue = Queue::new(3).await;
    let limits = QueueLimits { workspace: 2, total: 3 };
    let add = async |workspace, held_by| {
        queue.try_add(workspace, no_ids(), held_by, limits).await.map(|task| task.id)
    };
    let full = |result| matches!(result, Err(StorageError::QueueFull));
    let held = add(0, Some(FIRST)).await.unwrap();
    add(0, None).await.unwrap();
    assert!(full(add(0, None).await));
    add(1, None).await.unwrap();
    assert!(full(add(1, None).await) && full(add(2, None).await));
    let (workspace, dataset) = queue.datasets[0].clone();
    let window = Window { offset: 0, limit: 9 };
    let tasks = queue.storage.tasks(workspace, dataset, window).await.unwrap();
    assert_eq!(tasks.count, 2, "a rejected import leaves no task");
    // A stuck import does not take a place.
    queue.storage.block_import(held).await.unwrap();
    add(0, None).await.unwrap();
    assert!(full(add(2, None).await));
    // A reset empties the queue of its workspace.
    queue.storage.reset(workspace).await.unwrap();
    add(2, None).await.unwrap();
    add(2, None).await.unwrap();
    assert_eq!(queue.claim_workspace(FIRST).await.0, 1);
    assert_eq!(queue.claim_workspace(FIRST).await.0, 2);
    assert_eq!(queue.claim_workspace(FIRST).await.0, 2);
    assert_eq!(queue.claim(FIRST).await, None);
}

#[tokio::test]
async fn objects_are_read_in_batches_of_bounded_size() {
    let queue = Queue::new(1).await;
    let (workspace, dataset) = queue.datasets[0].clone();
    let mut ids = Vec::new();
    for _ in 0..5 {
        let payload = format!("\"{}\"", "x".repeat(900_000));
        let new = NewRecord { payload, ..records(0..1).remove(0) };
        let created = queue.storage.create_record(workspace, dataset.clone(), new);
        ids.push(created.await.unwrap().id);
    }
    let read = queue.storage.records_by_id(workspace, ids.clone(), 2 << 20).await.unwrap();
    assert_eq!(read.iter().map(|record| record.id).collect::<Vec<_>>(), ids[..3]);
    let read = queue.storage.records_by_id(workspace, ids[3..].to_vec(), 2 << 20).await.unwrap();
    assert_eq!(read.len(), 2);
}

#[tokio::test]
async fn imports_are_claimed_and_failed_on_a_full_disk() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let space = DiskSpace::with_quota(path, &path.join("reserve"), 32 << 20).unwrap();
    let storage = SqliteStorage::open(&path.join("db"), Synchronous::Off, space).unwrap();
    let queue = Queue::with(storage, 1, directory).await;
    let tasks = [queue.add(0, no_ids(), None).await, queue.add(0, no_ids(), None).await];
    for task in tasks {
        assert_eq!(queue.claim_workspace(FIRST).await, (0, task));
        let error = loop {
            let payload = "x".repeat(100_000);
            let record = NewRecord { payload, ..records(0..1).remove(0) };
            let end = ImportPosition::default();
            let staged = queue.storage.stage_records(task, vec![record], end, Progress::NONE);
            if let Err(error) = staged.await {
                break error;
            }
        };
        assert!(matches!(error, StorageError::Full), "{error}");
    }
    for task in tasks {
        queue.storage.fail_import(task, StorageError::Full.to_string()).await.unwrap();
        let task = queue.fetch(0, task).await;
        assert_eq!(task.status, TaskStatus::Failed);
        assert_eq!(task.message.as_deref(), Some("the disk is full"));
    }
}
