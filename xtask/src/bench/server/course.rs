//! One run over a dataset of some size, on a data directory of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http;
use super::load::{Burst, Export, Import, Load, Requests};
use super::process::{Served, free_port};
use crate::bench::runner::API_KEY;
use crate::bench::workload;

/// What a route of health is asked until the server is ready.
const READY: &str = "/healthz";

/// How many words a message has so that a record is about 1 KB, and about 2 KB.
const WORDS: usize = 42;
const MANY_WORDS: usize = 88;

/// How many connections creates come over, and how many each of them creates.
pub const CREATES: [(usize, usize); 3] = [(1, 500), (16, 100), (64, 50)];

/// How often the fastest of the requests are measured.
const READS: usize = 300;

/// How many datasets there are when many are listed and searched.
pub const DATASETS: usize = 10_000;

/// What is run, and where.
#[derive(Clone, Copy, Debug)]
pub struct Course<'a> {
    pub command: &'a Path,
    pub load: &'a Path,
    pub folder: &'a Path,
}

/// What a dataset of one size has cost.
#[derive(Debug)]
pub struct Figures {
    pub records: usize,
    /// The start on an empty directory, and with the records.
    pub ready: (Duration, Duration),
    /// The memory at rest on an empty directory, at its peak during the import, and at rest after a new start.
    pub memory: (Option<f64>, Option<f64>, Option<f64>),
    pub import: Import,
    /// The import of as many records of twice the size, and the memory at its peak.
    pub large_import: (Import, Option<f64>),
    pub export: Export,
    /// One for each entry of [`CREATES`], in an empty dataset and in this one.
    pub creates_in_empty: Vec<Requests>,
    pub creates: Vec<Requests>,
    pub pages: Pages,
    /// The same after records here and there were deleted.
    pub pages_thinned: Pages,
    pub fetch: Requests,
    pub edit: Requests,
    pub delete: Duration,
}

/// What pages of a dataset have cost, in milliseconds. They are asked for in turn, so that whatever else the machine does meets
/// all of them alike.
#[derive(Clone, Copy, Debug)]
pub struct Pages {
    pub first: f64,
    pub middle: f64,
    pub last: f64,
}

/// What many datasets have cost.
#[derive(Debug)]
pub struct Many {
    pub page: Requests,
    pub search: Requests,
}

impl Course<'_> {
    /// Starts the server on a data directory.
    pub fn serve(&self, data: &Path) -> Result<Served, String> {
        let port = free_port()?;
        let mut command = Command::new(self.command);
        command
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--max-file", "8GB"])
            .args(["--api-key", API_KEY])
            .arg("--data")
            .arg(data);
        Served::start(command, port, READY)
    }

    /// The load program for a server.
    pub fn load(&self, served: &Served) -> Load<'_> {
        Load { program: self.load, port: served.port() }
    }

    /// A file of so many records of about 1 KB.
    pub fn file(&self, records: usize) -> Result<PathBuf, String> {
        self.file_of(records, WORDS)
    }

    fn file_of(&self, records: usize, words: usize) -> Result<PathBuf, String> {
        let file = self.folder.join(format!("lines-{records}.jsonl"));
        workload::write_records(&file, records, words)
            .map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(file)
    }

    /// Imports so many records of about 2 KB into an empty directory.
    fn large_import(&self, records: usize) -> Result<(Import, Option<f64>), String> {
        let file = self.file_of(records, MANY_WORDS)?;
        let data = self.empty_directory("server-data")?;
        let served = self.serve(&data)?;
        let read = create_dataset(&served, "Read meanwhile")?;
        creates(self.load(&served), &read)?;
        let dataset = create_dataset(&served, "Imported")?;
        let import = self.load(&served).import(&file, &dataset, &page_path(&read, 1))?;
        let peak = served.peak();
        served.stop()?;
        for remove in [fs::remove_dir_all(&data), fs::remove_file(&file)] {
            remove.map_err(|error| format!("{}: {error}", self.folder.display()))?;
        }
        Ok((import, peak))
    }

    /// A data directory in which there is nothing.
    pub fn empty_directory(&self, name: &str) -> Result<PathBuf, String> {
        let data = self.folder.join(name);
        if data.exists() {
            fs::remove_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
        }
        Ok(data)
    }

    /// Measures everything with so many records.
    pub fn run(&self, records: usize) -> Result<Figures, String> {
        let file = self.file(records)?;
        let data = self.empty_directory("server-data")?;
        let served = self.serve(&data)?;
        let (ready_empty, memory_empty) = (served.ready, served.memory());
        let load = self.load(&served);
        let empty = create_dataset(&served, "Empty")?;
        let creates_in_empty = creates(load, &empty)?;

        eprintln!("  import");
        let dataset = create_dataset(&served, "Measured")?;
        let import = load.import(&file, &dataset, &page_path(&empty, 1))?;
        let memory_peak = served.peak();

        eprintln!("  pages");
        let last_page = records.div_ceil(PAGE);
        let pages = read_pages(load, &dataset, last_page)?;
        let ids = some_ids(&served, &dataset, last_page)?;
        let record = |id: &String| format!("/v1/observability/dataset-records/{id}");
        let fetch = load.requests(reads(&ids.iter().map(record).collect::<Vec<_>>()))?;
        let payloads: Vec<String> = ids.iter().map(|id| record(id) + "/payload").collect();
        let edit = load.requests(Burst {
            method: "PUT",
            body: Some(&json!({"payload": {"messages": [{"role": "user", "content": "Hello"}]}})),
            ..reads(&payloads)
        })?;
        let creates = creates(load, &dataset)?;
        for ids in ids.chunks(500) {
            let path = "/v1/observability/dataset-records/bulk-delete";
            http::call(served.port(), "POST", path, &json!({"dataset_record_ids": ids}))?;
        }
        // More were created than deleted, so there are no fewer pages than before.
        let pages_thinned = read_pages(load, &dataset, last_page)?;

        eprintln!("  export, start, deletion");
        let export = load.export(&dataset)?;
        served.stop()?;
        let served = self.serve(&data)?;
        let (ready_full, memory_full) = (served.ready, served.memory());
        let began = Instant::now();
        let path = format!("/v1/observability/datasets/{dataset}");
        http::call(served.port(), "DELETE", &path, &Value::Null)?;
        let delete = began.elapsed();
        served.stop()?;
        fs::remove_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
        eprintln!("  import of records of 2 KB");
        let large_import = self.large_import(records)?;
        Ok(Figures {
            records,
            ready: (ready_empty, ready_full),
            memory: (memory_empty, memory_peak, memory_full),
            import,
            large_import,
            export,
            creates_in_empty,
            creates,
            pages,
            pages_thinned,
            fetch,
            edit,
            delete,
        })
    }

    /// Lists and searches many datasets.
    pub fn many_datasets(&self) -> Result<Many, String> {
        eprintln!("measuring with {DATASETS} datasets");
        let data = self.empty_directory("server-data")?;
        let served = self.serve(&data)?;
        let load = self.load(&served);
        let path = "/v1/observability/datasets";
        load.requests(Burst {
            connections: 16,
            each: DATASETS / 16,
            method: "POST",
            paths: &[path.to_owned()],
            body: Some(&json!({"name": "Refund requests", "description": "Tickets about refunds"})),
        })?;
        let page = load.requests(reads(&[format!("{path}?page_size={PAGE}&page=50")]))?;
        // It is in none of them, so that every one is looked at.
        let search = load.requests(reads(&[format!("{path}?page_size={PAGE}&q=wheel")]))?;
        served.stop()?;
        Ok(Many { page, search })
    }
}

