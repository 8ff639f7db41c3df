//! Pagers over listings from which items are deleted.

use mistral_datasets::ErrorKind;
use mistral_datasets::types::Dataset;
use mistral_datasets_tests::Fixture;
use mistral_datasets_tests::bulk::lines;
use serde_json::{Value, json};

async fn filled(fixture: &Fixture, records: usize) -> Dataset {
    let dataset = fixture.create_dataset().await;
    let file = fixture.upload(&lines(records)).await;
    fixture.client.datasets().import_from_file(dataset.id, file).wait().await.unwrap();
    dataset
}

#[tokio::test]
async fn iterate_while_deleting() {
    let fixture = Fixture::start().await;
    for (count, page_size, prefetch, every) in
        [(2_500, 100, 8, 1), (300, 20, 8, 2), (100, 10, 1, 1), (101, 10, 3, 3), (60, 7, 2, 1)]
    {
        let dataset = filled(&fixture, count).await;
        let datasets = fixture.client.datasets();
        let pager = datasets.list_records(dataset.id).pager();
        let mut records = pager.page_size(page_size).prefetch(prefetch).items();
        let mut numbers = Vec::new();
        while let Some(record) = records.next().await {
            let record = record.unwrap();
            let properties: Value = record.properties.parse().unwrap();
            numbers.push(properties["n"].as_u64().unwrap() as usize);
            if numbers.len() % every == 0 {
                datasets.records().delete(record.id).await.unwrap();
            }
        }
        assert!(numbers.into_iter().eq(0..count), "{count} records");
        let remaining = datasets.list_records(dataset.id).pager().count().await.unwrap();
        assert_eq!(remaining as usize, count - count / every);
    }
}

#[tokio::test]
async fn iterate_detects_missed_items() {
    let fixture = Fixture::start().await;
    let dataset = filled(&fixture, 3).await;
    let datasets = fixture.client.datasets();
    let page = datasets.list_records(dataset.id).page_size(2).await.unwrap().records;
    let results = serde_json::to_value(page.results).unwrap();
    // Every response counts fewer items, so the pager never knows what it has missed.
    let rule = |count: i64| {
        let body = json!({"records": {"count": count, "next": "/next", "results": results}});
        json!({"operation": "list_records", "body": body})
    };
    for strict in [None, Some(true), Some(false)] {
        fixture.clear_faults().await;
        fixture.inject_fault((900..1_000).rev().map(rule).collect()).await;
        let mut pager = datasets.list_records(dataset.id).pager().page_size(2).prefetch(1);
        if let Some(strict) = strict {
            pager = pager.strict(strict);
        }
        let mut items = pager.items();
        let mut error = None;
        while let Some(item) = items.next().await {
            error = item.err();
        }
        if strict == Some(false) {
            assert!(error.is_none(), "{error:?}");
        } else {
            let error = error.unwrap();
            assert_eq!(error.kind(), ErrorKind::Conflict);
            assert!(error.message().contains("may have been missed"), "{error}");
        }
    }
    // A pager that starts at a later page cannot tell whether items have moved before its first page.
    fixture.clear_faults().await;
    let dataset = filled(&fixture, 60).await;
    let listed = datasets.list_records(dataset.id).page_size(60).await.unwrap().records.results;
    let pager = datasets.list_records(dataset.id).page(3).page_size(10).pager().prefetch(1);
    let mut items = pager.items();
    items.next().await.unwrap().unwrap();
    let ids: Vec<_> = listed.iter().take(15).map(|record| record.id).collect();
    datasets.records().bulk_delete(ids).await.unwrap();
    let mut error = None;
    while let Some(item) = items.next().await {
        error = item.err();
    }
    assert_eq!(error.unwrap().kind(), ErrorKind::Conflict);
}
