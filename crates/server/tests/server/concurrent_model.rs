//! Random operations of several clients on one dataset at the same time: there must be an order in which a plain list would
//! have answered every one of them as the server did.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use mistral_datasets_types::{Dataset, DatasetRecord, ListRecordsResponse};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::linear::{Entry, explain};
use crate::support::{Api, DATASETS, RECORDS, Response, records_of};

const CLIENTS: usize = 4;

/// What a client is to do. Places count back from the record that was made known last, so that clients meet.
#[derive(Clone, Debug)]
enum Task {
    Create,
    Import { lines: u64 },
    Edit { place: usize },
    Delete { place: usize },
    BulkDelete { places: Vec<usize> },
    Fetch { place: usize },
    Page { size: usize, number: usize },
    Rename,
    FetchDataset,
    Stranger { place: usize },
}

fn task() -> impl Strategy<Value = Task> {
    let place = || 0..6_usize;
    prop_oneof![
        5 => Just(Task::Create),
        1 => (0..80_u64).prop_map(|lines| Task::Import { lines }),
        3 => place().prop_map(|place| Task::Edit { place }),
        3 => place().prop_map(|place| Task::Delete { place }),
        2 => prop::collection::vec(place(), 1..4).prop_map(|places| Task::BulkDelete { places }),
        3 => place().prop_map(|place| Task::Fetch { place }),
        5 => (0..=100_usize, 1..3_usize).prop_map(|(size, number)| Task::Page { size, number }),
        1 => Just(Task::Rename),
        1 => Just(Task::FetchDataset),
        1 => place().prop_map(|place| Task::Stranger { place }),
    ]
}

/// What tells a record from all others for ever; it stands in its payload. Ids are given by the server, and those of imported
/// records are not known before somebody sees them.
type Key = u64;

/// What was done, and what the server answered. A record that was not there is `None` or false.
#[derive(Clone, Debug)]
enum Done {
    /// Records came to the end, all at once.
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

/// The dataset as a plain list: its name, and its records with what their properties say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct List {
    name: u64,
    order: Vec<Key>,
    numbers: BTreeMap<Key, u64>,
}

impl List {
    /// The list behind an operation, if the response is what it answers.
    fn after(&self, done: &Done, keys: &HashMap<Uuid, Key>) -> Option<Self> {
        let mut next = self.clone();
        let number = |id: &Uuid| Some((keys[id], *self.numbers.get(&keys[id])?));
        let right = match done {
            Done::Added(added) => {
                next.order.extend(added);
                next.numbers.extend(added.iter().map(|key| (*key, *key)));
                true
            }
            Done::Edited(id, value, found) => {
                if *found {
                    next.numbers.insert(keys[id], *value);
                }
                number(id).is_some() == *found
            }
            Done::Deleted(ids, found) => {
                if *found {
                    let gone: Vec<Key> = ids.iter().map(|id| keys[id]).collect();
                    next.order.retain(|key| !gone.contains(key));
                    next.numbers.retain(|key, _| !gone.contains(key));
                }
                ids.iter().all(|id| number(id).is_some()) == *found
            }
            Done::Fetched(id, found) => number(id) == *found,
            Done::Listed { size, number, found, count, more } => {
                let page = self.order.iter().skip(size * (number - 1)).take(*size);
                let is_last = *size == 0 || size * number >= self.order.len();
                page.map(|key| (*key, self.numbers[key])).eq(found.iter().copied())
                    && (*count, *more) == (self.order.len(), !is_last)
            }
            Done::Renamed(name) => {
                next.name = *name;
                true
            }
            Done::Named(name) => *name == self.name,
        };
        right.then_some(next)
    }
}

/// What the clients share while they run.
struct Shared {
    api: Api,
    /// One whose key opens another workspace.
    stranger: reqwest::Client,
    dataset: Dataset,
    /// Counts calls and returns, and numbers what is written.
    clock: AtomicU64,
    /// Every record that anybody has seen, and its key.
    known: Mutex<Vec<(Uuid, Key)>>,
    history: Mutex<Vec<Entry<Done>>>,
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

    /// A record that is or was there.
    fn at(&self, place: usize) -> Option<Uuid> {
        let known = self.known.lock().unwrap();
        Some(known.iter().rev().nth(place)?.0)
    }

    /// Makes a record known to all, and returns what can be said of it.
    fn seen(&self, record: &DatasetRecord) -> (Key, u64) {
        let read = |text: &str, member: &str| {
            let value: Value = serde_json::from_str(text).expect("JSON");
            value[member].as_u64().expect("a number")
        };
        let key = read(record.payload.get(), "key");
        let mut known = self.known.lock().unwrap();
        match known.iter().find(|(id, other)| *id == record.id || *other == key) {
            Some(same) => assert_eq!(*same, (record.id, key), "records do not change places"),
            None => known.push((record.id, key)),
        }
        (key, read(record.properties.get(), "n"))
    }

    /// Does what there is to do, and notes it with its time. Without any record there may be nothing to do.
    async fn run(&self, task: &Task) {
        let called = self.tick();
        if let Some(what) = self.perform(task, called).await {
            let returned = self.tick();
            self.history.lock().unwrap().push(Entry { called, returned, what });
        }
    }

