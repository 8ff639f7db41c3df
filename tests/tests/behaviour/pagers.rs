//! Pagers.

use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt};
use mistral_datasets::ErrorKind;
use mistral_datasets::types::Dataset;
use mistral_datasets_tests::Fixture;
use serde_json::{Value, json};

/// Creates a dataset whose records have their index as property `n`, and clears the recorded requests.
async fn create_filled_dataset(fixture: &Fixture, records: usize) -> Dataset {
    let dataset = fixture.create_dataset().await;
    let lines: String = (0..records)
        .map(|n| format!("{{\"messages\": [], \"properties\": {{\"n\": {n}}}}}\n"))
        .collect();
    let file = fixture.upload(&lines).await;
    let imported = fixture.client.datasets().import_from_file(dataset.id, file).wait();
    imported.await.unwrap();
    fixture.take_requests().await;
    dataset
}

fn number(properties: &str) -> u64 {
    serde_json::from_str::<Value>(properties).unwrap()["n"].as_u64().unwrap()
}

#[tokio::test]
async fn iterate_records_in_order() {
    let fixture = Fixture::start().await;
    let dataset = create_filled_dataset(&fixture, 250).await;
    let pager = fixture.client.datasets().list_records(dataset.id).pager().page_size(20);
    assert_eq!(pager.count().await.unwrap(), 250);
    let mut items = pager.items();
    assert_eq!(items.total(), None);
    let mut numbers = Vec::new();
    while let Some(record) = items.next().await {
        numbers.push(number(record.unwrap().properties.get()));
        assert_eq!(items.total(), Some(250));
    }
    assert!(numbers.into_iter().eq(0..250));
    assert!(items.next().await.is_none());
}

#[tokio::test]
async fn iterate_is_lazy() {
    let fixture = Fixture::start().await;
    let dataset = create_filled_dataset(&fixture, 30).await;
    let mut items =
        fixture.client.datasets().list_records(dataset.id).pager().page_size(10).items();
    assert!(fixture.take_requests().await.is_empty());
    items.next().await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(items);
    assert_eq!(fixture.take_operations().await, ["list_records"]);
}

#[tokio::test]
async fn iterate_prefetches() {
    let fixture = Fixture::start().await;
    let dataset = create_filled_dataset(&fixture, 130).await;
    fixture.inject_fault(json!({"operation": "list_records", "delay_ms": 30, "times": null})).await;
    let mut durations = Vec::new();
    for prefetch in [1, 8] {
        let pager = fixture.client.datasets().list_records(dataset.id).pager();
        let started = Instant::now();
        let items = pager.page_size(10).prefetch(prefetch).items();
        assert_eq!(items.try_collect::<Vec<_>>().await.unwrap().len(), 130);
        durations.push(started.elapsed());
        assert_eq!(fixture.take_requests().await.len(), 13);
    }
    // Sequentially, 13 pages take 13 delays. With prefetch, the first page, then eight and four take three.
    assert!(durations[0] >= Duration::from_millis(13 * 30), "{durations:?}");
    assert!(durations[1] < durations[0] / 2, "{durations:?}");
}

#[tokio::test]
async fn iterate_pages() {
    let fixture = Fixture::start().await;
    let dataset = create_filled_dataset(&fixture, 25).await;
    let pages = fixture.client.datasets().list_records(dataset.id).pager().page_size(10).pages();
    let pages: Vec<_> = pages.try_collect().await.unwrap();
    let shapes: Vec<_> =
        pages.iter().map(|page| (page.number, page.count, page.results.len())).collect();
    assert_eq!(shapes, [(1, Some(25), 10), (2, Some(25), 10), (3, Some(25), 5)]);
    let from_second_page = fixture.client.datasets().list_records(dataset.id).page(2).page_size(10);
    assert_eq!(from_second_page.pager().items().count().await, 15);
}

#[tokio::test]
async fn iterate_stops_at_the_limit() {
    let fixture = Fixture::start().await;
    let dataset = create_filled_dataset(&fixture, 50).await;
    let pager = fixture.client.datasets().list_records(dataset.id).pager();
    let items: Vec<_> = pager.clone().limit(5).items().try_collect().await.unwrap();
    assert_eq!(items.len(), 5);
    let requests = fixture.take_requests().await;
    assert_eq!(requests.len(), 1);
    assert!(requests[0].path.contains("page_size=5"));
    let items = pager.clone().page_size(10).limit(20).items().count().await;
    assert_eq!((items, fixture.take_requests().await.len()), (20, 2));
    assert_eq!(pager.limit(0).items().count().await, 0);
    assert!(fixture.take_requests().await.is_empty());
}

