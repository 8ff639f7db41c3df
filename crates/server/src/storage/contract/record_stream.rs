//! Tests of streams of records.

use std::time::{Duration, Instant};

use super::records::{ALL, LINES, WORKSPACE, create_all, ids, new_dataset, record, text};
use super::run;
use crate::storage::{
    DatasetKey, DatasetStore, RecordFormat, RecordStore, RecordStream, Selection, StorageError,
    Window,
};

const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Serializes payloads and properties as they are stored.
const AS_STORED: RecordFormat = RecordFormat { single_line: false, ..LINES };

/// Runs the tests of this module.
pub(crate) async fn check<S: DatasetStore + RecordStore, G>(
    create: impl AsyncFn() -> Option<(S, G)>,
) {
    run!(
        create,
        batches_have_a_bounded_size,
        large_values_are_streamed_as_they_are_stored,
        windows_are_streamed,
        a_stream_reads_from_one_snapshot,
        a_stream_fails_if_its_receiver_is_too_slow,
        dropped_streams_end,
    );
}

/// Returns JSON of about this size.
fn payload(bytes: usize, white_space: &str) -> String {
    format!("{{\"text\":{white_space}\"{}\"}}", "a b\\\" é日".repeat(bytes / 11))
}

/// Starts a stream of a selection.
async fn start(
    storage: &impl RecordStore,
    selection: Selection,
    format: RecordFormat,
) -> RecordStream {
    let stream =
        storage.stream_records(WORKSPACE, selection, format, b"start\n".to_vec(), STALL_TIMEOUT);
    stream.await.unwrap()
}

/// Returns what is left of a stream.
async fn collect(mut stream: RecordStream) -> String {
    let mut text = Vec::new();
    while let Some(batch) = stream.next().await.unwrap() {
        let limit = RecordStream::BATCH_BYTES + 2 * RecordStream::PIECE_BYTES;
        assert!(batch.len() <= limit, "a batch of {} bytes", batch.len());
        text.extend_from_slice(&batch);
    }
    String::from_utf8(text).unwrap()
}

async fn dataset_with(
    storage: &(impl DatasetStore + RecordStore),
    payloads: &[String],
) -> (DatasetKey, Vec<uuid::Uuid>) {
    let dataset = new_dataset(storage).await;
    let ids = create_all(storage, &dataset, payloads).await;
    (dataset, ids)
}

async fn batches_have_a_bounded_size(storage: &(impl DatasetStore + RecordStore)) {
    let payloads =
        [(10, ""), (5 << 20, ""), (700_000, "\n\t"), (200_000, " "), (131_000, "\n"), (99, "\r")]
            .map(|(bytes, white_space)| payload(bytes, white_space));
    let (dataset, ids) = dataset_with(storage, &payloads).await;
    let large = payload(3 << 20, "\n");
    storage.replace_properties(WORKSPACE, ids[0], large.clone()).await.unwrap();
    let stream = start(storage, Selection::Dataset(dataset, ALL), LINES).await;
    assert_eq!(stream.count, 6);
    let mut expected = "start\n".to_owned();
    for (index, payload) in payloads.iter().enumerate() {
        let properties = if index == 0 { &large } else { "{}" };
        let line = format!("{payload} {properties}").replace(['\n', '\t', '\r'], "");
        expected += &format!("{} {line}\n", ids[index]);
    }
    assert!(collect(stream).await == expected, "the text differs");
}

async fn large_values_are_streamed_as_they_are_stored(storage: &(impl DatasetStore + RecordStore)) {
    let piece = RecordStream::PIECE_BYTES;
    // Values whose size is close to a multiple of a piece, with and without characters of several bytes.
    let payloads: Vec<String> = [piece - 1, piece, piece + 1, 3 * piece - 1, 3 * piece, 999_999]
        .into_iter()
        .flat_map(|bytes| [text(bytes - 2), payload(bytes, "\r\n ")])
        .collect();
    let (dataset, ids) = dataset_with(storage, &payloads).await;
    let stream = start(storage, Selection::Dataset(dataset, ALL), AS_STORED).await;
    let lines = ids.iter().zip(&payloads).map(|(id, payload)| format!("{id} {payload} {{}}\n"));
    let expected = format!("start\n{}", lines.collect::<String>());
    assert!(collect(stream).await == expected, "the text differs");
    let stream = start(storage, Selection::Record(ids[3]), AS_STORED).await;
    assert_eq!((stream.count, stream.revision), (1, 0));
    let expected = format!("start\n{} {} {{}}\n", ids[3], payloads[3]);
    assert!(collect(stream).await == expected, "the text differs");
}