    async fn perform(&self, task: &Task, fresh: u64) -> Option<Done> {
        let Self { api, dataset, .. } = self;
        let of_record = |id: Uuid, rest: &str| format!("{RECORDS}/{id}{rest}");
        let itself = format!("{DATASETS}/{}", dataset.id);
        Some(match task {
            Task::Create => {
                let created = api.post(&records_of(dataset), line(fresh).to_string()).await;
                let record: DatasetRecord = created.json(201);
                assert_eq!(self.seen(&record), (fresh, fresh));
                Done::Added(vec![fresh])
            }
            Task::Import { lines } => {
                // Nobody else's number is that large.
                let keys: Vec<Key> =
                    (0..*lines).map(|line| (fresh + 1) * 1_000_000 + line).collect();
                let file: String = keys.iter().map(|key| line(*key).to_string() + "\n").collect();
                let task = api.import_lines(dataset, file).await;
                assert_eq!(task.status.as_str(), "COMPLETED", "{:?}", task.message);
                Done::Added(keys)
            }
            Task::Edit { place } => {
                let id = self.at(*place)?;
                let body = json!({"properties": {"n": fresh}}).to_string();
                let response = api.put(&of_record(id, "/properties"), body).await;
                Done::Edited(id, fresh, was_there(&response))
            }
            Task::Delete { place } => {
                let id = self.at(*place)?;
                Done::Deleted(vec![id], was_there(&api.delete(&of_record(id, "")).await))
            }
            Task::BulkDelete { places } => {
                let mut ids: Vec<Uuid> = places.iter().filter_map(|at| self.at(*at)).collect();
                ids.sort();
                ids.dedup();
                if ids.is_empty() {
                    return None;
                }
                let body = json!({"dataset_record_ids": ids}).to_string();
                let response = api.post(&format!("{RECORDS}/bulk-delete"), body).await;
                Done::Deleted(ids, was_there(&response))
            }
            Task::Fetch { place } => {
                let id = self.at(*place)?;
                let response = api.get(&of_record(id, "")).await;
                let found = (response.status != 404).then(|| self.seen(&response.json(200)));
                Done::Fetched(id, found)
            }
            Task::Page { size, number } => {
                let path = format!("{}?page_size={size}&page={number}", records_of(dataset));
                let page = api.get(&path).await.json::<ListRecordsResponse>(200).records;
                Done::Listed {
                    size: *size,
                    number: *number,
                    found: page.results.iter().map(|record| self.seen(record)).collect(),
                    count: page.count as usize,
                    more: page.next.is_some(),
                }
            }
            Task::Rename => {
                let body = json!({"name": name(fresh)}).to_string();
                let renamed: Dataset = api.patch(&itself, body).await.json(200);
                assert_eq!(renamed.name, name(fresh));
                Done::Renamed(fresh)
            }
            Task::FetchDataset => {
                let found: Dataset = api.get(&itself).await.json(200);
                let number = found.name.rsplit(' ').next().and_then(|number| number.parse().ok());
                Done::Named(number.expect("a name of ours"))
            }
            Task::Stranger { place } => {
                let id = self.at(*place)?;
                for path in [itself, of_record(id, "")] {
                    let request = self.stranger.delete(api.url(&path)).bearer_auth("another key");
                    assert_eq!(request.send().await.expect("a response").status(), 404);
                }
                return None;
            }
        })
    }
}

/// Whether all that a request named was there.
#[track_caller]
fn was_there(response: &Response) -> bool {
    let was_there = response.status != 404;
    if was_there {
        response.no_content();
    } else {
        response.error(404, "DATASET_RECORD_NOT_FOUND");
    }
    was_there
}

/// Runs the clients, each with its tasks one after another, and looks for the order.
async fn run(api: Api, clients: Vec<Vec<Task>>) -> Api {
    let dataset = api.dataset(&name(0)).await;
    let shared = Shared {
        stranger: reqwest::Client::new(),
        dataset,
        clock: AtomicU64::new(1),
        known: Mutex::default(),
        history: Mutex::default(),
        api,
    };
    futures::future::join_all(clients.iter().map(async |tasks| {
        for task in tasks {
            shared.run(task).await;
        }
    }))
    .await;
    // At the end, when nothing else runs, all of it is seen once more.
    shared.run(&Task::Page { size: 100, number: 1 }).await;
    shared.run(&Task::FetchDataset).await;

    let keys: HashMap<Uuid, Key> = shared.known.into_inner().unwrap().into_iter().collect();
    let history = shared.history.into_inner().unwrap();
    if let Err(order) = explain(List::default(), &history, |list, done| list.after(done, &keys)) {
        let left = (0..history.len()).filter(|place| !order.contains(place));
        let show = |place: usize| format!("{:?}\n", history[place]);
        panic!(
            "keys: {keys:?}\nat most these can have happened, in this order:\n{}and none of these next:\n{}",
            order.iter().copied().map(show).collect::<String>(),
            left.map(show).collect::<String>(),
        );
    }
    shared.api.delete(&format!("{DATASETS}/{}", shared.dataset.id)).await.no_content();
    shared.api
}

#[test]
fn several_clients_see_one_list() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut api = Some(runtime.block_on(Api::start()));
    let clients = prop::collection::vec(prop::collection::vec(task(), 1..25), CLIENTS);
    // Who meets whom is another time otherwise, so there is no use in looking for a smaller case that fails.
    let mut runner = TestRunner::default();
    for _ in 0..40 {
        let tasks = clients.new_tree(&mut runner).expect("tasks").current();
        api = Some(runtime.block_on(run(api.take().expect("a server"), tasks)));
    }
    runtime.block_on(api.expect("a server").server.shutdown());
}
