//! Creates records in batches.
//!
//! Creates that arrive while a batch is being committed form the next one, which shares its locks, its round trips and its flush to
//! the disk. Under load, this takes a fraction of the time of one transaction per record.
//!
//! Callers of a batch usually create their next record right after it. The queue waits a moment for them: without that, the callers
//! would split into two groups, each of which waits for the batches of both.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_postgres::Transaction;
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use super::database::Database;
use super::params::{params, storable};
use super::{records, runs};
use crate::storage::{DatasetKey, Missing, NewRecord, Pending, Record, StorageError};
use crate::time::Timestamp;

/// The maximum number of records in a batch.
const MAX_BATCH: usize = 512;

/// The size of a batch in bytes above which no further record joins it.
const MAX_BATCH_BYTES: usize = 16 << 20;

/// How long after a batch the next one waits for its callers. Flushing a batch to the disk usually takes longer.
const GATHERING: Duration = Duration::from_millis(1);

/// Records that wait to be created. Clones share the queue.
#[derive(Clone)]
pub(super) struct CreateQueue {
    database: Database,
    waiting: Arc<Mutex<Waiting>>,
    /// Wakes the task that commits batches.
    arrived: Arc<Notify>,
}

#[derive(Default)]
struct Waiting {
    creates: VecDeque<Create>,
    /// Whether a task is committing batches.
    is_running: bool,
}

/// A record that waits to be created.
struct Create {
    workspace: Uuid,
    dataset: DatasetKey,
    new: NewRecord,
    created: oneshot::Sender<Result<Record, StorageError>>,
}

/// What the database assigned to a record.
struct Assigned {
    id: Uuid,
    at: Timestamp,
    dataset: Uuid,
}

impl CreateQueue {
    /// Creates an empty queue.
    pub(super) fn new(database: Database) -> Self {
        Self { database, waiting: Arc::default(), arrived: Arc::default() }
    }

    /// Creates a record as part of a batch. The batch is committed even if the result is dropped.
    pub(super) fn create(
        &self,
        workspace: Uuid,
        dataset: DatasetKey,
        new: NewRecord,
    ) -> Pending<Record> {
        let queue = self.clone();
        Box::pin(async move {
            let (created, creating) = oneshot::channel();
            if queue.push(Create { workspace, dataset, new, created }) {
                tokio::spawn(queue.run());
            }
            // The sender is dropped if the runtime stops, or if the batch panics.
            creating.await.unwrap_or(Err(StorageError::Stopped))
        })
    }

    /// Adds a record to the queue. Returns whether a task must be started.
    fn push(&self, create: Create) -> bool {
        let mut waiting = self.lock();
        waiting.creates.push_back(create);
        self.arrived.notify_one();
        !std::mem::replace(&mut waiting.is_running, true)
    }

    /// Commits batches until no record is waiting.
    async fn run(self) {
        while let Some(batch) = self.next_batch() {
            let size = batch.len();
            // In a task of its own, so that a panic cannot end this one.
            let _ = tokio::spawn(commit(self.database.clone(), batch)).await;
            let callers = (size + self.lock().creates.len()).min(MAX_BATCH);
            let gathering = async {
                while self.lock().creates.len() < callers {
                    self.arrived.notified().await;
                }
            };
            let _ = tokio::time::timeout(GATHERING, gathering).await;
        }
    }

