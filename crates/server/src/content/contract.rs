//! Tests that every content store must pass.

use std::io::Read;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::sink::hexadecimal;
use super::*;

/// The maximum size of a chunk, in bytes.
const MAX_CHUNK: usize = 1 << 20;

/// Runs all tests, each on a new and empty store. `create` also returns a value that is dropped after the store.
pub(super) async fn check<S: ContentStore, G>(create: impl Fn() -> (S, G)) {
    macro_rules! run {
        ($($test:ident),+) => {
            $({
                let (store, _guard) = create();
                $test(&store).await;
            })+
        };
    }
    run!(
        a_content_exists_once_it_is_finished,
        a_dropped_content_leaves_nothing,
        an_id_can_be_written_again_after_a_failure,
        ranges_are_read_exactly,
        chunks_are_bounded,
        contents_are_deleted,
        a_read_in_progress_never_ends_early,
        contents_written_at_the_same_time_do_not_mix,
        writers_of_the_same_id_do_not_mix,
        large_contents_are_complete,
        an_abandoned_content_is_invisible,
        an_interrupted_write_leaves_no_gap,
        a_damaged_content_is_never_complete
    );
}

/// Returns bytes that differ at every position of a chunk.
pub(super) fn sample(bytes: usize) -> Bytes {
    (0..bytes).map(|n| (n % 251) as u8 ^ (n / 65_536) as u8).collect()
}

pub(super) async fn store_content(store: &dyn ContentStore, content: &Bytes) -> StoredContent {
    let sink = ContentSink::create(store).await.unwrap();
    for chunk in content.chunks(100_000) {
        assert!(sink.write(Bytes::copy_from_slice(chunk)).await);
    }
    sink.finish().await.unwrap()
}

pub(super) async fn collect(chunks: ContentStream) -> Result<Bytes, ContentError> {
    let chunks = chunks.try_fold(BytesMut::new(), async |mut all, chunk| {
        assert!(!chunk.is_empty() && chunk.len() <= MAX_CHUNK);
        all.extend_from_slice(&chunk);
        Ok(all)
    });
    Ok(chunks.await?.freeze())
}

pub(super) async fn read_all(store: &dyn ContentStore, id: Uuid) -> Bytes {
    collect(store.read(id, 0..u64::MAX).await.unwrap().chunks).await.unwrap()
}

pub(super) async fn is_missing(store: &dyn ContentStore, id: Uuid) -> bool {
    matches!(store.read(id, 0..1).await.err(), Some(ContentError::Missing))
}

fn expected(stored: &StoredContent) -> ExpectedContent {
    ExpectedContent { id: stored.id, bytes: stored.bytes, sha256: stored.sha256.clone() }
}

async fn a_content_exists_once_it_is_finished(store: &dyn ContentStore) {
    let sink = ContentSink::create(store).await.unwrap();
    assert!(sink.write(Bytes::from_static(b"one\ntwo")).await);
    assert!(store.list().await.unwrap().is_empty());
    let stored = sink.finish().await.unwrap();
    let sha256 = "21066d108d5319ecb5a1fc4454f42ef22fc5f1c7df49c31d90294950e0ea8b2c".to_owned();
    assert_eq!(stored, StoredContent { id: stored.id, bytes: 7, lines: 2, sha256 });
    assert_eq!(store.list().await.unwrap(), [stored.id]);
    assert_eq!(read_all(store, stored.id).await, "one\ntwo");

    let empty = ContentSink::create(store).await.unwrap().finish().await.unwrap();
    assert_eq!((empty.bytes, empty.lines), (0, 0));
    assert_eq!(read_all(store, empty.id).await, "");
    let chunks = open_verified(store, expected(&empty)).await.unwrap();
    assert_eq!(collect(chunks).await.unwrap(), "");
}

async fn a_dropped_content_leaves_nothing(store: &dyn ContentStore) {
    let id = Uuid::now_v7();
    let mut writer = store.create(id).await.unwrap();
    writer.write(sample(MAX_CHUNK)).await.unwrap();
    drop(writer);
    assert!(is_missing(store, id).await);
    let sink = ContentSink::create(store).await.unwrap();
    assert!(sink.write(sample(MAX_CHUNK)).await);
    drop(sink);
    assert!(store.list().await.unwrap().is_empty());
}

