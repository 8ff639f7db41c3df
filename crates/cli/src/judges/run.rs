//! `mistral-datasets judges run`

use std::path::PathBuf;

use clap::Args;
use mistral_datasets::{Client, JudgingReport, Report};
use serde_json::{Value, json};

use crate::error::CliError;
use crate::output::{self, Output};
use crate::terminal;

/// Failures that are listed; the summary counts the others.
const LISTED_FAILURES: usize = 5;

/// Judge every record of a dataset
///
/// Stores each answer as soon as it is known, and prints a summary at the end. If the command is interrupted or some records
/// cannot be judged, run it again: records that have an answer are skipped.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("destination").required(true))]
pub struct Run {
    /// The ID or name of the judge
    judge: String,
    /// The ID or slug of the dataset
    dataset: String,
    /// Append the answers to this JSONL file
    ///
    /// Each line has `record_id`, `judge_id`, `judge_updated_at`, `answer` and `analysis`. A file with answers of another judge, or
    /// of the judge before it was updated, is rejected.
    #[arg(long, short, value_name = "FILE", group = "destination")]
    output: Option<PathBuf>,
    /// Store the answers as this property of the records; other properties are kept
    #[arg(long, value_name = "KEY", group = "destination")]
    to_properties: Option<String>,
    /// Also store the analyses as this property of the records
    #[arg(long, value_name = "KEY", requires = "to_properties")]
    analysis_to_properties: Option<String>,
    /// The maximum number of concurrent requests, from 1 to 64
    #[arg(long, value_name = "N", default_value_t = 8)]
    concurrency: usize,
    /// Judge only the first records of the dataset
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    limit: Option<i64>,
    /// Stop after this many failures in a row
    #[arg(
        long,
        value_name = "N",
        default_value_t = 20,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    max_failures: u64,
}

impl Run {
    /// Runs the command.
    pub async fn run(self, client: &Client, output: Output) -> Result<(), CliError> {
        let bar = output.progress_bar();
        let mut call = client
            .judges()
            .run(&self.judge, &self.dataset)
            .concurrency(self.concurrency)
            .max_failures(self.max_failures)
            .on_progress(bar.transfer_callback());
        if let Some(path) = self.output {
            call = call.to_jsonl(path);
        }
        if let Some(key) = self.to_properties {
            call = call.to_properties(key);
        }
        if let Some(key) = self.analysis_to_properties {
            call = call.analysis_to_properties(key);
        }
        if let Some(limit) = self.limit {
            call = call.limit(limit);
        }
        let result = call.await;
        drop(bar);
        // After an error, the report says what was judged before it.
        let report = match &result {
            Ok(report) => Some(report),
            Err(error) => match error.report() {
                Some(Report::Judging(report)) if !is_empty(report) => Some(report),
                _ => None,
            },
        };
        let printed = report.map_or(Ok(()), |report| {
            print_failures(report, output);
            output.print_outcome(&summary_json(report), |_| summary_text(report))
        });
        if let (Err(_), Some(_), false) = (&result, report, output.quiet) {
            terminal::message("run the same command again to judge the remaining records");
        }
        let report = result?;
        match report.failed() {
            0 => printed,
            count => Err(CliError::NotJudged(count)),
        }
    }
}

/// Returns whether no record was judged or skipped.
fn is_empty(report: &JudgingReport) -> bool {
    report.judged() + report.skipped() + report.failed() == 0
}

/// Prints the first failures to standard error.
fn print_failures(report: &JudgingReport, output: Output) {
    if output.quiet {
        return;
    }
    for failure in report.failures().iter().take(LISTED_FAILURES) {
        let (record, error) = (failure.record_id, &failure.error);
        terminal::message(format_args!("warning: record {record}: {error}"));
    }
    let unlisted = report.failed().saturating_sub(LISTED_FAILURES as u64);
    if unlisted > 0 {
        let unlisted = output::count(unlisted, "more record");
        terminal::message(format_args!("warning: {unlisted} could not be judged"));
    }
}

fn summary_json(report: &JudgingReport) -> Value {
    let answers = report.answers();
    let scores = answers.scores().map(|scores| {
        json!({
            "count": scores.count,
            "mean": scores.mean,
            "standard_deviation": scores.standard_deviation,
            "min": scores.min,
            "max": scores.max,
        })
    });
    json!({
        "judged": report.judged(),
        "skipped": report.skipped(),
        "failed": report.failed(),
        "failures": report.failure_counts(),
        "labels": answers.labels(),
        "other_labels": answers.other_labels(),
        "scores": scores,
    })
}

fn summary_text(report: &JudgingReport) -> String {
    let mut text = format!("judged {}", output::count(report.judged(), "record"));
    if report.skipped() > 0 {
        text.push_str(&format!(", {} judged before", report.skipped()));
    }
    let answers = report.answers();
    let total = answers.count();
    let mut labels: Vec<_> = answers.labels().iter().collect();
    labels.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let mut rows: Vec<_> = labels
        .into_iter()
        .map(|(label, count)| [label.clone(), count.to_string(), share(*count, total)])
        .collect();
    if answers.other_labels() > 0 {
        let other = answers.other_labels();
        rows.push(["(other)".to_owned(), other.to_string(), share(other, total)]);
    }
    if !rows.is_empty() {
        text.push_str(&format!("\n\n{}", output::table(["label", "count", "share"], rows)));
    }
    if let Some(scores) = answers.scores() {
        let deviation = scores.standard_deviation.map_or_else(|| "-".to_owned(), output::number);
        let row = [
            scores.count.to_string(),
            output::number(scores.mean),
            deviation,
            output::number(scores.min),
            output::number(scores.max),
        ];
        let headings = ["scores", "mean", "deviation", "min", "max"];
        text.push_str(&format!("\n\n{}", output::table(headings, [row])));
    }
    if report.failed() > 0 {
        let counts = report.failure_counts().iter();
        let rows = counts.map(|(kind, count)| [kind.clone(), count.to_string()]);
        text.push_str(&format!("\n\n{}", output::table(["failure", "count"], rows)));
    }
    text
}

/// Formats a share of a total as a percentage.
fn share(count: u64, total: u64) -> String {
    match total {
        0 => "-".to_owned(),
        total => format!("{:.1} %", count as f64 * 100.0 / total as f64),
    }
}
