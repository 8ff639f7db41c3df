//! Retries, deadlines, cancellation, options of single calls, and raw responses.

use std::time::{Duration, Instant, SystemTime};

use mistral_datasets::{ErrorKind, Options, RetryPolicy, Upload, WithResponse};
use mistral_datasets_tests::Fixture;
use serde_json::json;

fn empty_payload() -> serde_json::Value {
    json!({"messages": []})
}

#[tokio::test]
async fn retries_a_read() {
    let fixture = Fixture::start().await;
    for status in [408, 429, 500, 502, 503, 504] {
        let fault = json!({"operation": "list_datasets", "status": status, "times": 2});
        fixture.inject_fault(fault).await;
        let (_, response) = fixture.client.datasets().list().with_response().await.unwrap();
        assert_eq!((response.status(), response.attempts()), (200, 3));
        assert_eq!(fixture.take_requests().await.len(), 3, "status {status}");
    }
    fixture.inject_fault(json!({"operation": "list_datasets", "status": 422})).await;
    let error = fixture.client.datasets().list().await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Validation, 1));
}

#[tokio::test]
async fn retries_an_interrupted_read() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    fixture.take_requests().await;
    for fault in [
        json!({"operation": "fetch_dataset", "reset_after_bytes": 0}),
        json!({"operation": "fetch_dataset", "reset_after_bytes": 10}),
        json!({"operation": "fetch_dataset", "truncate_after_bytes": 10}),
    ] {
        fixture.inject_fault(fault.clone()).await;
        assert_eq!(fixture.client.datasets().fetch(dataset.id).await.unwrap(), dataset);
        assert_eq!(fixture.take_requests().await.len(), 2, "{fault}");
    }
    let slow = json!({"operation": "fetch_dataset", "delay_ms": 2000});
    fixture.inject_fault(slow).await;
    let short_timeout = fixture.client_with(Options::new().timeout(Duration::from_millis(200)));
    assert_eq!(short_timeout.datasets().fetch(dataset.id).await.unwrap(), dataset);
}

#[tokio::test]
async fn never_retries_an_ambiguous_write() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    fixture.take_requests().await;
    let faults = [
        json!({"operation": "create_record", "carry_out": true, "reset_after_bytes": 0}),
        json!({"operation": "create_record", "carry_out": true, "truncate_after_bytes": 3}),
        json!({"operation": "create_record", "carry_out": true, "status": 500}),
        json!({"operation": "create_record", "carry_out": true, "status": 503}),
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        fixture.inject_fault(fault.clone()).await;
        let created =
            fixture.client.datasets().create_record(dataset.id, empty_payload(), json!({}));
        let error = created.await.unwrap_err();
        assert!(error.is_ambiguous() && error.attempts() == 1, "{fault}: {error}");
        assert!(error.hint().unwrap().contains("may have been carried out"), "{error}");
        assert_eq!(fixture.take_operations().await, ["create_record"], "{fault}");
        assert_eq!(fixture.list_records(&dataset).await.len(), number + 1, "{fault}");
        fixture.take_requests().await;
    }
}

#[tokio::test]
async fn retries_a_rejected_write() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let busy = json!({"retry-after": "0"});
    for fault in [
        json!({"operation": "create_record", "status": 429, "times": 2}),
        json!({"operation": "create_record", "status": 503, "headers": busy, "times": 2}),
    ] {
        fixture.take_requests().await;
        fixture.inject_fault(fault).await;
        fixture
            .client
            .datasets()
            .create_record(dataset.id, empty_payload(), json!({}))
            .await
            .unwrap();
        assert_eq!(fixture.take_requests().await.len(), 3);
    }
    assert_eq!(fixture.list_records(&dataset).await.len(), 2);
}

#[tokio::test]
async fn honors_retry_after() {
    let fixture = Fixture::start().await;
    // A date has whole seconds, so a date two seconds ahead means waiting for at least one second.
    let date = || httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
    for as_date in [false, true] {
        let value = if as_date { date() } else { "1".to_owned() };
        let headers = json!({"retry-after": value});
        fixture
            .inject_fault(json!({"operation": "list_datasets", "status": 429, "headers": headers}))
            .await;
        let started = Instant::now();
        fixture.client.datasets().list().await.unwrap();
        let waited = started.elapsed();
        assert!(waited >= Duration::from_millis(990), "{waited:?}");
    }
    let headers = json!({"retry-after": "3600"});
    fixture
        .inject_fault(json!({"operation": "list_datasets", "status": 429, "headers": headers}))
        .await;
    let error = fixture.client.datasets().list().await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::RateLimit, 1));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
}

#[tokio::test]
async fn error_reports_attempts() {
    let fixture = Fixture::start().await;
    fixture.inject_fault(json!({"operation": "list_datasets", "status": 500, "times": 2})).await;
    fixture.inject_fault(json!({"operation": "list_datasets", "status": 502, "times": null})).await;
    let error = fixture.client.datasets().list().await.unwrap_err();
    assert_eq!((error.attempts(), error.status()), (5, Some(502)));
    assert!(error.elapsed().unwrap() > Duration::ZERO);
    assert!(error.to_string().contains("5 attempts in "), "{error}");
}

