//! Runs all measurements for one dataset size, on a separate data directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::load::{Load, Throughput};
use super::transfer::{self, Export, Import};
use crate::process::{ServerProcess, free_port};
use crate::{API_KEY, Error, connection, records};

const DATASETS: &str = "/v1/observability/datasets";

/// Words per message, so that a record is about 1 KB or 2 KB.
const WORDS_1_KB: usize = 42;
const WORDS_2_KB: usize = 88;

/// The connections that create records, and how many records each of them creates.
pub const CREATES: [(usize, usize); 3] = [(1, 500), (16, 100), (64, 50)];

/// How often each fast request is measured.
const READS: usize = 300;

/// The number of datasets that are listed and searched.
pub const DATASET_COUNT: usize = 10_000;

/// Records per page.
const PAGE_SIZE: usize = 100;

/// The server to measure, and the directory for its data.
#[derive(Clone, Copy, Debug)]
pub struct Scenario<'a> {
    pub command: &'a Path,
    pub directory: &'a Path,
}

/// The measurements on a dataset of one size.
#[derive(Debug)]
pub struct Measurements {
    pub records: usize,
    /// Start-up with an empty data directory and with the records.
    pub startup_empty: Duration,
    pub startup_full: Duration,
    /// Idle memory in MiB with an empty data directory and, after a restart, with the records.
    pub memory_empty: Option<f64>,
    pub memory_full: Option<f64>,
    pub import: Import,
    /// Peak memory in MiB of the server during the import.
    pub import_memory: Option<f64>,
    /// The import of the same number of records of 2 KB.
    pub import_2_kb: Import,
    pub import_2_kb_memory: Option<f64>,
    pub export: Export,
    /// An element for each element of [`CREATES`].
    pub creates_in_empty: Vec<Throughput>,
    pub creates: Vec<Throughput>,
    pub pages: Pages,
    /// Pages after records throughout the dataset were deleted.
    pub pages_after_deletes: Pages,
    pub fetch: Throughput,
    pub replace_payload: Throughput,
    pub delete_dataset: Duration,
}

/// Median latencies in milliseconds of pages at three positions. They are requested in turn, so that other load on the
/// machine affects all of them alike.
#[derive(Clone, Copy, Debug)]
pub struct Pages {
    pub first: f64,
    pub middle: f64,
    pub last: f64,
}

/// The measurements with many datasets.
#[derive(Debug)]
pub struct ManyDatasets {
    pub page: Throughput,
    pub search: Throughput,
}

impl Scenario<'_> {
    /// Starts the server on a data directory.
    pub fn serve(&self, data: &Path) -> Result<ServerProcess, Error> {
        let port = free_port()?;
        let mut command = Command::new(self.command);
        command
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--max-file", "8GB"])
            .args(["--api-key", API_KEY])
            .arg("--data")
            .arg(data);
        ServerProcess::start(command, port, "/healthz")
    }

    /// Writes a file of `count` records of about 1 KB.
    pub fn records_file(&self, count: usize) -> Result<PathBuf, Error> {
        self.file(count, WORDS_1_KB)
    }

    fn file(&self, count: usize, words: usize) -> Result<PathBuf, Error> {
        let file = self.directory.join(format!("lines-{count}.jsonl"));
        records::write(&file, count, words)
            .map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(file)
    }

    /// Returns the path of a data directory that does not exist yet.
    pub fn empty_directory(&self, name: &str) -> Result<PathBuf, Error> {
        let data = self.directory.join(name);
        if data.exists() {
            fs::remove_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
        }
        Ok(data)
    }

    /// Runs all measurements with `records` records.
    pub fn run(&self, records: usize) -> Result<Measurements, Error> {
        let file = self.records_file(records)?;
        let data = self.empty_directory("server-data")?;
        let server = self.serve(&data)?;
        let port = server.port();
        let (startup_empty, memory_empty) = (server.startup, server.memory());
        let empty = create_dataset(port, "Empty")?;
        let creates_in_empty = create_records(port, &empty)?;

        eprintln!("  import");
        let dataset = create_dataset(port, "Measured")?;
        let import = transfer::import(port, &file, &dataset, &page_path(&empty, 1))?;
        let import_memory = server.peak_memory();

        eprintln!("  pages and records");
        let last_page = records.div_ceil(PAGE_SIZE);
        let pages = read_pages(port, &dataset, last_page)?;
        let ids = sample_ids(port, &dataset, last_page)?;
        let paths: Vec<String> = ids.iter().map(|id| record_path(id)).collect();
        let fetch = reads(&paths).run(port)?;
        let replace_payload = replace_payloads(port, &paths)?;
        let creates = create_records(port, &dataset)?;
        delete_records(port, &ids)?;
        // More records were created than deleted, so the dataset has at least as many pages as before.
        let pages_after_deletes = read_pages(port, &dataset, last_page)?;

        eprintln!("  export, restart, delete");
        let export = transfer::export(port, &dataset)?;
        server.stop()?;
        let server = self.serve(&data)?;
        let (startup_full, memory_full) = (server.startup, server.memory());
        let started = Instant::now();
        connection::call(server.port(), "DELETE", &format!("{DATASETS}/{dataset}"), None)?;
        let delete_dataset = started.elapsed();
        server.stop()?;
        fs::remove_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;

        eprintln!("  import of records of 2 KB");
        let (import_2_kb, import_2_kb_memory) = self.import_2_kb(records)?;
        Ok(Measurements {
            records,
            startup_empty,
            startup_full,
            memory_empty,
            memory_full,
            import,
            import_memory,
            import_2_kb,
            import_2_kb_memory,
            export,
            creates_in_empty,
            creates,
            pages,
            pages_after_deletes,
            fetch,
            replace_payload,
            delete_dataset,
        })
    }

    /// Imports records of about 2 KB into an empty data directory. Returns the peak memory too.
    fn import_2_kb(&self, records: usize) -> Result<(Import, Option<f64>), Error> {
        let file = self.file(records, WORDS_2_KB)?;
        let data = self.empty_directory("server-data")?;
        let server = self.serve(&data)?;
        let port = server.port();
        let read = create_dataset(port, "Read during the import")?;
        create_records(port, &read)?;
        let dataset = create_dataset(port, "Imported")?;
        let import = transfer::import(port, &file, &dataset, &page_path(&read, 1))?;
        let peak = server.peak_memory();
        server.stop()?;
        for removed in [fs::remove_dir_all(&data), fs::remove_file(&file)] {
            removed.map_err(|error| format!("{}: {error}", self.directory.display()))?;
        }
        Ok((import, peak))
    }

    /// Lists and searches many datasets.
    pub fn many_datasets(&self) -> Result<ManyDatasets, Error> {
        eprintln!("{DATASET_COUNT} datasets");
        let data = self.empty_directory("server-data")?;
        let server = self.serve(&data)?;
        let port = server.port();
        let create = Load {
            connections: 16,
            requests_per_connection: DATASET_COUNT / 16,
            method: "POST",
            paths: &[DATASETS.to_owned()],
            body: Some(&json!({"name": "Refund requests", "description": "Tickets about refunds"})),
        };
        create.run(port)?;
        let page = reads(&[format!("{DATASETS}?page_size={PAGE_SIZE}&page=50")]).run(port)?;
        // No dataset matches, so the search reads every one.
        let search = reads(&[format!("{DATASETS}?page_size={PAGE_SIZE}&q=wheel")]).run(port)?;
        server.stop()?;
        Ok(ManyDatasets { page, search })
    }
}

