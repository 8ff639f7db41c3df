//! Record operations.

use mistral_datasets_server::{Generation, ServerConfig};
use mistral_datasets_types::{DatasetRecord, RecordSource};
use serde_json::json;
use uuid::Uuid;

use crate::support::{Api, RECORDS, judge_definition, records_path};

/// Valid JSON that many parsers do not preserve.
const PAYLOAD: &str = r#"{ "z": 12345678901234567890123, "messages" : [ {"role":"user", "content":"a\u0000\ud83d\ude00\ud800 😀"} ],
  "a": 1.0, "b": 1e-7, "c": 1E400, "d": -0, "a": 2, "": {} }"#;
const PROPERTIES: &str = "{\t\"y\" : 0.10, \"x\":[ ] , \"\\ud800\": null }";

#[tokio::test]
async fn payload_and_properties_are_stored_byte_for_byte() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Verbatim").await;
    let body = format!(r#"{{"properties": {PROPERTIES} , "payload":{PAYLOAD}}}"#);
    let created = api.post(&records_path(&dataset), body).await;
    let record: DatasetRecord = created.json(201);
    assert_eq!((record.payload.get(), record.properties.get()), (PAYLOAD, PROPERTIES));
    assert_eq!((record.source, record.dataset_id), (RecordSource::DirectInput, dataset.id));
    assert_eq!((record.created_at, record.deleted_at), (record.updated_at, None));

    let fetched = api.get(&format!("{RECORDS}/{}", record.id)).await;
    assert_eq!(fetched.body, created.body);
    let listed = api.get(&records_path(&dataset)).await.text();
    assert!(listed.contains(PAYLOAD) && listed.contains(PROPERTIES));
}

