//! Imports from all sources.

use mistral_datasets_server::{Generation, Limits, ServerConfig};
use mistral_datasets_types::{DatasetRecord, ImportTask, ListTasksResponse};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Api, DATASETS, RECORDS, Response, eventually};

/// Asserts that a task is COMPLETED and returns its requested, imported and skipped counts.
#[track_caller]
fn counts(task: &ImportTask) -> (i64, i64, i64) {
    assert_eq!((task.status.as_str(), task.progress), ("COMPLETED", Some(100)), "{task:?}");
    assert!(task.updated_at > task.created_at && task.message.is_none());
    let result = task.result.as_ref().expect("a completed task has a result");
    (result.requested_record_count, result.imported_record_count, result.skipped_record_count)
}

/// Returns payload, properties and source of each record.
fn contents(records: &[DatasetRecord]) -> Vec<(&str, &str, &str)> {
    fn content(record: &DatasetRecord) -> (&str, &str, &str) {
        (record.payload.get(), record.properties.get(), record.source.as_str())
    }
    records.iter().map(content).collect()
}

async fn start_import(api: &Api, dataset: impl ToString, from: &str, body: Value) -> Response {
    let path = format!("{DATASETS}/{}/imports/{from}", dataset.to_string());
    api.post(&path, body.to_string()).await
}

async fn task_count(api: &Api, dataset: Uuid) -> i64 {
    let path = format!("{DATASETS}/{dataset}/tasks");
    api.get(&path).await.json::<ListTasksResponse>(200).tasks.count
}

