//! `mistral-datasets records add DATASET FILE`: creates many records, each with its own outcome.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use futures::Stream;
use mistral_datasets::{
    Client, CreateReport, Error, IntoRecord, NewRecord, Outcome, Report, Strategy,
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader};

use crate::error::{CliError, spell_options};
use crate::output::{self, Output};
use crate::report_file::{self, ReportFile};
use crate::terminal;

/// The file to read records from, and how to send them.
#[derive(Debug, Args)]
pub struct AddFromFile {
    /// A JSONL file with one record per line, or `-` for standard input
    ///
    /// The lines have the same form as for `import`.
    #[arg(value_name = "FILE", required_unless_present = "payload", conflicts_with = "payload")]
    pub file: Option<PathBuf>,
    /// Whether to create records one by one or to import them as a file
    ///
    /// A file import is faster for many records, but creates all records or none and does not report their IDs.
    #[arg(long, value_enum, default_value_t = StrategyName::Auto, conflicts_with = "payload")]
    strategy: StrategyName,
    /// The maximum number of concurrent requests, from 1 to 64
    #[arg(long, value_name = "N", default_value_t = 8, conflicts_with = "payload")]
    concurrency: usize,
    /// Continue after a record is rejected
    #[arg(long, conflicts_with = "payload")]
    continue_on_error: bool,
    /// Ignore keys beside `payload` that a record does not have, and report their number
    #[arg(long, conflicts_with = "payload")]
    allow_unknown_keys: bool,
    /// Write a report of all records to this file, even if the command fails or is interrupted
    ///
    /// The file is replaced when the command ends.
    #[arg(long, value_name = "REPORT", conflicts_with = "payload")]
    report: Option<PathBuf>,
    /// Continue an earlier command with the same file and the same dataset from its report
    ///
    /// Records that were added, or may have been, are not sent again. Give `--report` as well to update the report.
    #[arg(long, value_name = "REPORT", conflicts_with = "payload")]
    resume: Option<PathBuf>,
}

/// The values of `--strategy`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum StrategyName {
    Auto,
    Single,
    File,
}

impl From<StrategyName> for Strategy {
    fn from(name: StrategyName) -> Self {
        match name {
            StrategyName::Auto => Self::Auto,
            StrategyName::Single => Self::Single,
            StrategyName::File => Self::File,
        }
    }
}

impl AddFromFile {
    /// Adds the records of a file.
    pub async fn run(
        self,
        file: &Path,
        dataset: &str,
        client: &Client,
        output: Output,
    ) -> Result<(), CliError> {
        let reader: Box<dyn AsyncBufRead + Send + Unpin> = if file == Path::new("-") {
            Box::new(BufReader::new(tokio::io::stdin()))
        } else {
            let file = tokio::fs::File::open(file).await.map_err(CliError::file(file))?;
            Box::new(BufReader::new(file))
        };
        let resume = self.resume.as_deref();
        let resume = resume.map(|path| report_file::read(path, CreateReport::from_json));
        let resume = resume.transpose()?.unwrap_or_default();
        let report_file = self.report.as_deref().map(ReportFile::create).transpose()?;
        let bar = output.progress_bar();
        let call = client
            .datasets()
            .create_records(dataset, records(reader))
            .strategy(self.strategy.into())
            .concurrency(self.concurrency)
            .continue_on_error(self.continue_on_error)
            .allow_unknown_keys(self.allow_unknown_keys)
            .resume(resume)
            .on_progress(bar.transfer_callback());
        let result = call.await;
        drop(bar);
        // After an error, the report says what was created before it.
        let report = match &result {
            Ok(report) => Some(report),
            Err(error) => match error.report() {
                Some(Report::Create(report)) => Some(report),
                _ => None,
            },
        };
        // Written before anything is printed, because printing may block.
        let written = report.map_or(Ok(()), |report| {
            let failed = report.failed() + report.not_sent() > 0 || result.is_err();
            report_file::write(report_file, || report.to_json(), failed, output)
        });
        let printed = match report {
            Some(report) if result.is_ok() || !report.items().is_empty() => {
                output.report(&report_json(report), || report_text(report))
            }
            _ => Ok(()),
        };
        let report = result?;
        match report.failed() + report.unknown() {
            0 => written.and(printed),
            count => Err(CliError::Records(count)),
        }
    }
}

/// Streams the records in the lines of a reader, skipping blank lines. The stream ends after a read error.
fn records(
    reader: impl AsyncBufRead + Send + Unpin + 'static,
) -> impl Stream<Item = Result<NewRecord, Error>> + Send {
    futures::stream::unfold(Some(reader), |reader| async move {
        let mut reader = reader?;
        loop {
            let mut line = Vec::new();
            match reader.read_until(b'\n', &mut line).await {
                Ok(0) => return None,
                Ok(_) if line.trim_ascii().is_empty() => {}
                Ok(_) => return Some((NewRecord::from_jsonl_line(line), Some(reader))),
                Err(error) => return Some((Err::<NewRecord, _>(error).into_record(), None)),
            }
        }
    })
}

fn report_json(report: &CreateReport) -> Value {
    let items = report.items().iter().map(|item| match item {
        Outcome::Created(id) => json!({"created": id}),
        Outcome::Imported => json!({"imported": true}),
        Outcome::Failed(error) => json!({"failed": spell_options(&error.to_string())}),
        Outcome::Unknown(error) => json!({"unknown": spell_options(&error.to_string())}),
        Outcome::NotSent => json!({"not_sent": true}),
    });
    json!({
        "created": report.created(),
        "failed": report.failed(),
        "unknown": report.unknown(),
        "not_sent": report.not_sent(),
        "strategy": report.strategy().name(),
        "reason": report.reason(),
        "unknown_key_count": report.unknown_key_count(),
        "unknown_keys": report.unknown_keys(),
        "items": items.collect::<Value>(),
    })
}

/// Formats a summary, followed by the records that need attention.
fn report_text(report: &CreateReport) -> String {
    let (strategy, reason) = (report.strategy(), report.reason());
    let added = output::count(report.created() as u64, "record");
    let mut text = format!("added {added} ({strategy}: {reason})");
    for (index, item) in report.items().iter().enumerate() {
        let (outcome, error) = match item {
            Outcome::Failed(error) => ("was rejected", error),
            Outcome::Unknown(error) => ("may or may not have been added", error),
            _ => continue,
        };
        let error = spell_options(&error.to_string());
        text.push_str(&format!("\nrecord {} {outcome}: {}", index + 1, terminal::escape(&error)));
    }
    for (key, count) in report.unknown_keys() {
        let records = output::count(*count, "record");
        text.push_str(&format!("\nignored the unknown key `{key}` in {records}"));
    }
    if report.not_sent() > 0 {
        let not_sent = output::count(report.not_sent() as u64, "record");
        text.push_str(&format!("\nnot sent: {not_sent}"));
    }
    text
}