async fn an_id_can_be_written_again_after_a_failure(store: &dyn ContentStore) {
    let id = Uuid::now_v7();
    drop(store.create(id).await.unwrap());
    let mut writer = store.create(id).await.unwrap();
    writer.write(Bytes::from_static(b"second")).await.unwrap();
    writer.finish().await.unwrap();
    assert_eq!(read_all(store, id).await, "second");
}

async fn ranges_are_read_exactly(store: &dyn ContentStore) {
    let content = sample(300_001);
    let stored = store_content(store, &content).await;
    let size = content.len();
    for range in [
        0..0,
        0..1,
        0..size,
        65_535..65_537,
        100..200_000,
        size - 1..size,
        size - 1..size + 10,
        size..size + 1,
        size + 5..size + 9,
    ] {
        let read = store.read(stored.id, range.start as u64..range.end as u64).await.unwrap();
        assert_eq!(read.bytes, size as u64);
        let found = collect(read.chunks).await.unwrap();
        assert_eq!(found, content[range.start.min(size)..range.end.min(size)], "{range:?}");
        let part = range.start as u64..range.end as u64;
        let part = open_range(store, &expected(&stored), part).await.unwrap();
        assert_eq!(collect(part).await.unwrap(), found);
    }
}

async fn chunks_are_bounded(store: &dyn ContentStore) {
    let content = sample(5 << 20);
    let stored = store_content(store, &content).await;
    assert_eq!(read_all(store, stored.id).await, content);
    let chunks = open_verified(store, expected(&stored)).await.unwrap();
    // Also on a thread that blocks, as imports do.
    let mut reader = BlockingReader::new(chunks);
    let reading = tokio::task::spawn_blocking(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).map(|_| all)
    });
    assert_eq!(reading.await.unwrap().unwrap(), content);
}

async fn contents_are_deleted(store: &dyn ContentStore) {
    let (deleted, kept) =
        (store_content(store, &sample(10)).await.id, store_content(store, &sample(20)).await.id);
    let unknown = Uuid::now_v7();
    store.delete(vec![deleted, unknown, deleted]).await.unwrap();
    store.delete(vec![deleted]).await.unwrap();
    for missing in [deleted, unknown] {
        assert!(is_missing(store, missing).await);
    }
    assert_eq!(store.list().await.unwrap(), [kept]);
    assert_eq!(read_all(store, kept).await, sample(20));
}

async fn a_read_in_progress_never_ends_early(store: &dyn ContentStore) {
    let content = sample(3 << 20);
    let id = store_content(store, &content).await.id;
    let mut chunks = store.read(id, 0..u64::MAX).await.unwrap().chunks;
    let mut read = chunks.next().await.unwrap().unwrap().len();
    store.delete(vec![id]).await.unwrap();
    let mut failed = false;
    while let Some(chunk) = chunks.next().await {
        match chunk {
            Ok(chunk) => read += chunk.len(),
            Err(_) => failed = true,
        }
    }
    assert!(failed || read == content.len());
}

async fn contents_written_at_the_same_time_do_not_mix(store: &dyn ContentStore) {
    let sinks = futures::future::join_all((0..8).map(|_| ContentSink::create(store))).await;
    let sinks: Vec<ContentSink> = sinks.into_iter().map(Result::unwrap).collect();
    for _ in 0..20 {
        for (n, sink) in sinks.iter().enumerate() {
            assert!(sink.write(Bytes::from(vec![n as u8; 30_000])).await);
        }
    }
    for (n, sink) in sinks.into_iter().enumerate() {
        let stored = sink.finish().await.unwrap();
        assert_eq!(read_all(store, stored.id).await, vec![n as u8; 600_000]);
    }
}

