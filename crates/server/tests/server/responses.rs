//! Fields and headers common to all responses.

use http::Method;
use mistral_datasets_types::SignedUrl;
use serde_json::{Value, json};

use crate::support::{Api, DATASETS, RECORDS, records_path, send};

#[tokio::test]
async fn responses_contain_all_documented_fields() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Fields").await;
    let record = api.create_record(&dataset, "x").await;
    let task = api.import(&dataset, "from-playground", json!({"conversation_ids": []})).await;
    let file = api.upload("fields.jsonl", "{}").await;
    let path = format!("{DATASETS}/{}", dataset.id);
    for (path, fields) in [
        (
            path.clone(),
            "id created_at updated_at deleted_at name slug description owner_id workspace_id",
        ),
        (
            format!("{RECORDS}/{}", record.id),
            "id created_at updated_at deleted_at dataset_id payload properties source",
        ),
        (
            format!("{path}/tasks/{}", task.id),
            "id created_at updated_at deleted_at creator_id dataset_id workspace_id status progress message result",
        ),
        (
            format!("/v1/files/{}", file.id),
            "id object bytes created_at filename purpose sample_type source num_lines mimetype signature expires_at \
             visibility deleted",
        ),
    ] {
        let value: Value = api.get(&path).await.json(200);
        let found: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(found, fields.split(' ').collect::<Vec<_>>(), "{path}");
    }
    let page: Value = api.get(&records_path(&dataset)).await.json(200);
    let found: Vec<&str> = page["records"].as_object().unwrap().keys().map(|key| &**key).collect();
    assert_eq!(found, ["results", "count", "next", "previous"]);
}

#[tokio::test]
async fn timestamps_are_utc_with_microseconds() {
    let api = Api::start().await;
    for n in 0..20 {
        let dataset = api.create_dataset(&format!("Time {n}")).await;
        let value: Value = api.get(&format!("{DATASETS}/{}", dataset.id)).await.json(200);
        for name in ["created_at", "updated_at"] {
            let time = value[name].as_str().unwrap();
            assert!(
                time.len() == 27 && time.as_bytes()[19] == b'.' && time.ends_with('Z'),
                "{time}"
            );
        }
    }
}

#[tokio::test]
async fn every_response_has_a_unique_request_id() {
    let api = Api::start().await;
    let mut ids = std::collections::HashSet::new();
    for path in ["/healthz", DATASETS, "/nothing", "/v1/files"] {
        ids.insert(api.get(path).await.headers["x-request-id"].clone());
    }
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn unknown_routes_and_methods_return_api_errors() {
    let api = Api::start().await;
    for path in
        ["/", "/v1", "/v1/observability/datasets/", "/v2/x", "/files", "/local/v1/x", "/%ff"]
    {
        api.get(path).await.error(404, "UNKNOWN_ERROR");
    }
    let unknown = "/v1/observability/datasets/x/imports/from-elsewhere";
    api.post(unknown, "{}").await.error(404, "UNKNOWN_ERROR");
    for (method, path, allowed) in [
        (Method::PUT, DATASETS.to_owned(), "GET,HEAD,POST"),
        (Method::POST, format!("{DATASETS}/x"), "GET,HEAD,PATCH,DELETE"),
        (Method::GET, format!("{DATASETS}/x/imports/from-file"), "POST"),
        (Method::GET, format!("{RECORDS}/x/payload"), "PUT"),
        (Method::TRACE, DATASETS.to_owned(), "GET,HEAD,POST"),
        (Method::POST, "/healthz".to_owned(), "GET,HEAD"),
        (Method::from_bytes(b"BREW").unwrap(), DATASETS.to_owned(), "GET,HEAD,POST"),
    ] {
        let response = send(api.request(method, &path)).await;
        assert_eq!(response.headers["allow"], allowed);
        response.error(405, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn options_and_head_requests_are_supported() {
    let api = Api::start().await;
    let options = send(api.request(Method::OPTIONS, DATASETS)).await;
    assert_eq!(options.headers["allow"], "GET,HEAD,POST");
    options.no_content();
    let (get, head) = (api.get(DATASETS).await, send(api.request(Method::HEAD, DATASETS)).await);
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.headers["content-length"], get.body.len().to_string());
    assert_eq!(head.headers["content-type"], "application/json");
    let missing = send(api.request(Method::HEAD, &format!("{DATASETS}/x"))).await;
    assert_eq!((missing.status.as_u16(), missing.body.len()), (404, 0));
}

#[tokio::test]
async fn content_types_are_binding_for_browsers() {
    let api = Api::start().await;
    let file = api.upload("page.html", "<script>alert(1)</script>").await;
    let link: SignedUrl = api.get(&format!("/v1/files/{}/url", file.id)).await.json(200);
    for path in
        [DATASETS, "/nowhere", "/docs", &format!("/v1/files/{}/content", file.id), &link.url]
    {
        let headers = api.get(path).await.headers;
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
    }
}
