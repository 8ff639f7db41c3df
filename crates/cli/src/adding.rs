//! `mistral-datasets records add DATASET FILE`: many records, each with an outcome of its own.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use futures::Stream;
use mistral_datasets::{
    Client, CreateReport, Error, IntoRecord, NewRecord, Outcome, Report, Strategy,
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader};

use crate::failure::Failure;
use crate::output::Output;

/// What is added from a file, and how.
#[derive(Debug, Args)]
pub struct Adding {
    /// A file with a record a line, as `import` takes them; `-` is standard input
    #[arg(value_name = "FILE", required_unless_present = "payload", conflicts_with = "payload")]
    pub file: Option<PathBuf>,
    /// Whether to send records one by one, or as a file that is imported: faster for many, but all or none, and without ids
    #[arg(long, value_enum, default_value_t = StrategyName::Auto, conflicts_with = "payload")]
    strategy: StrategyName,
    /// How many requests may be under way at once, 1 to 64
    #[arg(long, value_name = "N", default_value_t = 8, conflicts_with = "payload")]
    concurrency: usize,
    /// Go on when a record is refused
    #[arg(long, conflicts_with = "payload")]
    continue_on_error: bool,
}

/// The strategies, as the command line names them.
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

impl Adding {
    /// Adds the records of a file.
    pub async fn run(
        self,
        file: &Path,
        dataset: &str,
        client: &Client,
        output: Output,
    ) -> Result<(), Failure> {
        let lines: Box<dyn AsyncBufRead + Send + Unpin> = if file == Path::new("-") {
            Box::new(BufReader::new(tokio::io::stdin()))
        } else {
            let opened = tokio::fs::File::open(file).await.map_err(Failure::file(file))?;
            Box::new(BufReader::new(opened))
        };
        let bar = output.bar();
        let call = client
            .datasets()
            .create_records(dataset, records(lines))
            .strategy(self.strategy.into())
            .concurrency(self.concurrency)
            .continue_on_error(self.continue_on_error)
            .on_progress(bar.callback());
        let created = call.await;
        drop(bar);
        // What was created before something failed is worth knowing.
        let report = match &created {
            Ok(report) => Some(report),
            Err(error) => match error.report() {
                Some(Report::Create(report)) if !report.items().is_empty() => Some(report),
                _ => None,
            },
        };
        if let Some(report) = report {
            output.report(&as_json(report), || sentence(report))?;
        }
        let report = created?;
        match report.failed() + report.unknown() {
            0 => Ok(()),
            number => Err(Failure::Records(number)),
        }
    }
}

/// A line of the file, or why it cannot be read.
struct Line(std::io::Result<Vec<u8>>);

impl IntoRecord for Line {
    fn into_record(self) -> Result<NewRecord, Error> {
        match self.0 {
            Ok(line) => NewRecord::from_jsonl_line(line),
            Err(error) => Err::<NewRecord, _>(error).into_record(),
        }
    }
}

/// The lines that are not blank.
fn records(lines: impl AsyncBufRead + Send + Unpin + 'static) -> impl Stream<Item = Line> + Send {
    futures::stream::unfold(Some(lines), |lines| async move {
        let mut lines = lines?;
        loop {
            let mut line = Vec::new();
            match lines.read_until(b'\n', &mut line).await {
                Ok(0) => return None,
                Ok(_) if line.trim_ascii().is_empty() => {}
                Ok(_) => return Some((Line(Ok(line)), Some(lines))),
                Err(error) => return Some((Line(Err(error)), None)),
            }
        }
    })
}

fn as_json(report: &CreateReport) -> Value {
    let items = report.items().iter().map(|item| match item {
        Outcome::Created(id) => json!({"created": id}),
        Outcome::Imported => json!({"imported": true}),
        Outcome::Failed(error) => json!({"failed": error.to_string()}),
        Outcome::Unknown(error) => json!({"unknown": error.to_string()}),
        Outcome::NotSent => json!({"not_sent": true}),
    });
    json!({
        "created": report.created(),
        "failed": report.failed(),
        "unknown": report.unknown(),
        "not_sent": report.not_sent(),
        "strategy": report.strategy().name(),
        "reason": report.reason(),
        "items": items.collect::<Value>(),
    })
}

/// What became of the records: the numbers, and those that need looking after.
fn sentence(report: &CreateReport) -> String {
    let (strategy, reason) = (report.strategy(), report.reason());
    let mut text = format!("added {} records ({strategy}: {reason})", report.created());
    for (place, item) in report.items().iter().enumerate() {
        let (what, error) = match item {
            Outcome::Failed(error) => ("was refused", error),
            Outcome::Unknown(error) => ("may have been added or not", error),
            _ => continue,
        };
        text.push_str(&format!("\nrecord {} {what}: {error}", place + 1));
    }
    if report.not_sent() > 0 {
        text.push_str(&format!("\n{} records were not sent", report.not_sent()));
    }
    text
}