#[tokio::test]
async fn lines_with_payload_or_messages_become_records() {
    let api = Api::start().await;
    let dataset = api.create_dataset("From a file").await;
    let lines = concat!(
        "\u{feff}{\"payload\": {\"messages\": [ {\"n\": 1.0} ], \"k\": 123456789012345678901}, \"properties\": {\"b\": 1, \"a\": 2}}\r\n",
        "\n",
        "{\"x\": 1e400, \"messages\": [{\"role\": \"user\"}], \"properties\": {\"c\":[]}}\n",
        "   \n",
        "{\"messages\": []}",
    );
    let task = api.import_lines(&dataset, lines).await;
    assert_eq!(counts(&task), (3, 3, 0));
    assert_eq!((task.dataset_id, task.workspace_id), (dataset.id, dataset.workspace_id));
    assert_eq!(task.creator_id, dataset.owner_id);
    assert_eq!(
        contents(&api.records(&dataset).await),
        [
            (
                r#"{"messages": [ {"n": 1.0} ], "k": 123456789012345678901}"#,
                r#"{"b": 1, "a": 2}"#,
                "UPLOADED_FILE"
            ),
            (r#"{"x":1e400,"messages":[{"role": "user"}]}"#, r#"{"c":[]}"#, "UPLOADED_FILE"),
            (r#"{"messages":[]}"#, "{}", "UPLOADED_FILE"),
        ]
    );
}

#[tokio::test]
async fn empty_file_imports_nothing() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Nothing").await;
    assert_eq!(counts(&api.import_lines(&dataset, "").await), (0, 0, 0));
    assert_eq!(counts(&api.import_lines(&dataset, "\n\n").await), (0, 0, 0));
}

#[tokio::test]
async fn invalid_line_fails_the_whole_import() {
    let api = Api::start_with(ServerConfig::default().generation(Generation::G1)).await;
    let dataset = api.create_dataset("Invalid lines").await;
    let kept = api.create_record(&dataset, "kept").await;
    let good = "{\"messages\": [{\"role\": \"user\"}]}\n";
    // The longest file is staged in several chunks before the invalid line is read.
    for good_lines in [0, 3, 5_000] {
        for (invalid, reason) in [
            ("{\"messages\": [}", "the line is not JSON: expected value at line 1 column 15"),
            ("{\"messages\": [null]}", "messages[0]: expected an object, found null"),
            ("{\"payload\": {\"a\": 1}}", "payload.messages: required"),
            ("{}", "expected a field `payload` or a field `messages`"),
            ("17", "the line: expected an object, found a number"),
        ] {
            let lines = good.repeat(good_lines) + "\n" + invalid + "\n" + good;
            let task = api.import_lines(&dataset, lines).await;
            assert_eq!(task.status.as_str(), "FAILED");
            assert_eq!(task.message.unwrap(), format!("line {}: {reason}", good_lines + 2));
            assert_eq!(task.result, None);
        }
    }
    assert_eq!(api.record_count(&dataset).await, 1);
    assert_eq!(api.records(&dataset).await, [kept]);
    // The next import works as usual.
    assert_eq!(counts(&api.import_lines(&dataset, good.repeat(4_500)).await), (4_500, 4_500, 0));
    assert_eq!(api.records(&dataset).await.len(), 4_501);
}

#[tokio::test]
async fn line_length_is_limited() {
    let limits = Limits::default().json_bytes(1_000);
    let api = Api::start_with(ServerConfig::default().limits(limits)).await;
    let dataset = api.create_dataset("Long lines").await;
    let line = format!("{{\"messages\": [], \"x\": \"{}\"}}\n", "y".repeat(1_000));
    let task = api.import_lines(&dataset, line).await;
    assert_eq!(task.message.unwrap(), "line 1: longer than 1000 bytes");
}

#[tokio::test]
async fn import_reports_progress_and_shows_its_records_at_once() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Progress").await;
    let lines = format!("{{\"messages\": [], \"x\": \"{}\"}}\n", "y".repeat(1_000)).repeat(30_000);
    let file = api.upload("large.jsonl", lines).await;
    let accepted = start_import(&api, dataset.id, "from-file", json!({"file_id": file.id})).await;
    let task: ImportTask = accepted.json(202);
    // The file may be deleted while the import runs.
    api.delete(&format!("/v1/files/{}", file.id)).await.json::<Value>(200);
    let path = format!("{DATASETS}/{}/tasks/{}", dataset.id, task.id);
    let mut observed = vec![0];
    let ended = eventually(async || {
        let count = api.record_count(&dataset).await;
        let task: ImportTask = api.get(&path).await.json(200);
        observed.push(task.progress.unwrap());
        assert!(count == 0 || (count == 30_000 && task.status.as_str() == "COMPLETED"));
        (task.status.as_str() != "RUNNING").then_some(task)
    })
    .await;
    assert_eq!(counts(&ended), (30_000, 30_000, 0));
    assert!(
        observed.is_sorted() && observed.iter().any(|progress| (1..100).contains(progress)),
        "{observed:?}"
    );
    assert_eq!(api.record_count(&dataset).await, 30_000);
}

#[tokio::test]
async fn deleting_a_dataset_cancels_its_import() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Deleted while importing").await;
    let other = api.create_dataset("Another one").await;
    let file = api.upload("large.jsonl", "{\"messages\": []}\n".repeat(50_000)).await;
    let body = json!({"file_id": file.id});
    start_import(&api, dataset.id, "from-file", body.clone()).await.json::<ImportTask>(202);
    api.delete(&format!("{DATASETS}/{}", dataset.id)).await.no_content();
    // The worker continues with the next import.
    assert_eq!(counts(&api.import(&other, "from-file", body).await).1, 50_000);
}

