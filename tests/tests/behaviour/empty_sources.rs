//! Sources that yield nothing.

use std::io;

use bytes::Bytes;
use futures::{StreamExt, stream};
use mistral_datasets::{Error, ErrorKind, Jsonl, NewRecord, Strategy, Upload};
use mistral_datasets_tests::Fixture;
use mistral_datasets_tests::bulk::write_file;
use tempfile::TempDir;

fn assert_empty(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Validation);
    assert!(error.message().contains("the source is empty"), "{error}");
    assert!(error.hint().unwrap().contains("read before"), "{error}");
}

fn nothing() -> impl futures::Stream<Item = io::Result<Bytes>> + Send {
    stream::poll_fn(|_| std::task::Poll::Ready(None))
}

#[tokio::test]
async fn import_jsonl_refuses_empty_sources() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    fixture.take_requests().await;
    let directory = TempDir::new().unwrap();
    let path = write_file(&directory, "empty.jsonl", b"");
    let sources = || {
        [
            Jsonl::path(&path),
            Jsonl::bytes(""),
            Jsonl::bytes("\u{feff}\n \r\n"),
            Jsonl::reader(tokio::io::empty()),
            Jsonl::stream(nothing()),
        ]
    };
    for lenient in [false, true] {
        for source in sources() {
            let call = fixture.client.datasets().import_jsonl(dataset.id, source);
            assert_empty(&call.lenient(lenient).await.unwrap_err());
        }
    }
    assert!(fixture.take_requests().await.is_empty());
}

#[tokio::test]
async fn create_records_refuses_empty_sources() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    fixture.take_requests().await;
    let datasets = fixture.client.datasets();
    for strategy in Strategy::ALL.iter().copied() {
        let records = nothing().map(|_| NewRecord::from_jsonl_line("{}"));
        let call = datasets.create_records(dataset.id, records).strategy(strategy);
        assert_empty(&call.await.unwrap_err());
        let records = nothing().map(|_| NewRecord::from_jsonl_line("{}"));
        let call = datasets.create_records(dataset.id, records).strategy(strategy);
        assert!(call.allow_empty(true).await.unwrap().items().is_empty());
        let none = Vec::<NewRecord>::new();
        let call = datasets.create_records_iter(dataset.id, none).strategy(strategy);
        assert!(call.await.unwrap().items().is_empty());
    }
    assert!(fixture.take_requests().await.is_empty());
}

#[tokio::test]
async fn upload_refuses_consumed_sources() {
    let fixture = Fixture::start().await;
    let files = fixture.client.files();
    let chunks = || stream::iter([Ok(Bytes::new()), Ok(Bytes::new())]);
    for upload in
        [Upload::stream("a", nothing(), None), Upload::stream("a", chunks().boxed(), None)]
    {
        assert_empty(&files.upload(upload).await.unwrap_err());
    }
    assert!(fixture.take_requests().await.is_empty());

    let directory = TempDir::new().unwrap();
    let path = write_file(&directory, "empty.jsonl", b"");
    for upload in [
        Upload::path(path).await.unwrap(),
        Upload::bytes("a", ""),
        Upload::stream("a", nothing(), Some(0)),
    ] {
        assert_eq!(files.upload(upload).await.unwrap().bytes, Some(0));
    }
    let late = stream::iter([Ok(Bytes::new()), Ok(Bytes::from("abc")), Ok(Bytes::from("de"))]);
    let uploaded = files.upload(Upload::stream("a", late, None)).await.unwrap();
    assert_eq!(uploaded.bytes, Some(5));
}
