//! Kills the server while it runs imports. Afterwards, every import completes with each record exactly once.
//!
//! `MISTRAL_DATASETS_IMPORT_KILLS` sets the number of kills; `cargo xtask soak` runs many. The random choices derive from a seed, which
//! is printed and can be set with `MISTRAL_DATASETS_SEED`.

use std::path::Path;
use std::time::Duration;

use futures::TryStreamExt;
use mistral_datasets::types::TaskStatus;
use mistral_datasets::{Client, Error, ErrorKind, Upload};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use crate::check_integrity;
use crate::kills::{client, env_number};
use crate::server::TestServer;

/// The default number of kills.
const DEFAULT_KILLS: u32 = 2;

/// The range of the time from the first request for an import to the kill, in milliseconds.
const TIME_TO_KILL_MS: std::ops::Range<u64> = 5..400;

/// The number of records that imports copy from another dataset.
const COPIED: usize = 2_500;

/// The ranges of the lines of the files that are imported between two kills. Large files are imported in many chunks.
const LINES: [std::ops::Range<usize>; 4] = [40_000..60_000, 0..500, 1_990..2_010, 5_000..40_000];

/// An import into a dataset of its own.
struct Import {
    dataset: Uuid,
    records: usize,
    source: Source,
    /// The task, unless no response was received.
    task: Option<Uuid>,
}

/// What an import reads.
enum Source {
    /// A file, and whether it is deleted after the import has started.
    File { id: String, is_deleted: bool },
    /// The records of the dataset of originals.
    Records,
}

/// Returns a line whose record tells its position.
fn line(number: usize) -> String {
    format!("{{\"messages\":[{{\"n\":{number}}}]}}\n")
}

async fn upload(client: &Client, lines: usize) -> Result<String, Error> {
    let lines: String = (0..lines).map(line).collect();
    Ok(client.files().upload(Upload::bytes("lines.jsonl", lines)).await?.id)
}

/// Creates the dataset whose records are copied, and returns the ids of its records.
async fn create_originals(directory: &Path) -> Vec<Uuid> {
    let server = TestServer::start(directory);
    let client = client(&server);
    let dataset = client.datasets().create("Originals", "").await.expect("dataset is created").id;
    let file = upload(&client, COPIED).await.expect("file is uploaded");
    client.datasets().import_from_file(dataset, &*file).wait().await.expect("lines are valid");
    let records = client.datasets().list_records(dataset).pager().items();
    let records: Vec<_> = records.try_collect().await.expect("records are listed");
    server.shutdown();
    records.into_iter().map(|record| record.id).collect()
}

/// Prepares one import from records and one from each of several files.
async fn prepare_imports(client: &Client, random: &mut StdRng) -> Vec<Import> {
    let mut sources = Vec::new();
    for range in LINES {
        let lines = random.random_range(range);
        let id = upload(client, lines).await.expect("file is uploaded");
        sources.push((lines, Source::File { id, is_deleted: random.random_bool(0.5) }));
    }
    sources.insert(random.random_range(0..=LINES.len()), (COPIED, Source::Records));
    let mut imports = Vec::new();
    for (records, source) in sources {
        let dataset =
            client.datasets().create("Imported", "").await.expect("dataset is created").id;
        imports.push(Import { dataset, records, source, task: None });
    }
    imports
}

/// Starts imports until all are started or the server is killed.
async fn start_imports(
    client: &Client,
    originals: &[Uuid],
    imports: &mut [Import],
) -> Result<(), Error> {
    let datasets = client.datasets();
    for Import { dataset, source, task, .. } in imports {
        let started = match source {
            Source::File { id, .. } => datasets.import_from_file(*dataset, &**id).await?,
            Source::Records => {
                datasets.import_from_dataset_records(*dataset, originals.to_vec()).await?
            }
        };
        *task = Some(started.id);
        if let Source::File { id, is_deleted: true } = source {
            client.files().delete(&**id).await?;
        }
    }
    Ok(())
}

