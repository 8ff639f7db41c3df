//! The records that are read and written, and the datasets they are in.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::rows::Row;
use super::runner::{API_KEY, Job};
use crate::local_server::LocalServer;

/// Words of which conversations are made.
const WORDS: [&str; 24] = [
    "the", "order", "arrived", "late", "and", "wheel", "is", "bent", "please", "send", "a", "new",
    "one", "or", "refund", "my", "money", "thank", "you", "for", "writing", "we", "will", "look",
];

/// A dataset to read and one to write to, and the file that the first was filled from.
#[derive(Debug)]
pub struct Workload {
    server_url: String,
    dataset_id: String,
    scratch_id: String,
    records: PathBuf,
    output: PathBuf,
}

impl Workload {
    /// Writes so many records into a file, and imports them.
    pub fn create(
        server: &LocalServer,
        command: &Path,
        folder: &Path,
        count: usize,
    ) -> Result<Self, String> {
        let records = folder.join(format!("records-{count}.jsonl"));
        write_records(&records, count, MESSAGE_WORDS)
            .map_err(|error| format!("{}: {error}", records.display()))?;
        let call = |arguments: &[&str]| call(command, server, arguments);
        let dataset_id = created(&call(&["datasets", "create", "Benchmark, read"])?)?;
        let scratch_id = created(&call(&["datasets", "create", "Benchmark, written"])?)?;
        call(&["import", &dataset_id, &records.to_string_lossy()])?;
        let output = folder.join("export.jsonl");
        Ok(Self { server_url: server.url().to_owned(), dataset_id, scratch_id, records, output })
    }

    /// What a runner is told.
    pub fn job(&self, row: &Row) -> Job {
        Job {
            row: row.name,
            server_url: self.server_url.clone(),
            api_key: API_KEY,
            dataset_id: self.dataset_id.clone(),
            scratch_id: self.scratch_id.clone(),
            units: row.units,
            warm_up: row.warm_up,
            records: self.records.clone(),
            output: self.output.clone(),
        }
    }

    /// Makes the server wait before it answers pages, until what is returned is dropped.
    pub fn delay(&self, milliseconds: u32) -> Result<Delay<'_>, String> {
        let rule = json!({"operation": "list_records", "delay_ms": milliseconds, "times": null});
        faults(&self.server_url, &["-d", &rule.to_string()])?;
        Ok(Delay(&self.server_url))
    }
}

/// The server waits while this lives.
#[derive(Debug)]
pub struct Delay<'a>(&'a str);

impl Drop for Delay<'_> {
    fn drop(&mut self) {
        if let Err(message) = faults(self.0, &["-X", "DELETE"]) {
            eprintln!("the server goes on waiting: {message}");
        }
    }
}

/// Asks the server's route of faults something, by curl: xtask has no HTTP client of its own.
fn faults(server_url: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--fail"])
        .args(["-H", &format!("authorization: Bearer {API_KEY}")])
        .args(["-H", "content-type: application/json"])
        .args(arguments)
        .arg(format!("{server_url}/local/v1/faults"))
        .output()
        .map_err(|error| format!("curl: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("curl: {}", String::from_utf8_lossy(&output.stderr)))
}

fn call(command: &Path, server: &LocalServer, arguments: &[&str]) -> Result<Value, String> {
    let output = Command::new(command)
        .env("MISTRAL_API_KEY", API_KEY)
        .env("MISTRAL_SERVER_URL", server.url())
        .arg("--json")
        .args(arguments)
        .output()
        .map_err(|error| format!("{}: {error}", command.display()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("the command's response: {error}"))
}

fn created(response: &Value) -> Result<String, String> {
    response["id"].as_str().map(str::to_owned).ok_or_else(|| "a dataset without an id".to_owned())
}

/// How many words a message has: records are about 1.8 KB with it.
const MESSAGE_WORDS: usize = 78;

/// Writes conversations of four messages with so many words each, the same at every run.
pub fn write_records(path: &Path, count: usize, words: usize) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut state = 20_261_123_u64;
    let mut line = String::new();
    for number in 0..count {
        line.clear();
        line.push_str(
            r#"{"payload":{"model":"mistral-small-latest","temperature":0.2,"messages":["#,
        );
        for message in 0..4 {
            let role = if message % 2 == 0 { "user" } else { "assistant" };
            let comma = if message == 0 { "" } else { "," };
            let _ = write!(line, r#"{comma}{{"role":"{role}","content":""#);
            for word in 0..words {
                // A linear congruential generator is random enough for words.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let space = if word == 0 { "" } else { " " };
                let _ = write!(line, "{space}{}", WORDS[(state >> 33) as usize % WORDS.len()]);
            }
            line.push_str(r#""}"#);
        }
        let _ = write!(line, r#"]}},"properties":{{"number":{number},"topic":"refund"}}}}"#);
        line.push('\n');
        file.write_all(line.as_bytes())?;
    }
    file.flush()
}
