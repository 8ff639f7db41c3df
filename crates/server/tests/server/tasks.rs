//! Fault rules that delay, fail or block import tasks.

use std::time::{Duration, Instant};

use mistral_datasets_server::{DataLocation, ServerConfig};
use mistral_datasets_types::{Dataset, ImportTask};
use serde_json::{Value, json};

use crate::support::{Api, DATASETS};

const FAULTS: &str = "/local/v1/faults";

async fn inject_faults(api: &Api, rules: Value) {
    api.post(FAULTS, rules.to_string()).await.json::<Value>(201);
}

/// Starts an import of two records.
async fn start_import(api: &Api, dataset: &Dataset) -> ImportTask {
    let file = api.upload("two.jsonl", "{\"messages\": []}\n{\"messages\": []}\n").await;
    let path = format!("{DATASETS}/{}/imports/from-file", dataset.id);
    api.post(&path, json!({"file_id": file.id}).to_string()).await.json(202)
}

async fn fetch_task(api: &Api, dataset: &Dataset, task: &ImportTask) -> ImportTask {
    api.get(&format!("{DATASETS}/{}/tasks/{}", dataset.id, task.id)).await.json(200)
}

#[tokio::test]
async fn task_delay_postpones_the_import() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Delayed").await;
    inject_faults(&api, json!({"task": {"delay_ms": 400}})).await;
    let started = Instant::now();
    let task = start_import(&api, &dataset).await;
    assert!(started.elapsed() < Duration::from_millis(400), "the request is not delayed");
    assert_eq!(fetch_task(&api, &dataset, &task).await.progress, Some(0));
    let ended = api.wait_for_task(&dataset, &task).await;
    assert!(started.elapsed() >= Duration::from_millis(400));
    assert_eq!((ended.status.as_str(), api.record_count(&dataset).await), ("COMPLETED", 2));
}

#[tokio::test]
async fn task_fail_fails_the_task_with_its_message() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Failing").await;
    inject_faults(&api, json!({"task": {"fail": "quota exceeded", "delay_ms": 5}})).await;
    let task = start_import(&api, &dataset).await;
    let ended = api.wait_for_task(&dataset, &task).await;
    assert_eq!(ended.status.as_str(), "FAILED");
    assert_eq!(ended.message.as_deref(), Some("quota exceeded"));
    assert_eq!(api.record_count(&dataset).await, 0);
}

#[tokio::test]
async fn task_rules_match_only_requests_that_start_tasks() {
    let mut api = Api::start().await;
    let dataset = api.create_dataset("Counted").await;
    inject_faults(&api, json!({"task": {"fail": "the second"}, "skip": 1, "times": 1})).await;
    api.get(DATASETS).await.json::<Value>(200);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let task = start_import(&api, &dataset).await;
        statuses.push(api.wait_for_task(&dataset, &task).await.status.as_str().to_owned());
    }
    assert_eq!(statuses, ["COMPLETED", "FAILED", "COMPLETED"]);
    let listed: Value = api.get(FAULTS).await.json(200);
    let rule = &listed["faults"][0];
    assert_eq!((&rule["matched"], &rule["applied"]), (&json!(2), &json!(1)));
    assert_eq!(rule["task"], json!({"fail": "the second"}));

    // Rules do not affect other workspaces.
    inject_faults(&api, json!({"task": {"stuck": true}, "times": null})).await;
    api.set_key(Some("another key"));
    let other = api.create_dataset("Other workspace").await;
    let task = start_import(&api, &other).await;
    assert_eq!(api.wait_for_task(&other, &task).await.status.as_str(), "COMPLETED");
}

#[tokio::test]
async fn stuck_tasks_do_not_block_others_and_fail_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let config =
        || ServerConfig::default().data(DataLocation::Directory(directory.path().to_owned()));
    let api = Api::start_with(config()).await;
    let dataset = api.create_dataset("Stuck").await;
    inject_faults(
        &api,
        json!({"operation": "import_from_file", "task": {"stuck": true}, "times": 5}),
    )
    .await;
    let mut stuck = Vec::new();
    for _ in 0..5 {
        stuck.push(start_import(&api, &dataset).await);
    }
    let other = start_import(&api, &dataset).await;
    assert_eq!(api.wait_for_task(&dataset, &other).await.status.as_str(), "COMPLETED");
    for task in &stuck {
        let found = fetch_task(&api, &dataset, task).await;
        assert_eq!((found.status.as_str(), found.progress), ("RUNNING", Some(0)));
    }
    api.server.shutdown().await;

    let api = Api::start_with(config()).await;
    for task in &stuck {
        let found = api.wait_for_task(&dataset, task).await;
        assert_eq!(found.status.as_str(), "FAILED");
        assert!(found.message.unwrap().contains("nothing was imported"));
    }
    assert_eq!(api.record_count(&dataset).await, 2);
}
