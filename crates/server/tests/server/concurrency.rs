//! Many concurrent clients.

use std::collections::HashSet;

use futures::future::join_all;
use mistral_datasets_types::DatasetRecord;
use serde_json::json;

use crate::support::{Api, RECORDS};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_creates_are_all_stored_once() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Crowded").await;
    let client = async |client: usize| {
        let mut ids = Vec::new();
        for n in 0..50 {
            let record = api.create_record(&dataset, client * 100 + n).await;
            // A created record is visible immediately.
            let path = format!("{RECORDS}/{}", record.id);
            assert_eq!(api.get(&path).await.json::<DatasetRecord>(200), record);
            ids.push(record.id);
        }
        ids
    };
    let created: Vec<Vec<_>> = join_all((0..20).map(client)).await;
    let records = api.records(&dataset).await;
    assert_eq!(api.record_count(&dataset).await, 1_000);
    assert_eq!(records.len(), 1_000);
    let listed: HashSet<_> = records.iter().map(|record| record.id).collect();
    assert_eq!(listed, created.iter().flatten().copied().collect());
    // Each client's records are in creation order.
    let position = |id| records.iter().position(|record| record.id == id);
    assert!(created.iter().all(|ids| ids.iter().map(|id| position(*id)).is_sorted()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_creates_deletes_and_imports_keep_counts_correct() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Busy one").await;
    let file = api.upload("lines.jsonl", "{\"messages\": []}\n".repeat(3_000)).await;
    let create_and_delete = async |_: usize| {
        for n in 0..20 {
            let kept = api.create_record(&dataset, n).await;
            let deleted = api.create_record(&dataset, n).await;
            api.delete(&format!("{RECORDS}/{}", deleted.id)).await.no_content();
            let path = format!("{RECORDS}/{}/properties", kept.id);
            api.put(&path, r#"{"properties": {"changed": true}}"#).await.no_content();
        }
    };
    let import = async |_: usize| {
        let task = api.import(&dataset, "from-file", json!({"file_id": file.id})).await;
        assert_eq!(task.status.as_str(), "COMPLETED");
    };
    tokio::join!(join_all((0..8).map(create_and_delete)), join_all((0..3).map(import)));
    let records = api.records(&dataset).await;
    assert_eq!((api.record_count(&dataset).await, records.len()), (9_160, 9_160));
    let changed = records.iter().filter(|record| record.properties.get().contains("changed"));
    assert_eq!(changed.count(), 160);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_deletes_of_one_record_succeed_once() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Contended").await;
    for n in 0..20 {
        let path = format!("{RECORDS}/{}", api.create_record(&dataset, n).await.id);
        let responses = join_all((0..8).map(|_| api.delete(&path))).await;
        let deleted = responses.iter().filter(|response| response.status == 204).count();
        let missing = responses.iter().filter(|response| response.status == 404).count();
        assert_eq!((deleted, missing), (1, 7));
    }
    assert_eq!(api.record_count(&dataset).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrently_created_datasets_have_unique_slugs() {
    let api = Api::start().await;
    let created = join_all((0..50).map(|_| api.create_dataset("One name"))).await;
    let slugs: HashSet<_> = created.into_iter().map(|dataset| dataset.slug.unwrap()).collect();
    assert_eq!(slugs.len(), 50);
}
