//! Runs random operations on a dataset and compares every response with an in-memory list.

use std::collections::HashMap;

use http::StatusCode;
use mistral_datasets_types::{Dataset, DatasetRecord, ListRecordsResponse};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;
use uuid::Uuid;

use crate::support::{Api, DATASETS, RECORDS, records_path};

/// One operation. Indexes are taken modulo the current number of records.
#[derive(Clone, Debug)]
enum Step {
    Create,
    Import { lines: usize },
    Copy { indexes: Vec<usize> },
    Edit { index: usize },
    Delete { index: usize },
    BulkDelete { indexes: Vec<usize>, with_unknown: bool },
    Page { size: usize, number: usize },
    Fetch { index: usize },
    FetchDeleted { index: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let indexes = || prop::collection::vec(0..1000_usize, 1..8);
    prop_oneof![
        6 => Just(Step::Create),
        2 => (0..150_usize).prop_map(|lines| Step::Import { lines }),
        1 => indexes().prop_map(|indexes| Step::Copy { indexes }),
        3 => (0..1000_usize).prop_map(|index| Step::Edit { index }),
        4 => (0..1000_usize).prop_map(|index| Step::Delete { index }),
        2 => (indexes(), any::<bool>())
            .prop_map(|(indexes, with_unknown)| Step::BulkDelete { indexes, with_unknown }),
        6 => (1..=100_usize, 1..12_usize).prop_map(|(size, number)| Step::Page { size, number }),
        2 => (0..1000_usize).prop_map(|index| Step::Fetch { index }),
        1 => (0..1000_usize).prop_map(|index| Step::FetchDeleted { index }),
    ]
}

/// The model of a dataset: the ids of its records in order, and the number in each record's properties.
#[derive(Default)]
struct Model {
    order: Vec<Uuid>,
    properties: HashMap<Uuid, u64>,
    deleted: Vec<Uuid>,
    /// The last number used. Every write uses a new one.
    last: u64,
}

impl Model {
    fn next_number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn at(&self, index: usize) -> Option<Uuid> {
        (!self.order.is_empty()).then(|| self.order[index % self.order.len()])
    }

    /// Returns the records at these indexes without duplicates.
    fn distinct(&self, indexes: &[usize]) -> Vec<Uuid> {
        let mut found = Vec::new();
        for id in indexes.iter().filter_map(|index| self.at(*index)) {
            if !found.contains(&id) {
                found.push(id);
            }
        }
        found
    }

    fn add(&mut self, id: Uuid, properties: u64) {
        self.order.push(id);
        self.properties.insert(id, properties);
    }

    fn remove(&mut self, id: Uuid) {
        self.order.retain(|known| *known != id);
        self.properties.remove(&id);
        self.deleted.push(id);
    }
}

fn record_number(record: &DatasetRecord) -> u64 {
    let properties: HashMap<String, u64> = record.properties.parse().expect("numbers by name");
    properties["n"]
}

/// Adds the records of an import to the model after reading their ids from the server.
async fn add_imported(api: &Api, dataset: &Dataset, model: &mut Model, numbers: &[u64]) {
    let records = api.records(dataset).await;
    assert_eq!(records.len(), model.order.len() + numbers.len());
    let added = &records[model.order.len()..];
    assert_eq!(added.iter().map(record_number).collect::<Vec<_>>(), numbers);
    added.iter().zip(numbers).for_each(|(record, number)| model.add(record.id, *number));
}

async fn run(api: &Api, dataset: &Dataset, model: &mut Model, step: &Step) {
    let fetch = async |id| api.get(&format!("{RECORDS}/{id}")).await;
    match step {
        Step::Create => {
            let number = model.next_number();
            let body = json!({"payload": {"messages": []}, "properties": {"n": number}});
            let created = api.post(&records_path(dataset), body.to_string()).await;
            model.add(created.json::<DatasetRecord>(201).id, number);
        }
        Step::Import { lines } => {
            let numbers: Vec<u64> = (0..*lines).map(|_| model.next_number()).collect();
            let line = |n| format!("{{\"messages\": [], \"properties\": {{\"n\": {n}}}}}\n");
            let file: String = numbers.iter().map(line).collect();
            let task = api.import_lines(dataset, file).await;
            assert_eq!(task.status.as_str(), "COMPLETED", "{:?}", task.message);
            add_imported(api, dataset, model, &numbers).await;
        }
        Step::Copy { indexes } => {
            let ids = model.distinct(indexes);
            if ids.is_empty() {
                return;
            }
            let numbers: Vec<u64> = ids.iter().map(|id| model.properties[id]).collect();
            let task =
                api.import(dataset, "from-dataset", json!({"dataset_record_ids": ids})).await;
            assert_eq!(task.status.as_str(), "COMPLETED", "{:?}", task.message);
            add_imported(api, dataset, model, &numbers).await;
        }
        Step::Edit { index } => {
            let Some(id) = model.at(*index) else { return };
            let number = model.next_number();
            let body = json!({"properties": {"n": number}}).to_string();
            api.put(&format!("{RECORDS}/{id}/properties"), body).await.no_content();
            model.properties.insert(id, number);
        }
        Step::Delete { index } => {
            let Some(id) = model.at(*index) else { return };
            api.delete(&format!("{RECORDS}/{id}")).await.no_content();
            model.remove(id);
        }
        Step::BulkDelete { indexes, with_unknown } => {
            let mut ids = model.distinct(indexes);
            if ids.is_empty() {
                return;
            }
            if *with_unknown {
                ids.push(Uuid::new_v4());
            }
            let body = json!({"dataset_record_ids": ids}).to_string();
            let response = api.post(&format!("{RECORDS}/bulk-delete"), body).await;
            if *with_unknown {
                response.error(404, "DATASET_RECORD_NOT_FOUND");
            } else {
                response.no_content();
                ids.into_iter().for_each(|id| model.remove(id));
            }
        }
        Step::Page { size, number } => {
            let path = format!("{}?page_size={size}&page={number}", records_path(dataset));
            let page = api.get(&path).await.json::<ListRecordsResponse>(200).records;
            let expected: Vec<_> =
                model.order.iter().skip(size * (number - 1)).take(*size).collect();
            assert_eq!(page.results.iter().map(|record| &record.id).collect::<Vec<_>>(), expected);
            for record in &page.results {
                assert_eq!(record_number(record), model.properties[&record.id]);
            }
            assert_eq!(page.count, model.order.len() as i64);
            assert_eq!(page.next.is_some(), size * number < model.order.len());
        }
        Step::Fetch { index } => {
            let Some(id) = model.at(*index) else { return };
            let record = fetch(id).await.json::<DatasetRecord>(200);
            assert_eq!((record.id, record_number(&record)), (id, model.properties[&id]));
        }
        Step::FetchDeleted { index } => {
            if let Some(id) = model.deleted.get(index % model.deleted.len().max(1)) {
                assert_eq!(fetch(*id).await.status, StatusCode::NOT_FOUND);
            }
        }
    }
}

#[test]
fn dataset_behaves_like_a_list() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let api = runtime.block_on(Api::start());
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() };
    let result = TestRunner::new(config).run(&prop::collection::vec(step(), 1..60), |steps| {
        runtime.block_on(async {
            let dataset = api.create_dataset("Model test").await;
            let mut model = Model::default();
            for step in &steps {
                run(&api, &dataset, &mut model, step).await;
            }
            api.delete(&format!("{DATASETS}/{}", dataset.id)).await.no_content();
        });
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    runtime.block_on(api.server.shutdown());
}
