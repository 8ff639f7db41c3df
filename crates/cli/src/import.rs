//! `mistral-datasets import`

use std::path::{Path, PathBuf};

use clap::Args;
use mistral_datasets::{Client, ImportReport, Jsonl, Report};
use serde_json::{Value, json};

use crate::error::{CliError, spell_options};
use crate::export::CompressionName;
use crate::output::{self, Output};
use crate::tasks::{self, WaitOptions};

/// Import records into a dataset
///
/// Records come from local JSONL files, or from another source selected by an option. The command waits until the import has
/// finished and fails if the import fails; `--no-wait` prints the task and exits.
///
/// Each line of a file is one record: {"messages": [...], "properties": {...}}, {"payload": {...}, "properties": {...}}, or an
/// array of messages. All lines of a file are validated before any of it is uploaded. Empty input is an error.
#[derive(Debug, Args)]
pub struct Import {
    /// The ID or slug of the dataset
    dataset: String,
    #[command(flatten)]
    source: Source,
    /// Skip invalid lines and report them instead of failing
    ///
    /// Unknown keys are then ignored, too. A file that is empty or not JSON Lines at all fails in any case.
    #[arg(long, requires = "files")]
    lenient: bool,
    /// Ignore keys beside `payload` that a record does not have, and report their number
    #[arg(long, requires = "files")]
    allow_unknown_keys: bool,
    /// How the files are compressed; `auto` detects it from their content
    #[arg(long, value_enum, default_value_t = CompressionName::Auto, requires = "files")]
    compression: CompressionName,
    /// Print the import task without waiting for it
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    wait: WaitOptions,
}

/// The source of the records. Exactly one must be given.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// Local JSONL files, or `-` for standard input
    ///
    /// The files may be compressed with gzip or zstd. They are imported one after the other.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Import a file that was uploaded earlier
    #[arg(long, value_name = "ID")]
    file_id: Option<String>,
    /// Import the events of a campaign
    #[arg(long, value_name = "ID")]
    campaign: Option<String>,
    /// Import chat completion events from the explorer
    #[arg(long, value_name = "ID", num_args = 1..)]
    events: Option<Vec<String>>,
    /// Import conversations from the playground
    #[arg(long, value_name = "ID", num_args = 1..)]
    conversations: Option<Vec<String>>,
    /// Copy records from other datasets
    #[arg(long, value_name = "ID", num_args = 1..)]
    records: Option<Vec<String>>,
}

impl Import {
    /// Runs the command.
    pub async fn run(self, client: &Client, output: Output) -> Result<(), CliError> {
        for file in &self.source.files {
            self.import_file(client, file, output).await?;
        }
        let datasets = client.datasets();
        let dataset = &self.dataset;
        let task = match self.source {
            Source { files, .. } if !files.is_empty() => return Ok(()),
            Source { file_id: Some(id), .. } => datasets.import_from_file(dataset, id).await?,
            Source { campaign: Some(id), .. } => datasets.import_from_campaign(dataset, id).await?,
            Source { events: Some(ids), .. } => datasets.import_from_explorer(dataset, ids).await?,
            Source { conversations: Some(ids), .. } => {
                datasets.import_from_playground(dataset, ids).await?
            }
            Source { records: Some(ids), .. } => {
                datasets.import_from_dataset_records(dataset, ids).await?
            }
            // clap requires exactly one source.
            _ => return Err(CliError::Argument("no source to import from".to_owned())),
        };
        if self.no_wait {
            return output.print(&task, output::task);
        }
        let task = datasets.task(task.dataset_id, task.id);
        tasks::wait_and_print(&task, &self.wait, output).await
    }

    /// Imports a local file, or standard input for `-`.
    async fn import_file(
        &self,
        client: &Client,
        file: &Path,
        output: Output,
    ) -> Result<(), CliError> {
        let jsonl = match file {
            file if file == Path::new("-") => Jsonl::reader(tokio::io::stdin()),
            file => Jsonl::path(file),
        };
        let bar = output.progress_bar();
        let call = client
            .datasets()
            .import_jsonl(&self.dataset, jsonl)
            .lenient(self.lenient)
            .allow_unknown_keys(self.allow_unknown_keys)
            .compression(self.compression.into())
            .wait(!self.no_wait)
            .timeout(self.wait.timeout())
            .on_progress(bar.transfer_callback());
        let result = call.await;
        drop(bar);
        // After an error, the report says what was imported before it.
        let report = match &result {
            Ok(report) => Some(report),
            Err(error) => match error.report() {
                Some(Report::Import(report)) if report.records() > 0 => Some(report),
                _ => None,
            },
        };
        if let Some(report) = report {
            output.print(&report_json(report), |_| report_text(report))?;
            if !output.json {
                print_warnings(file, report);
            }
        }
        result?;
        Ok(())
    }
}

fn report_json(report: &ImportReport) -> Value {
    let invalid_lines = report.invalid_lines().iter().map(|invalid| {
        json!({"line": invalid.line, "column": invalid.column, "problem": spell_options(&invalid.problem)})
    });
    let files = report.files().iter().map(|file| {
        json!({
            "file_id": file.file_id,
            "first_line": file.first_line,
            "lines": file.lines,
            "records": file.records,
            "task": file.task,
        })
    });
    json!({
        "lines": report.lines(),
        "records": report.records(),
        "invalid_line_count": report.invalid_line_count(),
        "invalid_lines": invalid_lines.collect::<Value>(),
        "unknown_key_count": report.unknown_key_count(),
        "unknown_keys": report.unknown_keys(),
        "files": files.collect::<Value>(),
    })
}

fn report_text(report: &ImportReport) -> String {
    let records = output::count(report.records(), "record");
    let is_running = report.files().iter().any(|file| !file.task.status.is_finished());
    let mut text = if is_running {
        format!("the import of {records} is still running")
    } else {
        format!("imported {records}")
    };
    for file in report.files() {
        let (task, records) = (&file.task, output::count(file.records, "record"));
        text.push_str(&format!("\ntask {} {} ({records})", task.id, task.status));
    }
    text
}

/// Prints the skipped lines and keys to standard error.
fn print_warnings(file: &Path, report: &ImportReport) {
    let source = if file == Path::new("-") {
        "standard input".to_owned()
    } else {
        format!("`{}`", file.display())
    };
    for invalid in report.invalid_lines() {
        let (line, column) = (invalid.line, invalid.column);
        let problem = spell_options(&invalid.problem);
        eprintln!("warning: {source}, line {line}, column {column}: {problem}");
    }
    // The report lists a limited number of lines.
    let unlisted = report.invalid_line_count() - report.invalid_lines().len() as u64;
    if unlisted > 0 {
        eprintln!("warning: skipped {}", output::count(unlisted, "more invalid line"));
    }
    for (key, count) in report.unknown_keys() {
        eprintln!(
            "warning: {source}: ignored the unknown key `{key}` in {}",
            output::count(*count, "line")
        );
    }
}
