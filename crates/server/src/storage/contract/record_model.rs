//! Compares a dataset after random operations with a list in memory.

use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use super::records::{
    ALL, LINES, MAX_BYTES, WORKSPACE, create_all, list, missing, new_dataset, read, record,
};
use super::run;
use crate::storage::{DatasetKey, DatasetStore, RecordFormat, RecordStore, Selection, Window};

const AS_STORED: RecordFormat = RecordFormat { single_line: false, ..LINES };

/// Runs the tests of this module.
pub(crate) async fn check<S: DatasetStore + RecordStore, G>(
    create: impl AsyncFn() -> Option<(S, G)>,
) {
    run!(create, a_dataset_behaves_like_a_list, pages_are_exact_at_any_depth_after_deletions,);
}

/// A dataset, and what it should contain.
struct Model {
    dataset: DatasetKey,
    /// The id, the payload and the properties of each record, in order.
    records: Vec<(Uuid, String, String)>,
    deleted: Vec<Uuid>,
    /// The last number used. Every write uses a new one.
    last: u64,
}

impl Model {
    fn next_text(&mut self, random: &mut StdRng) -> String {
        self.last += 1;
        // Some are compressed, and some stored apart from the others.
        let padding = if random.random_ratio(1, 10) { random.random_range(0..20_000) } else { 3 };
        format!("{{ \"n\": {},\n \"text\": \"{:padding$}\" }}", self.last, "é")
    }

    async fn create(&mut self, storage: &impl RecordStore, random: &mut StdRng) {
        let count = random.random_range(1..30);
        let texts: Vec<String> = (0..count).map(|_| self.next_text(random)).collect();
        let creates = texts
            .into_iter()
            .map(|text| storage.create_record(WORKSPACE, self.dataset.clone(), record(text)));
        for created in futures::future::join_all(creates).await {
            let created = created.unwrap();
            self.records.push((created.id, created.payload, created.properties));
        }
    }

    async fn replace(&mut self, storage: &impl RecordStore, random: &mut StdRng) {
        let text = self.next_text(random);
        let Some((id, payload, properties)) = self.records.iter_mut().choose(random) else {
            return;
        };
        if random.random() {
            storage.replace_payload(WORKSPACE, *id, text.clone()).await.unwrap();
            *payload = text;
        } else {
            storage.replace_properties(WORKSPACE, *id, text.clone()).await.unwrap();
            *properties = text;
        }
    }

    async fn delete(&mut self, storage: &impl RecordStore, random: &mut StdRng) {
        let count = random.random_range(0..25);
        let ids = self.records.iter().map(|(id, ..)| *id);
        let mut ids: Vec<Uuid> = if random.random() {
            ids.choose_multiple(random, count)
        } else {
            let first = random.random_range(0..=self.records.len());
            ids.skip(first).take(count).collect()
        };
        if let Some(deleted) = self.deleted.iter().choose(random)
            && random.random_ratio(1, 5)
        {
            ids.push(*deleted);
            let failed = storage.delete_records(WORKSPACE, ids).await;
            return assert_eq!(missing(failed), Some(*deleted));
        }
        storage.delete_records(WORKSPACE, ids.clone()).await.unwrap();
        self.records.retain(|(id, ..)| !ids.contains(id));
        self.deleted.extend(ids);
    }

    fn lines(&self, window: Window) -> String {
        let records = self.records.iter().skip(window.offset as usize).take(window.limit as usize);
        let lines =
            records.map(|(id, payload, properties)| format!("{id} {payload} {properties}\n"));
        lines.collect()
    }

