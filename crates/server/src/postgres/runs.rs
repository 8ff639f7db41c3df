//! Runs: sequences of records that are only appended to. A dataset is a list of runs.

use std::collections::{BTreeMap, HashMap};

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::params::{params, storable};
use super::positions;
use crate::storage::{NewRecord, StorageError};
use crate::time::Timestamp;

/// A run that records can be appended to.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) id: i64,
    pub(super) size: u64,
}

/// The id and timestamp of an added record.
pub(super) struct Added {
    pub(super) id: Uuid,
    pub(super) at: Timestamp,
}

/// Returns for each dataset the last visible run if it has capacity for the given number of further records, or a new one. The datasets
/// must be locked.
pub(super) async fn open(
    transaction: &Transaction<'_>,
    more: &BTreeMap<i64, u64>,
) -> Result<HashMap<i64, Run>, StorageError> {
    let datasets: Vec<i64> = more.keys().copied().collect();
    let sql = "SELECT wanted.dataset, r.id, r.size FROM unnest($1::bigint[]) AS wanted (dataset) \
               CROSS JOIN LATERAL (SELECT id, size FROM runs WHERE dataset = wanted.dataset AND ordinal IS NOT NULL \
               ORDER BY ordinal DESC LIMIT 1) r";
    let rows = transaction.query_typed(sql, params![datasets]).await?;
    let mut opened = HashMap::with_capacity(more.len());
    for row in rows {
        let dataset: i64 = row.get(0);
        let run = Run { id: row.get(1), size: row.get::<_, i64>(2) as u64 };
        if more.get(&dataset).is_some_and(|more| run.size + more <= positions::CAPACITY) {
            opened.insert(dataset, run);
        }
    }
    let without: Vec<i64> =
        datasets.into_iter().filter(|dataset| !opened.contains_key(dataset)).collect();
    if !without.is_empty() {
        let sql = "INSERT INTO runs (dataset, ordinal) \
                   SELECT new.dataset, 1 + coalesce((SELECT max(ordinal) FROM runs WHERE dataset = new.dataset), 0) \
                   FROM unnest($1::bigint[]) AS new (dataset) RETURNING dataset, id";
        for row in transaction.query_typed(sql, params![without]).await? {
            opened.insert(row.get(0), Run { id: row.get(1), size: 0 });
        }
    }
    Ok(opened)
}

/// Creates a run that is not visible yet.
pub(super) async fn stage(
    transaction: &Transaction<'_>,
    dataset: i64,
) -> Result<Run, StorageError> {
    let sql = "INSERT INTO runs (dataset) VALUES ($1) RETURNING id";
    let row = transaction.query_typed_one(sql, params![dataset]).await?;
    Ok(Run { id: row.get(0), size: 0 })
}

/// Appends records to runs, each to the one next to it. The runs or their datasets must be locked. Does not change the record counts
/// of datasets.
pub(super) async fn append(
    transaction: &Transaction<'_>,
    records: &[(Run, &NewRecord)],
) -> Result<Vec<Added>, StorageError> {
    let at = Timestamp::now();
    let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
    let mut keys = Vec::with_capacity(records.len());
    for (run, _) in records {
        let count = counts.entry(run.id).or_default();
        keys.push(positions::key(run.id, run.size + *count as u64));
        *count += 1;
    }
    let ids: Vec<Uuid> = records.iter().map(|_| Uuid::now_v7()).collect();
    let sources: Vec<_> =
        records.iter().map(|(_, record)| storable(record.source.as_str())).collect();
    let properties: Vec<_> = records.iter().map(|(_, record)| &*record.properties).collect();
    let payloads: Vec<_> = records.iter().map(|(_, record)| &*record.payload).collect();
    let (runs, counts): (Vec<_>, Vec<_>) = counts.into_iter().unzip();
    let sql = "WITH added AS ( \
                   INSERT INTO records (key, id, created_at, updated_at, source, properties, payload) \
                   SELECT key, id, $1, $1, source, properties, payload \
                   FROM unnest($2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[]) \
                   AS new (key, id, source, properties, payload)) \
               UPDATE runs SET size = size + grown.count, live = live + grown.count \
               FROM unnest($7::bigint[], $8::bigint[]) AS grown (run, count) WHERE runs.id = grown.run";
    transaction
        .execute_typed(
            sql,
            params![at.micros(), keys, ids, sources, properties, payloads, runs, counts],
        )
        .await?;
    Ok(ids.into_iter().map(|id| Added { id, at }).collect())
}

/// Makes a staged run visible at the end of its dataset, which must be locked, adds its records to the record count, and changes the
/// revision.
pub(super) async fn publish(
    transaction: &Transaction<'_>,
    dataset: i64,
    run: i64,
) -> Result<(), StorageError> {
    let sql = "WITH published AS ( \
                   UPDATE runs SET ordinal = (SELECT 1 + coalesce(max(ordinal), 0) FROM runs WHERE dataset = $1) \
                   WHERE id = $2 RETURNING live) \
               UPDATE datasets SET record_count = record_count + published.live, revision = revision + 1 \
               FROM published WHERE id = $1";
    transaction.execute_typed(sql, params![dataset, run]).await?;
    Ok(())
}