#[tokio::test]
async fn event_fixtures_become_records() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Events").await;
    let events = r#"[
        {"event_id": "one", "request_messages": [ {"role": "user", "n": 1.0} ],
         "response_messages": [{"role": "assistant"}], "extra_fields": {"model" : "m"}},
        {"request_messages": [], "response_messages": [{"b": 2}], "unknown": 1}
    ]"#;
    let inserted: Value = api.post("/local/v1/chat-completion-events", events).await.json(200);
    assert_eq!(inserted[0]["event_id"], "one");
    let second = inserted[1]["event_id"].as_str().unwrap().to_owned();
    let body = json!({"completion_event_ids": [second, "one", second]});
    let task = api.import(&dataset, "from-explorer", body).await;
    assert_eq!(counts(&task), (3, 2, 1));
    assert_eq!(
        contents(&api.records(&dataset).await),
        [
            (r#"{"messages":[{"b": 2}]}"#, "{}", "EXPLORER"),
            (
                r#"{"messages":[{"role": "user", "n": 1.0},{"role": "assistant"}]}"#,
                r#"{"model" : "m"}"#,
                "EXPLORER"
            ),
        ]
    );
    let empty = api.import(&dataset, "from-explorer", json!({"completion_event_ids": []})).await;
    assert_eq!(counts(&empty), (0, 0, 0));
}

#[tokio::test]
async fn campaign_events_become_records() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Campaign").await;
    let events: Vec<Value> = (0..700)
        .map(|n| {
            json!({"event_id": format!("event {n}"), "request_messages": [{"n": n}],
                   "response_messages": []})
        })
        .collect();
    let events = Value::from(events).to_string();
    api.post("/local/v1/chat-completion-events", events).await.json::<Value>(200);
    let insert_campaign = async |ids: Vec<String>| {
        let body = json!({"name": "Summer", "event_ids": ids}).to_string();
        let campaign: Value = api.post("/local/v1/campaigns", body).await.json(200);
        campaign["id"].as_str().unwrap().to_owned()
    };
    let mut ids: Vec<String> = (0..700).map(|n| format!("event {n}")).collect();
    ids.push("not inserted".to_owned());
    let campaign = insert_campaign(ids).await;
    let body = json!({"campaign_id": campaign});
    assert_eq!(counts(&api.import(&dataset, "from-campaign", body).await), (701, 700, 1));
    let records = api.records(&dataset).await;
    assert_eq!(records[699].payload.get(), r#"{"messages":[{"n":699}]}"#);

    for ids in [vec![], vec!["not inserted".to_owned()]] {
        let body = json!({"campaign_id": insert_campaign(ids).await});
        let response = start_import(&api, dataset.id, "from-campaign", body).await;
        response.error(404, "CAMPAIGN_NO_MATCHING_EVENTS");
    }
    assert_eq!(task_count(&api, dataset.id).await, 1);
}

