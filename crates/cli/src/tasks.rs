//! `mistral-datasets tasks`, and waiting for import tasks.

use std::time::Duration;

use clap::{Args, Subcommand};
use mistral_datasets::types::ImportTask;
use mistral_datasets::{Client, TaskHandle};

use crate::error::CliError;
use crate::output::{self, Output};
use crate::pagination::{self, PageOptions};
use crate::seconds;

/// Inspect import tasks
#[derive(Debug, Subcommand)]
pub enum Tasks {
    /// List the import tasks of a dataset, newest first
    List {
        /// The ID or slug of the dataset
        dataset: String,
        #[command(flatten)]
        page: PageOptions,
    },
    /// Show an import task
    Get {
        /// The ID or slug of the dataset
        dataset: String,
        /// The ID of the task
        task: String,
        /// Wait until the task has finished, and fail if it failed
        #[arg(long)]
        wait: bool,
        #[command(flatten)]
        wait_options: WaitOptions,
    },
}

/// The options of commands that wait for a task.
#[derive(Debug, Args)]
pub struct WaitOptions {
    /// The maximum time to wait for the task, in seconds
    ///
    /// The task keeps running on the server when the time is up.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "1800",
        value_parser = seconds::parse
    )]
    wait_timeout: Duration,
}

impl WaitOptions {
    /// Returns the maximum time to wait.
    pub fn timeout(&self) -> Duration {
        self.wait_timeout
    }
}

impl Tasks {
    /// Runs the command.
    pub async fn run(self, client: &Client, output: Output) -> Result<(), CliError> {
        match self {
            Self::List { dataset, page } => {
                let list = client.datasets().list_tasks(dataset);
                if page.all {
                    return pagination::print_all(list.pager(), output, HEADINGS, row, "tasks")
                        .await;
                }
                let response = list.page_size(page.page_size).page(page.page).await?;
                output.print(&response, |response| {
                    let page = &response.tasks;
                    output::page(HEADINGS, page.results.iter().map(row), page.count, "tasks")
                })
            }
            Self::Get { dataset, task, wait, wait_options } => {
                let task = client.datasets().task(dataset, task);
                if wait {
                    return wait_and_print(&task, &wait_options, output).await;
                }
                output.print(&task.refresh().await?, output::task)
            }
        }
    }
}

/// The column headings of a listing.
const HEADINGS: [&str; 5] = ["id", "status", "progress", "created", "message"];

/// Returns the table row of a task.
fn row(task: &ImportTask) -> [String; 5] {
    [
        task.id.to_string(),
        task.status.to_string(),
        task.progress.map_or_else(String::new, |percent| format!("{percent} %")),
        output::time(&task.created_at),
        task.message.clone().unwrap_or_default(),
    ]
}

/// Waits until a task has finished and prints it. Also prints the task if it failed, or is still running at the timeout.
pub async fn wait_and_print(
    task: &TaskHandle,
    options: &WaitOptions,
    output: Output,
) -> Result<(), CliError> {
    let bar = output.progress_bar();
    let result = task.wait().timeout(options.timeout()).on_progress(bar.task_callback()).await;
    drop(bar);
    let task = match &result {
        Ok(task) => Some(task),
        Err(error) => error.task(),
    };
    let printed = task.map_or(Ok(()), |task| output.print_outcome(task, output::task));
    // A failed task matters more than a failure to print it.
    result?;
    printed
}