#[tokio::test]
async fn payload_and_properties_are_replaced_independently() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Replaced").await;
    let record = api.create_record(&dataset, "before").await;
    let path = format!("{RECORDS}/{}", record.id);
    api.put(&format!("{path}/payload"), format!(r#"{{"payload": {PAYLOAD}}}"#)).await.no_content();
    let changed: DatasetRecord = api.get(&path).await.json(200);
    assert_eq!((changed.payload.get(), changed.properties.get()), (PAYLOAD, "{}"));
    assert!(changed.updated_at > record.updated_at);
    let body = format!(r#"{{"properties": {PROPERTIES}}}"#);
    api.put(&format!("{path}/properties"), body).await.no_content();
    let again: DatasetRecord = api.get(&path).await.json(200);
    assert_eq!((again.payload.get(), again.properties.get()), (PAYLOAD, PROPERTIES));
    assert!(again.updated_at > changed.updated_at);
    assert_eq!(again.created_at, record.created_at);
}

#[tokio::test]
async fn invalid_payloads_are_rejected_with_the_path_of_the_field() {
    // The strictest generation.
    let api = Api::start_with(ServerConfig::default().generation(Generation::G1)).await;
    let dataset = api.create_dataset("Refused").await;
    let record = api.create_record(&dataset, "kept").await;
    for (payload, problem) in [
        ("[null]", "payload: expected an object, found an array"),
        ("null", "payload: expected an object, found null"),
        ("\"text\"", "payload: expected an object, found a string"),
        ("{}", "payload.messages: required"),
        (r#"{"messages": null}"#, "payload.messages: expected an array, found null"),
        (r#"{"messages": {}}"#, "payload.messages: expected an array, found an object"),
        // The example on the service's documentation page.
        (r#"{"messages": [[null]]}"#, "payload.messages[0]: expected an object, found an array"),
        (
            r#"{"messages": [{}, {}, true]}"#,
            "payload.messages[2]: expected an object, found a boolean",
        ),
    ] {
        let body = format!(r#"{{"payload": {payload}, "properties": {{}}}}"#);
        let created = api.post(&records_path(&dataset), body).await;
        assert_eq!(created.error(422, "VALIDATION_ERROR"), problem);
        let path = format!("{RECORDS}/{}/payload", record.id);
        let replaced = api.put(&path, format!(r#"{{"payload": {payload}}}"#)).await;
        assert_eq!(replaced.error(422, "VALIDATION_ERROR"), problem);
    }
    for (properties, problem) in [
        ("[null]", "properties: expected an object, found an array"),
        ("null", "properties: expected an object, found null"),
        ("1", "properties: expected an object, found a number"),
    ] {
        let body = format!(r#"{{"payload": {{"messages": []}}, "properties": {properties}}}"#);
        let created = api.post(&records_path(&dataset), body).await;
        assert_eq!(created.error(422, "VALIDATION_ERROR"), problem);
        let path = format!("{RECORDS}/{}/properties", record.id);
        let replaced = api.put(&path, format!(r#"{{"properties": {properties}}}"#)).await;
        assert_eq!(replaced.error(422, "VALIDATION_ERROR"), problem);
    }
    let missing = api.post(&records_path(&dataset), r#"{"payload": {"messages": []}}"#).await;
    assert_eq!(missing.error(422, "VALIDATION_ERROR"), "properties: required");
    assert_eq!(api.records(&dataset).await, [record]);
}

#[tokio::test]
async fn two_sources_are_accepted() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Sources").await;
    let create = async |source: &str| {
        let body =
            format!(r#"{{"payload": {{"messages": []}}, "properties": {{}}, "source": {source}}}"#);
        api.post(&records_path(&dataset), body).await
    };
    for (source, expected) in
        [(r#""DIRECT_INPUT""#, "DIRECT_INPUT"), (r#""TELEMETRY_SPAN""#, "TELEMETRY_SPAN")]
    {
        assert_eq!(create(source).await.json::<DatasetRecord>(201).source.as_str(), expected);
    }
    for source in [r#""EXPLORER""#, r#""x""#, "1", "null"] {
        assert!(create(source).await.error(422, "VALIDATION_ERROR").starts_with("source: "));
    }
}

#[tokio::test]
async fn deleted_record_is_not_found_and_not_counted() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Deleted").await;
    let kept = api.create_record(&dataset, 1).await;
    let deleted = api.create_record(&dataset, 2).await;
    let path = format!("{RECORDS}/{}", deleted.id);
    api.delete(&path).await.no_content();
    let names_record =
        |message: String| assert!(message.contains(&deleted.id.to_string()), "{message}");
    names_record(api.get(&path).await.error(404, "DATASET_RECORD_NOT_FOUND"));
    names_record(api.delete(&path).await.error(404, "DATASET_RECORD_NOT_FOUND"));
    let payload = r#"{"payload": {"messages": []}}"#;
    names_record(
        api.put(&format!("{path}/payload"), payload).await.error(404, "DATASET_RECORD_NOT_FOUND"),
    );
    let properties = r#"{"properties": {}}"#;
    let response = api.put(&format!("{path}/properties"), properties).await;
    names_record(response.error(404, "DATASET_RECORD_NOT_FOUND"));
    assert_eq!(api.record_count(&dataset).await, 1);
    assert_eq!(api.records(&dataset).await, [kept]);
}

#[tokio::test]
async fn bulk_delete_is_atomic() {
    let api = Api::start().await;
    let (one, two) = (api.create_dataset("Bulk one").await, api.create_dataset("Bulk two").await);
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(api.create_record(if n % 2 == 0 { &one } else { &two }, n).await.id);
    }
    let bulk = async |ids: &[Uuid]| {
        let body = json!({"dataset_record_ids": ids}).to_string();
        api.post(&format!("{RECORDS}/bulk-delete"), body).await
    };
    let unknown = Uuid::now_v7();
    let message = bulk(&[ids[0], unknown, ids[1]]).await.error(404, "DATASET_RECORD_NOT_FOUND");
    assert!(message.contains(&unknown.to_string()));
    assert_eq!((api.record_count(&one).await, api.record_count(&two).await), (2, 2));
    bulk(&[ids[0], ids[1], ids[0]]).await.no_content();
    assert_eq!((api.record_count(&one).await, api.record_count(&two).await), (1, 1));
    assert_eq!(api.records(&one).await[0].id, ids[2]);

    let limits = "dataset_record_ids: expected 1 to 500 items, found";
    assert_eq!(bulk(&[]).await.error(422, "VALIDATION_ERROR"), format!("{limits} 0"));
    let many = vec![unknown; 501];
    assert_eq!(bulk(&many).await.error(422, "VALIDATION_ERROR"), format!("{limits} 501"));
    let path = format!("{RECORDS}/bulk-delete");
    let response = api.post(&path, r#"{"dataset_record_ids": ["x"]}"#).await;
    let message = response.error(422, "VALIDATION_ERROR");
    assert_eq!(message, "dataset_record_ids[0]: expected a UUID");
}

#[tokio::test]
async fn judging_is_not_supported_without_an_endpoint() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Judged").await;
    let record = api.create_record(&dataset, "hello").await;
    let judge =
        async |id: Uuid, body: &str| api.post(&format!("{RECORDS}/{id}/live-judging"), body).await;
    let valid = json!({"judge_definition": judge_definition()}).to_string();
    let message = judge(record.id, &valid).await;
    assert!(message.error(400, "FEATURE_NOT_SUPPORTED").contains("`--judge-url URL`"));
    let unknown = judge(Uuid::now_v7(), &valid).await;
    unknown.error(404, "DATASET_RECORD_NOT_FOUND");
    let response = judge(record.id, r#"{"judge_definition": []}"#).await;
    assert!(response.error(422, "VALIDATION_ERROR").starts_with("judge_definition: "));
}

#[tokio::test]
async fn unknown_and_malformed_ids_are_different_errors() {
    let api = Api::start().await;
    let unknown = Uuid::now_v7();
    api.get(&format!("{RECORDS}/{unknown}")).await.error(404, "DATASET_RECORD_NOT_FOUND");
    let response = api.get(&format!("{RECORDS}/not-an-id")).await;
    assert_eq!(response.error(422, "VALIDATION_ERROR"), "dataset_record_id: expected a UUID");
    let body = r#"{"payload": {"messages": []}, "properties": {}}"#;
    let path = format!("/v1/observability/datasets/{unknown}/records");
    api.post(&path, body).await.error(404, "DATASET_NOT_FOUND");
}
