//! Tests of imports that need the records, the files and the workspaces of a storage.

use uuid::Uuid;

use super::imports::{FIRST, Queue, is_aborted, is_full, no_ids, records};
use crate::storage::*;

/// Runs all tests, each on a new and empty storage. `create` also returns a value that is dropped after the storage.
pub(crate) async fn check<S: Storage, G>(create: impl AsyncFn() -> Option<(S, G)>) {
    macro_rules! run {
        ($($test:ident),+) => {
            $({
                let Some((storage, _guard)) = create().await else { return };
                $test(Queue::new(storage).await).await;
            })+
        };
    }
    run!(
        records_of_a_file_become_visible_together_and_in_order,
        an_import_needs_its_file,
        a_reset_empties_the_queue_of_the_workspace
    );
}

fn file(name: &str) -> NewFile {
    NewFile {
        id: Uuid::now_v7(),
        export: None,
        expires_at: None,
        name: name.to_owned(),
        bytes: 12,
        purpose: String::new(),
        mimetype: None,
        visibility: String::new(),
        lines: None,
        signature: "digest".to_owned(),
    }
}

/// Returns the payloads of a dataset, in order.
async fn payloads<S: Storage>(storage: &S, workspace: Uuid, dataset: DatasetKey) -> Vec<String> {
    let format = RecordFormat {
        begin: |_, _| {},
        middle: |body| body.push(b' '),
        end: |body, _| body.push(b';'),
        single_line: false,
    };
    let all = Selection::Dataset(dataset, Window { offset: 0, limit: 100 });
    let page = storage.read_records(workspace, all, format, Vec::new(), 10_000);
    let page = page.await.unwrap().unwrap();
    let text = String::from_utf8(page.body).unwrap();
    let payload = |record: &str| record.split(' ').next().unwrap().to_owned();
    let payloads: Vec<String> = text.split_terminator(';').map(payload).collect();
    assert_eq!(payloads.len() as u64, page.count);
    payloads
}

async fn records_of_a_file_become_visible_together_and_in_order<S: Storage>(queue: Queue<S>) {
    let (workspace, dataset) = queue.datasets[0].clone();
    let storage = &queue.storage;
    let file = storage.add_file(workspace, file("lines.jsonl")).await.unwrap().id;
    let [first, second] = [
        queue.add(0, ImportSource::File(file), None).await,
        queue.add(0, ImportSource::File(file), None).await,
    ];
    let mut claims = Vec::new();
    for task in [first, second] {
        let claimed = queue.claim(FIRST).await.unwrap();
        assert_eq!(claimed.claim.task, task);
        let source = ClaimedSource::File { id: file, bytes: 12, sha256: "digest".to_owned() };
        assert_eq!(claimed.source, source);
        claims.push(claimed.claim);
    }
    for round in 0..3 {
        for (n, claim) in claims.iter_mut().enumerate() {
            let start = 10 * n as u32 + 2 * round;
            let end = ImportPosition { offset: u64::from(round), line: 0 };
            let staging =
                storage.stage_records(*claim, records(start..start + 2), end, Progress(1));
            staging.await.unwrap();
            *claim = claim.after_staging(2);
        }
    }
    assert!(payloads(storage, workspace, dataset.clone()).await.is_empty());
    let counts = ImportCounts { requested: 7, imported: 7, skipped: 0 };
    storage.finish_import(claims[1], records(16..17), counts).await.unwrap();
    let expected = |numbers: &[u32]| numbers.iter().map(|n| format!("[{n}]")).collect::<Vec<_>>();
    let mut visible = (10..17).collect::<Vec<_>>();
    assert_eq!(payloads(storage, workspace, dataset.clone()).await, expected(&visible));
    let small = queue.add(0, no_ids(), None).await;
    let claim = queue.claim(FIRST).await.unwrap().claim;
    assert_eq!(claim.task, small);
    storage.finish_import(claim, records(50..52), counts).await.unwrap();
    let created = storage.create_record(workspace, dataset.clone(), records(60..61).remove(0));
    created.await.unwrap();
    storage.finish_import(claims[0], records(6..7), counts).await.unwrap();
    visible.extend([50, 51, 60]);
    visible.extend(0..7);
    assert_eq!(payloads(storage, workspace, dataset).await, expected(&visible));
}

async fn an_import_needs_its_file<S: Storage>(queue: Queue<S>) {
    let storage = &queue.storage;
    let (own, other) = (queue.datasets[0].0, queue.datasets[1].0);
    let foreign = storage.add_file(other, file("foreign.jsonl")).await.unwrap().id;
    let deleted = storage.add_file(own, file("deleted.jsonl")).await.unwrap().id;
    storage.delete_file(own, deleted).await.unwrap();
    for missing in [foreign, deleted, Uuid::from_u128(9)] {
        let source = ImportSource::File(missing);
        let error = queue.try_add(0, source, None, QueueLimits::NONE).await.unwrap_err();
        assert!(matches!(error, StorageError::Missing(Missing::File)), "{error}");
    }
    assert_eq!(queue.list(0, 0, 1).await.count, 0);
}

async fn a_reset_empties_the_queue_of_the_workspace<S: Storage>(queue: Queue<S>) {
    let limits = QueueLimits { workspace: 2, total: 3 };
    let add = async |workspace| queue.try_add(workspace, no_ids(), None, limits).await;
    for workspace in [0, 0, 1] {
        add(workspace).await.unwrap();
    }
    assert!(is_full(&add(2).await));
    let running = queue.claim(FIRST).await.unwrap();
    assert_eq!(queue.index(&running), 0);
    queue.storage.reset(queue.datasets[0].0).await.unwrap();
    let end = ImportPosition::default();
    let staging = queue.storage.stage_records(running.claim, records(0..1), end, Progress::NONE);
    assert!(is_aborted(&staging.await));
    assert_eq!(queue.storage.waiting_imports().await.unwrap().count, 1);
    add(2).await.unwrap();
    add(2).await.unwrap();
    assert_eq!(queue.claim_workspace(FIRST).await.0, 1);
    assert_eq!(queue.claim_workspace(FIRST).await.0, 2);
    assert_eq!(queue.claim_workspace(FIRST).await.0, 2);
    assert_eq!(queue.claim(FIRST).await, None);
}
