//! Malformed requests get an API error, write nothing, and do not affect the server.

use http::Method;
use mistral_datasets_server::{Limits, ServerConfig};
use mistral_datasets_types::{Dataset, DatasetRecord};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::support::{Api, DATASETS, RECORDS, Response, records_path, send};

/// Every operation with a JSON body, on an existing dataset and record.
fn operations(dataset: &Dataset, record: &DatasetRecord) -> Vec<(Method, String)> {
    let (dataset, record) =
        (format!("{DATASETS}/{}", dataset.id), format!("{RECORDS}/{}", record.id));
    vec![
        (Method::POST, DATASETS.to_owned()),
        (Method::PATCH, dataset.clone()),
        (Method::POST, format!("{dataset}/records")),
        (Method::POST, format!("{dataset}/imports/from-campaign")),
        (Method::POST, format!("{dataset}/imports/from-explorer")),
        (Method::POST, format!("{dataset}/imports/from-file")),
        (Method::POST, format!("{dataset}/imports/from-playground")),
        (Method::POST, format!("{dataset}/imports/from-dataset")),
        (Method::POST, format!("{RECORDS}/bulk-delete")),
        (Method::PUT, format!("{record}/payload")),
        (Method::PUT, format!("{record}/properties")),
        (Method::POST, format!("{record}/live-judging")),
    ]
}

async fn send_body(api: &Api, method: &Method, path: &str, kind: &str, body: Vec<u8>) -> Response {
    let request = api.request(method.clone(), path).header("content-type", kind);
    send(request.body(body)).await
}

#[tokio::test]
async fn every_operation_rejects_a_body_that_is_not_a_json_object() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Hostile").await;
    let record = api.create_record(&dataset, "kept").await;
    let deep = |open: &str, close: &str, n: usize| (open.repeat(n) + &close.repeat(n)).into_bytes();
    let bodies: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "the body is empty"),
        (b"  \n ".to_vec(), "the body is empty"),
        (b"{".to_vec(), "line 1 column 1"),
        (b"{\"name\": \"abcde\",\n \"description\": }".to_vec(), "line 2 column 17"),
        (b"{\"name\": \"abcde\"} x".to_vec(), "trailing characters at line 1 column 19"),
        (b"{'name': 1}".to_vec(), "line 1 column 2"),
        (b"{\"a\": 01}".to_vec(), "line 1 column 8"),
        (b"{\"a\": NaN}".to_vec(), "line 1 column 7"),
        (b"{\"a\": \"\x01\"}".to_vec(), "control character"),
        (b"{\"a\": \"\\x\"}".to_vec(), "escape"),
        (b"\xef\xbb\xbf{}".to_vec(), "line 1 column 1"),
        (b"{\"name\": \"\xff\xfe\"}".to_vec(), "the body is not UTF-8: line 1, column 11"),
        (b"{\"a\": \"\xed\xa0\x80\"}".to_vec(), "not UTF-8"),
        ("{}".encode_utf16().flat_map(u16::to_le_bytes).collect(), "is not"),
        (b"[]".to_vec(), "the body: expected an object, found an array"),
        (b"null".to_vec(), "the body: expected an object, found null"),
        (b"\"text\"".to_vec(), "the body: expected an object, found a string"),
        (b"1e999999999".to_vec(), "the body: expected an object, found a number"),
        (deep("[", "]", 100_000), "more than 128 levels"),
        (deep("{\"a\":", "}", 100_000), "more than 128 levels"),
        (b"[".repeat(5_000_000), "more than 128 levels"),
        (deep("[", "]", 129), "more than 128 levels"),
    ];
    for (method, path) in operations(&dataset, &record) {
        for (body, expected) in &bodies {
            let response = send_body(&api, &method, &path, "application/json", body.clone()).await;
            let message = response.error(422, "VALIDATION_ERROR");
            assert!(message.contains(expected), "{method} {path}: {message}");
        }
        for kind in ["text/plain", "application/x-www-form-urlencoded", "text/json", "nonsense"] {
            let response = send_body(&api, &method, &path, kind, b"{}".to_vec()).await;
            response.error(415, "VALIDATION_ERROR");
        }
        let untyped = send(api.request(method.clone(), &path).body("{}")).await;
        untyped.error(415, "VALIDATION_ERROR");
    }
    assert_eq!(api.records(&dataset).await, [record]);
    let listed: serde_json::Value = api.get(DATASETS).await.json(200);
    assert_eq!(listed["datasets"]["count"], 1);
}

