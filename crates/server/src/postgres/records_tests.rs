//! Tests of records in several runs, and of several servers that use one database.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use futures::future::join_all;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, IteratorRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use super::params::params;
use super::testing::{servers, storage};
use super::{PostgresStorage, datasets, positions, runs};
use crate::storage::contract::record_model::check_pages;
use crate::storage::contract::records::{
    ALL, LINES, WORKSPACE, create_all, ids, list, missing, new_dataset, read, record, text,
};
use crate::storage::{DatasetKey, RecordStore, Selection, StorageError};

/// Adds a staged run of records to a dataset and returns its id and those of the records.
async fn stage(
    storage: &PostgresStorage,
    dataset: &DatasetKey,
    records: usize,
) -> (i64, Vec<Uuid>) {
    let mut connection = storage.database.connection().await.unwrap();
    let transaction = connection.write().await.unwrap();
    let dataset = datasets::find(&transaction, WORKSPACE, dataset).await.unwrap().row;
    let mut run = runs::stage(&transaction, dataset).await.unwrap();
    let staged = run.id;
    let new = record("{\"staged\": true}");
    let mut ids = Vec::new();
    for part in [records / 3, records - records / 3] {
        let added = runs::append(&transaction, &vec![(run, &new); part]).await.unwrap();
        run.size += part as u64;
        ids.extend(added.into_iter().map(|added| added.id));
    }
    transaction.commit().await.unwrap();
    (staged, ids)
}

async fn publish(storage: &PostgresStorage, dataset: &DatasetKey, run: i64) {
    let mut connection = storage.database.connection().await.unwrap();
    let transaction = connection.write().await.unwrap();
    let dataset = datasets::lock(&transaction, WORKSPACE, dataset).await.unwrap().row;
    runs::publish(&transaction, dataset, run).await.unwrap();
    transaction.commit().await.unwrap();
}

/// Streams all records of a dataset and returns their ids.
async fn streamed(storage: &PostgresStorage, dataset: &DatasetKey) -> Vec<Uuid> {
    let all = Selection::Dataset(dataset.clone(), ALL);
    let timeout = Duration::from_secs(60);
    let stream = storage.stream_records(WORKSPACE, all, LINES, Vec::new(), timeout);
    let (mut stream, mut text) = (stream.await.unwrap(), Vec::new());
    while let Some(batch) = stream.next().await.unwrap() {
        text.extend(batch);
    }
    ids(&String::from_utf8(text).unwrap())
}