#[tokio::test]
async fn iterate_skips_duplicates() {
    let fixture = Fixture::start().await;
    for _ in 0..6 {
        fixture.create_dataset().await;
    }
    let mut items = fixture.client.datasets().list().pager().page_size(2).prefetch(1).items();
    let mut ids = vec![items.next().await.unwrap().unwrap().id];
    // Datasets are listed newest first, so a new one shifts the others to later pages.
    fixture.create_dataset().await;
    while let Some(dataset) = items.next().await {
        ids.push(dataset.unwrap().id);
    }
    let seen = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((seen, ids.len()), (6, 6));
}

#[tokio::test]
async fn iterate_stops_on_an_endless_next() {
    let fixture = Fixture::start().await;
    let dataset = create_filled_dataset(&fixture, 3).await;
    let page = fixture.client.datasets().list_records(dataset.id).await.unwrap().records;
    let record = |index: usize| {
        let record = &page.results[index];
        json!({
            "id": record.id, "dataset_id": dataset.id, "created_at": record.created_at,
            "updated_at": record.updated_at, "payload": {}, "properties": {}, "source": "OTHER",
        })
    };
    for count in [0, 2, 1_000_000] {
        let body = json!({"records": {"count": count, "next": "/another-page", "results": [record(0), record(1)]}});
        fixture.clear_faults().await;
        fixture
            .inject_fault(json!({"operation": "list_records", "body": body, "times": null}))
            .await;
        let pager = fixture.client.datasets().list_records(dataset.id).pager().page_size(2);
        let collected: Vec<_> = pager.prefetch(4).items().try_collect().await.unwrap();
        assert_eq!(collected.len(), 2, "count {count}");
        assert!(fixture.take_requests().await.len() < 20, "count {count}");
    }
    let empty = json!({"records": {"count": 1_000_000, "next": "/another-page"}});
    fixture.clear_faults().await;
    fixture.inject_fault(json!({"operation": "list_records", "body": empty, "times": null})).await;
    assert_eq!(fixture.client.datasets().list_records(dataset.id).pager().items().count().await, 0);
}

#[tokio::test]
async fn iterate_strict_compares_counts() {
    let fixture = Fixture::start().await;
    let dataset = create_filled_dataset(&fixture, 6).await;
    let pager =
        || fixture.client.datasets().list_records(dataset.id).pager().page_size(2).prefetch(1);
    assert_eq!(pager().strict(true).items().count().await, 6);
    // The server counts more items than it returns.
    let page = fixture.client.datasets().list_records(dataset.id).page_size(2).await.unwrap();
    let results = serde_json::to_value(page.records.results).unwrap();
    let body = json!({"records": {"count": 6, "next": null, "results": results}});
    let rule = json!({"operation": "list_records", "body": body, "times": null});
    fixture.inject_fault(rule).await;
    for strict in [false, true] {
        let items: Vec<_> = pager().strict(strict).items().collect().await;
        let error = items.into_iter().find_map(Result::err);
        assert_eq!(error.map(|error| error.kind()), strict.then_some(ErrorKind::Conflict));
    }
    let bounds =
        [pager().page_size(0), pager().page_size(101), pager().prefetch(0), pager().prefetch(65)];
    for pager in bounds {
        let error = pager.items().next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation);
    }
}

#[tokio::test]
async fn iterate_datasets_and_tasks() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    for n in 0..5 {
        fixture.client.datasets().create(format!("Number {n}"), "").await.unwrap();
        let file = fixture.upload("{\"messages\": []}\n").await;
        fixture.client.datasets().import_from_file(dataset.id, file).wait().await.unwrap();
    }
    let datasets = fixture.client.datasets().list().q("number").pager().page_size(2).items();
    let names: Vec<_> = datasets.map_ok(|dataset| dataset.name).try_collect().await.unwrap();
    assert_eq!(names, ["Number 4", "Number 3", "Number 2", "Number 1", "Number 0"]);
    let tasks = fixture.client.datasets().list_tasks(dataset.id).pager().page_size(2).items();
    assert_eq!(tasks.count().await, 5);
}
