//! Requests that fail: each ends with a correct result or an error, never with part of a content.

use std::error::Error;
use std::time::{Duration, Instant};

use ::object_store::{BackoffConfig, RetryConfig};
use bytes::Bytes;
use http::{Method, StatusCode};

use super::fake_s3::{FakeS3, Fault, SECRET, environment};
use super::tests::wait_until;
use super::upload::PART_BYTES;
use super::*;
use crate::content::contract::{collect, is_missing, read_all, sample, store_content};

const UNAVAILABLE: Fault = Fault::Status(StatusCode::SERVICE_UNAVAILABLE, "SlowDown");

/// Limits with which a request to a store that does not respond fails after about a second.
fn short_limits() -> RequestLimits {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(5),
        max_backoff: Duration::from_millis(50),
        base: 2.0,
    };
    RequestLimits {
        connect_timeout: Duration::from_millis(300),
        read_timeout: Duration::from_millis(300),
        retry: RetryConfig { backoff, max_retries: 4, retry_timeout: Duration::from_millis(700) },
    }
}

fn start() -> (FakeS3, ObjectContentStore) {
    let server = FakeS3::start();
    let store = server.store(&short_limits());
    (server, store)
}

/// Writes a content in pieces of 1 MiB.
async fn write(store: &ObjectContentStore, id: Uuid, content: &Bytes) -> Result<(), ContentError> {
    let mut writer = store.create(id).await?;
    for piece in content.chunks(1 << 20) {
        writer.write(Bytes::copy_from_slice(piece)).await?;
    }
    writer.finish().await
}

async fn read(store: &ObjectContentStore, id: Uuid) -> Result<Bytes, ContentError> {
    collect(store.read(id, 0..u64::MAX).await?.chunks).await
}

/// The text of an error for the log.
fn logged(error: &ContentError) -> String {
    error.source().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn unavailable_stores_are_asked_again() {
    let (server, store) = start();
    let content = sample(2 * PART_BYTES + 1);
    let id = Uuid::now_v7();
    for _ in 0..3 {
        server.fault(Method::POST, UNAVAILABLE);
        server.fault(Method::PUT, UNAVAILABLE);
    }
    write(&store, id, &content).await.unwrap();
    assert!(!server.has_faults());
    for _ in 0..3 {
        server.fault(Method::GET, UNAVAILABLE);
        server.fault(Method::HEAD, UNAVAILABLE);
    }
    let part = store.read(id, 10..20).await.unwrap().chunks;
    assert_eq!(collect(part).await.unwrap(), content[10..20]);
    assert!(!server.has_faults());
    (0..3).for_each(|_| server.fault(Method::GET, UNAVAILABLE));
    assert_eq!(store.list().await.unwrap(), [id]);
    (0..3).for_each(|_| server.fault(Method::GET, UNAVAILABLE));
    assert_eq!(read_all(&store, id).await, content);
    (0..3).for_each(|_| server.fault(Method::POST, UNAVAILABLE));
    store.delete(vec![id]).await.unwrap();
    assert!(server.keys().is_empty() && !server.has_faults());
}

#[tokio::test]
async fn a_store_that_remains_unavailable_is_an_error() {
    let (server, store) = start();
    let id = store_content(&store, &sample(10)).await.id;
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::POST] {
        (0..50).for_each(|_| server.fault(method.clone(), UNAVAILABLE));
    }
    server.requests();
    let error = read(&store, id).await.unwrap_err();
    let expected =
        "cannot read from s3://bucket/some/prefix: status 503 Service Unavailable: SlowDown";
    assert_eq!(logged(&error), expected);
    assert_eq!(server.requests().len(), 5);
    assert!(matches!(store.read(id, 0..1).await.err(), Some(ContentError::Failed(_))));
    assert!(matches!(store.list().await, Err(ContentError::Failed(_))));
    assert!(matches!(store.delete(vec![id]).await, Err(ContentError::Failed(_))));
    let other = Uuid::now_v7();
    for bytes in [10, PART_BYTES + 1] {
        assert!(matches!(write(&store, other, &sample(bytes)).await, Err(ContentError::Failed(_))));
    }
    server.clear_faults();
    assert!(is_missing(&store, other).await);
    assert_eq!(store.list().await.unwrap(), [id]);
}

#[tokio::test]
async fn a_response_that_is_cut_is_resumed() {
    let (server, store) = start();
    let content = sample(3 << 20);
    let id = store_content(&store, &content).await.id;
    server.requests();
    for bytes in [0, 1, 1_000_000, 2_000_000] {
        server.fault(Method::GET, Fault::Cut(bytes));
    }
    assert_eq!(read_all(&store, id).await, content);
    assert!(!server.has_faults());
    assert_eq!(server.requests().len(), 5);
    let range = 500_000..2_500_000;
    server.fault(Method::GET, Fault::Cut(300_000));
    let part = store.read(id, range.start as u64..range.end as u64).await.unwrap().chunks;
    assert_eq!(collect(part).await.unwrap(), content[range]);
}

