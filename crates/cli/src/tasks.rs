//! `mistral-datasets tasks …`, and waiting for a task to end.

use std::time::Duration;

use clap::{Args, Subcommand};
use mistral_datasets::types::ImportTask;
use mistral_datasets::{Client, TaskHandle};

use crate::failure::Failure;
use crate::listing::{self, Part};
use crate::output::{self, Output};

/// The commands on import tasks.
#[derive(Debug, Subcommand)]
pub enum Tasks {
    /// List the import tasks of a dataset, newest first
    List {
        /// The dataset
        dataset: String,
        #[command(flatten)]
        part: Part,
    },
    /// Print one import task
    Get {
        /// The dataset
        dataset: String,
        /// The task's id
        task: String,
        /// Wait until the task has ended, and fail if it failed
        #[arg(long)]
        wait: bool,
        #[command(flatten)]
        patience: Patience,
    },
}

/// How long is waited for a task.
#[derive(Debug, Args)]
pub struct Patience {
    /// How many seconds to wait for the task at most; it goes on without us
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 1800,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    wait_timeout: u64,
}

impl Patience {
    /// The time.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.wait_timeout)
    }
}

impl Tasks {
    /// Runs the command.
    pub async fn run(self, client: &Client, output: Output) -> Result<(), Failure> {
        match self {
            Self::List { dataset, part } => {
                let list = client.datasets().list_tasks(dataset);
                if part.all {
                    return listing::all(list.pager(), output, HEADINGS, row, "tasks").await;
                }
                let response = list.page_size(part.page_size).page(part.page).await?;
                output.print(&response, |response| {
                    let page = &response.tasks;
                    let table = output::table(HEADINGS, page.results.iter().map(row));
                    let total = output::of_total(page.results.len(), page.count, "tasks");
                    format!("{table}\n{total}")
                })
            }
            Self::Get { dataset, task, wait, patience } => {
                let task = client.datasets().task(dataset, task);
                if wait {
                    return finished(&task, &patience, output).await;
                }
                output.print(&task.refresh().await?, output::task)
            }
        }
    }
}

/// What the columns of a listing are called.
const HEADINGS: [&str; 5] = ["id", "status", "progress", "created", "message"];

/// A task as a row.
fn row(task: &ImportTask) -> [String; 5] {
    [
        task.id.to_string(),
        task.status.to_string(),
        task.progress.map_or_else(String::new, |percent| format!("{percent} %")),
        output::time(&task.created_at),
        task.message.clone().unwrap_or_default(),
    ]
}

/// Waits until a task has ended and prints it. It is also printed when it failed, or is still under way when waiting ends.
pub async fn finished(
    task: &TaskHandle,
    patience: &Patience,
    output: Output,
) -> Result<(), Failure> {
    let bar = output.bar();
    let waited = task.wait().timeout(patience.timeout()).on_progress(bar.of_task()).await;
    drop(bar);
    let task = match &waited {
        Ok(task) => Some(task),
        Err(error) => error.task(),
    };
    if let Some(task) = task {
        output.print(task, output::task)?;
    }
    waited?;
    Ok(())
}
