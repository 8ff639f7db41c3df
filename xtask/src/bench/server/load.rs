//! What the load program is told, and what it answers; it lies in `bench/load`.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::bench::runner::API_KEY;

/// What requests took.
#[derive(Clone, Debug, Deserialize)]
pub struct Requests {
    pub a_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// One for each path; `None` where there were fewer requests than paths.
    pub p50_ms_by_path: Vec<Option<f64>>,
}

/// What an import took, and the reads beside it.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Import {
    pub upload_seconds: f64,
    pub import_seconds: f64,
    /// `None` where the import was over before anything could be read.
    pub read_p99_ms: Option<f64>,
    /// How many numbers the task's progress showed while it ran.
    pub progress_steps: usize,
}

/// What an export took.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Export {
    pub seconds: f64,
    pub lines: usize,
}

/// Requests to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Burst<'a> {
    pub connections: usize,
    /// How many each connection sends.
    pub each: usize,
    pub method: &'a str,
    pub paths: &'a [String],
    pub body: Option<&'a Value>,
}

/// The load program, for a server on a port.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    pub program: &'a Path,
    pub port: u16,
}

impl Load<'_> {
    /// Sends requests.
    pub fn requests(self, burst: Burst<'_>) -> Result<Requests, String> {
        self.run(json!({
            "work": "requests",
            "connections": burst.connections,
            "each": burst.each,
            "method": burst.method,
            "paths": burst.paths,
            "body": burst.body,
        }))
    }

    /// Uploads a file and imports it, and reads a path meanwhile.
    pub fn import(self, file: &Path, dataset_id: &str, read_path: &str) -> Result<Import, String> {
        let job = json!({"work": "import", "file": file, "dataset_id": dataset_id, "read_path": read_path});
        self.run(job)
    }

    /// Exports a dataset, and reads the file to its end.
    pub fn export(self, dataset_id: &str) -> Result<Export, String> {
        self.run(json!({"work": "export", "dataset_id": dataset_id}))
    }

    fn run<T: DeserializeOwned>(self, mut job: Value) -> Result<T, String> {
        job["address"] = format!("127.0.0.1:{}", self.port).into();
        job["api_key"] = API_KEY.into();
        let output = Command::new(self.program)
            .arg(job.to_string())
            .output()
            .map_err(|error| format!("{}: {error}", self.program.display()))?;
        if !output.status.success() {
            return Err(format!("the load: {}", String::from_utf8_lossy(&output.stderr)));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| format!("the load: {error}"))
    }
}
