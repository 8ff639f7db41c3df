//! Imports.

use mistral_datasets::ErrorKind;
use mistral_datasets::types::{RecordSource, TaskStatus};
use mistral_datasets_tests::Fixture;
use serde_json::{Value, json};
use uuid::Uuid;

#[tokio::test]
async fn import_from_file() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let file = fixture
        .upload(concat!(
            r#"{"payload": {"messages": [{"role": "user", "content": "B"}], "n": 1.0}, "properties": {"z": 1, "a": 2}}"#,
            "\n\n",
            r#"{"messages": [{"role": "user", "content": "A"}]}"#,
            "\r\n",
            r#"{"messages": [], "properties": {"last": true}}"#,
        ))
        .await;
    let task = fixture.client.datasets().import_from_file(dataset.id, file).await.unwrap();
    assert_eq!((&task.status, task.dataset_id), (&TaskStatus::Running, dataset.id));
    let task = fixture.wait_until_finished(task).await;
    assert_eq!((&task.status, task.progress), (&TaskStatus::Completed, Some(100)));
    let result = task.result.unwrap();
    assert_eq!(
        (result.requested_record_count, result.imported_record_count, result.skipped_record_count),
        (3, 3, 0)
    );
    let records = fixture.list_records(&dataset).await;
    let texts: Vec<_> =
        records.iter().map(|record| (record.payload.get(), record.properties.get())).collect();
    assert_eq!(
        texts[0],
        (r#"{"messages": [{"role": "user", "content": "B"}], "n": 1.0}"#, r#"{"z": 1, "a": 2}"#)
    );
    let second: Value = records[1].payload.parse().unwrap();
    assert_eq!(second, json!({"messages": [{"role": "user", "content": "A"}]}));
    assert_eq!((texts[1].1, texts[2].1), ("{}", r#"{"last": true}"#));
    assert!(records.iter().all(|record| record.source == RecordSource::UploadedFile));
}

#[tokio::test]
async fn import_from_file_is_all_or_nothing() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    for invalid in [r#"{"messages": 5}"#, "{", r#"{"properties": {}}"#, "[]", r#"{"payload": []}"#]
    {
        let good = r#"{"messages": [{"role": "user", "content": "fine"}]}"#;
        let file = fixture.upload(&format!("{good}\n{good}\n{invalid}\n{good}\n")).await;
        let task = fixture.client.datasets().import_from_file(dataset.id, file).await.unwrap();
        let task = fixture.wait_until_finished(task).await;
        assert_eq!(task.status, TaskStatus::Failed, "{invalid}");
        assert!(
            task.message.as_ref().is_some_and(|message| message.contains("line 3")),
            "{task:?}"
        );
        assert!(fixture.list_records(&dataset).await.is_empty());
    }
}

/// Returns two explorer events.
fn events() -> Value {
    json!([
        {"request_messages": [{"role": "user", "content": "one"}], "response_messages": [{"role": "assistant", "content": "1"}]},
        {"request_messages": [{"role": "user", "content": "two"}], "response_messages": [{"role": "assistant", "content": "2"}]}
    ])
}

/// Returns the IDs in the response of `insert_fixture`.
fn ids(inserted: &Value, field: &str) -> Vec<String> {
    let items = inserted.as_array().unwrap();
    items.iter().map(|item| item[field].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn import_from_explorer() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let ids = ids(&fixture.insert_fixture("chat-completion-events", events()).await, "event_id");
    let started = fixture.client.datasets().import_from_explorer(dataset.id, ids);
    let task = fixture.wait_until_finished(started.await.unwrap()).await;
    assert_eq!(task.status, TaskStatus::Completed);
    let records = fixture.list_records(&dataset).await;
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].source, RecordSource::Explorer);
    let payload: Value = records[0].payload.parse().unwrap();
    assert_eq!(payload["messages"][0]["content"], "one");
    assert_eq!(payload["messages"][1]["content"], "1");
}

#[tokio::test]
async fn import_from_campaign() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let events = ids(&fixture.insert_fixture("chat-completion-events", events()).await, "event_id");
    let campaign =
        fixture.insert_fixture("campaigns", json!({"name": "Week 1", "event_ids": events})).await;
    let id = campaign["id"].as_str().unwrap();
    let started = fixture.client.datasets().import_from_campaign(dataset.id, id);
    let task = fixture.wait_until_finished(started.await.unwrap()).await;
    assert_eq!(task.status, TaskStatus::Completed);
    assert_eq!(fixture.list_records(&dataset).await.len(), 2);
}