/// Returns the number of unfinished imports in a data directory that no server is using.
fn running_tasks(directory: &Path) -> u32 {
    let path = directory.join("datasets.sqlite3");
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    database
        .expect("database opens")
        .query_row("SELECT count(*) FROM tasks WHERE status = 'RUNNING'", [], |row| row.get(0))
        .expect("tasks are counted")
}

/// Waits for an import and checks its records.
async fn verify(client: &Client, import: &Import) {
    let tasks = client.datasets().list_tasks(import.dataset).await.expect("tasks are listed").tasks;
    match import.task {
        Some(task) => {
            assert_eq!(tasks.results.iter().map(|task| task.id).collect::<Vec<_>>(), [task])
        }
        // Whether the server accepted the import is unknown.
        None => assert!(tasks.results.len() <= 1),
    }
    let mut expected = 0;
    for task in tasks.results {
        let waited = client.datasets().task(import.dataset, task.id).wait();
        let task = waited.timeout(Duration::from_secs(120)).await.expect("the import completes");
        assert_eq!(task.status, TaskStatus::Completed, "{task:?}");
        let counts = task.result.expect("a completed task has a result");
        expected = import.records;
        assert_eq!(counts.imported_record_count, expected as i64);
    }
    let mut records = client.datasets().export(import.dataset).records();
    let mut found = 0;
    while let Some(record) = records.try_next().await.expect("the export is complete") {
        assert_eq!(record.payload.get(), line(found).trim_end(), "record {found}");
        found += 1;
    }
    assert_eq!(found, expected, "records are missing or duplicated");
}

/// How many more kills are tried until one of them interrupts an import.
const EXTRA_KILLS: u32 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imports_complete_exactly_once_despite_kills() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let kills = env_number("MISTRAL_DATASETS_IMPORT_KILLS").unwrap_or(DEFAULT_KILLS);
    let seed = env_number("MISTRAL_DATASETS_SEED").unwrap_or_else(rand::random);
    println!("{kills} kills during imports with MISTRAL_DATASETS_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let originals = create_originals(directory.path()).await;
    let (mut imports, mut verified, mut interrupted) = (Vec::new(), 0, 0);
    let mut kill = 0;
    // On a busy machine, the server may be killed before an import has started.
    while kill < kills || (interrupted == 0 && kill < kills + EXTRA_KILLS) {
        kill += 1;
        let mut server = TestServer::start(directory.path());
        let client = client(&server);
        let mut prepared = prepare_imports(&client, &mut random).await;
        let time_to_kill = Duration::from_millis(random.random_range(TIME_TO_KILL_MS));
        let killing = async {
            tokio::time::sleep(time_to_kill).await;
            server.kill();
        };
        let starting = start_imports(&client, &originals, &mut prepared);
        let (started, ()) = tokio::join!(starting, killing);
        imports.append(&mut prepared);
        if let Err(error) = started {
            let is_killed = matches!(error.kind(), ErrorKind::Connection | ErrorKind::Cancelled);
            assert!(is_killed, "{error}");
        }
        interrupted += running_tasks(directory.path());
        check_integrity(directory.path());
        // Bounds the number of unfinished imports.
        if kill % 5 == 0 || kill >= kills {
            let server = TestServer::start(directory.path());
            let client = crate::kills::client(&server);
            for import in imports.drain(..) {
                verify(&client, &import).await;
                client.datasets().delete(import.dataset).await.expect("dataset is deleted");
                verified += 1;
            }
            server.shutdown();
            check_integrity(directory.path());
            println!("{kill} kills, {verified} imports verified");
        }
    }
    assert!(verified > 0 && interrupted > 0, "no import was running when the server was killed");
    println!(
        "summary: {kill} kills, {verified} imports complete exactly once, {interrupted} times one was interrupted"
    );
}