    async fn check(&self, storage: &impl RecordStore, random: &mut StdRng) {
        let count = self.records.len() as u64;
        let limit = random.random_range(0..100);
        let window = Window { offset: random.random_range(0..=count + 2), limit };
        for window in [window, ALL] {
            let selection = Selection::Dataset(self.dataset.clone(), window);
            let page = storage.read_records(
                WORKSPACE,
                selection.clone(),
                AS_STORED,
                Vec::new(),
                MAX_BYTES,
            );
            let page = page.await.unwrap().unwrap();
            assert_eq!(
                (page.count, String::from_utf8(page.body).unwrap()),
                (count, self.lines(window))
            );
            let timeout = std::time::Duration::from_secs(60);
            let stream =
                storage.stream_records(WORKSPACE, selection, AS_STORED, Vec::new(), timeout);
            let (mut stream, mut streamed) = (stream.await.unwrap(), Vec::new());
            while let Some(batch) = stream.next().await.unwrap() {
                streamed.extend(batch);
            }
            assert_eq!(
                (stream.count, String::from_utf8(streamed).unwrap()),
                (count, self.lines(window))
            );
        }
        let chosen = self.records.iter().choose_multiple(random, 5);
        let ids = chosen.iter().map(|(id, ..)| *id).collect();
        let found = storage.records_by_id(WORKSPACE, ids, MAX_BYTES).await.unwrap();
        let found = found.into_iter().map(|record| (record.id, record.payload, record.properties));
        assert!(found.eq(chosen.into_iter().cloned()));
        if let Some(deleted) = self.deleted.iter().choose(random) {
            assert_eq!(missing(read(storage, Selection::Record(*deleted)).await), Some(*deleted));
        }
    }
}

async fn a_dataset_behaves_like_a_list(storage: &(impl DatasetStore + RecordStore)) {
    let mut random = StdRng::seed_from_u64(3);
    for _ in 0..3 {
        let dataset = new_dataset(storage).await;
        let mut model = Model { dataset, records: vec![], deleted: vec![], last: 0 };
        for _ in 0..80 {
            match random.random_range(0..10) {
                0..4 => model.create(storage, &mut random).await,
                4..6 => model.replace(storage, &mut random).await,
                _ => model.delete(storage, &mut random).await,
            }
            model.check(storage, &mut random).await;
        }
    }
}

async fn pages_are_exact_at_any_depth_after_deletions(storage: &(impl DatasetStore + RecordStore)) {
    let dataset = new_dataset(storage).await;
    let creates =
        (0..6_000).map(|_| storage.create_record(WORKSPACE, dataset.clone(), record("{}")));
    let created = futures::future::join_all(creates).await;
    let mut left: Vec<Uuid> = created.into_iter().map(|created| created.unwrap().id).collect();
    let mut random = StdRng::seed_from_u64(4);
    // The first one ends with a whole block of 64 positions, and is longer than a block of 64².
    for range in [1_000..5_120, 10..11, 0..5, 700..800, 1_300..1_301] {
        let deleted: Vec<_> = left.drain(range).collect();
        storage.delete_records(WORKSPACE, deleted).await.unwrap();
        check_pages(storage, &dataset, &left, 97).await;
    }
    for _ in 0..6 {
        let deleted = left.iter().copied().choose_multiple(&mut random, 200);
        storage.delete_records(WORKSPACE, deleted.clone()).await.unwrap();
        left.retain(|id| !deleted.contains(id));
        check_pages(storage, &dataset, &left, 61).await;
    }
    left.extend(create_all(storage, &dataset, ["{}"; 3]).await);
    check_pages(storage, &dataset, &left, 1).await;
}

/// Compares pages at every `step`th offset with the expected ids.
pub(crate) async fn check_pages(
    storage: &impl RecordStore,
    dataset: &DatasetKey,
    expected: &[Uuid],
    step: usize,
) {
    let count = expected.len();
    for offset in (0..=count).step_by(step).chain([count.saturating_sub(1), count, count + 1]) {
        let window = Window { offset: offset as u64, limit: 7 };
        let page: Vec<_> = expected.iter().skip(offset).take(7).copied().collect();
        assert_eq!(list(storage, dataset, window).await, (count as u64, page), "{window:?}");
    }
}