#[tokio::test]
async fn import_from_playground() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let conversations = json!([{"messages": [{"role": "user", "content": "played"}]}]);
    let ids = ids(&fixture.insert_fixture("conversations", conversations).await, "conversation_id");
    let started = fixture.client.datasets().import_from_playground(dataset.id, ids);
    let task = fixture.wait_until_finished(started.await.unwrap()).await;
    assert_eq!(task.status, TaskStatus::Completed);
    let records = fixture.list_records(&dataset).await;
    assert_eq!((records.len(), &records[0].source), (1, &RecordSource::Playground));

    let started =
        fixture.client.datasets().import_from_playground(dataset.id, Vec::<String>::new());
    let task = fixture.wait_until_finished(started.await.unwrap()).await;
    assert_eq!(
        (task.status, task.result.unwrap().imported_record_count),
        (TaskStatus::Completed, 0)
    );
}

#[tokio::test]
async fn import_from_dataset_records() {
    let fixture = Fixture::start().await;
    let from = fixture.create_dataset().await;
    let to = fixture.create_dataset().await;
    let first = fixture.create_record(&from, "first").await;
    let second = fixture.create_record(&from, "second").await;
    let started =
        fixture.client.datasets().import_from_dataset_records(to.id, [second.id, first.id]);
    let task = fixture.wait_until_finished(started.await.unwrap()).await;
    assert_eq!(task.status, TaskStatus::Completed);
    let copies = fixture.list_records(&to).await;
    let texts: Vec<_> =
        copies.iter().map(|copy| (copy.payload.get(), copy.properties.get())).collect();
    assert_eq!(
        texts,
        [&second, &first].map(|record| (record.payload.get(), record.properties.get()))
    );
    assert!(copies.iter().all(|copy| copy.id != first.id && copy.id != second.id));
    assert_eq!(fixture.list_records(&from).await.len(), 2);
}

#[tokio::test]
async fn import_from_unknown_sources_is_rejected() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let datasets = fixture.client.datasets();
    let unknown = Uuid::new_v4();
    let errors = [
        datasets.import_from_file(dataset.id, unknown).await.unwrap_err(),
        datasets.import_from_explorer(dataset.id, [unknown.to_string()]).await.unwrap_err(),
        datasets.import_from_campaign(dataset.id, unknown).await.unwrap_err(),
        datasets.import_from_playground(dataset.id, [unknown.to_string()]).await.unwrap_err(),
        datasets.import_from_dataset_records(dataset.id, [unknown]).await.unwrap_err(),
        datasets.import_from_file(unknown, "file").await.unwrap_err(),
    ];
    for error in &errors {
        assert_eq!((error.kind(), error.status()), (ErrorKind::NotFound, Some(404)), "{error}");
    }
    assert_eq!(errors[2].code(), Some("CAMPAIGN_NOT_FOUND"));
    assert_eq!(errors[4].code(), Some("DATASET_RECORD_NOT_FOUND"));
    assert_eq!(errors[5].code(), Some("DATASET_NOT_FOUND"));
    assert_eq!(datasets.list_tasks(dataset.id).await.unwrap().tasks.count, 0);
}

#[tokio::test]
async fn list_tasks() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let datasets = fixture.client.datasets();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let file = fixture.upload("").await;
        let task = datasets.import_from_file(dataset.id, file).await.unwrap();
        ids.push(fixture.wait_until_finished(task).await.id);
    }
    ids.reverse();
    let page = datasets.list_tasks(dataset.id).page_size(2).await.unwrap().tasks;
    assert_eq!((page.count, page.next.is_some()), (3, true));
    let listed: Vec<_> = page.results.iter().map(|task| task.id).collect();
    assert_eq!(listed, ids[..2]);
}

#[tokio::test]
async fn fetch_unknown_task() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let error = fixture.client.datasets().fetch_task(dataset.id, Uuid::new_v4()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, Some("DATASET_TASK_NOT_FOUND")));
}
