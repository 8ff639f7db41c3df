//! Linearizability of a dataset: several clients run random operations on it concurrently, and there must be a sequential order in
//! which an in-memory list gives the same responses.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use mistral_datasets_types::{Dataset, DatasetRecord, ListRecordsResponse};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::linearizability::{Entry, linearize};
use crate::support::{Api, DATASETS, RECORDS, Response, records_path};

const CLIENTS: usize = 4;

/// An operation to run. `recency` counts back from the most recently seen record, so that clients access the same records.
/// `ForeignDelete` uses the key of another workspace and must fail.
#[derive(Clone, Debug)]
enum Operation {
    Create,
    Import { lines: u64 },
    Edit { recency: usize },
    Delete { recency: usize },
    BulkDelete { recencies: Vec<usize> },
    Fetch { recency: usize },
    Page { size: usize, number: usize },
    Rename,
    FetchDataset,
    ForeignDelete { recency: usize },
}

fn operation() -> impl Strategy<Value = Operation> {
    let recency = || 0..6_usize;
    prop_oneof![
        5 => Just(Operation::Create),
        1 => (0..80_u64).prop_map(|lines| Operation::Import { lines }),
        3 => recency().prop_map(|recency| Operation::Edit { recency }),
        3 => recency().prop_map(|recency| Operation::Delete { recency }),
        2 => prop::collection::vec(recency(), 1..4)
            .prop_map(|recencies| Operation::BulkDelete { recencies }),
        3 => recency().prop_map(|recency| Operation::Fetch { recency }),
        5 => (0..=100_usize, 1..3_usize).prop_map(|(size, number)| Operation::Page { size, number }),
        1 => Just(Operation::Rename),
        1 => Just(Operation::FetchDataset),
        1 => recency().prop_map(|recency| Operation::ForeignDelete { recency }),
    ]
}

/// Identifies a record for the whole test; stored in its payload. Record ids do not work for this, because the ids of imported
/// records are unknown until a client reads them.
type Key = u64;

/// An executed operation and its response. `None` or `false` means that a record did not exist.
#[derive(Clone, Debug)]
enum Outcome {
    /// Appended records atomically.
    Added(Vec<Key>),
    Edited(Uuid, u64, bool),
    Deleted(Vec<Uuid>, bool),
    Fetched(Uuid, Option<(Key, u64)>),
    Listed {
        size: usize,
        number: usize,
        found: Vec<(Key, u64)>,
        count: usize,
        more: bool,
    },
    Renamed(u64),
    Named(u64),
}

/// The model of a dataset: its name, and its records with the number in their properties.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct List {
    name: u64,
    order: Vec<Key>,
    numbers: BTreeMap<Key, u64>,
}

impl List {
    /// Returns the list after an operation, or `None` if the response is wrong for this list.
    fn after(&self, outcome: &Outcome, keys: &HashMap<Uuid, Key>) -> Option<Self> {
        let mut next = self.clone();
        let number = |id: &Uuid| Some((keys[id], *self.numbers.get(&keys[id])?));
        let is_valid = match outcome {
            Outcome::Added(added) => {
                next.order.extend(added);
                next.numbers.extend(added.iter().map(|key| (*key, *key)));
                true
            }
            Outcome::Edited(id, value, found) => {
                if *found {
                    next.numbers.insert(keys[id], *value);
                }
                number(id).is_some() == *found
            }
            Outcome::Deleted(ids, found) => {
                if *found {
                    let deleted: Vec<Key> = ids.iter().map(|id| keys[id]).collect();
                    next.order.retain(|key| !deleted.contains(key));
                    next.numbers.retain(|key, _| !deleted.contains(key));
                }
                ids.iter().all(|id| number(id).is_some()) == *found
            }
            Outcome::Fetched(id, found) => number(id) == *found,
            Outcome::Listed { size, number, found, count, more } => {
                let page = self.order.iter().skip(size * (number - 1)).take(*size);
                let is_last = *size == 0 || size * number >= self.order.len();
                page.map(|key| (*key, self.numbers[key])).eq(found.iter().copied())
                    && (*count, *more) == (self.order.len(), !is_last)
            }
            Outcome::Renamed(name) => {
                next.name = *name;
                true
            }
            Outcome::Named(name) => *name == self.name,
        };
        is_valid.then_some(next)
    }
}