#[tokio::test]
async fn wrong_types_are_reported_with_the_path_of_the_field() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Wrong types").await;
    let values = ["null", "true", "17", "-1.5e300", "\"text\"", "[]", "{}"];
    for (field, right, kind) in
        [("name", "\"text\"", "a string"), ("description", "\"text\"", "a string")]
    {
        for value in values.iter().filter(|value| **value != right) {
            let (mut name, mut description) = ("\"right\"", "\"right\"");
            *(if field == "name" { &mut name } else { &mut description }) = value;
            let body = format!(r#"{{"name": {name}, "description": {description}}}"#);
            let message = api.post(DATASETS, body).await.error(422, "VALIDATION_ERROR");
            assert!(message.starts_with(&format!("{field}: expected {kind}, found ")), "{message}");
        }
    }
    for (field, from) in [
        ("completion_event_ids", "from-explorer"),
        ("conversation_ids", "from-playground"),
        ("dataset_record_ids", "from-dataset"),
    ] {
        let path = format!("{DATASETS}/{}/imports/{from}", dataset.id);
        for value in values.iter().filter(|value| **value != "[]") {
            let body = format!(r#"{{"{field}": {value}}}"#);
            let message = api.post(&path, body).await.error(422, "VALIDATION_ERROR");
            assert!(message.starts_with(&format!("{field}: expected an array, found ")));
        }
        for value in values.iter().filter(|value| **value != "\"text\"") {
            let body = format!(r#"{{"{field}": [{value}]}}"#);
            let message = api.post(&path, body).await.error(422, "VALIDATION_ERROR");
            assert!(message.starts_with(&format!("{field}[0]: expected a string, found ")));
        }
    }
}

#[tokio::test]
async fn strings_with_lone_surrogates_or_nul_are_rejected() {
    let api = Api::start().await;
    for (text, problem) in [
        (r"half \ud800 pair", "surrogate"),
        (r"half \udfff pair", "surrogate"),
        (r"zero \u0000 byte", "U+0000"),
    ] {
        let body = format!(r#"{{"name": "{text}", "description": ""}}"#);
        let message = api.post(DATASETS, body).await.error(422, "VALIDATION_ERROR");
        assert!(message.starts_with("name: ") && message.contains(problem), "{message}");
    }
}

#[tokio::test]
async fn json_depth_limit_is_configurable() {
    // Two levels (body and payload) plus `depth` nested arrays.
    let payload = |depth: usize| {
        let nested = "[".repeat(depth) + &"]".repeat(depth);
        format!(r#"{{"payload": {{"messages": [], "x": {nested}}}, "properties": {{}}}}"#)
    };
    for (wanted, depth) in [(6, 6), (1, 4), (1_000, 128)] {
        let limits = Limits::default().json_depth(wanted);
        let api = Api::start_with(ServerConfig::default().limits(limits)).await;
        let dataset = api.create_dataset("Depths").await;
        let fits = api.post(&records_path(&dataset), payload(depth - 2)).await;
        let record: DatasetRecord = fits.json(201);
        let message = api.post(&records_path(&dataset), payload(depth - 1)).await;
        let problem = format!("more than {depth} levels of arrays and objects");
        let message = message.error(422, "VALIDATION_ERROR");
        assert!(message.contains(&problem), "{message}");
        let task = api.import_lines(&dataset, payload(depth - 2)).await;
        assert_eq!(task.status.as_str(), "COMPLETED");
        let task = api.import_lines(&dataset, payload(depth - 1)).await;
        assert_eq!(task.message.unwrap(), format!("line 1: the line has {problem}"));
        // Responses wrap records in further levels and may exceed the limit.
        assert!(api.records(&dataset).await.iter().all(|read| read.payload == record.payload));
    }
}

#[tokio::test]
async fn json_at_the_depth_limit_can_be_exported_and_imported() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Depth").await;
    let create = async |depth: usize| {
        let nested = "[".repeat(depth) + &"]".repeat(depth);
        let body =
            format!(r#"{{"payload": {{"messages": [], "x": {nested}}}, "properties": {{}}}}"#);
        api.post(&records_path(&dataset), body).await
    };
    create(127).await.error(422, "VALIDATION_ERROR");
    create(126).await.json::<DatasetRecord>(201);
    let path = format!("{DATASETS}/{}/exports/to-jsonl", dataset.id);
    let export: serde_json::Value = api.get(&path).await.json(200);
    let lines = api.get(export["file_url"].as_str().unwrap()).await.body;
    let task = api.import_lines(&dataset, lines).await;
    assert_eq!(task.status.as_str(), "COMPLETED", "{:?}", task.message);
}

#[tokio::test]
async fn large_bodies_are_rejected_and_the_client_receives_the_response() {
    let limits = Limits::default().json_bytes(10_000);
    let api = Api::start_with(ServerConfig::default().limits(limits)).await;
    let dataset = api.create_dataset("Large bodies").await;
    let body = |size: usize| {
        let frame = r#"{"payload": {"messages": [], "x": ""}, "properties": {}}"#;
        frame.replace("\"\"", &format!("\"{}\"", "y".repeat(size - frame.len())))
    };
    let path = records_path(&dataset);
    api.post(&path, body(10_000)).await.json::<DatasetRecord>(201);
    let message = api.post(&path, body(10_001)).await.error(413, "VALIDATION_ERROR");
    assert_eq!(message, "the request body is larger than 10000 bytes");
    // Larger than the socket buffers, with and without Content-Length.
    api.post(&path, body(20_000_000)).await.error(413, "VALIDATION_ERROR");
    let pieces = (0..2_000).map(|_| Ok::<_, std::io::Error>(vec![b' '; 10_000]));
    let streamed = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
    let request = api.request(Method::POST, &path).header("content-type", "application/json");
    send(request.body(streamed)).await.error(413, "VALIDATION_ERROR");
    assert_eq!(api.record_count(&dataset).await, 1);
}

#[tokio::test]
async fn error_reaches_a_client_that_is_still_sending() {
    let mut api = Api::start().await;
    let body = "x".repeat(20_000_000);
    api.set_key(None);
    api.post(DATASETS, body.clone()).await.error(401, "AUTH_UNAUTHORIZED");
    api.set_key(Some("a key"));
    api.post("/nothing", body.clone()).await.error(404, "UNKNOWN_ERROR");
    api.put(DATASETS, body).await.error(405, "VALIDATION_ERROR");
}

/// Sends bytes, closes the sending side and reads until the server closes the connection.
async fn exchange(api: &Api, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(api.server.addr()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    String::from_utf8_lossy(&response).into_owned()
}

#[tokio::test]
async fn invalid_http_does_not_affect_the_server() {
    let api = Api::start().await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\nbad header\r\n\r\n",
        b"POST /v1/observability/datasets HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
        b"POST /v1/observability/datasets HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"",
    ] {
        let response = exchange(&api, bytes).await;
        assert!(response.is_empty() || response.starts_with("HTTP/1.1 4"), "{response}");
    }
    let long = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "y".repeat(2_000_000));
    let mut stream = TcpStream::connect(api.server.addr()).await.unwrap();
    // The server may close the connection before everything is sent.
    let _ = stream.write_all(long.as_bytes()).await;
    api.create_dataset("Still there").await;
}

#[tokio::test]
async fn incomplete_request_writes_nothing() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Broken off").await;
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer a key\r\ncontent-type: application/json\r\n",
        records_path(&dataset)
    );
    let body = r#"{"payload": {"messages": []}, "properties": {}}"#;
    let cut = format!("{head}content-length: {}\r\n\r\n{body}", body.len() + 1);
    exchange(&api, cut.as_bytes()).await;
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n", body.len());
    exchange(&api, chunked.as_bytes()).await;
    assert_eq!(api.record_count(&dataset).await, 0);
    let complete =
        format!("{head}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    assert!(exchange(&api, complete.as_bytes()).await.starts_with("HTTP/1.1 201"));
    assert_eq!(api.record_count(&dataset).await, 1);
}

#[tokio::test]
async fn expect_continue_is_answered_with_the_error() {
    let mut api = Api::start().await;
    api.set_key(None);
    let head = format!(
        "POST {DATASETS} HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 1000000\r\n\r\n"
    );
    let mut stream = TcpStream::connect(api.server.addr()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut response = vec![0; 12];
    let read =
        tokio::time::timeout(std::time::Duration::from_secs(5), stream.read_exact(&mut response));
    read.await.expect("a response before the body is sent").unwrap();
    assert_eq!(response, b"HTTP/1.1 401");
}

#[tokio::test]
async fn unusual_ids_are_not_found() {
    let api = Api::start().await;
    let long = "x".repeat(10_000);
    for id in ["'; DROP TABLE datasets; --", "%00", "..%2f..%2fetc%2fpasswd", "*", "null", &long] {
        api.get(&format!("{DATASETS}/{id}")).await.error(404, "DATASET_NOT_FOUND");
        api.get(&format!("{RECORDS}/{id}")).await.error(422, "VALIDATION_ERROR");
        api.get(&format!("/v1/files/{id}")).await.error(404, "UNKNOWN_ERROR");
        let body = json!({"file_id": id}).to_string();
        let dataset = api.create_dataset("For strange ids").await;
        let path = format!("{DATASETS}/{}/imports/from-file", dataset.id);
        api.post(&path, body).await.error(404, "UNKNOWN_ERROR");
    }
    let nil = Uuid::nil();
    api.get(&format!("{RECORDS}/{nil}")).await.error(404, "DATASET_RECORD_NOT_FOUND");
}
