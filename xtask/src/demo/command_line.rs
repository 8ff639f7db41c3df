//! The main job with the command `mistral-datasets`, against `mistral-datasets serve`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use super::{Report, edited_properties, output};
use crate::artifacts;
use crate::local_server::LocalServer;

/// The number of ids per `import --records` call. The API takes 10,000, but command lines have a limited length.
const IDS_PER_IMPORT: usize = 1_000;

/// Runs the main job.
pub fn run(root: &Path, input: &Path, export: &Path) -> Result<Report, String> {
    let started = Instant::now();
    let program = artifacts::command(root);
    let server = LocalServer::start(&program, &[])?;
    let cli = Cli { program, server };

    let dataset = cli.create_dataset("Main job", "Imported from a file")?;
    let imported = cli.call(&["import", &dataset, &input.to_string_lossy()])?;
    let ids = cli.list_records(&dataset)?;
    let first = ids.first().ok_or("the file has no records")?;
    cli.call(&["records", "edit", first, "--properties", &edited_properties("command")])?;
    let copy = cli.create_dataset("Main job, copied", "Copied from the first dataset")?;
    let mut copied = 0;
    for ids in ids.chunks(IDS_PER_IMPORT) {
        let mut arguments = vec!["import", &copy, "--records"];
        arguments.extend(ids.iter().map(String::as_str));
        copied += number(&cli.call(&arguments)?["result"]["imported_record_count"]);
    }
    let exported = cli.call(&["export", &copy, "--output", &export.to_string_lossy()])?;
    Ok(Report {
        imported: number(&imported["records"]),
        listed: ids.len() as u64,
        copied,
        exported_bytes: number(&exported["bytes"]),
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// The command and the server that it talks to.
struct Cli {
    program: PathBuf,
    server: LocalServer,
}

impl Cli {
    /// Runs the command and returns the JSON it prints.
    fn call(&self, arguments: &[&str]) -> Result<Value, String> {
        let text = output(
            Command::new(&self.program)
                .env("MISTRAL_API_KEY", "demo")
                .env("MISTRAL_SERVER_URL", self.server.url())
                .arg("--json")
                .args(arguments),
        )?;
        serde_json::from_str(&text).map_err(|error| format!("invalid output `{text}`: {error}"))
    }

    /// Creates a dataset and returns its id.
    fn create_dataset(&self, name: &str, description: &str) -> Result<String, String> {
        let dataset = self.call(&["datasets", "create", name, "--description", description])?;
        Ok(string(&dataset["id"]))
    }

    /// Returns the ids of all records of a dataset.
    fn list_records(&self, dataset: &str) -> Result<Vec<String>, String> {
        let mut ids = Vec::new();
        for page in 1.. {
            let page = page.to_string();
            let response =
                self.call(&["records", "list", dataset, "--page-size", "100", "--page", &page])?;
            let results = response["records"]["results"].as_array().into_iter().flatten();
            ids.extend(results.map(|record| string(&record["id"])));
            if response["records"]["next"].is_null() {
                break;
            }
        }
        Ok(ids)
    }
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}
