//! The server beside others that people use for the same: Prism, which answers from the document and keeps nothing, and Phoenix,
//! which keeps datasets in SQLite.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::course::{Course, create_dataset, page_path};
use super::load::{Burst, Requests};
use super::process::{Served, free_port};
use crate::emit::DOCUMENT;
use crate::step::{self, Step};
use crate::toolchain::{in_environment, npm, python_environment_at};

/// How many records are imported: as many as the training part of GSM8K has.
pub const RECORDS: usize = 7_473;

/// Where the peers are installed, and what of them.
const PHOENIX: &str = "target/bench/phoenix";
const PHOENIX_PACKAGES: &str = "bench/server/requirements.txt";
const PRISM: &str = "target/bench/prism";
const PRISM_PACKAGE: &str = "@stoplight/prism-cli@5.14.2";

/// How many listings are asked for.
const LISTS: usize = 300;

/// What one server took.
#[derive(Debug)]
pub struct Peer {
    pub name: &'static str,
    /// From the start of the process until it answers, in seconds.
    pub ready: f64,
    /// Memory at rest in MiB, before and after the import.
    pub memory: Option<f64>,
    pub memory_after: Option<f64>,
    /// How long it takes to import the records, and to read them all.
    pub import: Option<f64>,
    pub read: Option<f64>,
    /// Listings of datasets, one after the other.
    pub lists: Option<Requests>,
}

/// All of them, ours first.
#[derive(Debug)]
pub struct Peers {
    pub ours: Peer,
    pub others: Vec<Peer>,
}

/// Installs the peers and measures them and ours, one after the other.
pub fn compare(root: &Path, course: &Course<'_>) -> Result<Peers, String> {
    python_environment_at(root, PHOENIX, PHOENIX_PACKAGES)?;
    install_prism(root)?;
    eprintln!("measuring peers");
    let ours = ours(course)?;
    Ok(Peers { ours, others: vec![phoenix(root, course)?, prism(root, course)?] })
}

fn install_prism(root: &Path) -> Result<(), String> {
    if root.join(PRISM).join("node_modules/.bin/prism").exists() {
        return Ok(());
    }
    step::run(
        Step::new("install Prism", npm())
            .args(["install", "--no-audit", "--no-fund", "--prefix", PRISM, PRISM_PACKAGE])
            .within(root),
    )
    .map(drop)
}

fn lists(course: &Course<'_>, served: &Served) -> Result<Requests, String> {
    let paths = ["/v1/observability/datasets".to_owned()];
    course.load(served).requests(Burst {
        connections: 1,
        each: LISTS,
        method: "GET",
        paths: &paths,
        body: None,
    })
}

fn ours(course: &Course<'_>) -> Result<Peer, String> {
    let data = course.empty_directory("server-data")?;
    let served = course.serve(&data)?;
    let memory = served.memory();
    let dataset = create_dataset(&served, "Beside peers")?;
    let load = course.load(&served);
    let import = load.import(&course.file(RECORDS)?, &dataset, &page_path(&dataset, 1))?;
    let read = load.export(&dataset)?;
    if read.lines != RECORDS {
        return Err(format!("{} records came back of {RECORDS}", read.lines));
    }
    Ok(Peer {
        name: "mistral-datasets",
        ready: served.ready.as_secs_f64(),
        memory,
        memory_after: served.memory(),
        import: Some(import.upload_seconds + import.import_seconds),
        read: Some(read.seconds),
        lists: Some(lists(course, &served)?),
    })
}

/// What `bench/server/phoenix.py` prints.
#[derive(Debug, Deserialize)]
struct PhoenixTimes {
    records: usize,
    import_seconds: f64,
    read_seconds: f64,
}

fn phoenix(root: &Path, course: &Course<'_>) -> Result<Peer, String> {
    eprintln!("  Phoenix");
    let environment = root.join(PHOENIX);
    let (port, grpc) = (free_port()?, free_port()?);
    let mut command = Command::new(in_environment(&environment, "phoenix"));
    command
        .arg("serve")
        .env("PHOENIX_WORKING_DIR", course.empty_directory("phoenix-data")?)
        .env("PHOENIX_HOST", "127.0.0.1")
        .env("PHOENIX_PORT", port.to_string())
        .env("PHOENIX_GRPC_PORT", grpc.to_string())
        .env("PHOENIX_TELEMETRY_ENABLED", "false");
    let served = Served::start(command, port, "/v1/datasets")?;
    let memory = served.memory();
    let output = Command::new(in_environment(&environment, "python"))
        .arg(root.join("bench/server/phoenix.py"))
        .arg(format!("http://127.0.0.1:{port}"))
        .arg(course.file(RECORDS)?)
        .output()
        .map_err(|error| format!("phoenix.py: {error}"))?;
    if !output.status.success() {
        return Err(format!("phoenix.py: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let times: PhoenixTimes =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("phoenix.py: {error}"))?;
    if times.records != RECORDS {
        return Err(format!("Phoenix gave {} records back of {RECORDS}", times.records));
    }
    Ok(Peer {
        name: "Phoenix",
        ready: served.ready.as_secs_f64(),
        memory,
        memory_after: served.memory(),
        import: Some(times.import_seconds),
        read: Some(times.read_seconds),
        lists: None,
    })
}

fn prism(root: &Path, course: &Course<'_>) -> Result<Peer, String> {
    eprintln!("  Prism");
    let port = free_port()?;
    let mut command = Command::new("node");
    command
        .arg(root.join(PRISM).join("node_modules/@stoplight/prism-cli/dist/index.js"))
        .args(["mock", "--host", "127.0.0.1", "--port", &port.to_string()])
        .arg(root.join(DOCUMENT));
    let served = Served::start(command, port, "/v1/observability/datasets")?;
    Ok(Peer {
        name: "Prism",
        ready: served.ready.as_secs_f64(),
        memory: served.memory(),
        memory_after: None,
        import: None,
        read: None,
        lists: Some(lists(course, &served)?),
    })
}