async fn writers_of_the_same_id_do_not_mix(store: &dyn ContentStore) {
    for bytes in [100_000, 6 << 20] {
        let id = Uuid::now_v7();
        let contents = [1, 2].map(|n| Bytes::from(vec![n; bytes]));
        let mut writers = Vec::new();
        for content in &contents {
            let mut writer = store.create(id).await.unwrap();
            writer.write(content.clone()).await.unwrap();
            writers.push(writer);
        }
        let finished = futures::future::join_all(writers.into_iter().map(|w| w.finish())).await;
        let read = read_all(store, id).await;
        // A store may reject one of the writers, but not both.
        let is_written =
            |(content, finished): (&Bytes, &Result<_, _>)| finished.is_ok() && read == content;
        assert!(contents.iter().zip(&finished).any(is_written), "{finished:?}");
    }
}

/// Contents around the sizes at which stores split uploads.
async fn large_contents_are_complete(store: &dyn ContentStore) {
    const PART: usize = 5 << 20;
    for bytes in [PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 100_000] {
        let content = sample(bytes);
        let stored = store_content(store, &content).await;
        assert_eq!(stored.bytes, bytes as u64);
        let chunks = open_verified(store, expected(&stored)).await.unwrap();
        assert!(collect(chunks).await.unwrap() == content, "{bytes}");
        let around = PART - 10..(PART + 10).min(bytes);
        let part = store.read(stored.id, around.start as u64..around.end as u64).await.unwrap();
        assert_eq!(collect(part.chunks).await.unwrap(), content[around]);
    }
}

/// A writer that is neither finished nor dropped, as after a crash.
async fn an_abandoned_content_is_invisible(store: &dyn ContentStore) {
    let id = Uuid::now_v7();
    let mut writer = store.create(id).await.unwrap();
    writer.write(sample(6 << 20)).await.unwrap();
    std::mem::forget(writer);
    assert!(is_missing(store, id).await);
    assert!(store.list().await.unwrap().is_empty());
    let mut writer = store.create(id).await.unwrap();
    writer.write(Bytes::from_static(b"second")).await.unwrap();
    writer.finish().await.unwrap();
    assert_eq!(read_all(store, id).await, "second");
    store.delete(vec![id]).await.unwrap();
    assert!(is_missing(store, id).await);
}

async fn an_interrupted_write_leaves_no_gap(store: &dyn ContentStore) {
    let id = Uuid::now_v7();
    let mut writer = store.create(id).await.unwrap();
    let mut written = Vec::new();
    // Stores queue different amounts.
    let is_interrupted = loop {
        let piece = sample(1 << 20);
        if futures::poll!(writer.write(piece.clone())).is_pending() {
            break true;
        }
        written.extend_from_slice(&piece);
        if written.len() > 32 << 20 {
            break false;
        }
    };
    let last = Bytes::from_static(b"last");
    let result = writer.write(last.clone()).await.map(|()| written.extend_from_slice(&last));
    assert_eq!(result.is_err(), is_interrupted);
    assert_eq!(writer.finish().await.is_err(), is_interrupted);
    assert_eq!(is_missing(store, id).await, is_interrupted);
}

async fn a_damaged_content_is_never_complete(store: &dyn ContentStore) {
    let content = sample(1_000_000);
    let stored = store_content(store, &content).await;
    let mut wrong = expected(&stored);
    wrong.sha256 = hexadecimal(Sha256::new_with_prefix("something else"));
    let chunks = open_verified(store, wrong.clone()).await.unwrap();
    let mut read = 0;
    let failed = chunks.try_for_each(|chunk| {
        read += chunk.len();
        async { Ok(()) }
    });
    assert!(matches!(failed.await, Err(ContentError::Damaged)));
    assert!(read < content.len());

    let mut reader = BlockingReader::new(open_verified(store, wrong).await.unwrap());
    let reading = tokio::task::spawn_blocking(move || reader.read_to_end(&mut Vec::new()));
    let error = reading.await.unwrap().unwrap_err();
    let source = error.get_ref().and_then(|error| error.downcast_ref());
    assert!(matches!(source, Some(ContentError::Damaged)));

    for bytes in [stored.bytes - 1, stored.bytes + 1, 0] {
        let wrong = ExpectedContent { bytes, ..expected(&stored) };
        let opened = open_range(store, &wrong, 0..1).await;
        assert!(matches!(opened.err(), Some(ContentError::Damaged)));
        assert!(matches!(open_verified(store, wrong).await.err(), Some(ContentError::Damaged)));
    }
}