/// How many records a page has.
const PAGE: usize = 100;

/// A dataset.
pub fn create_dataset(served: &Served, name: &str) -> Result<String, String> {
    let new = json!({"name": name, "description": "Of the benchmark"});
    let dataset = http::call(served.port(), "POST", "/v1/observability/datasets", &new)?;
    dataset["id"].as_str().map(str::to_owned).ok_or_else(|| "a dataset without an id".to_owned())
}

/// The path of a page of records.
pub fn page_path(dataset: &str, number: usize) -> String {
    format!("/v1/observability/datasets/{dataset}/records?page_size={PAGE}&page={}", number.max(1))
}

/// Reads the first page of a dataset, the one in the middle and the last in turn.
fn read_pages(load: Load<'_>, dataset: &str, last: usize) -> Result<Pages, String> {
    let paths = [1, last / 2, last].map(|number| page_path(dataset, number));
    let requests = load.requests(Burst { each: paths.len() * READS, ..reads(&paths) })?;
    match requests.p50_ms_by_path[..] {
        [Some(first), Some(middle), Some(last)] => Ok(Pages { first, middle, last }),
        _ => Err("the load: a page was not asked for".to_owned()),
    }
}

/// One read after the other.
fn reads(paths: &[String]) -> Burst<'_> {
    Burst { connections: 1, each: READS, method: "GET", paths, body: None }
}

fn creates(load: Load<'_>, dataset: &str) -> Result<Vec<Requests>, String> {
    let content = "The wheel of my order is bent. Please send a new one. ".repeat(4);
    let record = json!({
        "payload": {"messages": [
            {"role": "user", "content": content}, {"role": "assistant", "content": content},
            {"role": "user", "content": content}, {"role": "assistant", "content": content},
        ]},
        "properties": {"topic": "refund"},
    });
    let paths = [format!("/v1/observability/datasets/{dataset}/records")];
    let burst = |(connections, each)| {
        load.requests(Burst {
            connections,
            each,
            method: "POST",
            paths: &paths,
            body: Some(&record),
        })
    };
    CREATES.into_iter().map(burst).collect()
}

/// The ids of records on pages here and there.
fn some_ids(served: &Served, dataset: &str, pages: usize) -> Result<Vec<String>, String> {
    let step = pages.div_ceil(8).max(1);
    let mut ids = Vec::new();
    for number in (1..=pages).step_by(step) {
        let page = http::get(served.port(), &page_path(dataset, number), None)?;
        let page: Value = serde_json::from_str(&page).map_err(|error| error.to_string())?;
        let records = page["records"]["results"].as_array().into_iter().flatten();
        // Every third, so that what is deleted leaves gaps.
        let found = records.step_by(3).filter_map(|record| record["id"].as_str());
        ids.extend(found.map(str::to_owned));
    }
    Ok(ids)
}