#[tokio::test]
async fn conversation_fixtures_become_records() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Playground").await;
    let conversations = r#"[{"conversation_id": "c", "messages": [{"x" : 1}]}, {"messages": []}]"#;
    let inserted: Value = api.post("/local/v1/conversations", conversations).await.json(200);
    // A conversation with the same id replaces the earlier one.
    let again = r#"[{"conversation_id": "c", "messages": [{"x" : 2}]}]"#;
    api.post("/local/v1/conversations", again).await.json::<Value>(200);
    let body = json!({"conversation_ids": ["c", inserted[1]["conversation_id"]]});
    let task = api.import(&dataset, "from-playground", body).await;
    assert_eq!(counts(&task), (2, 2, 0));
    assert_eq!(
        contents(&api.records(&dataset).await),
        [
            (r#"{"messages":[{"x" : 2}]}"#, "{}", "PLAYGROUND"),
            (r#"{"messages":[]}"#, "{}", "PLAYGROUND")
        ]
    );
    let empty = api.import(&dataset, "from-playground", json!({"conversation_ids": []})).await;
    assert_eq!(counts(&empty), (0, 0, 0));
}

#[tokio::test]
async fn copied_records_keep_payload_properties_and_source() {
    let api = Api::start().await;
    let (from, to) =
        (api.create_dataset("The original").await, api.create_dataset("The copy").await);
    let lines: String =
        (0..1_200).map(|n| json!({"messages": [{"n": n}]}).to_string() + "\n").collect();
    api.import_lines(&from, lines).await;
    api.create_record(&from, 1.5).await;
    let originals = api.records(&from).await;
    let ids: Vec<Uuid> = originals.iter().rev().map(|record| record.id).collect();
    let task = api.import(&to, "from-dataset", json!({"dataset_record_ids": ids})).await;
    assert_eq!(counts(&task), (1_201, 1_201, 0));
    let mut copies = api.records(&to).await;
    copies.reverse();
    assert_eq!(contents(&copies), contents(&originals));
    assert!(copies.iter().zip(&originals).all(|(copy, original)| copy.id != original.id));
    assert_eq!(copies[1_200].source.as_str(), "DIRECT_INPUT");
}

#[tokio::test]
async fn imports_from_unknown_sources_are_rejected_without_a_task() {
    let api = Api::start().await;
    let dataset = api.create_dataset("No source").await;
    let record = api.create_record(&dataset, "here").await;
    let unknown = Uuid::now_v7();
    for (from, body, code, named) in [
        ("from-file", json!({"file_id": unknown}), "UNKNOWN_ERROR", "file"),
        ("from-file", json!({"file_id": "<id>"}), "UNKNOWN_ERROR", "file"),
        ("from-campaign", json!({"campaign_id": unknown}), "CAMPAIGN_NOT_FOUND", "campaign"),
        (
            "from-explorer",
            json!({"completion_event_ids": ["nothing"]}),
            "UNKNOWN_ERROR",
            "event `nothing`",
        ),
        (
            "from-playground",
            json!({"conversation_ids": ["nobody"]}),
            "UNKNOWN_ERROR",
            "conversation `nobody`",
        ),
        (
            "from-dataset",
            json!({"dataset_record_ids": [record.id, unknown]}),
            "DATASET_RECORD_NOT_FOUND",
            &unknown.to_string(),
        ),
    ] {
        let message = start_import(&api, dataset.id, from, body.clone()).await.error(404, code);
        assert!(message.contains(named), "{message}");
        start_import(&api, unknown, from, body).await.error(404, "DATASET_NOT_FOUND");
    }
    assert_eq!(task_count(&api, dataset.id).await, 0);
    assert_eq!(api.record_count(&dataset).await, 1);
}

#[tokio::test]
async fn import_requests_are_validated() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Limits of imports").await;
    let id = Uuid::now_v7();
    for (from, body, message) in [
        ("from-file", json!({}), "file_id: required".to_owned()),
        ("from-file", json!({"file_id": 3}), "file_id: expected a string, found a number".into()),
        ("from-campaign", json!({"campaign_id": "x"}), "campaign_id: expected a UUID".into()),
        (
            "from-campaign",
            json!({"campaign_id": null}),
            "campaign_id: expected a string, found null".into(),
        ),
        (
            "from-explorer",
            json!({"completion_event_ids": vec!["x"; 501]}),
            "completion_event_ids: expected at most 500 items, found 501".into(),
        ),
        (
            "from-explorer",
            json!({"completion_event_ids": "x"}),
            "completion_event_ids: expected an array, found a string".into(),
        ),
        (
            "from-playground",
            json!({"conversation_ids": ["x", 1]}),
            "conversation_ids[1]: expected a string, found a number".into(),
        ),
        (
            "from-dataset",
            json!({"dataset_record_ids": []}),
            "dataset_record_ids: expected 1 to 10000 items, found 0".into(),
        ),
        (
            "from-dataset",
            json!({"dataset_record_ids": vec![id; 10_001]}),
            "dataset_record_ids: expected 1 to 10000 items, found 10001".into(),
        ),
        (
            "from-dataset",
            json!({"dataset_record_ids": [id, "nope"]}),
            "dataset_record_ids[1]: expected a UUID".into(),
        ),
    ] {
        let response = start_import(&api, dataset.id, from, body).await;
        assert_eq!(response.error(422, "VALIDATION_ERROR"), message);
    }
    assert_eq!(task_count(&api, dataset.id).await, 0);
}