/// State shared by the clients.
struct Shared {
    api: Api,
    /// A client that uses the key of another workspace.
    foreign: reqwest::Client,
    dataset: Dataset,
    /// Logical time of calls and returns; also a source of unique numbers.
    clock: AtomicU64,
    /// Every record that a client has seen, with its key.
    known: Mutex<Vec<(Uuid, Key)>>,
    history: Mutex<Vec<Entry<Outcome>>>,
}

fn line(key: Key) -> Value {
    json!({"payload": {"messages": [], "key": key}, "properties": {"n": key}})
}

fn name(number: u64) -> String {
    format!("Dataset {number}")
}

impl Shared {
    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    /// Returns a recently seen record, which may have been deleted since.
    fn recent(&self, recency: usize) -> Option<Uuid> {
        let known = self.known.lock().unwrap();
        Some(known.iter().rev().nth(recency)?.0)
    }

    /// Adds a record to `known` and returns its key and number.
    fn observe(&self, record: &DatasetRecord) -> (Key, u64) {
        let read = |text: &str, field: &str| {
            let value: Value = serde_json::from_str(text).expect("JSON");
            value[field].as_u64().expect("a number")
        };
        let key = read(record.payload.get(), "key");
        let mut known = self.known.lock().unwrap();
        match known.iter().find(|(id, other)| *id == record.id || *other == key) {
            Some(same) => assert_eq!(*same, (record.id, key), "a record's id and key never change"),
            None => known.push((record.id, key)),
        }
        (key, read(record.properties.get(), "n"))
    }

    /// Runs an operation and adds it to the history. Does nothing if the operation needs a record and none is known.
    async fn run(&self, operation: &Operation) {
        let called = self.tick();
        if let Some(value) = self.execute(operation, called).await {
            let returned = self.tick();
            self.history.lock().unwrap().push(Entry { called, returned, value });
        }
    }

    async fn execute(&self, operation: &Operation, fresh: u64) -> Option<Outcome> {
        let Self { api, dataset, .. } = self;
        let record_path = |id: Uuid, rest: &str| format!("{RECORDS}/{id}{rest}");
        let dataset_path = format!("{DATASETS}/{}", dataset.id);
        Some(match operation {
            Operation::Create => {
                let created = api.post(&records_path(dataset), line(fresh).to_string()).await;
                let record: DatasetRecord = created.json(201);
                assert_eq!(self.observe(&record), (fresh, fresh));
                Outcome::Added(vec![fresh])
            }
            Operation::Import { lines } => {
                // Keys of other operations are smaller.
                let keys: Vec<Key> =
                    (0..*lines).map(|line| (fresh + 1) * 1_000_000 + line).collect();
                let file: String = keys.iter().map(|key| line(*key).to_string() + "\n").collect();
                let task = api.import_lines(dataset, file).await;
                assert_eq!(task.status.as_str(), "COMPLETED", "{:?}", task.message);
                Outcome::Added(keys)
            }
            Operation::Edit { recency } => {
                let id = self.recent(*recency)?;
                let body = json!({"properties": {"n": fresh}}).to_string();
                let response = api.put(&record_path(id, "/properties"), body).await;
                Outcome::Edited(id, fresh, found(&response))
            }
            Operation::Delete { recency } => {
                let id = self.recent(*recency)?;
                Outcome::Deleted(vec![id], found(&api.delete(&record_path(id, "")).await))
            }
            Operation::BulkDelete { recencies } => {
                let mut ids: Vec<Uuid> =
                    recencies.iter().filter_map(|recency| self.recent(*recency)).collect();
                ids.sort();
                ids.dedup();
                if ids.is_empty() {
                    return None;
                }
                let body = json!({"dataset_record_ids": ids}).to_string();
                let response = api.post(&format!("{RECORDS}/bulk-delete"), body).await;
                Outcome::Deleted(ids, found(&response))
            }
            Operation::Fetch { recency } => {
                let id = self.recent(*recency)?;
                let response = api.get(&record_path(id, "")).await;
                let found = (response.status != 404).then(|| self.observe(&response.json(200)));
                Outcome::Fetched(id, found)
            }
            Operation::Page { size, number } => {
                let path = format!("{}?page_size={size}&page={number}", records_path(dataset));
                let page = api.get(&path).await.json::<ListRecordsResponse>(200).records;
                Outcome::Listed {
                    size: *size,
                    number: *number,
                    found: page.results.iter().map(|record| self.observe(record)).collect(),
                    count: page.count as usize,
                    more: page.next.is_some(),
                }
            }
            Operation::Rename => {
                let body = json!({"name": name(fresh)}).to_string();
                let renamed: Dataset = api.patch(&dataset_path, body).await.json(200);
                assert_eq!(renamed.name, name(fresh));
                Outcome::Renamed(fresh)
            }
            Operation::FetchDataset => {
                let found: Dataset = api.get(&dataset_path).await.json(200);
                let number = found.name.rsplit(' ').next().and_then(|number| number.parse().ok());
                Outcome::Named(number.expect("a name written by this test"))
            }
            Operation::ForeignDelete { recency } => {
                let id = self.recent(*recency)?;
                for path in [dataset_path, record_path(id, "")] {
                    let request = self.foreign.delete(api.url(&path)).bearer_auth("another key");
                    assert_eq!(request.send().await.expect("a response").status(), 404);
                }
                return None;
            }
        })
    }
}

