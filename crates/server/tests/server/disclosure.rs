//! Error responses do not disclose implementation details or file paths.

use std::path::Path;

use http::Method;
use mistral_datasets_server::{DataLocation, ServerConfig};
use mistral_datasets_types::{Dataset, DatasetRecord, ImportTask};
use serde_json::{Value, json};

use crate::support::{Api, DATASETS, RECORDS, Response, records_path, send};

/// Implementation details that must not appear in errors, in lower case.
const INTERNALS: [&str; 24] = [
    "sqlite",
    "sql",
    "select ",
    "insert ",
    "update ",
    "constraint",
    "no such table",
    "no such column",
    "database disk",
    "malformed",
    "os error",
    "no such file or",
    "permission denied",
    ".rs:",
    "panicked",
    "backtrace",
    "rusqlite",
    "serde",
    "hyper",
    "axum",
    "tokio",
    "storageerror",
    "rustc",
    "cargo",
];

/// Checks an error response and returns its status.
#[track_caller]
fn check(response: &Response, directory: &Path) -> u16 {
    let status = response.status.as_u16();
    assert!(status >= 400, "{status}: {}", response.text());
    let body: Value = response.json(status);
    assert!(body["detail"]["message"].is_string() && body["detail"]["error_code"].is_string());
    for header in ["server", "x-powered-by", "via"] {
        assert!(!response.headers.contains_key(header), "{header}: {:?}", response.headers);
    }
    check_text(&format!("{:?} {}", response.headers, response.text()), directory);
    status
}

#[track_caller]
fn check_text(text: &str, directory: &Path) {
    let lower = text.to_lowercase();
    let secrets =
        [directory.to_str().unwrap().to_lowercase(), env!("CARGO_PKG_VERSION").to_owned()];
    for internal in INTERNALS.iter().copied().chain(secrets.iter().map(String::as_str)) {
        assert!(!lower.contains(internal), "`{internal}` in {text}");
    }
}

/// Starts a server with a data directory, a dataset and a record.
async fn start() -> (tempfile::TempDir, Api, Dataset, DatasetRecord) {
    let directory = tempfile::tempdir().unwrap();
    let data = DataLocation::Directory(directory.path().to_owned());
    let api = Api::start_with(ServerConfig::default().data(data)).await;
    let dataset = api.create_dataset("Refund requests").await;
    let record = api.create_record(&dataset, "a message").await;
    (directory, api, dataset, record)
}

/// Calls every operation in the document with several bodies. `path` fills in the path template.
async fn call_all_operations(api: &Api, path: impl Fn(&str) -> String) -> Vec<Response> {
    let document: Value = api.get("/openapi.json").await.json(200);
    let mut responses = Vec::new();
    for (template, methods) in document["paths"].as_object().unwrap() {
        for (name, operation) in methods.as_object().unwrap() {
            if operation["operationId"].is_null() {
                continue;
            }
            let method: Method = name.to_uppercase().parse().unwrap();
            for body in ["", "{", "[]", r#"{"name": 1}"#, r#"{"name": "'; DROP TABLE x; --"}"#] {
                let request = api.request(method.clone(), &path(template));
                let request = request.header("content-type", "application/json").body(body);
                responses.push(send(request).await);
            }
        }
    }
    responses
}

