//! Responses that the local server does not send.

use mistral_datasets::types::{RecordSource, TaskStatus};
use mistral_datasets::{Client, ErrorKind, RetryPolicy};
use mistral_datasets_tests::{CannedResponse, CannedServer};
use serde_json::json;
use uuid::Uuid;

const ID: &str = "019b2bd7-96e7-7219-8c0b-45a73da50088";
const TIMES: &str =
    r#""created_at": "2025-12-17T10:25:07.818693Z", "updated_at": "2025-12-17T10:41:03.469341Z""#;

async fn client(response: CannedResponse) -> (Client, CannedServer) {
    let server = CannedServer::start(response).await;
    let client = Client::builder()
        .api_key("a key")
        .server_url(server.url())
        .retries(RetryPolicy::none())
        .build()
        .unwrap();
    (client, server)
}

#[tokio::test]
async fn responses_of_every_generation_are_parsed() {
    let dataset = format!(
        r#""id": "{ID}", {TIMES}, "deleted_at": null, "name": "My resource", "description": "d", "owner_id": "{ID}", "workspace_id": "{ID}""#
    );
    for (body, slug) in [
        (format!("{{{dataset}}}"), None),
        (format!("{{{dataset}, \"slug\": \"my-resource\"}}"), Some("my-resource")),
        (format!("{{{}}}", dataset.replace(r#""deleted_at": null, "#, "")), None),
    ] {
        let (client, _server) = client(CannedResponse::json(200, body)).await;
        let read = client.datasets().fetch(ID).await.unwrap();
        assert_eq!((read.slug.as_deref(), read.deleted_at), (slug, None));
        assert_eq!(read.created_at.timestamp_subsec_micros(), 818_693);
    }

    // The samples in the service's documentation, which render a free-form object as `[null]`.
    let body = format!(
        r#"{{"id": "{ID}", {TIMES}, "dataset_id": "{ID}", "deleted_at": null, "payload": {{"messages": [[null]]}}, "properties": [null], "source": "EXPLORER"}}"#
    );
    let (sample, _server) = client(CannedResponse::json(200, body)).await;
    let record = sample.datasets().records().fetch(ID).await.unwrap();
    assert_eq!(
        (record.payload.get(), record.properties.get()),
        (r#"{"messages": [[null]]}"#, "[null]")
    );

    let (page, _server) = client(CannedResponse::json(200, r#"{"records": {"count": 87}}"#)).await;
    let page = page.datasets().list_records(ID).await.unwrap().records;
    assert_eq!((page.count, page.results.len(), page.next), (87, 0, None));

    let task = format!(
        r#""id": "{ID}", {TIMES}, "creator_id": "{ID}", "dataset_id": "{ID}", "workspace_id": "{ID}""#
    );
    for (more, progress) in [
        (r#""status": "RUNNING""#, None),
        (r#""status": "RUNNING", "progress": null, "message": null"#, None),
        (
            r#""status": "COMPLETED", "progress": 100, "result": {"requested_record_count": 2, "imported_record_count": 1, "skipped_record_count": 1}"#,
            Some(100),
        ),
    ] {
        let (client, _server) =
            client(CannedResponse::json(200, format!("{{{task}, {more}}}"))).await;
        let read = client.datasets().fetch_task(ID, ID).await.unwrap();
        assert_eq!((read.progress, read.status.is_finished()), (progress, progress.is_some()));
    }
}

#[tokio::test]
async fn unknown_fields_and_values_are_preserved() {
    let body = format!(
        r#"{{"id": "{ID}", {TIMES}, "dataset_id": "{ID}", "payload": {{}}, "properties": {{}}, "source": "CARRIER_PIGEON", "mood": {{"b": 1.0, "a": [1]}}}}"#
    );
    let (client, _server) = client(CannedResponse::json(200, body)).await;
    let record = client.datasets().records().fetch(ID).await.unwrap();
    assert_eq!(record.source, RecordSource::Other("CARRIER_PIGEON".to_owned()));
    assert_eq!(record.extra["mood"].get(), r#"{"b": 1.0, "a": [1]}"#);
    assert!(!TaskStatus::from("PAUSED").is_finished());
}

#[tokio::test]
async fn invalid_payload_json_does_not_hide_other_records() {
    let record = |payload: &str| {
        format!(
            r#"{{"id": "{ID}", {TIMES}, "dataset_id": "{ID}", "payload": {payload}, "properties": {{}}, "source": "PLAYGROUND"}}"#
        )
    };
    let (invalid, valid) = (record(r#"{"secret": tru}"#), record(r#"{"messages": []}"#));
    let body =
        format!(r#"{{"records": {{"results": [{invalid}, {valid}], "count": 2, "next": null}}}}"#);
    let (client, server) = client(CannedResponse::json(200, body)).await;
    let page = client.datasets().list_records(ID).await.unwrap().records;
    assert_eq!(page.results[1].payload.get(), r#"{"messages": []}"#);
    let invalid = &page.results[0].payload;
    let error = invalid.parse::<serde_json::Value>().unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    let sent = server.requests().len();
    let error = client.datasets().create_record(ID, invalid, json!({})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
    assert!(!error.to_string().contains("secret"), "{error}");
    assert_eq!(server.requests().len(), sent);
}

#[tokio::test]
async fn error_envelopes_of_every_kind_are_parsed() {
    for (status, body, kind, message, code) in [
        (
            409,
            r#"{"detail": {"message": "taken", "error_code": "SOMETHING_NEW"}}"#,
            ErrorKind::Conflict,
            "taken",
            Some("SOMETHING_NEW"),
        ),
        (
            422,
            r#"{"detail": [{"type": "missing", "loc": ["body", "name"], "msg": "Field required", "input": {"secret": 1}}]}"#,
            ErrorKind::Validation,
            "body.name: Field required",
            None,
        ),
        (
            403,
            r#"{"object": "error", "message": {"detail": "no"}, "type": "forbidden", "param": null, "code": null}"#,
            ErrorKind::Permission,
            "no",
            Some("forbidden"),
        ),
        (
            502,
            "<html>bad gateway</html>",
            ErrorKind::Server,
            "the server responded with 502 (Bad Gateway) and no error message",
            None,
        ),
        (
            429,
            "",
            ErrorKind::RateLimit,
            "the server responded with 429 (Too Many Requests) and no error message",
            None,
        ),
        (
            418,
            "{}",
            ErrorKind::Validation,
            "the server responded with 418 (I'm a teapot) and no error message",
            None,
        ),
    ] {
        let response = CannedResponse::new(status, body).header("x-request-id", "r-1");
        let (client, _server) = client(response).await;
        let error = client.datasets().fetch(ID).await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (kind, Some(status)));
        assert_eq!((error.message(), error.code()), (message, code));
        assert_eq!(error.request_id(), Some("r-1"));
    }

    for body in ["<html>hello</html>", "{", r#"{"id": 5}"#, "null", ""] {
        let (client, _server) = client(CannedResponse::new(200, body)).await;
        let error = client.datasets().fetch(Uuid::nil()).await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::Decoding, Some(200)), "{body}");
    }
}