/// Returns whether every record in the request existed.
#[track_caller]
fn found(response: &Response) -> bool {
    let found = response.status != 404;
    if found {
        response.no_content();
    } else {
        response.error(404, "DATASET_RECORD_NOT_FOUND");
    }
    found
}

/// Runs the clients concurrently, each with its operations in sequence, and checks that the history is linearizable.
async fn run(api: Api, clients: Vec<Vec<Operation>>) -> Api {
    let dataset = api.create_dataset(&name(0)).await;
    let shared = Shared {
        foreign: reqwest::Client::new(),
        dataset,
        clock: AtomicU64::new(1),
        known: Mutex::default(),
        history: Mutex::default(),
        api,
    };
    futures::future::join_all(clients.iter().map(async |operations| {
        for operation in operations {
            shared.run(operation).await;
        }
    }))
    .await;
    // Check the final state once nothing runs concurrently.
    shared.run(&Operation::Page { size: 100, number: 1 }).await;
    shared.run(&Operation::FetchDataset).await;

    let keys: HashMap<Uuid, Key> = shared.known.into_inner().unwrap().into_iter().collect();
    let history = shared.history.into_inner().unwrap();
    if let Err(order) =
        linearize(List::default(), &history, |list, outcome| list.after(outcome, &keys))
    {
        let remaining = (0..history.len()).filter(|index| !order.contains(index));
        let show = |index: usize| format!("{:?}\n", history[index]);
        panic!(
            "keys: {keys:?}\nlongest valid order:\n{}none of these operations can follow:\n{}",
            order.iter().copied().map(show).collect::<String>(),
            remaining.map(show).collect::<String>(),
        );
    }
    shared.api.delete(&format!("{DATASETS}/{}", shared.dataset.id)).await.no_content();
    shared.api
}

#[test]
fn concurrent_operations_are_linearizable() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut api = Some(runtime.block_on(Api::start()));
    let clients = prop::collection::vec(prop::collection::vec(operation(), 1..25), CLIENTS);
    // Failures depend on timing, so shrinking would not help.
    let mut runner = TestRunner::default();
    for _ in 0..40 {
        let operations = clients.new_tree(&mut runner).expect("operations").current();
        api = Some(runtime.block_on(run(api.take().expect("a server"), operations)));
    }
    runtime.block_on(api.expect("a server").server.shutdown());
}