    /// Takes the next batch from the queue. Returns `None` if it is empty.
    fn next_batch(&self) -> Option<Vec<Create>> {
        let mut waiting = self.lock();
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < MAX_BATCH && bytes < MAX_BATCH_BYTES {
            let Some(create) = waiting.creates.pop_front() else { break };
            bytes += create.new.size();
            batch.push(create);
        }
        waiting.is_running = !batch.is_empty();
        waiting.is_running.then_some(batch)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Creates the records of a batch and sends the results.
async fn commit(database: Database, batch: Vec<Create>) {
    match write(&database, &batch).await {
        Ok(assigned) => {
            for (create, assigned) in batch.into_iter().zip(assigned) {
                create.complete(assigned.ok_or_else(|| Missing::Dataset.into()));
            }
        }
        // One record may be at fault, and the others must not fail with it.
        Err(error) if batch.len() > 1 && is_rejection(&error) => {
            for create in batch {
                let result = write(&database, std::slice::from_ref(&create)).await;
                let assigned = result.map(|mut assigned| assigned.pop().flatten());
                create.complete(
                    assigned.and_then(|assigned| assigned.ok_or_else(|| Missing::Dataset.into())),
                );
            }
        }
        Err(error) => {
            let error = Arc::new(error);
            for create in batch {
                create.complete(Err(copy(&error)));
            }
        }
    }
}

impl Create {
    fn complete(self, assigned: Result<Assigned, StorageError>) {
        let result = assigned.map(|Assigned { id, at, dataset }| Record {
            id,
            created_at: at,
            updated_at: at,
            dataset,
            payload: self.new.payload,
            properties: self.new.properties,
            source: self.new.source.as_str().to_owned(),
        });
        // The receiver may have been dropped; that is fine.
        let _ = self.created.send(result);
    }
}

/// Creates records in one transaction. The result of a record whose dataset does not exist is `None`.
async fn write(
    database: &Database,
    batch: &[Create],
) -> Result<Vec<Option<Assigned>>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    let datasets = lock_datasets(&transaction, batch).await?;
    let mut more: BTreeMap<i64, u64> = BTreeMap::new();
    for (row, _) in datasets.iter().flatten() {
        *more.entry(*row).or_default() += 1;
    }
    if more.is_empty() {
        return Ok(datasets.iter().map(|_| None).collect());
    }
    let opened = runs::open(&transaction, &more).await?;
    let mut found = Vec::with_capacity(batch.len());
    for (create, dataset) in batch.iter().zip(&datasets) {
        let Some((row, _)) = dataset else { continue };
        let run = opened.get(row).ok_or_else(|| StorageError::Failed("expected a run".into()))?;
        found.push((*run, &create.new));
    }
    let changes = more.into_iter().map(|(row, more)| (row, more as i64)).collect();
    // Both are sent at once.
    let (added, ()) = futures::future::try_join(
        runs::append(&transaction, &found),
        records::count(&transaction, changes),
    )
    .await?;
    transaction.commit().await?;
    let mut added = added.into_iter();
    let assigned = datasets.into_iter().map(|dataset| {
        let (_, dataset) = dataset?;
        added.next().map(|added| Assigned { id: added.id, at: added.at, dataset })
    });
    Ok(assigned.collect())
}

/// Locks the datasets of a batch in the order of their rows. Returns the row and the id of each record's dataset, or `None` if it does
/// not exist.
async fn lock_datasets(
    transaction: &Transaction<'_>,
    batch: &[Create],
) -> Result<Vec<Option<(i64, Uuid)>>, StorageError> {
    let (mut ids, mut slugs) = (BTreeSet::new(), BTreeSet::new());
    for create in batch {
        match &create.dataset {
            DatasetKey::Id(id) => ids.insert((create.workspace, *id)),
            DatasetKey::Slug(slug) => slugs.insert((create.workspace, storable(slug))),
        };
    }
    let (of_ids, ids): (Vec<_>, Vec<_>) = ids.into_iter().unzip();
    let (of_slugs, slugs): (Vec<_>, Vec<_>) = slugs.into_iter().unzip();
    let sql = "SELECT w.uuid, d.uuid, d.slug, d.id FROM datasets d JOIN workspaces w ON w.id = d.workspace \
               WHERE NOT w.discarded AND d.deleted_at IS NULL AND d.id IN ( \
                   SELECT f.id FROM unnest($1::uuid[], $2::uuid[]) AS wanted (workspace, id) \
                   JOIN datasets f ON f.uuid = wanted.id \
                   JOIN workspaces v ON v.id = f.workspace AND v.uuid = wanted.workspace \
                   UNION ALL \
                   SELECT f.id FROM unnest($3::uuid[], $4::text[]) AS wanted (workspace, slug) \
                   JOIN workspaces v ON v.uuid = wanted.workspace AND NOT v.discarded \
                   JOIN datasets f ON f.workspace = v.id AND f.slug = wanted.slug) \
               ORDER BY d.id FOR NO KEY UPDATE OF d";
    let rows = transaction.query_typed(sql, params![of_ids, ids, of_slugs, slugs]).await?;
    let (mut by_id, mut by_slug) = (HashMap::new(), HashMap::new());
    for row in &rows {
        let (workspace, id, slug): (Uuid, Uuid, &str) = (row.get(0), row.get(1), row.get(2));
        let dataset: (i64, Uuid) = (row.get(3), id);
        by_id.insert((workspace, id), dataset);
        by_slug.insert((workspace, slug), dataset);
    }
    let found = batch.iter().map(|create| match &create.dataset {
        DatasetKey::Id(id) => by_id.get(&(create.workspace, *id)).copied(),
        DatasetKey::Slug(slug) => by_slug.get(&(create.workspace, &*storable(slug))).copied(),
    });
    Ok(found.collect())
}

/// Returns whether the database has rejected a statement, so that the transaction was rolled back and fails again.
fn is_rejection(error: &StorageError) -> bool {
    let StorageError::Failed(cause) = error else { return false };
    let cause = cause.downcast_ref::<tokio_postgres::Error>();
    cause.is_some_and(|cause| cause.as_db_error().is_some())
}

/// Returns the error of a batch for one of its records.
fn copy(error: &Arc<StorageError>) -> StorageError {
    match &**error {
        StorageError::Full => StorageError::Full,
        StorageError::Stopped => StorageError::Stopped,
        StorageError::TimedOut => StorageError::TimedOut,
        StorageError::Unavailable { retry_after, .. } => StorageError::Unavailable {
            retry_after: *retry_after,
            cause: Box::new(BatchFailed(Arc::clone(error))),
        },
        _ => StorageError::Failed(Box::new(BatchFailed(Arc::clone(error)))),
    }
}

/// The batch of a record failed.
#[derive(Debug, thiserror::Error)]
#[error("a batch of records could not be created")]
struct BatchFailed(#[source] Arc<StorageError>);
