//! Tests of records: creating, reading, changing and deleting them.

use std::collections::HashSet;
use std::time::Duration;

use mistral_datasets_types::RecordSource;
use uuid::Uuid;

use super::run;
use crate::storage::{
    DatasetKey, DatasetStore, Missing, NewDataset, NewRecord, Record, RecordFormat, RecordPage,
    RecordStore, Selection, StorageError, Window,
};

pub(crate) const WORKSPACE: Uuid = Uuid::from_u128(1);

/// All records.
pub(crate) const ALL: Window = Window { offset: 0, limit: u32::MAX };

/// A size that no page has.
pub(crate) const MAX_BYTES: usize = 1 << 30;

/// Serializes a record as a line with its id, its payload and its properties.
pub(crate) const LINES: RecordFormat = RecordFormat {
    begin: |out, head| out.extend_from_slice(format!("{} ", head.id).as_bytes()),
    middle: |out| out.push(b' '),
    end: |out, _| out.push(b'\n'),
    single_line: true,
};

/// Serializes a record with all of its fields, on several lines if the payload or the properties have several.
const FIELDS: RecordFormat = RecordFormat {
    begin: |out, head| {
        let times = format!("{} {}", head.created_at, head.updated_at);
        let line = format!("{} {} {times} {}\n", head.id, head.dataset, head.source);
        out.extend_from_slice(line.as_bytes());
    },
    middle: |out| out.push(b'\n'),
    end: |out, _| out.push(b'\n'),
    single_line: false,
};

/// Runs the tests of this module.
pub(crate) async fn check<S: DatasetStore + RecordStore, G>(
    create: impl AsyncFn() -> Option<(S, G)>,
) {
    run!(
        create,
        a_record_is_returned_as_it_was_received,
        records_are_listed_in_the_order_of_their_creation,
        what_is_missing_is_reported,
        records_of_other_workspaces_and_deleted_datasets_are_missing,
        values_are_replaced,
        all_records_are_deleted_or_none,
        records_of_several_datasets_are_deleted_at_once,
        records_by_id_are_read_up_to_a_size,
        pages_are_read_up_to_a_size,
        every_change_of_the_records_changes_the_revision,
    );
}

/// Creates a dataset.
pub(crate) async fn new_dataset(storage: &impl DatasetStore) -> DatasetKey {
    let (name, description) = ("Conversations".to_owned(), String::new());
    let new = NewDataset { name, description, owner: Uuid::nil() };
    DatasetKey::Id(storage.create_dataset(WORKSPACE, new).await.unwrap().id)
}

/// Returns a record to create.
pub(crate) fn record(payload: impl Into<String>) -> NewRecord {
    let (payload, properties) = (payload.into(), "{}".to_owned());
    NewRecord { payload, properties, source: RecordSource::DirectInput }
}

/// Returns a JSON string of this many ASCII characters.
pub(crate) fn text(characters: usize) -> String {
    format!("\"{}\"", "x".repeat(characters))
}

/// Creates records with these payloads one after another.
pub(crate) async fn create_all(
    storage: &impl RecordStore,
    dataset: &DatasetKey,
    payloads: impl IntoIterator<Item = impl Into<String>>,
) -> Vec<Uuid> {
    let mut ids = Vec::new();
    for payload in payloads {
        let created = storage.create_record(WORKSPACE, dataset.clone(), record(payload));
        ids.push(created.await.unwrap().id);
    }
    ids
}

/// Reads records as lines. The number of records in the dataset comes first.
pub(crate) async fn read(
    storage: &impl RecordStore,
    selection: Selection,
) -> Result<(u64, String), StorageError> {
    let page = storage.read_records(WORKSPACE, selection, LINES, Vec::new(), MAX_BYTES);
    let RecordPage { count, body } = page.await?.expect("there is no limit");
    Ok((count, String::from_utf8(body).unwrap()))
}

