//! Records.

use mistral_datasets::types::{CreateJudgeRequest, JudgeRegressionOutput, RecordSource};
use mistral_datasets::{Client, ErrorKind, RawJson};
use mistral_datasets_tests::Fixture;
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn create_record() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let payload = json!({"messages": [{"role": "user", "content": "Hi"}], "model": "m"});
    let properties = json!({"topic": "greeting"});
    let record =
        fixture.client.datasets().create_record(dataset.id, &payload, &properties).await.unwrap();
    assert_eq!(record.payload.get(), payload.to_string());
    assert_eq!(record.properties.get(), properties.to_string());
    assert_eq!((record.source, record.dataset_id), (RecordSource::DirectInput, dataset.id));
    let record = fixture
        .client
        .datasets()
        .create_record(dataset.id, &payload, &properties)
        .source(RecordSource::TelemetrySpan)
        .await
        .unwrap();
    assert_eq!(record.source, RecordSource::TelemetrySpan);
}

#[tokio::test]
async fn create_record_rejects_non_objects() {
    let client = Client::builder().api_key("k").server_url("http://127.0.0.1:9").build().unwrap();
    let datasets = client.datasets();
    let error = datasets.create_record("d", json!([null]), json!({})).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Validation, "payload: expected an object")
    );
    let error = datasets.create_record("d", json!({}), json!([null])).await.unwrap_err();
    assert_eq!(error.message(), "properties: expected an object");
}

#[tokio::test]
async fn create_record_without_messages_is_rejected() {
    let fixture = Fixture::start_strict().await;
    let dataset = fixture.create_dataset().await;
    for payload in [json!({}), json!({"messages": [[null]]}), json!({"messages": "hello"})] {
        let created = fixture.client.datasets().create_record(dataset.id, &payload, json!({}));
        let error = created.await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::Validation, Some(422)), "{payload}");
        assert!(error.message().contains("payload.messages"), "{error}");
    }
    assert!(fixture.list_records(&dataset).await.is_empty());

    let default = Fixture::start().await;
    let dataset = default.create_dataset().await;
    let payload = json!({"sentence": "I like it", "groundtruth": "positive"});
    let created = default.client.datasets().create_record(dataset.id, &payload, json!({}));
    assert_eq!(created.await.unwrap().payload.parse::<serde_json::Value>().unwrap(), payload);
}

/// JSON that would change if it were parsed and serialized again.
const UNUSUAL: &str = concat!(
    r#"{"messages": [{"role":"user","content":"a\u0001b\u2028 \ud83d\ude00 😀 é"}], "z": 1.0, "a": 12345678901234567890123, "#,
    r#""tiny": 1e-7, "exact": 0.1, "huge": 1E400, "negative zero": -0.0, "nested": {"b": [], "a": {}}, "": null, "lone": "\ud800"}"#
);

#[tokio::test]
async fn unusual_values_are_preserved() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let unusual = RawJson::from_string(UNUSUAL.to_owned()).unwrap();
    let created =
        fixture.client.datasets().create_record(dataset.id, &unusual, &unusual).await.unwrap();
    let fetched = fixture.client.datasets().records().fetch(created.id).await.unwrap();
    let listed = fixture.list_records(&dataset).await.remove(0);
    for record in [created, fetched, listed] {
        assert_eq!(record.payload.get(), UNUSUAL);
        assert_eq!(record.properties.get(), UNUSUAL);
    }
}

#[tokio::test]
async fn list_records_in_order() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let mut ids = Vec::new();
    for number in 0..7 {
        ids.push(fixture.create_record(&dataset, &number.to_string()).await.id);
    }
    let mut listed = Vec::new();
    for page in 1..=3 {
        let listing = fixture.client.datasets().list_records(dataset.id).page_size(3).page(page);
        let response = listing.await.unwrap().records;
        assert_eq!((response.count, response.next.is_some()), (7, page < 3));
        listed.extend(response.results.into_iter().map(|record| record.id));
    }
    assert_eq!(listed, ids);
}

