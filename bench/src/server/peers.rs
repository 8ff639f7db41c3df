//! Measures the local server, and two alternatives with the same records: Phoenix and Prism.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::load::Throughput;
use super::scenario::{Scenario, create_dataset, list_datasets, page_path};
use super::transfer;
use crate::Error;
use crate::process::{ServerProcess, free_port};

/// The number of imported records, which is that of GSM8K's training set.
pub const RECORDS: usize = 7_473;

/// The document that Prism serves.
const DOCUMENT: &str = "openapi/datasets.yaml";

/// The measurements of one server.
#[derive(Debug)]
pub struct Peer {
    pub name: &'static str,
    /// The time from the start of the process to its first successful response.
    pub startup_seconds: f64,
    /// Idle memory in MiB before and after the import.
    pub memory: Option<f64>,
    pub memory_after_import: Option<f64>,
    pub import_seconds: Option<f64>,
    pub read_seconds: Option<f64>,
    pub list_datasets: Option<Throughput>,
}

/// The measurements of the local server and its peers.
#[derive(Debug)]
pub struct Comparison {
    pub ours: Peer,
    /// Phoenix, then Prism.
    pub peers: Vec<Peer>,
}

/// Measures the local server, Phoenix and Prism one after the other.
pub fn compare(
    root: &Path,
    scenario: &Scenario<'_>,
    phoenix: &Path,
    prism: &Path,
) -> Result<Comparison, Error> {
    eprintln!("local server, Phoenix and Prism");
    Ok(Comparison {
        ours: measure_ours(scenario)?,
        peers: vec![measure_phoenix(root, scenario, phoenix)?, measure_prism(root, prism)?],
    })
}

fn measure_ours(scenario: &Scenario<'_>) -> Result<Peer, Error> {
    let data = scenario.empty_directory("server-data")?;
    let server = scenario.serve(&data)?;
    let port = server.port();
    let memory = server.memory();
    let dataset = create_dataset(port, "Compared with peers")?;
    let file = scenario.records_file(RECORDS)?;
    let import = transfer::import(port, &file, &dataset, &page_path(&dataset, 1))?;
    let export = transfer::export(port, &dataset)?;
    check_records("the local server", export.lines)?;
    Ok(Peer {
        name: "mistral-datasets",
        startup_seconds: server.startup.as_secs_f64(),
        memory,
        memory_after_import: server.memory(),
        import_seconds: Some(import.upload_seconds + import.import_seconds),
        read_seconds: Some(export.seconds),
        list_datasets: Some(list_datasets(port)?),
    })
}

/// The output of `bench/server/phoenix.py`.
#[derive(Debug, Deserialize)]
struct PhoenixTimes {
    records: usize,
    import_seconds: f64,
    read_seconds: f64,
}

fn measure_phoenix(
    root: &Path,
    scenario: &Scenario<'_>,
    environment: &Path,
) -> Result<Peer, Error> {
    let (port, grpc) = (free_port()?, free_port()?);
    let mut command = Command::new(environment.join("bin/phoenix"));
    command
        .arg("serve")
        .env("PHOENIX_WORKING_DIR", scenario.empty_directory("phoenix-data")?)
        .env("PHOENIX_HOST", "127.0.0.1")
        .env("PHOENIX_PORT", port.to_string())
        .env("PHOENIX_GRPC_PORT", grpc.to_string())
        .env("PHOENIX_TELEMETRY_ENABLED", "false");
    let server = ServerProcess::start(command, port, "/v1/datasets")?;
    let memory = server.memory();
    let output = Command::new(environment.join("bin/python"))
        .arg(root.join("bench/server/phoenix.py"))
        .arg(format!("http://127.0.0.1:{port}"))
        .arg(scenario.records_file(RECORDS)?)
        .output()
        .map_err(|error| format!("phoenix.py: {error}"))?;
    if !output.status.success() {
        return Err(format!("phoenix.py: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let times: PhoenixTimes = serde_json::from_slice(&output.stdout)?;
    check_records("Phoenix", times.records)?;
    Ok(Peer {
        name: "Phoenix",
        startup_seconds: server.startup.as_secs_f64(),
        memory,
        memory_after_import: server.memory(),
        import_seconds: Some(times.import_seconds),
        read_seconds: Some(times.read_seconds),
        list_datasets: None,
    })
}

fn measure_prism(root: &Path, prefix: &Path) -> Result<Peer, Error> {
    let port = free_port()?;
    let mut command = Command::new("node");
    command
        .arg(prefix.join("node_modules/@stoplight/prism-cli/dist/index.js"))
        .args(["mock", "--host", "127.0.0.1", "--port", &port.to_string()])
        .arg(root.join(DOCUMENT));
    let server = ServerProcess::start(command, port, "/v1/observability/datasets")?;
    Ok(Peer {
        name: "Prism",
        startup_seconds: server.startup.as_secs_f64(),
        memory: server.memory(),
        memory_after_import: None,
        import_seconds: None,
        read_seconds: None,
        list_datasets: Some(list_datasets(port)?),
    })
}

fn check_records(server: &str, records: usize) -> Result<(), Error> {
    if records == RECORDS {
        return Ok(());
    }
    Err(format!("{server} returned {records} of {RECORDS} records").into())
}