#[tokio::test]
async fn ten_thousand_records_are_copied_in_one_request() {
    let api = Api::start().await;
    let (from, to) =
        (api.create_dataset("Ten thousand").await, api.create_dataset("Their copies").await);
    api.import_lines(&from, "{\"messages\": []}\n".repeat(10_000)).await;
    let ids: Vec<Uuid> = api.records(&from).await.iter().map(|record| record.id).collect();
    let task = api.import(&to, "from-dataset", json!({"dataset_record_ids": ids})).await;
    assert_eq!(counts(&task), (10_000, 10_000, 0));
}

#[tokio::test]
async fn unknown_tasks_are_not_found() {
    let api = Api::start().await;
    let (one, two) = (api.create_dataset("Task one").await, api.create_dataset("Task two").await);
    let task = api.import(&one, "from-playground", json!({"conversation_ids": []})).await;
    for (dataset, task) in [(&one, Uuid::now_v7()), (&two, task.id)] {
        let path = format!("{DATASETS}/{}/tasks/{task}", dataset.id);
        api.get(&path).await.error(404, "DATASET_TASK_NOT_FOUND");
    }
    let path = format!("{DATASETS}/{}/tasks/x", one.id);
    assert_eq!(api.get(&path).await.error(422, "VALIDATION_ERROR"), "task_id: expected a UUID");
}

#[tokio::test]
async fn invalid_fixtures_are_rejected() {
    let api = Api::start().await;
    for (path, body, message) in [
        ("chat-completion-events", "{}", "the body: expected an array, found an object"),
        ("chat-completion-events", "[{}]", "[0].request_messages: required"),
        (
            "chat-completion-events",
            r#"[{"request_messages": [1], "response_messages": []}]"#,
            "[0].request_messages[0]: expected an object, found a number",
        ),
        (
            "conversations",
            r#"[{"messages": [], "conversation_id": ""}]"#,
            "[0].conversation_id: expected 1 to 255 characters, found 0",
        ),
        ("campaigns", r#"{"name": "x"}"#, "event_ids: required"),
    ] {
        let response = api.post(&format!("/local/v1/{path}"), body).await;
        assert_eq!(response.error(422, "VALIDATION_ERROR"), message);
    }
}

#[tokio::test]
async fn reset_empties_only_the_workspace_of_the_key() {
    let mut api = Api::start().await;
    let dataset = api.create_dataset("To be reset").await;
    let record = api.create_record(&dataset, "gone").await;
    let file = api.upload("gone.jsonl", "{}").await;
    let events = r#"[{"event_id": "e", "request_messages": [], "response_messages": []}]"#;
    api.post("/local/v1/chat-completion-events", events).await.json::<Value>(200);
    api.set_key(Some("another key"));
    let other = api.create_dataset("Other workspace").await;
    api.set_key(Some("a key"));
    api.post("/local/v1/reset", "").await.no_content();

    let list: Value = api.get(DATASETS).await.json(200);
    assert_eq!(list["datasets"]["count"], 0);
    api.get(&format!("{RECORDS}/{}", record.id)).await.error(404, "DATASET_RECORD_NOT_FOUND");
    api.get(&format!("/v1/files/{}", file.id)).await.error(404, "UNKNOWN_ERROR");
    let again = api.create_dataset("To be reset").await;
    assert_eq!((again.slug, again.workspace_id), (dataset.slug, dataset.workspace_id));
    let body = json!({"completion_event_ids": ["e"]});
    start_import(&api, again.id, "from-explorer", body).await.error(404, "UNKNOWN_ERROR");
    api.set_key(Some("another key"));
    let kept: Value = api.get(&format!("{DATASETS}/{}", other.id)).await.json(200);
    assert_eq!(kept["name"], "Other workspace");
}