#[tokio::test]
async fn fetch_record() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let record = fixture.create_record(&dataset, "hello").await;
    let fetched = fixture.client.datasets().records().fetch(record.id).await.unwrap();
    assert_eq!(fetched, record);
}

#[tokio::test]
async fn fetch_unknown_record() {
    let fixture = Fixture::start().await;
    let records = fixture.client.datasets().records();
    let error = records.fetch(Uuid::new_v4()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::NotFound, Some("DATASET_RECORD_NOT_FOUND"))
    );
    let error = records.fetch("not a uuid").await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Validation, None));
    assert_eq!(error.message(), "dataset_record_id: expected a UUID");
}

#[tokio::test]
async fn update_record_payload() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let record = fixture.create_record(&dataset, "before").await;
    let records = fixture.client.datasets().records();
    let payload = json!({"messages": [{"role": "user", "content": "after"}]});
    records.update_payload(record.id, &payload).await.unwrap();
    let fetched = records.fetch(record.id).await.unwrap();
    assert_eq!(fetched.payload.get(), payload.to_string());
    assert_eq!(fetched.properties, record.properties);
    assert!(fetched.updated_at > record.updated_at);
}

#[tokio::test]
async fn update_record_properties() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let record = fixture.create_record(&dataset, "hello").await;
    let records = fixture.client.datasets().records();
    records.update_properties(record.id, json!({"reviewed": true})).await.unwrap();
    let fetched = records.fetch(record.id).await.unwrap();
    assert_eq!(fetched.properties.get(), r#"{"reviewed":true}"#);
    assert_eq!(fetched.payload, record.payload);
}

#[tokio::test]
async fn delete_record() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let first = fixture.create_record(&dataset, "first").await;
    let second = fixture.create_record(&dataset, "second").await;
    let records = fixture.client.datasets().records();
    records.delete(first.id).await.unwrap();
    assert_eq!(records.fetch(first.id).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(records.delete(first.id).await.unwrap_err().kind(), ErrorKind::NotFound);
    let page = fixture.client.datasets().list_records(dataset.id).await.unwrap().records;
    assert_eq!((page.count, page.results), (1, vec![second]));
}

#[tokio::test]
async fn bulk_delete_records() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(fixture.create_record(&dataset, &number.to_string()).await.id);
    }
    fixture.client.datasets().records().bulk_delete(&ids[1..4]).await.unwrap();
    let remaining: Vec<_> =
        fixture.list_records(&dataset).await.into_iter().map(|record| record.id).collect();
    assert_eq!(remaining, [ids[0], ids[4]]);
}

#[tokio::test]
async fn bulk_delete_is_all_or_nothing() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let record = fixture.create_record(&dataset, "hello").await;
    let records = fixture.client.datasets().records();
    let error = records.bulk_delete([record.id, Uuid::new_v4()]).await.unwrap_err();
    assert_eq!(error.code(), Some("DATASET_RECORD_NOT_FOUND"));
    assert_eq!(fixture.list_records(&dataset).await, [record]);
    let error = records.bulk_delete(Vec::<Uuid>::new()).await.unwrap_err();
    assert_eq!(error.message(), "dataset_record_ids: expected 1 to 500 items, found 0");
}

#[tokio::test]
async fn judge_record_is_not_supported() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let record = fixture.create_record(&dataset, "hello").await;
    let output = JudgeRegressionOutput::new("Rude", "Polite").min(0.0).max(1.0);
    let judge = CreateJudgeRequest::new("Polite", "", "m", output, "Judge.", Vec::<String>::new());
    let error = fixture.client.datasets().records().judge(record.id, judge).await.unwrap_err();
    assert_eq!((error.status(), error.code()), (Some(400), Some("FEATURE_NOT_SUPPORTED")));
    assert_eq!(error.kind(), ErrorKind::Validation);
}