#[tokio::test]
async fn a_slow_reader_can_resume_after_the_time_for_retries() {
    let (server, store) = start();
    let content = sample(3 << 20);
    let id = store_content(&store, &content).await.id;
    server.fault(Method::GET, Fault::Cut(2 << 20));
    let mut chunks = store.read(id, 0..u64::MAX).await.unwrap().chunks;
    let mut all = chunks.next().await.unwrap().unwrap().to_vec();
    tokio::time::sleep(short_limits().retry.retry_timeout + Duration::from_millis(100)).await;
    all.extend_from_slice(&collect(chunks).await.unwrap());
    assert_eq!(all, content);
    assert!(!server.has_faults());
}

#[tokio::test]
async fn a_response_that_is_always_cut_is_an_error() {
    let (server, store) = start();
    let content = sample(3 << 20);
    let id = store_content(&store, &content).await.id;
    (0..100).for_each(|_| server.fault(Method::GET, Fault::Cut(0)));
    let error = read(&store, id).await.unwrap_err();
    assert!(logged(&error).starts_with("cannot read from s3://bucket/some/prefix: "), "{error:?}");
    assert!(server.has_faults());
}

#[tokio::test]
async fn parts_of_two_contents_are_never_joined() {
    let (server, store) = start();
    let content = sample(3 << 20);
    let id = store_content(&store, &content).await.id;
    server.fault(Method::GET, Fault::Cut(1 << 20));
    let mut chunks = store.read(id, 0..u64::MAX).await.unwrap().chunks;
    chunks.next().await.unwrap().unwrap();
    write(&store, id, &Bytes::from(vec![0; 3 << 20])).await.unwrap();
    assert!(matches!(collect(chunks).await, Err(ContentError::Failed(_))));
    // Nor is the rest of a content that was deleted read as its end.
    server.fault(Method::GET, Fault::Cut(1 << 20));
    let mut chunks = store.read(id, 0..u64::MAX).await.unwrap().chunks;
    chunks.next().await.unwrap().unwrap();
    store.delete(vec![id]).await.unwrap();
    assert!(collect(chunks).await.is_err());
}

#[tokio::test]
async fn a_request_that_stalls_is_repeated() {
    let (server, store) = start();
    let content = sample(PART_BYTES + 10);
    let id = Uuid::now_v7();
    server.fault(Method::POST, Fault::Stall);
    server.fault(Method::PUT, Fault::Stall);
    write(&store, id, &content).await.unwrap();
    server.fault(Method::GET, Fault::Stall);
    assert_eq!(read_all(&store, id).await, content);
    server.fault(Method::GET, Fault::StallBody(1_000_000));
    assert_eq!(read_all(&store, id).await, content);
    assert!(!server.has_faults());
}

#[tokio::test]
async fn a_store_that_stalls_is_an_error_within_the_limits() {
    let (server, store) = start();
    let content = sample(PART_BYTES + 10);
    let id = store_content(&store, &content).await.id;
    for fault in [Fault::Stall, Fault::StallBody(0)] {
        (0..50).for_each(|_| server.fault(Method::GET, fault));
        let started = Instant::now();
        let error = read(&store, id).await.unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        assert!(logged(&error).contains("timed out"), "{}", logged(&error));
        server.clear_faults();
    }
    (0..50).for_each(|_| server.fault(Method::PUT, Fault::Stall));
    let (started, other) = (Instant::now(), Uuid::now_v7());
    for bytes in [10, PART_BYTES + 10] {
        assert!(matches!(write(&store, other, &sample(bytes)).await, Err(ContentError::Failed(_))));
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    server.clear_faults();
    assert!(is_missing(&store, other).await);
    wait_until(|| server.uploads() == 0).await;
}

#[tokio::test]
async fn a_store_that_is_not_there_is_an_error() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let location = ObjectLocation::parse("s3://bucket/").unwrap();
    let environment = environment(&format!("http://127.0.0.1:{port}"));
    let store = ObjectContentStore::open_with(&location, &environment, &short_limits()).unwrap();
    let error = read(&store, Uuid::now_v7()).await.unwrap_err();
    let text = logged(&error);
    assert!(
        text.starts_with("cannot read from s3://bucket/: no response from 127.0.0.1 ("),
        "{text}"
    );
}

#[tokio::test]
async fn an_upload_whose_response_is_lost_is_complete() {
    let (server, store) = start();
    // The retry succeeds as well.
    server.fault(Method::PUT, Fault::LostResponse);
    let id = Uuid::now_v7();
    write(&store, id, &sample(10)).await.unwrap();
    assert_eq!(read_all(&store, id).await, sample(10));
    // No retry gets a response.
    (0..5).for_each(|_| server.fault(Method::PUT, Fault::LostResponse));
    let id = Uuid::now_v7();
    write(&store, id, &sample(10)).await.unwrap();
    assert_eq!(read_all(&store, id).await, sample(10));
    server.clear_faults();
    // The retry of the last request does not find the upload.
    let (content, id) = (sample(PART_BYTES + 10), Uuid::now_v7());
    let mut writer = store.create(id).await.unwrap();
    writer.write(content.clone()).await.unwrap();
    wait_until(|| server.uploads() == 1).await;
    server.fault(Method::POST, Fault::LostResponse);
    writer.finish().await.unwrap();
    assert!(!server.has_faults());
    assert_eq!(read_all(&store, id).await, content);
}