/// Returns the number of records in a dataset, and the ids of those in a window.
pub(crate) async fn list(
    storage: &impl RecordStore,
    dataset: &DatasetKey,
    window: Window,
) -> (u64, Vec<Uuid>) {
    let selection = Selection::Dataset(dataset.clone(), window);
    let (count, lines) = read(storage, selection).await.unwrap();
    (count, ids(&lines))
}

/// Returns the ids of records that were read as lines.
pub(crate) fn ids(lines: &str) -> Vec<Uuid> {
    lines.lines().map(|line| line[..36].parse().unwrap()).collect()
}

/// Returns the revision of a dataset.
async fn revision(storage: &impl RecordStore, dataset: &DatasetKey) -> u64 {
    let nothing = Selection::Dataset(dataset.clone(), Window { offset: 0, limit: 0 });
    let stream =
        storage.stream_records(WORKSPACE, nothing, LINES, Vec::new(), Duration::from_secs(60));
    let mut stream = stream.await.unwrap();
    while stream.next().await.unwrap().is_some() {}
    stream.revision
}

/// Returns the record that an operation did not find.
pub(crate) fn missing<T>(result: Result<T, StorageError>) -> Option<Uuid> {
    match result {
        Err(StorageError::Missing(Missing::Record(id))) => Some(id),
        _ => None,
    }
}

/// Returns whether an operation did not find the dataset.
pub(crate) fn is_missing_dataset<T>(result: Result<T, StorageError>) -> bool {
    matches!(result, Err(StorageError::Missing(Missing::Dataset)))
}

async fn a_record_is_returned_as_it_was_received(storage: &(impl DatasetStore + RecordStore)) {
    let dataset = new_dataset(storage).await;
    let DatasetKey::Id(dataset_id) = dataset else { unreachable!() };
    let payload = "{\n \"text\":\t\"\\u0000 é 日本 \\ud83d\\ude00\", \"n\": 1.50e+3, \"n\": 2 }";
    let properties = "{ \"a\" : [ ] }\r\n";
    let new = NewRecord {
        payload: payload.to_owned(),
        properties: properties.to_owned(),
        source: RecordSource::Playground,
    };
    let by_slug = DatasetKey::Slug("conversations".to_owned());
    let created = storage.create_record(WORKSPACE, by_slug.clone(), new).await.unwrap();
    assert_eq!(created.dataset, dataset_id);
    assert_eq!((&*created.payload, &*created.properties), (payload, properties));
    assert_eq!((&*created.source, created.created_at), ("PLAYGROUND", created.updated_at));

    let expected = format!(
        "start {} {dataset_id} {} {} PLAYGROUND\n{payload}\n{properties}\n",
        created.id, created.created_at, created.created_at
    );
    for selection in [
        Selection::Record(created.id),
        Selection::Dataset(dataset, ALL),
        Selection::Dataset(by_slug, ALL),
    ] {
        let start = || b"start ".to_vec();
        let read =
            storage.read_records(WORKSPACE, selection.clone(), FIELDS, start(), MAX_BYTES).await;
        let page = read.unwrap().unwrap();
        assert_eq!((page.count, &*String::from_utf8(page.body).unwrap()), (1, &*expected));
        let stream =
            storage.stream_records(WORKSPACE, selection, FIELDS, start(), Duration::from_secs(60));
        let mut stream = stream.await.unwrap();
        assert_eq!(stream.count, 1);
        let mut streamed = Vec::new();
        while let Some(batch) = stream.next().await.unwrap() {
            streamed.extend(batch);
        }
        assert_eq!(String::from_utf8(streamed).unwrap(), expected);
    }
    let found = storage.records_by_id(WORKSPACE, vec![created.id], 0).await.unwrap();
    let fields = |record: &Record| {
        let Record { id, created_at, updated_at, dataset, .. } = record;
        let text = [&record.payload, &record.properties, &record.source].map(String::clone);
        (*id, *created_at, *updated_at, *dataset, text)
    };
    assert_eq!(found.iter().map(fields).collect::<Vec<_>>(), [fields(&created)]);
}