#[tokio::test]
async fn errors_contain_no_internals() {
    let (directory, mut api, dataset, record) = start().await;
    let mut seen = std::collections::BTreeSet::new();
    let judge = format!("{RECORDS}/{}/live-judging", record.id);
    seen.insert(check(&api.post(&judge, r#"{"judge_definition": {}}"#).await, directory.path()));
    // The dataset comes last, because its own operations delete it.
    for id in [
        "'; DROP TABLE datasets; --",
        "%00",
        "..%2f..%2fetc%2fpasswd",
        "x",
        &dataset.id.to_string(),
    ] {
        let path = |template: &str| {
            let mut path = template.to_owned();
            while let (Some(from), Some(to)) = (path.find('{'), path.find('}')) {
                path.replace_range(from..=to, id);
            }
            path
        };
        for response in call_all_operations(&api, path)
            .await
            .iter()
            .filter(|response| response.status.as_u16() >= 400)
        {
            seen.insert(check(response, directory.path()));
        }
    }
    for query in ["page=0", "page_size=x", "page=99999999999999999999", "q=%ff", "page=1&page=2"] {
        let response = api.get(&format!("{DATASETS}?{query}")).await;
        if response.status != 200 {
            seen.insert(check(&response, directory.path()));
        }
    }
    for path in ["/", "/nothing", "/v1", "/files/x", "/local/v1/nothing", "/%00", "/.git/config"] {
        seen.insert(check(&api.get(path).await, directory.path()));
        seen.insert(check(&send(api.request(Method::TRACE, path)).await, directory.path()));
    }
    seen.insert(check(&api.put(DATASETS, "{}").await, directory.path()));
    let text = api.request(Method::PUT, &format!("{RECORDS}/{}/payload", record.id)).body("{}");
    seen.insert(check(&send(text).await, directory.path()));
    api.set_key(None);
    seen.insert(check(&api.get(DATASETS).await, directory.path()));
    api.get("/files/00000000-0000-0000-0000-000000000000").await.error(403, "AUTH_FORBIDDEN");
    for status in [400, 401, 404, 405, 415, 422] {
        assert!(seen.contains(&status), "no request caused {status}: {seen:?}");
    }
}

#[tokio::test]
async fn missing_file_content_is_reported_without_its_path() {
    let (directory, api, dataset, _) = start().await;
    let file = api.upload("lost.jsonl", "{\"messages\": []}\n").await;
    let link: Value = api.get(&format!("/v1/files/{}/url", file.id)).await.json(200);
    remove_files(&directory.path().join("files"));
    for path in [format!("/v1/files/{}/content", file.id), link["url"].as_str().unwrap().to_owned()]
    {
        assert_eq!(check(&api.get(&path).await, directory.path()), 404);
    }
    // A task that fails for this reason does not disclose the path either.
    let path = format!("{DATASETS}/{}/imports/from-file", dataset.id);
    let response = api.post(&path, json!({"file_id": file.id}).to_string()).await;
    if response.status == 202 {
        let task = api.wait_for_task(&dataset, &response.json::<ImportTask>(202)).await;
        assert_eq!(task.status.as_str(), "FAILED");
        check_text(&task.message.unwrap(), directory.path());
    } else {
        assert_eq!(check(&response, directory.path()), 404);
    }
}

fn remove_files(directory: &Path) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { remove_files(&path) } else { std::fs::remove_file(path).unwrap() }
    }
}

#[tokio::test]
async fn database_errors_are_reported_without_their_message() {
    let (directory, api, dataset, record) = start().await;
    let broken = rusqlite::Connection::open(directory.path().join("datasets.sqlite3")).unwrap();
    broken
        .execute_batch("PRAGMA foreign_keys = off; ALTER TABLE records RENAME TO elsewhere;")
        .unwrap();
    let body = r#"{"payload": {"messages": []}, "properties": {}}"#;
    let record = format!("{RECORDS}/{}", record.id);
    for response in [
        api.get(&records_path(&dataset)).await,
        api.post(&records_path(&dataset), body).await,
        api.get(&record).await,
        api.delete(&record).await,
        api.put(&format!("{record}/payload"), body).await,
        api.get(&format!("{DATASETS}/{}/exports/to-jsonl", dataset.id)).await,
    ] {
        assert_eq!(check(&response, directory.path()), 500, "{}", response.text());
        response.error(500, "DATABASE_ERROR");
    }
    let task = api.import_lines(&dataset, "{\"messages\": []}\n").await;
    assert_eq!(task.status.as_str(), "FAILED");
    check_text(&task.message.unwrap(), directory.path());
}
