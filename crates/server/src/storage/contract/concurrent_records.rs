//! Tests of operations on records at the same time.

use std::collections::HashSet;

use futures::future::join_all;
use uuid::Uuid;

use super::records::{
    ALL, WORKSPACE, create_all, is_missing_dataset, list, missing, new_dataset, record,
};
use super::run;
use crate::storage::{DatasetKey, DatasetStore, RecordStore};

/// Runs the tests of this module.
pub(crate) async fn check<S: DatasetStore + RecordStore, G>(
    create: impl AsyncFn() -> Option<(S, G)>,
) {
    run!(
        create,
        records_that_are_created_at_the_same_time_are_all_stored,
        a_failed_create_does_not_affect_others,
        a_dropped_create_does_not_affect_others,
        records_that_are_deleted_at_the_same_time_are_deleted_once,
        a_page_is_read_from_one_snapshot,
    );
}

async fn records_that_are_created_at_the_same_time_are_all_stored(
    storage: &(impl DatasetStore + RecordStore),
) {
    let datasets = [new_dataset(storage).await, new_dataset(storage).await];
    let created = join_all((0..16).map(|client| {
        let dataset = &datasets[client % 2];
        create_all(storage, dataset, (0..25).map(move |n| format!("[{client},{n}]")))
    }));
    let created = created.await;
    for (index, dataset) in datasets.iter().enumerate() {
        let (count, listed) = list(storage, dataset, ALL).await;
        assert_eq!((count, listed.len()), (200, 200));
        assert_eq!(HashSet::<_>::from_iter(&listed).len(), 200);
        for ids in created.iter().skip(index).step_by(2) {
            // What was created after another record comes after it.
            let of_client: Vec<_> = listed.iter().filter(|id| ids.contains(id)).collect();
            assert_eq!(of_client, ids.iter().collect::<Vec<_>>());
        }
    }
}

async fn a_failed_create_does_not_affect_others(storage: &(impl DatasetStore + RecordStore)) {
    let dataset = new_dataset(storage).await;
    let deleted = new_dataset(storage).await;
    storage.delete_dataset(WORKSPACE, deleted.clone()).await.unwrap();
    let creates = (0..100).map(|n| {
        let dataset = match n % 4 {
            0 => DatasetKey::Id(Uuid::now_v7()),
            1 => deleted.clone(),
            2 => DatasetKey::Slug("conversations".to_owned()),
            _ => dataset.clone(),
        };
        storage.create_record(WORKSPACE, dataset, record(format!("[{n}]")))
    });
    let created = join_all(creates).await;
    let mut expected = Vec::new();
    for (n, result) in created.into_iter().enumerate() {
        match result {
            Ok(record) => {
                assert_eq!((n / 2 % 2, record.payload), (1, format!("[{n}]")));
                expected.push(record.id);
            }
            error => assert!(n / 2 % 2 == 0 && is_missing_dataset(error)),
        }
    }
    assert_eq!(list(storage, &dataset, ALL).await, (50, expected));
}

async fn a_dropped_create_does_not_affect_others(storage: &(impl DatasetStore + RecordStore)) {
    let dataset = new_dataset(storage).await;
    let mut waiting = Vec::new();
    for n in 0..200 {
        let created = storage.create_record(WORKSPACE, dataset.clone(), record(format!("[{n}]")));
        let created = tokio::spawn(created);
        if n % 2 == 0 {
            tokio::task::yield_now().await;
            created.abort();
        } else {
            waiting.push(created);
        }
    }
    let created = join_all(waiting).await;
    let created: HashSet<Uuid> =
        created.into_iter().map(|created| created.unwrap().unwrap().id).collect();
    // The queue still works, and whatever was created is complete.
    create_all(storage, &dataset, ["{}"]).await;
    let (count, listed) = list(storage, &dataset, ALL).await;
    assert!(count >= 101 && count == listed.len() as u64);
    assert_eq!(listed.iter().filter(|id| created.contains(id)).count(), 100);
}

async fn records_that_are_deleted_at_the_same_time_are_deleted_once(
    storage: &(impl DatasetStore + RecordStore),
) {
    let datasets = [new_dataset(storage).await, new_dataset(storage).await];
    let first = create_all(storage, &datasets[0], ["{}"; 30]).await;
    let second = create_all(storage, &datasets[1], ["{}"; 30]).await;
    // Each record is in two deletes. They take the datasets in different orders.
    let deletes = (0..30).map(|n| {
        let mut ids = vec![first[n], first[(n + 1) % 30], second[n], second[(n + 1) % 30]];
        if n % 2 == 0 {
            ids.reverse();
        }
        let deleting = storage.delete_records(WORKSPACE, ids.clone());
        async { deleting.await.map(|()| ids) }
    });
    let mut deleted = HashSet::new();
    for result in join_all(deletes).await {
        match result {
            Ok(ids) => ids.into_iter().for_each(|id| assert!(deleted.insert(id))),
            error => assert!(missing(error).is_some()),
        }
    }
    assert!(deleted.len() >= 40, "{} deleted", deleted.len());
    for (dataset, created) in datasets.iter().zip([first, second]) {
        let left: Vec<_> = created.into_iter().filter(|id| !deleted.contains(id)).collect();
        assert_eq!(list(storage, dataset, ALL).await, (left.len() as u64, left));
    }
}

async fn a_page_is_read_from_one_snapshot(storage: &(impl DatasetStore + RecordStore)) {
    let dataset = new_dataset(storage).await;
    create_all(storage, &dataset, ["{}"; 10]).await;
    let change = async || {
        for _ in 0..30 {
            let created = create_all(storage, &dataset, ["{}"; 2]).await;
            storage.delete_records(WORKSPACE, created).await.unwrap();
        }
    };
    let check = async || {
        for _ in 0..60 {
            let (count, listed) = list(storage, &dataset, ALL).await;
            assert_eq!(count, listed.len() as u64);
            assert!((10..=14).contains(&count), "{count} records");
        }
    };
    tokio::join!(change(), change(), check(), check());
    assert_eq!(list(storage, &dataset, ALL).await.0, 10);
}