async fn records_are_listed_in_the_order_of_their_creation(
    storage: &(impl DatasetStore + RecordStore),
) {
    let (dataset, other) = (new_dataset(storage).await, new_dataset(storage).await);
    assert_eq!(list(storage, &dataset, ALL).await, (0, vec![]));
    let mut created = Vec::new();
    for n in 0..20 {
        created.extend(create_all(storage, &dataset, [format!("{{\"n\":{n}}}")]).await);
        create_all(storage, &other, ["{}"]).await;
    }
    assert_eq!(list(storage, &dataset, ALL).await, (20, created.clone()));
    for (offset, limit) in [(0, 1), (0, 0), (7, 5), (15, 5), (15, 6), (19, 3), (20, 1), (99, 1)] {
        let expected: Vec<_> = created.iter().skip(offset).take(limit).copied().collect();
        let window = Window { offset: offset as u64, limit: limit as u32 };
        assert_eq!(list(storage, &dataset, window).await, (20, expected), "{window:?}");
    }
    let window = Window { offset: u64::MAX, limit: u32::MAX };
    assert_eq!(list(storage, &dataset, window).await, (20, vec![]));
}

async fn what_is_missing_is_reported(storage: &(impl DatasetStore + RecordStore)) {
    let dataset = new_dataset(storage).await;
    let [first] = create_all(storage, &dataset, ["{}"]).await[..] else { unreachable!() };
    let [unknown, other] = [Uuid::now_v7(), Uuid::now_v7()];
    for key in [DatasetKey::Id(unknown), DatasetKey::Slug("unknown".to_owned())] {
        let created = storage.create_record(WORKSPACE, key.clone(), record("{}")).await;
        assert!(is_missing_dataset(created));
        let selection = Selection::Dataset(key, ALL);
        assert!(is_missing_dataset(read(storage, selection.clone()).await));
        let timeout = Duration::from_secs(60);
        let stream = storage.stream_records(WORKSPACE, selection, LINES, Vec::new(), timeout);
        assert!(is_missing_dataset(stream.await));
    }
    let ids = || vec![first, unknown, other];
    assert_eq!(missing(read(storage, Selection::Record(unknown)).await), Some(unknown));
    let stream = storage.stream_records(
        WORKSPACE,
        Selection::Record(unknown),
        LINES,
        Vec::new(),
        Duration::from_secs(60),
    );
    assert_eq!(missing(stream.await), Some(unknown));
    assert_eq!(missing(storage.records_by_id(WORKSPACE, ids(), 1000).await), Some(unknown));
    // The first record has reached the size, so the others are not looked up.
    assert_eq!(storage.records_by_id(WORKSPACE, ids(), 1).await.unwrap().len(), 1);
    assert_eq!(missing(storage.require_records(WORKSPACE, ids()).await), Some(unknown));
    storage.require_records(WORKSPACE, vec![first, first]).await.unwrap();
    storage.require_records(WORKSPACE, vec![]).await.unwrap();
    let empty = || "{}".to_owned();
    let replaced = storage.replace_payload(WORKSPACE, unknown, empty()).await;
    assert_eq!(missing(replaced), Some(unknown));
    let replaced = storage.replace_properties(WORKSPACE, unknown, empty()).await;
    assert_eq!(missing(replaced), Some(unknown));
}

async fn records_of_other_workspaces_and_deleted_datasets_are_missing(
    storage: &(impl DatasetStore + RecordStore),
) {
    const OTHER: Uuid = Uuid::from_u128(2);
    let dataset = new_dataset(storage).await;
    let [id] = create_all(storage, &dataset, ["{}"]).await[..] else { unreachable!() };
    let is_hidden_from = async |workspace| {
        let created = storage.create_record(workspace, dataset.clone(), record("{}"));
        assert!(is_missing_dataset(created.await));
        for selection in [Selection::Record(id), Selection::Dataset(dataset.clone(), ALL)] {
            let read = storage.read_records(workspace, selection, LINES, Vec::new(), MAX_BYTES);
            assert!(matches!(read.await, Err(StorageError::Missing(_))));
        }
        let empty = || "{}".to_owned();
        assert_eq!(missing(storage.records_by_id(workspace, vec![id], 0).await), Some(id));
        assert_eq!(missing(storage.require_records(workspace, vec![id]).await), Some(id));
        assert_eq!(missing(storage.replace_payload(workspace, id, empty()).await), Some(id));
        assert_eq!(missing(storage.replace_properties(workspace, id, empty()).await), Some(id));
        assert_eq!(missing(storage.delete_records(workspace, vec![id]).await), Some(id));
    };
    is_hidden_from(OTHER).await;
    assert_eq!(list(storage, &dataset, ALL).await, (1, vec![id]));
    storage.delete_dataset(WORKSPACE, dataset.clone()).await.unwrap();
    is_hidden_from(WORKSPACE).await;
}

