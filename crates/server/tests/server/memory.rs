//! Memory follows the page or the chunk: the memory budget, streamed pages, and bounds on everything that is held.

use std::time::{Duration, Instant};

use http::Method;
use mistral_datasets_server::{Limits, ServerConfig};
use mistral_datasets_types::{Dataset, DatasetRecord, ListRecordsResponse};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Api, DATASETS, RECORDS, eventually, records_path, send};

const MB: usize = 1 << 20;

async fn start(limits: Limits) -> Api {
    Api::start_with(ServerConfig::default().limits(limits)).await
}

/// Sends a request head, and a part of the body that it announces.
async fn begin(api: &Api, method: &str, path: &str, headers: &str, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(api.server.addr()).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer a key\r\n\
         content-type: application/json\r\nconnection: close\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server may reject the request before everything is sent.
    let _ = stream.write_all(body).await;
    stream
}

/// Reads the rest of a connection.
async fn read(mut stream: TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut received));
    let _ = read.await.expect("the server closes the connection");
    received
}

/// Splits a chunked response into its body and whether that is complete.
fn chunked_body(response: &[u8]) -> (Vec<u8>, bool) {
    let end = response.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(response[..end].to_vec()).unwrap().to_ascii_lowercase();
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    let (mut body, mut rest) = (Vec::new(), &response[end + 4..]);
    while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        rest = &rest[line + 2..];
        body.extend_from_slice(&rest[..size.min(rest.len())]);
        rest = rest.get(size + 2..).unwrap_or_default();
    }
    (body, false)
}