/// Creates a dataset and returns its id.
pub fn create_dataset(port: u16, name: &str) -> Result<String, Error> {
    let request = json!({"name": name, "description": "Created by the benchmark"});
    let dataset = connection::call(port, "POST", DATASETS, Some(&request))?;
    dataset["id"].as_str().map(str::to_owned).ok_or_else(|| "the new dataset has no id".into())
}

/// Returns the path of a page of records.
pub fn page_path(dataset: &str, number: usize) -> String {
    format!("{DATASETS}/{dataset}/records?page_size={PAGE_SIZE}&page={}", number.max(1))
}

/// Measures the list of datasets over one connection.
pub fn list_datasets(port: u16) -> Result<Throughput, Error> {
    reads(&[DATASETS.to_owned()]).run(port)
}

fn record_path(id: &str) -> String {
    format!("/v1/observability/dataset-records/{id}")
}

/// Reads the first, middle and last page in turn.
fn read_pages(port: u16, dataset: &str, last: usize) -> Result<Pages, Error> {
    let paths = [1, last / 2, last].map(|number| page_path(dataset, number));
    let load = Load { requests_per_connection: paths.len() * READS, ..reads(&paths) };
    match load.run(port)?.p50_ms_by_path[..] {
        [Some(first), Some(middle), Some(last)] => Ok(Pages { first, middle, last }),
        _ => Err("a page was not requested".into()),
    }
}

/// Returns a load of sequential reads.
fn reads(paths: &[String]) -> Load<'_> {
    Load { connections: 1, requests_per_connection: READS, method: "GET", paths, body: None }
}

fn replace_payloads(port: u16, records: &[String]) -> Result<Throughput, Error> {
    let paths: Vec<String> = records.iter().map(|record| format!("{record}/payload")).collect();
    let body = json!({"payload": {"messages": [{"role": "user", "content": "Hello"}]}});
    Load { method: "PUT", body: Some(&body), ..reads(&paths) }.run(port)
}

fn create_records(port: u16, dataset: &str) -> Result<Vec<Throughput>, Error> {
    let content = "The wheel of my order is bent. Please send a new one. ".repeat(4);
    let record = json!({
        "payload": {"messages": [
            {"role": "user", "content": content}, {"role": "assistant", "content": content},
            {"role": "user", "content": content}, {"role": "assistant", "content": content},
        ]},
        "properties": {"topic": "refund"},
    });
    let paths = [format!("{DATASETS}/{dataset}/records")];
    let load = |(connections, requests_per_connection)| {
        let body = Some(&record);
        Load { connections, requests_per_connection, method: "POST", paths: &paths, body }.run(port)
    };
    CREATES.into_iter().map(load).collect()
}

fn delete_records(port: u16, ids: &[String]) -> Result<(), Error> {
    let path = "/v1/observability/dataset-records/bulk-delete";
    for ids in ids.chunks(500) {
        let request = json!({"dataset_record_ids": ids});
        connection::call(port, "POST", path, Some(&request))?;
    }
    Ok(())
}

/// Returns the ids of every third record of about eight pages throughout the dataset. Deleting them leaves gaps.
fn sample_ids(port: u16, dataset: &str, pages: usize) -> Result<Vec<String>, Error> {
    let step = pages.div_ceil(8).max(1);
    let mut ids = Vec::new();
    for number in (1..=pages).step_by(step) {
        let page: Value = connection::call(port, "GET", &page_path(dataset, number), None)?;
        let records = page["records"]["results"].as_array().into_iter().flatten();
        let sampled = records.step_by(3).filter_map(|record| record["id"].as_str());
        ids.extend(sampled.map(str::to_owned));
    }
    Ok(ids)
}