#[tokio::test]
async fn deadline_ends_retries() {
    let fixture = Fixture::start().await;
    let policy = RetryPolicy::new().first_delay(Duration::from_millis(50)).max_retries(1000);
    let options = Options::new().deadline(Duration::from_millis(400)).retries(policy);
    let client = fixture.client_with(options);
    fixture.inject_fault(json!({"operation": "list_datasets", "status": 500, "times": null})).await;
    let started = Instant::now();
    let error = client.datasets().list().await.unwrap_err();
    assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
    assert!(error.attempts() > 1, "{error}");
    // The deadline also interrupts an attempt.
    fixture.clear_faults().await;
    fixture.inject_fault(json!({"operation": "list_datasets", "delay_ms": 5000})).await;
    let error = client.datasets().list().await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 1));
    assert!(error.message().contains("deadline"), "{error}");
}

#[tokio::test]
async fn retries_can_be_disabled() {
    let fixture = Fixture::start().await;
    fixture.inject_fault(json!({"operation": "list_datasets", "status": 500, "times": null})).await;
    let once = fixture.client_with(Options::new().retries(RetryPolicy::none()));
    assert_eq!(once.datasets().list().await.unwrap_err().attempts(), 1);
    assert_eq!(fixture.take_requests().await.len(), 1);
    let twice = RetryPolicy::new().max_retries(1).first_delay(Duration::ZERO);
    let twice = once.with_options(Options::new().retries(twice)).unwrap();
    assert_eq!(twice.datasets().list().await.unwrap_err().attempts(), 2);
}

#[tokio::test]
async fn per_call_options() {
    let fixture = Fixture::start().await;
    let other = Fixture::start().await;
    let with_header = fixture.client_with(Options::new().header("X-Team", "blue"));
    with_header.datasets().list().await.unwrap();
    fixture.client.datasets().list().await.unwrap();
    let requests = fixture.take_requests().await;
    assert_eq!(requests[0].headers["x-team"], "blue");
    assert_eq!(requests[1].headers.get("x-team"), None);

    let other_client = with_header.with_options(Options::new().server_url(other.url())).unwrap();
    other_client.datasets().create("Elsewhere", "").await.unwrap();
    // Every API key has its own workspace.
    let other_key = other_client.with_options(Options::new().api_key("another key")).unwrap();
    assert_eq!(other_key.datasets().list().await.unwrap().datasets.count, 0);
    assert_eq!(other_client.datasets().list().await.unwrap().datasets.count, 1);

    fixture.inject_fault(json!({"operation": "list_datasets", "delay_ms": 5000})).await;
    let short_timeout =
        Options::new().timeout(Duration::from_millis(50)).retries(RetryPolicy::none());
    let error = fixture.client_with(short_timeout).datasets().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn raw_responses() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let call = fixture.client.datasets().fetch(dataset.id);
    let (fetched, response) = call.with_response().await.unwrap();
    assert_eq!(fetched, dataset);
    assert_eq!((response.status(), response.attempts()), (200, 1));
    assert_eq!(response.headers()["content-type"], "application/json");
    assert!(response.request_id().is_some() && response.elapsed() > Duration::ZERO);
    let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(body["id"], dataset.id.to_string());
    let files = fixture.client.files();
    let upload = files.upload(Upload::bytes("lines.jsonl", "{}\n"));
    let (file, response) = upload.with_response().await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!((response.status(), body["id"].as_str()), (200, Some(&*file.id)));
    let deleted = fixture.client.datasets().delete(dataset.id).with_response().await.unwrap();
    assert_eq!((deleted.1.status(), deleted.1.body().len()), (204, 0));
    assert!(fixture.client.datasets().delete(dataset.id).with_response().await.is_err());
}

#[tokio::test]
async fn cancelling_stops_a_call() {
    let fixture = Fixture::start().await;
    let slow = RetryPolicy::new().first_delay(Duration::from_millis(100)).max_retries(100);
    let client = fixture.client_with(Options::new().retries(slow));
    fixture.inject_fault(json!({"operation": "list_datasets", "status": 500, "times": null})).await;
    let call = tokio::spawn(async move { client.datasets().list().await });
    tokio::time::sleep(Duration::from_millis(150)).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert!(!fixture.take_requests().await.is_empty());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(fixture.take_requests().await.is_empty());
}

#[tokio::test]
async fn closing_cancels_calls() {
    let fixture = Fixture::start().await;
    fixture
        .inject_fault(json!({"operation": "list_datasets", "delay_ms": 5000, "times": null}))
        .await;
    let client = fixture.client_with(Options::new());
    let started = Instant::now();
    let call = tokio::spawn(async move { client.datasets().list().await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    fixture.client.close().await;
    assert_eq!(call.await.unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(started.elapsed() < Duration::from_secs(2));
    let error = fixture.client.datasets().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}