async fn values_are_replaced(storage: &(impl DatasetStore + RecordStore)) {
    let dataset = new_dataset(storage).await;
    let created = create_all(storage, &dataset, ["{\"n\":0}", "{\"n\":1}"]).await;
    let fetch = async || {
        let mut found = storage.records_by_id(WORKSPACE, vec![created[0]], 0).await.unwrap();
        found.remove(0)
    };
    let mut before = fetch().await;
    for n in 0..5 {
        let text = format!("{{\"payload\": {n}}}");
        storage.replace_payload(WORKSPACE, created[0], text.clone()).await.unwrap();
        let after = fetch().await;
        assert_eq!((&after.payload, &after.properties), (&text, &before.properties));
        assert!(after.updated_at > before.updated_at && after.created_at == before.created_at);
        let text = format!("{{\"properties\": {n}}}");
        storage.replace_properties(WORKSPACE, created[0], text.clone()).await.unwrap();
        before = fetch().await;
        assert_eq!((&before.payload, &before.properties), (&after.payload, &text));
        assert!(before.updated_at > after.updated_at);
    }
    let lines = format!(
        "{} {{\"payload\": 4}} {{\"properties\": 4}}\n{} {{\"n\":1}} {{}}\n",
        created[0], created[1]
    );
    assert_eq!(read(storage, Selection::Dataset(dataset, ALL)).await.unwrap(), (2, lines));
}

async fn all_records_are_deleted_or_none(storage: &(impl DatasetStore + RecordStore)) {
    let dataset = new_dataset(storage).await;
    let created = create_all(storage, &dataset, ["{}"; 6]).await;
    let unknown = Uuid::now_v7();
    let ids = vec![created[0], unknown, created[1], Uuid::now_v7()];
    assert_eq!(missing(storage.delete_records(WORKSPACE, ids).await), Some(unknown));
    assert_eq!(list(storage, &dataset, ALL).await, (6, created.clone()));

    let ids = vec![created[4], created[1], created[4], created[0], created[1]];
    storage.delete_records(WORKSPACE, ids).await.unwrap();
    let left = vec![created[2], created[3], created[5]];
    assert_eq!(list(storage, &dataset, ALL).await, (3, left.clone()));
    let ids = vec![created[2], created[1]];
    assert_eq!(missing(storage.delete_records(WORKSPACE, ids).await), Some(created[1]));
    storage.delete_records(WORKSPACE, vec![]).await.unwrap();
    assert_eq!(list(storage, &dataset, ALL).await, (3, left.clone()));

    storage.delete_records(WORKSPACE, left).await.unwrap();
    assert_eq!(list(storage, &dataset, ALL).await, (0, vec![]));
    let added = create_all(storage, &dataset, ["{}"; 2]).await;
    assert_eq!(list(storage, &dataset, ALL).await, (2, added));
}

async fn records_of_several_datasets_are_deleted_at_once(
    storage: &(impl DatasetStore + RecordStore),
) {
    let datasets = [new_dataset(storage).await, new_dataset(storage).await];
    let first = create_all(storage, &datasets[0], ["{}"; 4]).await;
    let second = create_all(storage, &datasets[1], ["{}"; 4]).await;
    let ids = vec![second[3], first[1], second[0], first[2], second[1]];
    storage.delete_records(WORKSPACE, ids).await.unwrap();
    assert_eq!(list(storage, &datasets[0], ALL).await, (2, vec![first[0], first[3]]));
    assert_eq!(list(storage, &datasets[1], ALL).await, (1, vec![second[2]]));
}