/// Returns a body that creates a record of about `bytes` bytes.
fn record(bytes: usize) -> String {
    format!(r#"{{"payload":{{"messages":[],"x":"{}"}},"properties":{{}}}}"#, "x".repeat(bytes))
}

async fn create(api: &Api, dataset: &Dataset, bytes: usize) -> DatasetRecord {
    api.post(&records_path(dataset), record(bytes)).await.json(201)
}

#[tokio::test]
async fn bodies_beyond_the_budget_are_rejected_until_memory_is_released() {
    let api = start(Limits::default().memory_bytes(MB as u64)).await;
    let dataset = api.create_dataset("Conversations").await;
    let path = records_path(&dataset);
    // A body of 300 kB takes 900 kB.
    let head = "content-length: 300000\r\n";
    let unfinished = begin(&api, "POST", &path, head, b"{").await;
    // The server has not necessarily seen the first request yet.
    let rejected = eventually(async || {
        let response = api.post(&path, record(200_000)).await;
        (response.status != 201).then_some(response)
    })
    .await;
    let message = rejected.error(503, "UNKNOWN_ERROR");
    assert!(message.contains("large requests"), "{message}");
    assert_eq!(rejected.headers["retry-after"], "1");
    // A body without `Content-Length` is rejected as it grows.
    let chunk = format!("{:x}\r\n{}\r\n", 200_000, "x".repeat(200_000));
    let chunked = "transfer-encoding: chunked\r\n";
    let stream = begin(&api, "POST", &path, chunked, format!("{chunk}0\r\n\r\n").as_bytes()).await;
    let response = read(stream).await;
    assert!(response.starts_with(b"HTTP/1.1 503 "), "{}", String::from_utf8_lossy(&response));
    // Small requests are not affected.
    let small = api.create_record(&dataset, "small").await;
    assert_eq!(api.get(&format!("{RECORDS}/{}", small.id)).await.status, 200);
    assert_eq!(api.get(&format!("{path}?page_size=0")).await.status, 200);
    assert_eq!(api.get(DATASETS).await.status, 200);
    drop(unfinished);
    eventually(async || {
        let response = api.post(&path, record(200_000)).await;
        (response.status == 201).then_some(())
    })
    .await;
    // A single body may use all of it, and more.
    create(&api, &dataset, MB).await;
}

/// Sends one piece every 50 ms until the server responds, and returns the response and how long that took.
async fn drip(mut stream: TcpStream, piece: &[u8]) -> (String, Duration) {
    let started = Instant::now();
    let mut response = vec![0; 12];
    loop {
        // Writing fails when the server has closed the connection.
        let _ = stream.write_all(piece).await;
        let reading = stream.read_exact(&mut response);
        match tokio::time::timeout(Duration::from_millis(50), reading).await {
            Ok(read) => read.unwrap(),
            Err(_) if started.elapsed() > Duration::from_secs(30) => panic!("no response"),
            Err(_) => continue,
        };
        return (String::from_utf8(response).unwrap(), started.elapsed());
    }
}

#[tokio::test]
async fn a_body_that_is_kept_in_memory_must_arrive_faster() {
    let stall_timeout = Duration::from_millis(300);
    let api = start(Limits::default().stall_timeout(stall_timeout)).await;
    let dataset = api.create_dataset("Conversations").await;
    let path = records_path(&dataset);
    // At 10 kB per second, a small body or an upload would never time out.
    let head = "content-length: 1000000\r\n";
    let (response, elapsed) =
        drip(begin(&api, "POST", &path, head, b"{").await, &[b' '; 500]).await;
    assert_eq!(response, "HTTP/1.1 408");
    assert!(elapsed >= stall_timeout && elapsed < Duration::from_secs(10), "{elapsed:?}");
    // Without a `Content-Length`, this applies from 32 KiB on, and what was received before does not count as time gained.
    let chunk = |bytes: usize| format!("{bytes:x}\r\n{}\r\n", " ".repeat(bytes)).into_bytes();
    let head = "transfer-encoding: chunked\r\n";
    let stream = begin(&api, "POST", &path, head, &chunk(20_000)).await;
    tokio::time::sleep(4 * stall_timeout).await;
    let (response, elapsed) = drip(stream, &chunk(1_000)).await;
    assert_eq!(response, "HTTP/1.1 408");
    assert!(
        elapsed > Duration::from_millis(400) && elapsed < Duration::from_secs(10),
        "{elapsed:?}"
    );
    // A fast one is accepted although it takes longer than the stall timeout.
    let body = record(80_000);
    let head = format!("content-length: {}\r\n", body.len());
    let mut stream = begin(&api, "POST", &path, &head, b"").await;
    let started = Instant::now();
    for piece in body.as_bytes().chunks(10_000) {
        stream.write_all(piece).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(started.elapsed() > 2 * stall_timeout);
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 201");
    // Uploads are written to disk, so they may be slow.
    let part = "--B\r\ncontent-disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n";
    let form = format!("{part}{}\r\n--B--\r\n", "x".repeat(50_000));
    let mut stream = TcpStream::connect(api.server.addr()).await.unwrap();
    let head = format!(
        "POST /v1/files HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer a key\r\n\
         content-type: multipart/form-data; boundary=B\r\ncontent-length: {}\r\n\r\n",
        form.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (start, end) = form.as_bytes().split_at(45_000);
    stream.write_all(start).await.unwrap();
    // Longer than the stall timeout and 45 kB at 50 kB per second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    stream.write_all(end).await.unwrap();
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
}

#[tokio::test]
async fn responses_count_until_they_are_sent() {
    let api = start(Limits::default().memory_bytes(2 * MB as u64)).await;
    let dataset = api.create_dataset("Conversations").await;
    for _ in 0..9 {
        create(&api, &dataset, 100_000).await;
    }
    let path = records_path(&dataset);
    assert_eq!(api.get(&path).await.status, 200);
    let slow = json!({"operation": "list_records", "times": 2, "drip": {"bytes": 100, "interval_ms": 500}});
    api.post("/local/v1/faults", slow.to_string()).await.json::<Value>(201);
    let first = begin(&api, "GET", &path, "", b"").await;
    let _second = begin(&api, "GET", &path, "", b"").await;
    let rejected = eventually(async || {
        let response = api.get(&path).await;
        (response.status != 200).then_some(response)
    })
    .await;
    rejected.error(503, "UNKNOWN_ERROR");
    assert_eq!(rejected.headers["retry-after"], "1");
    drop(first);
    eventually(async || (api.get(&path).await.status == 200).then_some(())).await;
}

#[tokio::test]
async fn downloads_count_with_what_is_buffered_of_them() {
    let api = start(Limits::default().memory_bytes(5 * MB as u64)).await;
    let large = api.upload("large", vec![b'x'; MB]).await;
    let small = api.upload("small", "x").await;
    let path = |file: &mistral_datasets_types::File| format!("/v1/files/{}/content", file.id);
    let slow = json!({"operation": "download_file", "times": 10, "drip": {"bytes": 100, "interval_ms": 500}});
    api.post("/local/v1/faults", slow.to_string()).await.json::<Value>(201);
    let mut downloads = Vec::new();
    for _ in 0..10 {
        let mut download = begin(&api, "GET", &path(&large), "", b"").await;
        download.read_exact(&mut [0; 15]).await.unwrap();
        downloads.push(download);
    }
    api.get(&path(&large)).await.error(503, "UNKNOWN_ERROR");
    assert_eq!(api.get(&path(&small)).await.body, "x");
    downloads.clear();
    eventually(async || (api.get(&path(&large)).await.status == 200).then_some(())).await;
}

#[tokio::test]
async fn large_pages_are_streamed_with_the_bytes_of_small_ones() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Conversations").await;
    let path = records_path(&dataset);
    for (n, bytes) in [10, 900_000, 3 * MB, 131_072, 0, 700_000].into_iter().enumerate() {
        let large = "ä".repeat(bytes / 2);
        let body = format!(
            r#"{{"payload": {{ "messages" : [ ],{n:>9}"x": "{large}"}}, "properties": {{"large" : "{}"}} }}"#,
            "y".repeat(bytes / 3)
        );
        // The padding puts a line break between values into every other payload.
        let body = body.replace(&format!("{n:>9}"), if n % 2 == 0 { " " } else { "\n\t" });
        assert_eq!(api.post(&path, body).await.status, 201);
    }
    let results = |body: &str| {
        let start = body.find(r#""results":["#).unwrap() + 11;
        let end = body.rfind(r#"],"count":"#).unwrap();
        body[start..end].to_owned()
    };
    let mut small = Vec::new();
    for page in 1..=6 {
        let page = api.get(&format!("{path}?page_size=1&page={page}")).await;
        assert_eq!(page.json::<ListRecordsResponse>(200).records.count, 6);
        small.push(results(&page.text()));
    }
    let page = api.get(&format!("{path}?page_size=6")).await;
    assert_eq!(page.headers["transfer-encoding"], "chunked");
    let parsed: ListRecordsResponse = page.json(200);
    assert_eq!((parsed.records.count, parsed.records.next), (6, None));
    assert!(results(&page.text()) == small.join(","), "the pages differ");
    let page: ListRecordsResponse = api.get(&format!("{path}?page_size=4&page=1")).await.json(200);
    assert_eq!((page.records.count, page.records.results.len()), (6, 4));
    assert!(page.records.next.unwrap().ends_with("page_size=4&page=2"));
    // A single record has the same bytes as in a page.
    let id = parsed.records.results[2].id;
    let single = api.get(&format!("{RECORDS}/{id}")).await;
    assert_eq!(single.headers["transfer-encoding"], "chunked");
    assert!(single.text() == small[2], "the records differ");
    let missing = format!("{DATASETS}/{}/records", uuid::Uuid::nil());
    api.get(&missing).await.error(404, "DATASET_NOT_FOUND");
    let head = send(api.request(Method::HEAD, &format!("{path}?page_size=6"))).await;
    assert!(head.status == 200 && head.body.is_empty());

    // Large records are exported on one line each, and can be imported again.
    let export: Value =
        api.get(&format!("{DATASETS}/{}/exports/to-jsonl", dataset.id)).await.json(200);
    let lines = api.get(export["file_url"].as_str().unwrap()).await.text();
    assert_eq!(lines.lines().count(), 6);
    let copy = api.create_dataset("A copy of it").await;
    let task = api.import_lines(&copy, lines).await;
    assert_eq!(task.result.unwrap().imported_record_count, 6);
    let copies = api.records(&copy).await;
    for (original, copy) in parsed.records.results.iter().zip(&copies) {
        let value =
            |record: &DatasetRecord| serde_json::from_str::<Value>(record.payload.get()).unwrap();
        assert!(value(original) == value(copy), "a payload differs");
    }
}

/// Returns a dataset with pages that are larger than what the operating system buffers for a connection.
async fn dataset_with_large_page(api: &Api) -> Dataset {
    let dataset = api.create_dataset("Conversations").await;
    for _ in 0..8 {
        create(api, &dataset, 4 * MB).await;
    }
    dataset
}

#[tokio::test]
async fn a_streamed_page_shows_one_snapshot() {
    let api = Api::start().await;
    let dataset = dataset_with_large_page(&api).await;
    let ids: Vec<_> = api.records(&dataset).await.iter().map(|record| record.id).collect();
    let mut stream = begin(&api, "GET", &records_path(&dataset), "", b"").await;
    let mut response = vec![0; 100];
    stream.read_exact(&mut response).await.unwrap();
    let body = json!({"dataset_record_ids": ids[1..]}).to_string();
    api.post(&format!("{RECORDS}/bulk-delete"), body).await.no_content();
    assert_eq!(api.record_count(&dataset).await, 1);
    response.extend(read(stream).await);
    let (body, is_complete) = chunked_body(&response);
    assert!(is_complete);
    let page: ListRecordsResponse = serde_json::from_slice(&body).unwrap();
    let read = page.records.results.iter().map(|record| record.id);
    assert_eq!((page.records.count, read.collect::<Vec<_>>()), (8, ids));
}

#[tokio::test]
async fn streams_are_limited_and_end_if_the_client_stalls() {
    let stall_timeout = Duration::from_secs(3);
    let api =
        start(Limits::default().memory_bytes(5 * MB as u64).stall_timeout(stall_timeout)).await;
    let dataset = dataset_with_large_page(&api).await;
    let path = records_path(&dataset);
    let mut stalled = begin(&api, "GET", &path, "", b"").await;
    stalled.read_exact(&mut [0; 100]).await.unwrap();
    api.get(&path).await.error(503, "UNKNOWN_ERROR");
    eventually(async || (api.get(&path).await.status == 200).then_some(())).await;
    let received = read(stalled).await;
    assert!(!received.ends_with(b"\r\n0\r\n\r\n") && received.len() < 33 * MB);
}

#[tokio::test]
async fn faults_truncate_streamed_pages() {
    let api = Api::start().await;
    let dataset = dataset_with_large_page(&api).await;
    let rule = json!({"operation": "list_records", "truncate_after_bytes": 5_000_000});
    api.post("/local/v1/faults", rule.to_string()).await.json::<Value>(201);
    let stream = begin(&api, "GET", &records_path(&dataset), "", b"").await;
    let (body, is_complete) = chunked_body(&read(stream).await);
    assert_eq!((body.len(), is_complete), (5_000_000, false));
}

#[tokio::test]
async fn copies_of_large_records_are_complete() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Conversations").await;
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(create(&api, &dataset, if n % 2 == 0 { 10 } else { 3 * MB }).await.id);
    }
    let copy = api.create_dataset("A copy of it").await;
    let task = api.import(&copy, "from-dataset", json!({"dataset_record_ids": ids})).await;
    assert_eq!(task.result.unwrap().imported_record_count, 7);
    let sizes = async |dataset| {
        let records = api.records(dataset).await;
        records.iter().map(|record| record.payload.get().len()).collect::<Vec<_>>()
    };
    assert_eq!(sizes(&dataset).await, sizes(&copy).await);
}

#[tokio::test]
async fn any_number_of_conversation_ids_is_checked() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Conversations").await;
    let conversations: Vec<_> =
        (0..1_200).map(|n| json!({"conversation_id": format!("c{n}"), "messages": []})).collect();
    api.post("/local/v1/conversations", json!(conversations).to_string()).await.json::<Value>(200);
    let ids = |last: Value| {
        let ids = (0..100_000).map(|n| json!(format!("c{}", n % 1_200))).chain([last]);
        json!({"conversation_ids": ids.collect::<Vec<_>>()})
    };
    let task = api.import(&dataset, "from-playground", ids(json!("c0"))).await;
    let result = task.result.unwrap();
    assert_eq!((result.imported_record_count, result.skipped_record_count), (1_200, 98_801));
    let path = format!("{DATASETS}/{}/imports/from-playground", dataset.id);
    let message = api.post(&path, ids(json!(1)).to_string()).await.error(422, "VALIDATION_ERROR");
    assert_eq!(message, "conversation_ids[100000]: expected a string, found a number");
    let missing = api.post(&path, ids(json!("x")).to_string()).await;
    assert_eq!(missing.error(404, "UNKNOWN_ERROR"), "conversation `x` not found");
}

#[tokio::test]
async fn the_heads_of_a_form_are_bounded() {
    let api = Api::start().await;
    let form = "content-length: 100000000\r\n";
    let upload = async |start: &str| {
        let mut stream = TcpStream::connect(api.server.addr()).await.unwrap();
        let head = format!(
            "POST /v1/files HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer a key\r\n\
             content-type: multipart/form-data; boundary=B\r\nconnection: close\r\n{form}\r\n{start}"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // Less than the server would have to read if it waited for the end of the head.
        for _ in 0..100 {
            if stream.write_all(&[b'x'; 10_000]).await.is_err() {
                break;
            }
        }
        let _ = stream.shutdown().await;
        String::from_utf8(read(stream).await).unwrap()
    };
    let file = "--B\r\ncontent-disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n1\r\n";
    for start in ["", "--B\r\nx: ", &format!("{file}--B\r\nx: ")] {
        let response = upload(start).await;
        assert!(response.starts_with("HTTP/1.1 413 "), "{start}: {response}");
        assert!(response.contains("larger than 16384 bytes"), "{response}");
    }
    // The content of a file does not count as headers.
    let content = "x".repeat(3 * MB);
    assert_eq!(api.upload("f", content.clone()).await.bytes, Some(content.len() as i64));
}

#[tokio::test]
async fn test_routes_hold_a_bounded_amount() {
    let api = Api::start().await;
    let rule = |bytes: usize| json!({"status": 500, "times": null, "body": "x".repeat(bytes)});
    let add = async |rules: Value| api.post("/local/v1/faults", rules.to_string()).await;
    let message = add(rule(MB)).await.error(422, "VALIDATION_ERROR");
    assert_eq!(message, "a rule has at most 1048576 bytes");
    let many = vec![json!({"status": 500}); 1_001];
    let message = add(json!(many)).await.error(422, "VALIDATION_ERROR");
    assert_eq!(message, "expected at most 1000 items, found 1001");
    let mut added = 0;
    let rejected = loop {
        let response = add(rule(MB - 100)).await;
        if response.status != 201 {
            break response;
        }
        added += 1;
        assert!(added < 100, "rules are not limited");
    };
    let message = rejected.error(413, "VALIDATION_ERROR");
    assert!(message.contains("more than 32 MiB"), "{message}");
    api.delete("/local/v1/faults").await.no_content();
    assert_eq!(add(rule(10)).await.status, 201);
    api.delete("/local/v1/faults").await.no_content();

    let ids = vec!["e"; 100_001];
    let campaign = json!({"name": "c", "event_ids": ids}).to_string();
    let message = api.post("/local/v1/campaigns", campaign).await.error(422, "VALIDATION_ERROR");
    assert_eq!(message, "event_ids: expected at most 100000 items, found 100001");
    let conversations = json!(vec![json!({"messages": []}); 10_001]).to_string();
    let response = api.post("/local/v1/conversations", conversations).await;
    assert_eq!(
        response.error(422, "VALIDATION_ERROR"),
        "expected at most 10000 items, found 10001"
    );
}

#[tokio::test]
async fn health_is_answered_while_large_bodies_are_parsed() {
    let api = start(Limits::default().memory_bytes(1 << 30)).await;
    let dataset = api.create_dataset("Conversations").await;
    let path = format!("{DATASETS}/{}/imports/from-playground", dataset.id);
    let body = format!(r#"{{"conversation_ids":[{}1]}}"#, "1,".repeat(10 * MB));
    let started = Instant::now();
    let requests = futures::future::join_all((0..3).map(|_| api.post(&path, body.clone())));
    let mut requests = std::pin::pin!(requests);
    let mut longest = Duration::ZERO;
    let responses = loop {
        let asked = Instant::now();
        let mut health = std::pin::pin!(api.get("/healthz"));
        tokio::select! {
            responses = &mut requests => break responses,
            health = &mut health => assert_eq!(health.status, 200),
        }
        longest = longest.max(asked.elapsed());
    };
    let elapsed = started.elapsed();
    for response in responses {
        response.error(422, "VALIDATION_ERROR");
    }
    // This server has a single thread. Parsing on it would delay health checks for most of the time.
    assert!(longest < elapsed / 4, "{longest:?} of {elapsed:?}");
}
