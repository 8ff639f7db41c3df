//! Creates the datasets that the clients read and write.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::cases::Case;
use super::runner::Job;
use crate::connection;
use crate::process::ServerProcess;
use crate::{API_KEY, Error, records};

/// Words per message; a record is about 1.8 KB.
const MESSAGE_WORDS: usize = 78;

const FAULTS: &str = "/local/v1/faults";

/// A dataset to read, an empty dataset to write to, and the file that the first was imported from.
#[derive(Debug)]
pub struct Workload {
    port: u16,
    dataset_id: String,
    scratch_dataset_id: String,
    records_file: PathBuf,
    output_file: PathBuf,
}

impl Workload {
    /// Generates `count` records and imports them.
    pub fn create(
        server: &ServerProcess,
        command: &Path,
        directory: &Path,
        count: usize,
    ) -> Result<Self, Error> {
        let records_file = directory.join(format!("records-{count}.jsonl"));
        records::write(&records_file, count, MESSAGE_WORDS)
            .map_err(|error| format!("{}: {error}", records_file.display()))?;
        let port = server.port();
        let call = |arguments: &[&str]| call(command, port, arguments);
        let dataset_id = id(&call(&["datasets", "create", "Benchmark, read"])?)?;
        let scratch_dataset_id = id(&call(&["datasets", "create", "Benchmark, written"])?)?;
        call(&["import", &dataset_id, &records_file.to_string_lossy()])?;
        let output_file = directory.join("export.jsonl");
        Ok(Self { port, dataset_id, scratch_dataset_id, records_file, output_file })
    }

    /// Returns the argument of a client program.
    pub fn job(&self, case: &Case) -> Job {
        Job {
            case: case.name,
            server_url: url(self.port),
            api_key: API_KEY,
            dataset_id: self.dataset_id.clone(),
            scratch_dataset_id: self.scratch_dataset_id.clone(),
            iterations: case.iterations,
            warmup: case.warmup,
            records_file: self.records_file.clone(),
            output_file: self.output_file.clone(),
        }
    }

    /// Delays pages of records until the returned guard is dropped.
    pub fn delay_pages(&self, milliseconds: u32) -> Result<Delay, Error> {
        let rule = json!({"operation": "list_records", "delay_ms": milliseconds, "times": null});
        connection::call(self.port, "POST", FAULTS, Some(&rule))?;
        Ok(Delay { port: self.port })
    }
}

/// Clears the delay of the server on drop.
#[derive(Debug)]
pub struct Delay {
    port: u16,
}

impl Drop for Delay {
    fn drop(&mut self) {
        if let Err(error) = connection::call(self.port, "DELETE", FAULTS, None) {
            eprintln!("warning: the server still delays pages: {error}");
        }
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn call(command: &Path, port: u16, arguments: &[&str]) -> Result<Value, Error> {
    let output = Command::new(command)
        .env("MISTRAL_API_KEY", API_KEY)
        .env("MISTRAL_SERVER_URL", url(port))
        .arg("--json")
        .args(arguments)
        .output()
        .map_err(|error| format!("{}: {error}", command.display()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn id(dataset: &Value) -> Result<String, Error> {
    dataset["id"].as_str().map(str::to_owned).ok_or_else(|| "the new dataset has no id".into())
}
