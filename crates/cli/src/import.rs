//! `mistral-datasets import`

mod events;
mod spans;

use std::path::{Path, PathBuf};

use clap::Args;
use futures::stream::{self, StreamExt, TryChunksError, TryStreamExt};
use mistral_datasets::types::{ImportTask, TelemetrySpanReference};
use mistral_datasets::{Client, ImportReport, Jsonl, Report};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::{CliError, spell_options};
use crate::export::CompressionName;
use crate::output::{self, Output};
use crate::report_file::{self, ReportFile};
use crate::tasks::{self, WaitOptions};
use crate::terminal;
use spans::{SpanOptions, Spans};

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
    /// Write a report of the import to this file, even if the import fails or is interrupted
    ///
    /// The file is replaced when the command ends. Requires a single file to import.
    #[arg(long, value_name = "REPORT", requires = "files")]
    report: Option<PathBuf>,
    /// Continue an earlier import of the same file into the same dataset from its report
    ///
    /// Lines that were imported, or may have been, are not sent again. Give `--report` as well to update the report.
    #[arg(long, value_name = "REPORT", requires = "files")]
    resume: Option<PathBuf>,
    /// Print the import task without waiting for it
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    wait: WaitOptions,
    #[command(flatten)]
    spans: SpanOptions,
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
    /// Import the events of a campaign, given its ID or name, with the answers of its judge
    #[arg(long, value_name = "CAMPAIGN")]
    campaign: Option<String>,
    /// Import chat completion events; `-` reads the IDs from standard input, one per line
    #[arg(long, value_name = "ID", num_args = 1..)]
    events: Option<Vec<String>>,
    /// Import conversations from the playground
    #[arg(long, value_name = "ID", num_args = 1..)]
    conversations: Option<Vec<String>>,
    /// Copy records from other datasets
    #[arg(long, value_name = "ID", num_args = 1..)]
    records: Option<Vec<String>>,
    /// Import spans, given the IDs of trace and span
    #[arg(long, value_name = "TRACE:SPAN", num_args = 1.., value_parser = spans::parse_reference)]
    spans: Option<Vec<TelemetrySpanReference>>,
    /// Import the model calls of traces
    #[arg(long, value_name = "ID", num_args = 1..)]
    traces: Option<Vec<String>>,
    /// Import all spans that match a search expression, such as `operation_name = 'chat'`
    #[arg(long, value_name = "EXPRESSION")]
    search: Option<String>,
}

impl Import {
    /// Runs the command.
    pub async fn run(self, client: &Client, output: Output) -> Result<(), CliError> {
        // clap does not enforce `requires` for arguments of a group with another choice.
        if self.source.files.len() != 1 && (self.report.is_some() || self.resume.is_some()) {
            let message = "`--report` and `--resume` require a single file to import";
            return Err(CliError::Argument(message.to_owned()));
        }
        for file in &self.source.files {
            self.import_file(client, file, output).await?;
        }
        if !self.source.files.is_empty() {
            return Ok(());
        }
        let datasets = client.datasets();
        let dataset = &self.dataset;
        match self.source {
            Source { spans: Some(ref spans), .. } => {
                let spans = stream::iter(spans.clone().into_iter().map(Ok)).boxed();
                self.import_spans(client, spans, output).await
            }
            Source { traces: Some(ref traces), .. } => {
                let spans = self.spans.model_calls(client, traces.clone());
                self.import_spans(client, spans, output).await
            }
            Source { search: Some(ref expression), .. } => {
                let spans = self.spans.search(client, expression);
                self.import_spans(client, spans, output).await
            }
            Source { events: Some(ref events), .. } => {
                for events in events::ids(events)?.chunks(events::MAX_PER_IMPORT) {
                    let task = datasets.import_from_explorer(dataset, events).await?;
                    self.finish(client, task, output).await?;
                }
                Ok(())
            }
            ref source => {
                let task = match source {
                    Source { file_id: Some(id), .. } => {
                        datasets.import_from_file(dataset, id).await?
                    }
                    Source { campaign: Some(campaign), .. } => {
                        let campaign = campaign_id(client, campaign).await?;
                        datasets.import_from_campaign(dataset, campaign).await?
                    }
                    Source { conversations: Some(ids), .. } => {
                        datasets.import_from_playground(dataset, ids).await?
                    }
                    Source { records: Some(ids), .. } => {
                        datasets.import_from_dataset_records(dataset, ids).await?
                    }
                    // clap requires exactly one source.
                    _ => return Err(CliError::Argument("no source to import from".to_owned())),
                };
                self.finish(client, task, output).await
            }
        }
    }

