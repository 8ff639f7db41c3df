//! `mistral-datasets verify`

use std::path::PathBuf;

use clap::Args;
use mistral_datasets_server::{Problem, Verification, VerifyError, verify};
use serde_json::{Value, json};

use crate::error::CliError;
use crate::maintenance;
use crate::output::{self, Output};
use crate::terminal;

/// Verify a data directory or a backup
///
/// Checks the pages, indexes and references of the database, the counts and positions of records, the numbers of tasks, and the size
/// and SHA-256 of every file. Changes nothing.
///
/// If a server is using the directory, the state at the start of the command is verified. Otherwise, no server can start in the
/// directory until the command has ended.
///
/// Exits with status 1 if something is wrong. The problems name ids, and contain no conversations.
#[derive(Debug, Args)]
pub struct Verify {
    /// The data directory or backup
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Skip the indexes of the database and the SHA-256 of files
    #[arg(long)]
    quick: bool,
}

impl Verify {
    /// Runs the command.
    pub async fn run(
        self,
        output: Output,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), CliError> {
        let path = self.directory.clone();
        let bar = output.progress_bar();
        let mut progress = bar.check_callback();
        let result = maintenance::run(shutdown, move |keep_running| {
            let should_continue = move || keep_running.get();
            verify(&self.directory, self.quick, should_continue, |step| {
                progress(step.check, step.position);
            })
        });
        let result = result.await?;
        drop(bar);
        let verification = match result {
            Ok(verification) => verification,
            Err(VerifyError::Stopped) => return Err(CliError::Interrupted),
            Err(error) => return Err(CliError::Maintenance(Box::new(error))),
        };
        if !output.json {
            print_problems("warning: ", &verification.warnings);
            print_problems("", &verification.problems);
        }
        // The outcome is what was asked for, so it is printed also with `--quiet`.
        let json = summary_json(&path, &verification);
        output.print_outcome(&json, |_| summary(&verification))?;
        match verification.problems.len() {
            0 => Ok(()),
            count => Err(CliError::Damaged(path, count)),
        }
    }
}

/// Prints problems to standard error, one per line.
pub fn print_problems(prefix: &str, problems: &[Problem]) {
    for problem in problems {
        let Problem { check, location, message, .. } = problem;
        terminal::message(format_args!("{prefix}{check}: {location}: {message}"));
    }
}

fn summary_json(path: &std::path::Path, verification: &Verification) -> Value {
    let list = |problems: &[Problem]| -> Value {
        let json = |problem: &Problem| json!({"check": problem.check, "location": problem.location, "message": problem.message});
        problems.iter().map(json).collect()
    };
    json!({
        "path": path,
        "ok": verification.problems.is_empty(),
        "in_use": verification.in_use,
        "schema": verification.schema,
        "current_schema": verification.current_schema,
        "datasets": verification.datasets,
        "records": verification.records,
        "files": verification.files,
        "file_bytes": verification.file_bytes,
        "problems": list(&verification.problems),
        "warnings": list(&verification.warnings),
    })
}

fn summary(verification: &Verification) -> String {
    let contents = [
        output::count(verification.datasets, "dataset"),
        output::count(verification.records, "record"),
        output::count(verification.files, "file"),
    ];
    let (schema, current) = (verification.schema, verification.current_schema);
    let mut summary = format!("{}, schema {schema}", contents.join(", "));
    if schema < current {
        summary += &format!(" (the next start of a server migrates it to {current})");
    }
    if verification.in_use {
        summary += ", in use by a server";
    }
    let outcome = if verification.problems.is_empty() { "no problems" } else { "damaged" };
    format!("{outcome}: {summary}")
}
