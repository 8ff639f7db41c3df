//! Rules for tasks, by which users test how they wait for imports.

use std::time::{Duration, Instant};

use mistral_datasets_server::{DataLocation, ServerConfig};
use mistral_datasets_types::{Dataset, ImportTask};
use serde_json::{Value, json};

use crate::support::{Api, DATASETS};

const FAULTS: &str = "/local/v1/faults";

async fn insert_fixture(api: &Api, rules: Value) {
    api.post(FAULTS, rules.to_string()).await.json::<Value>(201);
}

/// Begins an import of two records.
async fn begin(api: &Api, dataset: &Dataset) -> ImportTask {
    let file = api.upload("two.jsonl", "{\"messages\": []}\n{\"messages\": []}\n").await;
    let path = format!("{DATASETS}/{}/imports/from-file", dataset.id);
    api.post(&path, json!({"file_id": file.id}).to_string()).await.json(202)
}

async fn now(api: &Api, dataset: &Dataset, task: &ImportTask) -> ImportTask {
    api.get(&format!("{DATASETS}/{}/tasks/{}", dataset.id, task.id)).await.json(200)
}

#[tokio::test]
async fn a_task_takes_as_long_as_a_rule_says_and_then_does_what_it_would() {
    let api = Api::start().await;
    let dataset = api.dataset("Slowly").await;
    insert_fixture(&api, json!({"task": {"delay_ms": 400}})).await;
    let begun = Instant::now();
    let task = begin(&api, &dataset).await;
    assert!(begun.elapsed() < Duration::from_millis(400), "the request itself does not wait");
    assert_eq!(now(&api, &dataset, &task).await.progress, Some(0));
    let ended = api.ended(&dataset, &task).await;
    assert!(begun.elapsed() >= Duration::from_millis(400));
    assert_eq!((ended.status.as_str(), api.record_count(&dataset).await), ("COMPLETED", 2));
}

#[tokio::test]
async fn a_task_fails_with_the_message_of_a_rule_and_imports_nothing() {
    let api = Api::start().await;
    let dataset = api.dataset("Failing").await;
    insert_fixture(&api, json!({"task": {"fail": "no room for more", "delay_ms": 5}})).await;
    let task = begin(&api, &dataset).await;
    let ended = api.ended(&dataset, &task).await;
    assert_eq!(ended.status.as_str(), "FAILED");
    assert_eq!(ended.message.as_deref(), Some("no room for more"));
    assert_eq!(api.record_count(&dataset).await, 0);
}

#[tokio::test]
async fn a_rule_for_tasks_lets_other_requests_pass_and_counts_those_that_begin_tasks() {
    let mut api = Api::start().await;
    let dataset = api.dataset("Counted").await;
    insert_fixture(&api, json!({"task": {"fail": "the second"}, "skip": 1, "times": 1})).await;
    api.get(DATASETS).await.json::<Value>(200);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let task = begin(&api, &dataset).await;
        statuses.push(api.ended(&dataset, &task).await.status.as_str().to_owned());
    }
    assert_eq!(statuses, ["COMPLETED", "FAILED", "COMPLETED"]);
    let listed: Value = api.get(FAULTS).await.json(200);
    let rule = &listed["faults"][0];
    assert_eq!((&rule["matched"], &rule["applied"]), (&json!(2), &json!(1)));
    assert_eq!(rule["task"], json!({"fail": "the second"}));

    // Rules are of one workspace.
    insert_fixture(&api, json!({"task": {"stuck": true}, "times": null})).await;
    api.set_key(Some("another key"));
    let other = api.dataset("Of another").await;
    let task = begin(&api, &other).await;
    assert_eq!(api.ended(&other, &task).await.status.as_str(), "COMPLETED");
}

#[tokio::test]
async fn stuck_tasks_hold_up_no_other_and_have_failed_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let config = || ServerConfig {
        data: DataLocation::Directory(directory.path().to_owned()),
        ..ServerConfig::default()
    };
    let api = Api::start_with(config()).await;
    let dataset = api.dataset("Stuck for long").await;
    insert_fixture(
        &api,
        json!({"operation": "import_from_file", "task": {"stuck": true}, "times": 5}),
    )
    .await;
    let mut stuck = Vec::new();
    for _ in 0..5 {
        stuck.push(begin(&api, &dataset).await);
    }
    let other = begin(&api, &dataset).await;
    assert_eq!(api.ended(&dataset, &other).await.status.as_str(), "COMPLETED");
    for task in &stuck {
        let found = now(&api, &dataset, task).await;
        assert_eq!((found.status.as_str(), found.progress), ("RUNNING", Some(0)));
    }
    api.server.shutdown().await;

    let api = Api::start_with(config()).await;
    for task in &stuck {
        let found = now(&api, &dataset, task).await;
        assert_eq!(found.status.as_str(), "FAILED");
        assert!(found.message.unwrap().contains("nothing was imported"));
    }
    assert_eq!(api.record_count(&dataset).await, 2);
}