    /// Imports spans, in as many tasks as the limit of the API requires.
    async fn import_spans(
        &self,
        client: &Client,
        spans: Spans,
        output: Output,
    ) -> Result<(), CliError> {
        let datasets = client.datasets();
        let mut is_empty = true;
        let mut parts = spans.try_chunks(spans::MAX_PER_IMPORT);
        while let Some(spans) = parts.next().await {
            let spans = spans.map_err(|TryChunksError(_, error)| error)?;
            is_empty = false;
            let call = datasets.import_from_spans(&self.dataset, spans, self.spans.mapping());
            self.finish(client, call.await?, output).await?;
        }
        match is_empty {
            true => Err(CliError::Argument("there are no such spans".to_owned())),
            false => Ok(()),
        }
    }

    /// Waits for a task unless `--no-wait` is given, and prints it.
    async fn finish(
        &self,
        client: &Client,
        task: ImportTask,
        output: Output,
    ) -> Result<(), CliError> {
        if self.no_wait {
            return output.print_outcome(&task, output::task);
        }
        let task = client.datasets().task(task.dataset_id, task.id);
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
        let resume = self.resume.as_deref();
        let resume = resume.map(|path| report_file::read(path, ImportReport::from_json));
        let resume = resume.transpose()?.unwrap_or_default();
        let report_file = self.report.as_deref().map(ReportFile::create).transpose()?;
        let bar = output.progress_bar();
        let call = client
            .datasets()
            .import_jsonl(&self.dataset, jsonl)
            .lenient(self.lenient)
            .allow_unknown_keys(self.allow_unknown_keys)
            .compression(self.compression.into())
            .wait(!self.no_wait)
            .wait_timeout(self.wait.timeout())
            .resume(resume)
            .on_progress(bar.transfer_callback());
        let result = call.await;
        drop(bar);
        // After an error, the report says what was imported before it.
        let report = match &result {
            Ok(report) => Some(report),
            Err(error) => match error.report() {
                Some(Report::Import(report)) => Some(report),
                _ => None,
            },
        };
        // Written before anything is printed, because printing may block.
        let written = report.map_or(Ok(()), |report| {
            report_file::write(report_file, || report.to_json(), result.is_err(), output)
        });
        let printed = match report {
            Some(report) if result.is_ok() || !is_empty(report) => {
                print_report(file, report, output)
            }
            _ => Ok(()),
        };
        result?;
        written.and(printed)
    }
}

/// Returns the ID of a campaign, given its ID or name. An ID is not looked up, because generations without campaigns may still
/// import from them.
async fn campaign_id(client: &Client, campaign: &str) -> Result<String, CliError> {
    if Uuid::try_parse(campaign).is_ok() {
        return Ok(campaign.to_owned());
    }
    Ok(client.campaigns().find(campaign).await?.id.to_string())
}

/// Returns whether no import was started.
fn is_empty(report: &ImportReport) -> bool {
    report.files().is_empty() && report.unknown().is_empty()
}

fn print_report(file: &Path, report: &ImportReport, output: Output) -> Result<(), CliError> {
    output.print_outcome(&report_json(report), |_| report_text(report))?;
    if !output.json {
        print_warnings(file, report);
    }
    Ok(())
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
    let unknown = report.unknown().iter().map(|file| {
        json!({
            "file_id": file.file_id,
            "first_line": file.first_line,
            "lines": file.lines,
            "records": file.records,
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
        "unknown": unknown.collect::<Value>(),
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
        let status = task.status.to_string();
        text.push_str(&format!("\ntask {} {} ({records})", task.id, terminal::escape(&status)));
    }
    for file in report.unknown() {
        let records = output::count(file.records, "record");
        let last_line = file.first_line + file.lines - 1;
        text.push_str(&format!(
            "\nlines {} to {last_line} ({records}) may or may not have been imported; see `tasks list`",
            file.first_line
        ));
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
        terminal::message(format_args!(
            "warning: {source}, line {line}, column {column}: {problem}"
        ));
    }
    // The report lists a limited number of lines.
    let unlisted = report.invalid_line_count() - report.invalid_lines().len() as u64;
    if unlisted > 0 {
        let unlisted = output::count(unlisted, "more invalid line");
        terminal::message(format_args!("warning: skipped {unlisted}"));
    }
    for (key, count) in report.unknown_keys() {
        let lines = output::count(*count, "line");
        terminal::message(format_args!(
            "warning: {source}: ignored the unknown key `{key}` in {lines}"
        ));
    }
}
