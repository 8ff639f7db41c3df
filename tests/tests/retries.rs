//! Retries beyond the behaviour suite: lost responses, `Retry-After`, merged policies, extreme settings and the retry budget.

use std::time::{Duration, Instant};

use bytes::Bytes;
use mistral_datasets::{Client, ErrorKind, Jsonl, Options, RetryPolicy, Upload, WithResponse};
use mistral_datasets_tests::{CannedResponse, CannedServer, Fixture};
use serde_json::json;

const NOT_FOUND: &str = r#"{"detail": {"message": "gone", "error_code": "DATASET_NOT_FOUND"}}"#;
const PAGE: &str = r#"{"datasets": {"count": 3}}"#;

fn client(server: &CannedServer) -> Client {
    let fast = RetryPolicy::new().first_delay(Duration::from_millis(1));
    Client::builder().api_key("the key").server_url(server.url()).retries(fast).build().unwrap()
}

fn client_with(server: &CannedServer, policy: RetryPolicy) -> Client {
    client(server).with_options(Options::new().retries(policy)).unwrap()
}

fn not_found() -> CannedResponse {
    CannedResponse::json(404, NOT_FOUND)
}

#[tokio::test]
async fn a_deletion_whose_response_was_lost_succeeds() {
    for lost in [
        CannedResponse::lost(),
        CannedResponse::json(200, "a long response").cut_off_at(3),
        CannedResponse::new(502, ""),
        CannedResponse::new(503, ""),
    ] {
        let server = CannedServer::start_sequence([lost.clone(), not_found()]).await;
        let deletion = client(&server).datasets().delete("a-dataset");
        let ((), response) = deletion.with_response().await.unwrap();
        assert_eq!((response.status(), response.attempts()), (404, 2));

        let server = CannedServer::start_sequence([lost, not_found()]).await;
        let deleted = client(&server).files().delete("a-file").await.unwrap();
        assert!(deleted.deleted && deleted.id == "a-file");
        assert_eq!(server.request_lines(), ["delete /v1/files/a-file"; 2]);
    }
}

#[tokio::test]
async fn a_deletion_that_was_not_carried_out_before_is_not_found() {
    let busy = CannedResponse::new(429, "");
    for responses in [vec![not_found()], vec![busy, not_found()]] {
        let server = CannedServer::start_sequence(responses).await;
        let error = client(&server).datasets().delete("a-dataset").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    let server = CannedServer::start_sequence([CannedResponse::lost(), not_found()]).await;
    let error = client(&server).datasets().fetch("a-dataset").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "only a deletion is successful");
}

#[tokio::test]
async fn retrying_unavailable_writes_can_be_switched_off() {
    let unavailable = CannedResponse::new(503, "").header("retry-after", "0");
    let server = CannedServer::start(unavailable).await;
    let create = |policy| {
        let client = client_with(&server, policy);
        async move { client.datasets().create("Refund requests", "").await.unwrap_err() }
    };
    let error = create(RetryPolicy::new().max_retries(1)).await;
    assert!(error.attempts() == 2 && !error.is_ambiguous(), "{error}");
    let error = create(RetryPolicy::new().retry_unavailable_writes(false)).await;
    assert!(error.attempts() == 1 && error.is_ambiguous(), "{error}");
}

#[tokio::test]
async fn a_policy_keeps_the_settings_that_it_does_not_override() {
    let server = CannedServer::start(CannedResponse::new(500, "")).await;
    let client = client_with(&server, RetryPolicy::new().max_retries(1));
    let faster = Options::new().retries(RetryPolicy::new().first_delay(Duration::ZERO));
    let error = client.with_options(faster).unwrap().datasets().list().await.unwrap_err();
    assert_eq!((error.attempts(), server.requests().len()), (2, 2));
}

#[tokio::test]
async fn retry_after_may_be_fractional_or_absurd() {
    let limited = |after: &str| CannedResponse::new(429, "").header("retry-after", after);
    let responses = [limited("0.4"), CannedResponse::json(200, PAGE)];
    let server = CannedServer::start_sequence(responses).await;
    let started = Instant::now();
    client(&server).datasets().list().await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(390), "{:?}", started.elapsed());

    for absurd in ["99999999999", &"9".repeat(100)] {
        let server = CannedServer::start(limited(absurd)).await;
        let error = client(&server).datasets().list().await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::RateLimit, 1));
        assert!(error.retry_after() > Some(Duration::from_secs(1_000_000)), "{error:?}");
        assert!(error.to_string().contains("longer delay than allowed"), "{error}");
    }
}

#[tokio::test]
async fn infinite_timeouts_and_extreme_counts_work() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    fixture.create_record(&dataset, "Where is my money?").await;
    let patient = fixture.client_with(
        Options::new()
            .timeout(Duration::MAX)
            .deadline(Duration::MAX)
            .retries(RetryPolicy::new().max_delay(Duration::MAX).max_retry_after(Duration::MAX)),
    );
    patient.datasets().list().await.unwrap();
    let file = patient.files().upload(Upload::bytes("a.jsonl", "{}")).await.unwrap();
    patient.files().download(&file.id).await.unwrap().bytes().await.unwrap();
    patient.datasets().export(dataset.id).to_writer(&mut Vec::new()).await.unwrap();
    let lines = Jsonl::bytes("{\"messages\": []}\n");
    patient.datasets().import_jsonl(dataset.id, lines).wait_timeout(Duration::MAX).await.unwrap();

    let page = json!({"datasets": {"results": [], "count": i64::MAX, "next": "x"}}).to_string();
    let server = CannedServer::start(CannedResponse::json(200, page)).await;
    let mut datasets = client(&server).datasets().list().page(i64::MAX).pager().items();
    assert!(datasets.next().await.is_none());
}

#[tokio::test]
async fn an_exhausted_retry_budget_ends_the_call_and_is_named() {
    let server = CannedServer::start(CannedResponse::new(500, "")).await;
    let policy = RetryPolicy::new().max_retries(10_000).first_delay(Duration::ZERO);
    let error = client_with(&server, policy).datasets().list().await.unwrap_err();
    assert!(error.to_string().contains("retry budget"), "{error}");
    let requests = server.requests().len();
    assert_eq!(error.attempts() as usize, requests);
    assert!((50..500).contains(&requests), "{requests}");
}

#[tokio::test]
async fn an_upload_of_a_stream_fails_without_waiting() {
    let limited = CannedResponse::new(429, "").header("retry-after", "30");
    let server = CannedServer::start(limited).await;
    let content = futures::stream::iter([Ok(Bytes::from_static(b"{}"))]);
    let started = Instant::now();
    let upload = client(&server).files().upload(Upload::stream("a.jsonl", content, Some(2)));
    let error = upload.await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::RateLimit, 1));
    assert!(error.to_string().contains("only be read once"), "{error}");
}

#[tokio::test]
async fn imports_wait_for_retry_after_once() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let headers = json!({"retry-after": "1"});
    let fault = json!({"operation": "upload_file", "status": 429, "headers": headers});
    fixture.inject_fault(fault).await;
    let started = Instant::now();
    let lines = Jsonl::bytes("{\"messages\": []}\n");
    fixture.client.datasets().import_jsonl(dataset.id, lines).await.unwrap();
    let elapsed = started.elapsed();
    assert!(
        elapsed > Duration::from_secs(1) && elapsed < Duration::from_millis(1_900),
        "{elapsed:?}"
    );
}