async fn windows_are_streamed(storage: &(impl DatasetStore + RecordStore)) {
    let dataset = new_dataset(storage).await;
    let creates = (0..700).map(|n| {
        let new = record(text(n));
        storage.create_record(WORKSPACE, dataset.clone(), new)
    });
    let created = futures::future::join_all(creates).await;
    let mut created: Vec<_> = created.into_iter().map(|created| created.unwrap().id).collect();
    let deleted: Vec<_> = created.extract_if(100..150, |_| true).collect();
    storage.delete_records(WORKSPACE, deleted).await.unwrap();
    for (offset, limit) in [(0, 700), (0, 256), (0, 257), (99, 300), (120, 512), (649, 9), (650, 1)]
    {
        let window = Window { offset: offset as u64, limit: limit as u32 };
        let stream = start(storage, Selection::Dataset(dataset.clone(), window), LINES).await;
        assert_eq!(stream.count, 650);
        let text = collect(stream).await;
        let expected: Vec<_> = created.iter().skip(offset).take(limit).copied().collect();
        assert_eq!(ids(text.strip_prefix("start\n").unwrap()), expected, "{window:?}");
    }
}

async fn a_stream_reads_from_one_snapshot(storage: &(impl DatasetStore + RecordStore)) {
    let payloads: Vec<_> = (0..40).map(|n| payload(50_000 + n, "")).collect();
    let (dataset, created) = dataset_with(storage, &payloads).await;
    let stream = start(storage, Selection::Dataset(dataset.clone(), ALL), LINES).await;
    create_all(storage, &dataset, ["{}"; 3]).await;
    storage.replace_payload(WORKSPACE, created[39], "{}".to_owned()).await.unwrap();
    storage.delete_records(WORKSPACE, created[10..39].to_vec()).await.unwrap();
    assert_eq!(stream.count, 40);
    let lines = created.iter().zip(&payloads).map(|(id, payload)| format!("{id} {payload} {{}}\n"));
    let expected = format!("start\n{}", lines.collect::<String>());
    assert!(collect(stream).await == expected, "the text differs");
}

async fn a_stream_fails_if_its_receiver_is_too_slow(storage: &(impl DatasetStore + RecordStore)) {
    let (dataset, _) = dataset_with(storage, &[payload(3 << 20, "")]).await;
    let stall_timeout = Duration::from_millis(50);
    let started = Instant::now();
    let all = Selection::Dataset(dataset, ALL);
    let stream = storage.stream_records(WORKSPACE, all, LINES, Vec::new(), stall_timeout);
    let mut records = stream.await.unwrap();
    while !records.reading.is_finished() {
        tokio::time::sleep(stall_timeout / 10).await;
    }
    assert!(started.elapsed() >= stall_timeout);
    // The end of the batches is not mistaken for the end of the records.
    assert!(records.next().await.unwrap().is_some());
    assert!(matches!(records.next().await, Err(StorageError::Failed(_))));
}

async fn dropped_streams_end(storage: &(impl DatasetStore + RecordStore)) {
    let (dataset, _) = dataset_with(storage, &[payload(2 << 20, ""), payload(2 << 20, "")]).await;
    // More than there can be at once.
    for _ in 0..40 {
        let mut stream = start(storage, Selection::Dataset(dataset.clone(), ALL), LINES).await;
        assert!(stream.next().await.unwrap().is_some());
    }
    let stream = start(storage, Selection::Dataset(dataset, ALL), LINES).await;
    assert!(collect(stream).await.len() > 4 << 20);
}