#[tokio::test]
async fn a_success_with_an_error_in_its_body_is_an_error() {
    let (server, store) = start();
    let content = sample(PART_BYTES + 10);
    let in_body = Fault::Status(StatusCode::OK, "InternalError");
    for (faults, succeeds) in [(3, true), (50, false)] {
        let id = Uuid::now_v7();
        let mut writer = store.create(id).await.unwrap();
        writer.write(content.clone()).await.unwrap();
        wait_until(|| server.uploads() == 1).await;
        (0..faults).for_each(|_| server.fault(Method::POST, in_body));
        let result = writer.finish().await;
        server.clear_faults();
        if succeeds {
            result.unwrap();
            assert_eq!(read_all(&store, id).await, content);
        } else {
            let expected =
                "cannot write to s3://bucket/some/prefix: the response is an error: InternalError";
            assert_eq!(logged(&result.unwrap_err()), expected);
            assert!(is_missing(&store, id).await);
        }
        wait_until(|| server.uploads() == 0).await;
    }
}

#[tokio::test]
async fn a_failed_upload_is_aborted() {
    let (server, store) = start();
    let content = sample(3 * PART_BYTES);
    let id = Uuid::now_v7();
    let mut writer = store.create(id).await.unwrap();
    writer.write(content.slice(..PART_BYTES)).await.unwrap();
    wait_until(|| server.uploads() == 1).await;
    let denied = Fault::Status(StatusCode::FORBIDDEN, "AccessDenied");
    (0..50).for_each(|_| server.fault(Method::PUT, denied));
    let mut failed = None;
    for piece in content[PART_BYTES..].chunks(1 << 20).chain(std::iter::repeat_n(&content[..1], 10))
    {
        if let Err(error) = writer.write(Bytes::copy_from_slice(piece)).await {
            failed = Some(error);
            break;
        }
    }
    let text = logged(&failed.unwrap());
    assert_eq!(text, "cannot write to s3://bucket/some/prefix: status 403 Forbidden: AccessDenied");
    assert!(writer.write(content.slice(..1)).await.is_err());
    assert!(writer.finish().await.is_err());
    wait_until(|| server.uploads() == 0).await;
    assert!(server.keys().is_empty());
}

#[tokio::test]
async fn a_dropped_upload_is_aborted() {
    let (server, store) = start();
    let mut writer = store.create(Uuid::now_v7()).await.unwrap();
    writer.write(sample(2 * PART_BYTES + 1)).await.unwrap();
    wait_until(|| server.uploads() == 1).await;
    drop(writer);
    wait_until(|| server.uploads() == 0).await;
    assert!(server.keys().is_empty());
}

#[tokio::test]
async fn a_content_that_is_finished_too_late_is_removed() {
    let (server, store) = start();
    let mut writer = store.create(Uuid::now_v7()).await.unwrap();
    writer.write(sample(10)).await.unwrap();
    server.requests();
    server.fault(Method::PUT, Fault::LostResponse);
    let mut finishing = writer.finish();
    // The object is stored, but the response to the upload was not received yet.
    while server.keys().is_empty() {
        assert!(futures::poll!(&mut finishing).is_pending());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(finishing);
    wait_until(|| server.keys().is_empty()).await;
}

#[tokio::test]
async fn errors_name_what_is_wrong_without_secrets() {
    let (server, store) = start();
    let id = store_content(&store, &sample(10)).await.id;
    let wrong = server.store_in("wrong", &short_limits());
    for (error, expected) in [
        (
            wrong.list().await.unwrap_err(),
            "cannot list s3://wrong/some/prefix: status 404 Not Found: NoSuchBucket",
        ),
        (
            read(&wrong, id).await.unwrap_err(),
            "cannot read from s3://wrong/some/prefix: status 404 Not Found: NoSuchBucket",
        ),
        (
            wrong.delete(vec![id]).await.unwrap_err(),
            "cannot delete from s3://wrong/some/prefix: status 404 Not Found: NoSuchBucket",
        ),
        (
            write(&wrong, id, &sample(10)).await.unwrap_err(),
            "cannot write to s3://wrong/some/prefix: status 404 Not Found: NoSuchBucket",
        ),
        (
            write(&wrong, id, &sample(PART_BYTES + 1)).await.unwrap_err(),
            "cannot write to s3://wrong/some/prefix: status 404 Not Found: NoSuchBucket",
        ),
    ] {
        assert_eq!(logged(&error), expected);
    }
    assert!(matches!(wrong.read(id, 0..1).await.err(), Some(ContentError::Failed(_))));
    server.fault(Method::GET, Fault::Status(StatusCode::FORBIDDEN, "SignatureDoesNotMatch"));
    let error = read(&store, id).await.unwrap_err();
    let expected =
        "cannot read from s3://bucket/some/prefix: status 403 Forbidden: SignatureDoesNotMatch";
    assert_eq!(logged(&error), expected);
    assert!(!format!("{error:?}").contains(SECRET));
}
