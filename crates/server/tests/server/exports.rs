//! Exports.

use std::time::Duration;

use mistral_datasets_server::ServerConfig;
use mistral_datasets_types::{DatasetRecord, ExportResponse, ListFilesResponse};
use serde_json::Value;

use crate::support::{Api, DATASETS, eventually, records_path};

async fn export(api: &Api, dataset: impl ToString) -> String {
    let path = format!("{DATASETS}/{}/exports/to-jsonl", dataset.to_string());
    api.get(&path).await.json::<ExportResponse>(200).file_url
}

fn contents(records: &[DatasetRecord]) -> Vec<(&str, &str)> {
    records.iter().map(|record| (record.payload.get(), record.properties.get())).collect()
}

#[tokio::test]
async fn exported_json_imports_byte_for_byte() {
    let mut api = Api::start().await;
    let dataset = api.create_dataset("Exported").await;
    for (payload, properties) in [
        (r#"{"messages": [ {"n" : 1.0, "b": 12345678901234567890123} ] , "z":1E400}"#, "{ }"),
        (
            r#"{"messages":[{"c":"a\u0000\n\ud800\ud83d\ude00 😀 \u2028"}],"a":-0}"#,
            r#"{"y":1,"x":2}"#,
        ),
        (r#"{"payload": 1, "messages": [], "properties": {}}"#, r#"{"messages": 3}"#),
    ] {
        let body = format!(r#"{{"payload": {payload}, "properties": {properties}}}"#);
        api.post(&records_path(&dataset), body).await.json::<DatasetRecord>(201);
    }
    let link = export(&api, dataset.id).await;
    assert!(link.starts_with(&api.server.url()));
    api.set_key(None);
    let exported = api.get(&link).await;
    assert_eq!(exported.status, 200);
    assert_eq!(exported.text().lines().count(), 3);
    api.set_key(Some("a key"));
    let copy = api.create_dataset("Imported").await;
    let task = api.import_lines(&copy, exported.body).await;
    assert_eq!(task.status.as_str(), "COMPLETED", "{:?}", task.message);
    let (originals, copies) = (api.records(&dataset).await, api.records(&copy).await);
    assert_eq!(contents(&originals), contents(&copies));
    assert_eq!(copies[0].source.as_str(), "UPLOADED_FILE");
    // Exports are not listed as uploaded files.
    assert_eq!(api.get("/v1/files").await.json::<ListFilesResponse>(200).total, Some(1));
}

#[tokio::test]
async fn exported_lines_contain_all_record_fields() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Lines").await;
    let body = "{\"payload\": {\r\n  \"messages\": [\n {\"a b\": \"c  d\\n\"} ]}, \"properties\": {\"x\": 1}}";
    let record: DatasetRecord = api.post(&records_path(&dataset), body).await.json(201);
    let text = api.get(&export(&api, "lines").await).await.text();
    assert_eq!(text.lines().count(), 1);
    assert!(text.contains("\"payload\":{\"messages\":[{\"a b\":\"c  d\\n\"}]}"), "{text}");
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["id"], record.id.to_string());
    assert_eq!(line["source"], "DIRECT_INPUT");
    assert!(line["created_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(line["properties"]["x"], 1);
}

#[tokio::test]
async fn empty_dataset_exports_an_empty_file() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Empty").await;
    let exported = api.get(&export(&api, dataset.id).await).await;
    assert_eq!((exported.status.as_u16(), exported.body.len()), (200, 0));
}

#[tokio::test]
async fn large_export_keeps_the_record_order() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Large").await;
    let lines: String =
        (0..12_000).map(|n| format!("{{\"messages\":[{{\"n\":{n}}}]}}\n")).collect();
    api.import_lines(&dataset, lines).await;
    api.create_record(&dataset, "last").await;
    let text = api.get(&export(&api, dataset.id).await).await.text();
    let mut lines = text.lines();
    for n in 0..12_000 {
        assert!(lines.next().unwrap().contains(&format!("[{{\"n\":{n}}}]")));
    }
    assert!(lines.next().unwrap().contains("last") && lines.next().is_none());
}

#[tokio::test]
async fn export_link_expires() {
    let config = ServerConfig::default().link_lifetime(Duration::from_secs(2));
    let mut api = Api::start_with(config).await;
    let dataset = api.create_dataset("Short").await;
    let link = export(&api, dataset.id).await;
    api.set_key(None);
    assert_eq!(api.get(&link).await.status, 200);
    let expired = eventually(async || {
        let response = api.get(&link).await;
        (response.status != 200).then_some(response)
    })
    .await;
    assert!(expired.error(403, "AUTH_FORBIDDEN").contains("expired"));
}
