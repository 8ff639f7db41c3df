//! Imports of records from spans.

use serde_json::{Value, json};

use crate::events::{chat_spans, send_spans};
use crate::support::{Api, DATASETS};

fn reference(number: usize) -> Value {
    json!({"trace_id": format!("{number:032x}"), "span_id": format!("{number:016x}")})
}

fn mapping(target: &str, namespace: &str, key: &str) -> Value {
    json!({"target_field": target, "source_field": {"namespace": namespace, "key": key}})
}

fn body(references: Vec<Value>, mappings: Vec<Value>) -> Value {
    json!({"span_references": references, "mapping_contract": {"version": 1, "mappings": mappings}})
}

#[tokio::test]
async fn spans_become_records_in_the_order_of_their_references() {
    let api = Api::start().await;
    send_spans(&api, &chat_spans(&["First", "Second", "Third"])).await;
    let dataset = api.create_dataset("From spans").await;
    let upper = json!({"trace_id": format!("{:032X}", 0xb), "span_id": format!("{:016X}", 0xb)});
    let malformed = json!({"trace_id": "x", "span_id": ""});
    let references = vec![reference(3), reference(9), reference(1), reference(3), upper, malformed];
    let mappings = vec![
        mapping("messages", "span_attributes", "gen_ai.input.messages"),
        mapping("service.name", "resource_attributes", "service.name"),
        mapping("tokens", "span_attributes", "gen_ai.usage.input_tokens"),
        mapping("missing", "span_attributes", "missing"),
    ];
    let task = api.import(&dataset, "from-spans", body(references, mappings)).await;
    assert_eq!(task.status.as_str(), "COMPLETED", "{task:?}");
    let counts = task.result.unwrap();
    assert_eq!(
        (counts.requested_record_count, counts.imported_record_count, counts.skipped_record_count),
        (6, 2, 4)
    );
    let records = api.records(&dataset).await;
    let third = json!([{"role": "user", "parts": [{"type": "text", "content": "Third"}]}]);
    assert_eq!(
        serde_json::from_str::<Value>(records[0].payload.get()).unwrap(),
        json!({"messages": third, "service.name": "shop-bot", "tokens": "21"})
    );
    let properties: Value = serde_json::from_str(records[1].properties.get()).unwrap();
    assert_eq!(properties, reference(1));
    assert_eq!(records[1].source.as_str(), "TELEMETRY_SPAN");
}

#[tokio::test]
async fn a_span_of_which_nothing_is_mapped_is_an_empty_record() {
    let api = Api::start().await;
    send_spans(&api, &chat_spans(&["First"])).await;
    let dataset = api.create_dataset("From spans").await;
    let mut body = body(vec![reference(1)], Vec::new());
    body["mapping_contract"].as_object_mut().unwrap().remove("version");
    api.import(&dataset, "from-spans", body).await;
    let records = api.records(&dataset).await;
    assert_eq!((records.len(), records[0].payload.get()), (1, "{}"));
}

#[tokio::test]
async fn spans_of_other_workspaces_are_skipped() {
    let api = Api::start().await;
    send_spans(&api, &chat_spans(&["First"])).await;
    let other = api.with_key("another key");
    let dataset = other.create_dataset("From spans").await;
    let task = other.import(&dataset, "from-spans", body(vec![reference(1)], Vec::new())).await;
    let counts = task.result.unwrap();
    assert_eq!((task.status.as_str(), counts.skipped_record_count), ("COMPLETED", 1));
    assert_eq!(other.record_count(&dataset).await, 0);
}

#[tokio::test]
async fn large_imports_from_spans_are_read_in_batches() {
    let api = Api::start().await;
    let messages: Vec<String> = (0..1_200).map(|n| format!("Question {n}")).collect();
    let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
    send_spans(&api, &chat_spans(&messages)).await;
    let dataset = api.create_dataset("From spans").await;
    let references = (1..=1_200).rev().map(reference).collect();
    let mappings = vec![mapping("input", "span_attributes", "gen_ai.input.messages")];
    api.import(&dataset, "from-spans", body(references, mappings)).await;
    let records = api.records(&dataset).await;
    assert_eq!(records.len(), 1_200);
    for (index, record) in records.iter().enumerate() {
        assert!(record.payload.get().contains(&format!("Question {}\"", 1_199 - index)));
    }
}

#[tokio::test]
async fn invalid_requests_start_no_import() {
    let api = Api::start().await;
    let dataset = api.create_dataset("From spans").await;
    let path = format!("{DATASETS}/{}/imports/from-spans", dataset.id);
    let twice =
        vec![mapping("a", "span_attributes", "b"), mapping("a", "resource_attributes", "c")];
    let mut version = body(vec![reference(1)], Vec::new());
    version["mapping_contract"]["version"] = json!(2);
    for (body, message) in [
        (body(Vec::new(), Vec::new()), "span_references: expected 1 to 10000 items, found 0"),
        (
            body((0..10_001).map(reference).collect(), Vec::new()),
            "span_references: expected 1 to 10000 items, found 10001",
        ),
        (
            body(vec![reference(1)], twice),
            "mapping_contract.mappings[1].target_field: another mapping has the same target field",
        ),
        (
            body(vec![reference(1)], vec![mapping("a", "attributes", "b")]),
            "mapping_contract.mappings[0].source_field.namespace: expected `span_attributes` or `resource_attributes`",
        ),
        (version, "mapping_contract.version: expected a whole number from 1 to 1, found a number"),
    ] {
        assert_eq!(api.post(&path, body.to_string()).await.error(422, "VALIDATION_ERROR"), message);
    }
    let missing = format!("{DATASETS}/missing/imports/from-spans");
    let valid = body(vec![reference(1)], Vec::new()).to_string();
    api.post(&missing, valid).await.error(404, "DATASET_NOT_FOUND");
    let tasks: Value = api.get(&format!("{DATASETS}/{}/tasks", dataset.id)).await.json(200);
    assert_eq!(tasks["tasks"]["count"], 0);
}

#[tokio::test]
async fn events_that_are_spans_are_imported_with_their_messages() {
    let api = Api::start().await;
    send_spans(&api, &chat_spans(&["Où est ma commande ?"])).await;
    let all = json!({"search_params": {"filters": null}}).to_string();
    let path = format!("{}/search-ids", crate::events::EVENTS);
    let found: Value = api.post(&path, all).await.json(200);
    let dataset = api.create_dataset("From the explorer").await;
    let body = json!({"completion_event_ids": found["completion_event_ids"]});
    api.import(&dataset, "from-explorer", body).await;
    let records = api.records(&dataset).await;
    assert_eq!(
        serde_json::from_str::<Value>(records[0].payload.get()).unwrap()["messages"],
        json!([
            {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Où est ma commande ?"},
            {"role": "assistant", "content": "It ships today."},
        ])
    );
}
