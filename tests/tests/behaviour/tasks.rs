//! Waiting for import tasks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mistral_datasets::ErrorKind;
use mistral_datasets::types::{ImportTask, TaskStatus};
use mistral_datasets_tests::Fixture;
use serde_json::{Value, json};

/// Returns the JSON of a task with another status.
fn task_with_status(task: &ImportTask, status: &str) -> Value {
    json!({
        "id": task.id, "dataset_id": task.dataset_id, "creator_id": task.creator_id, "workspace_id": task.workspace_id,
        "created_at": task.created_at, "updated_at": task.updated_at, "status": status,
    })
}

#[tokio::test]
async fn wait_for_a_task() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let file = fixture.upload("{\"messages\": []}\n{\"messages\": []}\n").await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let statuses = seen.clone();
    let wait = fixture.client.datasets().import_from_file(dataset.id, file).wait();
    let task = wait.on_progress(move |task| statuses.lock().unwrap().push(task.status.clone()));
    let task = task.await.unwrap();
    assert_eq!((&task.status, task.progress), (&TaskStatus::Completed, Some(100)));
    assert_eq!(task.result.unwrap().imported_record_count, 2);
    assert_eq!(seen.lock().unwrap().last(), Some(&TaskStatus::Completed));
    assert_eq!(fixture.list_records(&dataset).await.len(), 2);
}

#[tokio::test]
async fn wait_raises_for_a_failed_task() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let file = fixture.upload("{\"messages\": []}\nnot JSON\n").await;
    let wait = fixture.client.datasets().import_from_file(dataset.id, file).wait();
    let error = wait.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskFailed);
    let task = error.task().expect("error contains the task");
    assert_eq!(task.status, TaskStatus::Failed);
    assert!(error.message().contains(task.message.as_deref().unwrap()), "{error}");
    for status in ["CANCELED", "TERMINATED", "TIMED_OUT"] {
        let body = task_with_status(task, status);
        fixture.inject_fault(json!({"operation": "fetch_task", "body": body})).await;
        let handle = fixture.client.datasets().task(task.dataset_id, task.id).wait();
        let error = handle.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TaskFailed);
        assert_eq!(error.task().unwrap().status.as_str(), status);
    }
}

#[tokio::test]
async fn wait_times_out() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let file = fixture.upload("{\"messages\": []}\n").await;
    let task = fixture.client.datasets().import_from_file(dataset.id, file).await.unwrap();
    let body = task_with_status(&task, "RUNNING");
    fixture.inject_fault(json!({"operation": "fetch_task", "body": body, "times": null})).await;
    let handle = fixture.client.datasets().task(task.dataset_id, task.id);
    let wait = handle.wait().timeout(Duration::from_millis(200));
    let wait = wait.poll_interval(Duration::from_millis(20), Duration::from_millis(40));
    let error = wait.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.task().unwrap().id, task.id);
    let polls = fixture.take_operations().await.iter().filter(|name| *name == "fetch_task").count();
    assert!((4..=11).contains(&polls), "{polls}");
}

#[tokio::test]
async fn wait_polls_through_unknown_statuses() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let file = fixture.upload("{\"messages\": []}\n").await;
    let task = fixture.client.datasets().import_from_file(dataset.id, file).await.unwrap();
    for status in ["UNKNOWN", "CONTINUED_AS_NEW", "RESTING"] {
        fixture
            .inject_fault(
                json!({"operation": "fetch_task", "body": task_with_status(&task, status)}),
            )
            .await;
    }
    let handle = fixture.client.datasets().task(task.dataset_id, task.id);
    let wait = handle.wait().poll_interval(Duration::from_millis(5), Duration::from_millis(5));
    assert_eq!(wait.await.unwrap().status, TaskStatus::Completed);
    let polls = fixture.take_operations().await.iter().filter(|name| *name == "fetch_task").count();
    assert!(polls >= 4, "{polls}");
}

#[tokio::test]
async fn task_from_saved_ids() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let file = fixture.upload("{\"messages\": []}\n").await;
    let handle = fixture.client.datasets().import_from_file(dataset.id, file).handle();
    let handle = handle.await.unwrap();
    let saved = (handle.dataset_id().to_owned(), handle.id().to_owned());
    assert_eq!(saved.0, dataset.id.to_string());
    let handle = fixture.client.datasets().task(&saved.0, &saved.1);
    assert_eq!(handle.wait().await.unwrap().id.to_string(), saved.1);
    assert_eq!(handle.refresh().await.unwrap().status, TaskStatus::Completed);
    let unknown = fixture.client.datasets().task(dataset.id, dataset.id).refresh().await;
    assert_eq!(unknown.unwrap_err().code(), Some("DATASET_TASK_NOT_FOUND"));
}
