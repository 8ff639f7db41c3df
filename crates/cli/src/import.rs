//! `mistral-datasets import …`

use std::path::{Path, PathBuf};

use clap::Args;
use mistral_datasets::{Client, ImportReport, Jsonl, Report};
use serde_json::{Value, json};

use crate::export::CompressionName;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::tasks::{self, Patience};

/// Imports records into a dataset. It waits for the import to end, and fails if that fails; `--no-wait` prints the task
/// and leaves.
///
/// A FILE holds a record a line: {"messages": [...], "properties": {...}}, {"payload": {...}, "properties": {...}}, or an
/// array of messages. Every line of a file is checked before anything of it is sent.
#[derive(Debug, Args)]
pub struct Import {
    /// The dataset to import into
    dataset: String,
    #[command(flatten)]
    source: Source,
    /// Leave out bad lines of the files, and list them, instead of importing nothing
    #[arg(long, requires = "files")]
    lenient: bool,
    /// How the files are compressed, whatever their first bytes are
    #[arg(long, value_enum, default_value_t = CompressionName::Auto, requires = "files")]
    compression: CompressionName,
    /// Print the task and do not wait for it
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    patience: Patience,
}

/// Where the records come from: exactly one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// JSONL files on this machine, plain or compressed, imported one after the other; `-` is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A file that was uploaded before
    #[arg(long, value_name = "ID")]
    file_id: Option<String>,
    /// The events of a campaign
    #[arg(long, value_name = "ID")]
    campaign: Option<String>,
    /// Chat completion events of the explorer
    #[arg(long, value_name = "ID", num_args = 1..)]
    events: Option<Vec<String>>,
    /// Conversations of the playground
    #[arg(long, value_name = "ID", num_args = 1..)]
    conversations: Option<Vec<String>>,
    /// Records of other datasets
    #[arg(long, value_name = "ID", num_args = 1..)]
    records: Option<Vec<String>>,
}

impl Import {
    /// Runs the command.
    pub async fn run(self, client: &Client, output: Output) -> Result<(), Failure> {
        for file in &self.source.files {
            self.import(client, file, output).await?;
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
            // The command line demands exactly one source.
            _ => return Err(Failure::Argument("there is no source to import from".to_owned())),
        };
        if self.no_wait {
            return output.print(&task, output::task);
        }
        let task = datasets.task(task.dataset_id, task.id);
        tasks::finished(&task, &self.patience, output).await
    }
    /// Imports a file of this machine.
    async fn import(&self, client: &Client, file: &Path, output: Output) -> Result<(), Failure> {
        let jsonl = match file {
            file if file == Path::new("-") => Jsonl::reader(tokio::io::stdin()),
            file => Jsonl::path(file),
        };
        let bar = output.bar();
        let call = client
            .datasets()
            .import_jsonl(&self.dataset, jsonl)
            .lenient(self.lenient)
            .compression(self.compression.into())
            .wait(!self.no_wait)
            .timeout(self.patience.timeout())
            .on_progress(bar.callback());
        let imported = call.await;
        drop(bar);
        // What was imported before something failed is worth knowing.
        let report = match &imported {
            Ok(report) => Some(report),
            Err(error) => match error.report() {
                Some(Report::Import(report)) if report.records() > 0 => Some(report),
                _ => None,
            },
        };
        if let Some(report) = report {
            output.print(&as_json(report), |_| sentence(report))?;
            if !output.json {
                tell_invalid_lines(file, report);
            }
        }
        imported?;
        Ok(())
    }
}

fn as_json(report: &ImportReport) -> Value {
    let invalid_lines = report
        .invalid_lines()
        .iter()
        .map(|bad| json!({"line": bad.line, "column": bad.column, "problem": bad.problem}));
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
        "files": files.collect::<Value>(),
    })
}

fn sentence(report: &ImportReport) -> String {
    let under_way = report.files().iter().filter(|file| !file.task.status.is_finished());
    let mut text = match under_way.count() {
        0 => format!("imported {} records", report.records()),
        tasks => format!("{tasks} imports of {} records are under way", report.records()),
    };
    for file in report.files() {
        let (task, records) = (&file.task, file.records);
        text.push_str(&format!("\ntask {} {} ({records} records)", task.id, task.status));
    }
    text
}

/// Lists the lines that were left out, where people look for what went wrong.
fn tell_invalid_lines(file: &Path, report: &ImportReport) {
    for bad in report.invalid_lines() {
        let (file, line, column) = (file.display(), bad.line, bad.column);
        eprintln!("{file}, line {line}, column {column}: {}", bad.problem);
    }
    let untold = report.invalid_line_count() - report.invalid_lines().len() as u64;
    if untold > 0 {
        eprintln!("{untold} more lines are bad");
    }
}