async fn records_by_id_are_read_up_to_a_size(storage: &(impl DatasetStore + RecordStore)) {
    let dataset = new_dataset(storage).await;
    let payloads = [10, 1_000, 1_000, 1_000, 10].map(text);
    let mut ids = create_all(storage, &dataset, payloads).await;
    ids.reverse();
    // With the quotes and the properties, the first and last ones take 14 bytes, the others 1,004.
    for (max_bytes, expected) in
        [(0, 1), (14, 1), (15, 2), (1_018, 2), (1_019, 3), (3_026, 4), (3_027, 5), (MAX_BYTES, 5)]
    {
        let records = storage.records_by_id(WORKSPACE, ids.clone(), max_bytes).await.unwrap();
        let read: Vec<_> = records.iter().map(|record| record.id).collect();
        assert_eq!(read, ids[..expected], "{max_bytes} bytes");
    }
    let twice = vec![ids[0], ids[1], ids[0]];
    let records = storage.records_by_id(WORKSPACE, twice.clone(), MAX_BYTES).await.unwrap();
    assert_eq!(records.iter().map(|record| record.id).collect::<Vec<_>>(), twice);
    assert!(storage.records_by_id(WORKSPACE, vec![], 10).await.unwrap().is_empty());
}

async fn pages_are_read_up_to_a_size(storage: &(impl DatasetStore + RecordStore)) {
    let dataset = new_dataset(storage).await;
    let payloads = [1_000, 2_000_000].map(text);
    let ids = create_all(storage, &dataset, payloads).await;
    let all = Selection::Dataset(dataset.clone(), ALL);
    let first = Selection::Dataset(dataset, Window { offset: 0, limit: 1 });
    let read = async |selection: &Selection, max_bytes| {
        let read = storage.read_records(WORKSPACE, selection.clone(), LINES, Vec::new(), max_bytes);
        read.await.unwrap().map(|page| (page.count, page.body.len()))
    };
    assert_eq!(read(&all, 2_000_000).await, None);
    let (count, bytes) = read(&all, 3_000_000).await.unwrap();
    assert!(count == 2 && bytes > 2_000_000);
    // Besides its values, a record takes 39 bytes here.
    assert_eq!(read(&first, 1_043).await, Some((2, 1_043)));
    assert_eq!(read(&first, 1_042).await, None);
    assert_eq!(read(&Selection::Record(ids[0]), 1_043).await, Some((1, 1_043)));
    assert_eq!(read(&Selection::Record(ids[0]), 1_042).await, None);
    assert_eq!(read(&Selection::Record(ids[1]), 2_000).await, None);
}

async fn every_change_of_the_records_changes_the_revision(
    storage: &(impl DatasetStore + RecordStore),
) {
    let (dataset, other) = (new_dataset(storage).await, new_dataset(storage).await);
    let mut seen = HashSet::from([revision(storage, &dataset).await]);
    let of_other = revision(storage, &other).await;
    let mut is_new = async || seen.insert(revision(storage, &dataset).await);
    let ids = create_all(storage, &dataset, ["{}"; 3]).await;
    assert!(is_new().await);
    storage.replace_payload(WORKSPACE, ids[0], "{\"n\":1}".to_owned()).await.unwrap();
    assert!(is_new().await);
    storage.replace_properties(WORKSPACE, ids[1], "{\"n\":1}".to_owned()).await.unwrap();
    assert!(is_new().await);
    storage.delete_records(WORKSPACE, vec![ids[0]]).await.unwrap();
    assert!(is_new().await);
    create_all(storage, &dataset, ["{}"]).await;
    assert!(is_new().await);
    storage.delete_records(WORKSPACE, vec![ids[1], ids[0]]).await.unwrap_err();
    assert!(!is_new().await);
    assert_eq!(revision(storage, &other).await, of_other);
}