/// Checks the counts of runs, and of the gaps between their records, against the records.
async fn verify(storage: &PostgresStorage) {
    let mut connection = storage.database.connection().await.unwrap();
    let transaction = connection.read().await.unwrap();
    let sql = "SELECT id, size, live FROM runs";
    for row in transaction.query_typed(sql, &[]).await.unwrap() {
        let (run, size, live): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
        let sql = "SELECT key FROM records WHERE key >> 32 = $1 ORDER BY key";
        let rows = transaction.query_typed(sql, params![run]).await.unwrap();
        let present: HashSet<u64> = rows.iter().map(|row| positions::split(row.get(0)).1).collect();
        assert_eq!(present.len() as i64, live);
        let mut expected: BTreeMap<(i16, i64), i64> = BTreeMap::new();
        for position in (0..size as u64).filter(|position| !present.contains(position)) {
            for (level, bits) in [(0, 6), (1, 12), (2, 18)] {
                *expected.entry((level, (position >> bits) as i64)).or_default() += 1;
            }
        }
        let sql = "SELECT level, block, lost FROM gaps WHERE run = $1";
        let rows = transaction.query_typed(sql, params![run]).await.unwrap();
        let gaps = rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2)));
        assert_eq!(gaps.collect::<BTreeMap<_, _>>(), expected, "run {run}");
    }
    let sql = "SELECT count(*) FROM datasets d WHERE record_count <> \
               (SELECT coalesce(sum(live), 0) FROM runs WHERE dataset = d.id AND ordinal IS NOT NULL)";
    assert_eq!(transaction.query_typed_one(sql, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_exact_in_several_runs() {
    let Some(storage) = storage().await else { return };
    let dataset = new_dataset(&storage).await;
    let mut random = StdRng::seed_from_u64(5);
    let mut expected = create_all(&storage, &dataset, ["{}"; 10]).await;
    // Runs are published in another order than they are staged in, and are invisible until then.
    let mut staged = Vec::new();
    for records in [200, 1, 0, 5_000, 3, 70, 4, 64] {
        staged.push(stage(&storage, &dataset, records).await);
    }
    assert_eq!(list(&storage, &dataset, ALL).await, (10, expected.clone()));
    let unpublished = staged.iter().find_map(|(_, ids)| ids.first().copied()).unwrap();
    let failed = storage.require_records(WORKSPACE, vec![unpublished]).await;
    assert_eq!(missing(failed), Some(unpublished));
    staged.shuffle(&mut random);
    for (run, ids) in staged {
        publish(&storage, &dataset, run).await;
        expected.extend(ids);
        expected.extend(create_all(&storage, &dataset, ["{}"]).await);
    }
    check_pages(&storage, &dataset, &expected, 89).await;
    for round in 0..12 {
        let first = random.random_range(0..expected.len());
        let deleted: Vec<Uuid> = if round % 2 == 0 {
            expected.iter().skip(first).take(400).copied().collect()
        } else {
            expected.iter().copied().choose_multiple(&mut random, 150)
        };
        storage.delete_records(WORKSPACE, deleted.clone()).await.unwrap();
        expected.retain(|id| !deleted.contains(id));
        check_pages(&storage, &dataset, &expected, 83).await;
        assert_eq!(streamed(&storage, &dataset).await, expected);
    }
    verify(&storage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_in_the_largest_blocks_are_counted() {
    let Some(storage) = storage().await else { return };
    let dataset = new_dataset(&storage).await;
    let (run, _) = stage(&storage, &dataset, 0).await;
    // The records are in four of the largest blocks, with large gaps between them.
    let mut connection = storage.database.connection().await.unwrap();
    let transaction = connection.write().await.unwrap();
    let (new, mut expected) = (record("{}"), Vec::new());
    for part in 0..300 {
        let run = runs::Run { id: run, size: part * 3_100 };
        let added = runs::append(&transaction, &[(run, &new); 100]).await.unwrap();
        expected.extend(added.into_iter().map(|added| added.id));
    }
    let size = "UPDATE runs SET size = 300 * 3100 WHERE id = $1";
    transaction.execute_typed(size, params![run]).await.unwrap();
    let gaps = "INSERT INTO gaps SELECT $1, level, position >> (6 * (level + 1)), count(*) \
                FROM generate_series(0, 300 * 3100 - 1) AS position, generate_series(0, 2) AS level \
                WHERE position % 3100 >= 100 GROUP BY 2, 3";
    transaction.execute_typed(gaps, params![run]).await.unwrap();
    transaction.commit().await.unwrap();
    publish(&storage, &dataset, run).await;
    verify(&storage).await;
    check_pages(&storage, &dataset, &expected, 1_009).await;
    let mut random = StdRng::seed_from_u64(6);
    let deleted: Vec<Uuid> = expected.iter().copied().choose_multiple(&mut random, 9_000);
    storage.delete_records(WORKSPACE, deleted.clone()).await.unwrap();
    let deleted: HashSet<Uuid> = deleted.into_iter().collect();
    expected.retain(|id| !deleted.contains(id));
    verify(&storage).await;
    check_pages(&storage, &dataset, &expected, 499).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_servers_lose_and_duplicate_nothing() {
    let Some(servers) = servers::<3>().await else { return };
    let datasets = [
        new_dataset(&servers[0]).await,
        new_dataset(&servers[1]).await,
        new_dataset(&servers[2]).await,
    ];
    let shared = create_all(&servers[0], &datasets[0], ["{}"; 120]).await;
    let clients = (0..12).map(|client| {
        let (servers, datasets, shared) = (&servers, &datasets, &shared);
        async move {
            let mut random = StdRng::seed_from_u64(client);
            let (mut live, mut deleted) = (Vec::new(), Vec::new());
            for round in 0..25 {
                let server = servers.choose(&mut random).unwrap();
                let dataset = (client + round) as usize % 3;
                let payloads = (0..3).map(|n| format!("[{client},{round},{n}]"));
                let created = join_all(payloads.map(|payload| {
                    server.create_record(WORKSPACE, datasets[dataset].clone(), record(payload))
                }));
                live.extend(created.await.into_iter().map(|created| created.unwrap().id));
                // Some of its own, which must succeed, and some that others delete as well.
                live.shuffle(&mut random);
                let own: Vec<_> = live.split_off(live.len() - random.random_range(0..3));
                server.delete_records(WORKSPACE, own.clone()).await.unwrap();
                deleted.extend(own);
                let mut ids = shared.iter().copied().choose_multiple(&mut random, 2);
                ids.shuffle(&mut random);
                match server.delete_records(WORKSPACE, ids.clone()).await {
                    Ok(()) => deleted.extend(ids),
                    failed => assert!(missing(failed).is_some()),
                }
                if let Some(id) = live.first() {
                    let text = format!("[{round}]");
                    server.replace_properties(WORKSPACE, *id, text).await.unwrap();
                }
            }
            (live, deleted)
        }
    });
    let (mut live, mut deleted) = (HashSet::new(), HashSet::new());
    for (created, removed) in join_all(clients).await {
        created.into_iter().for_each(|id| assert!(live.insert(id)));
        removed.into_iter().for_each(|id| assert!(deleted.insert(id)));
    }
    live.extend(shared.into_iter().filter(|id| !deleted.contains(id)));
    let mut found = HashSet::new();
    for dataset in &datasets {
        let (count, ids) = list(&servers[0], dataset, ALL).await;
        assert_eq!(count, ids.len() as u64);
        assert_eq!(streamed(&servers[1], dataset).await, ids);
        ids.into_iter().for_each(|id| assert!(found.insert(id)));
    }
    assert_eq!(found, live);
    verify(&servers[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_the_database_rejects_fails_alone() {
    let Some(storage) = storage().await else { return };
    let dataset = new_dataset(&storage).await;
    // The API never stores such JSON, but a batch must not depend on that.
    let creates = (0..50).map(|n| {
        let payload = if n % 10 == 7 { "\"\0\"".to_owned() } else { format!("[{n}]") };
        storage.create_record(WORKSPACE, dataset.clone(), record(payload))
    });
    let created = join_all(creates).await;
    let mut expected = Vec::new();
    for (n, created) in created.into_iter().enumerate() {
        match created {
            Ok(created) => expected.push(created.id),
            Err(error) => assert!(n % 10 == 7 && matches!(error, StorageError::Failed(_))),
        }
    }
    assert_eq!(list(&storage, &dataset, ALL).await, (45, expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_streams_leave_connections_to_others() {
    let Some(storage) = storage().await else { return };
    let dataset = new_dataset(&storage).await;
    let large = text(2 << 20);
    create_all(&storage, &dataset, [large]).await;
    let start = || {
        let all = Selection::Dataset(dataset.clone(), ALL);
        let timeout = Duration::from_secs(60);
        storage.stream_records(WORKSPACE, all, LINES, Vec::new(), timeout)
    };
    let mut slow = Vec::new();
    for _ in 0..8 {
        slow.push(start().await.unwrap());
    }
    let added = join_all((0..32).map(|_| create_all(&storage, &dataset, ["{}"; 2]))).await;
    assert_eq!(list(&storage, &dataset, ALL).await.0, 65);
    storage.delete_records(WORKSPACE, added.concat()).await.unwrap();
    // Further ones wait, and fail if that takes too long.
    let waiting = [tokio::spawn(start()), tokio::spawn(start())];
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.iter().any(tokio::task::JoinHandle::is_finished));
    drop(slow.pop());
    let mut started = Vec::new();
    for result in join_all(waiting).await {
        match result.unwrap() {
            Ok(stream) => started.push(stream),
            Err(error) => assert!(matches!(error, StorageError::Unavailable { .. })),
        }
    }
    assert_eq!(started.len(), 1);
    slow.extend(started);
    for slow in &mut slow {
        let mut bytes = 0;
        while let Some(batch) = slow.next().await.unwrap() {
            bytes += batch.len();
        }
        assert!(bytes > 2 << 20);
    }
    let stream = start().await.unwrap();
    assert_eq!(stream.count, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_loses_and_duplicates_nothing() {
    let Some([storage, other]) = servers::<2>().await else { return };
    let dataset = new_dataset(&storage).await;
    let create = async |client: usize| {
        let mut results = Vec::new();
        for n in 0..60 {
            let payload = format!("\"{client}-{n}\"");
            let created = storage.create_record(WORKSPACE, dataset.clone(), record(&*payload));
            results.push((payload, created.await));
        }
        results
    };
    let cut = async {
        let connection = other.database.connection().await.unwrap();
        for _ in 0..25 {
            tokio::time::sleep(Duration::from_millis(7)).await;
            let sql = "DO $$ BEGIN PERFORM pg_terminate_backend(pid) FROM pg_stat_activity \
                       WHERE datname = current_database() AND pid <> pg_backend_pid(); END $$";
            connection.execute_alone(sql).await.unwrap();
        }
    };
    let (results, ()) = tokio::join!(join_all((0..8).map(create)), cut);
    let all = Selection::Dataset(dataset.clone(), ALL);
    let (count, lines) = read(&other, all).await.unwrap();
    let payloads: Vec<&str> = lines.lines().map(|line| line.split(' ').nth(1).unwrap()).collect();
    let stored: HashSet<&str> = payloads.iter().copied().collect();
    assert_eq!((count, payloads.len()), (stored.len() as u64, stored.len()));
    for (payload, result) in results.iter().flatten() {
        match result {
            Ok(_) => assert!(stored.contains(&**payload), "{payload} was lost"),
            // Such requests are sent again, so nothing may have been done.
            Err(StorageError::Unavailable { .. }) => assert!(!stored.contains(&**payload)),
            Err(StorageError::Failed(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let failed = results.iter().flatten().filter(|(_, result)| result.is_err()).count();
    assert!(failed > 0, "no connection was lost");
    verify(&other).await;
}
