//! `mistral-datasets tasks …`, and waiting for a task to end.

use std::time::Duration;

use clap::Subcommand;
use mistral_datasets::Client;
use mistral_datasets::types::ImportTask;

use crate::failure::Failure;
use crate::output::{self, Output};

/// The first pause between two looks at a task; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause between two looks at a task.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The commands on import tasks.
#[derive(Debug, Subcommand)]
pub enum Tasks {
    /// List the import tasks of a dataset, newest first
    List {
        /// The dataset
        dataset: String,
        /// How many to print, 0 to 100
        #[arg(long, value_name = "N")]
        page_size: Option<i64>,
        /// Which page to print, from 1
        #[arg(long, value_name = "N")]
        page: Option<i64>,
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
    },
}

impl Tasks {
    /// Runs the command.
    pub async fn run(self, client: &Client, output: Output) -> Result<(), Failure> {
        match self {
            Self::List { dataset, page_size, page } => {
                let tasks = client.datasets().list_tasks(dataset).page_size(page_size).page(page);
                output.print(&tasks.await?, |reply| {
                    let page = &reply.tasks;
                    let rows = page.results.iter().map(|task| {
                        [
                            task.id.to_string(),
                            task.status.to_string(),
                            task.progress
                                .map_or_else(String::new, |percent| format!("{percent} %")),
                            output::time(&task.created_at),
                            task.message.clone().unwrap_or_default(),
                        ]
                    });
                    let headings = ["id", "status", "progress", "created", "message"];
                    let table = output::table(headings, rows);
                    let total = output::of_total(page.results.len(), page.count, "tasks");
                    format!("{table}\n{total}")
                })
            }
            Self::Get { dataset, task, wait } => {
                let task = client.datasets().fetch_task(dataset, task).await?;
                let task = if wait { finished(client, task).await? } else { task };
                output.print(&task, output::task)?;
                if wait { success(&task) } else { Ok(()) }
            }
        }
    }
}

/// Waits until a task has ended.
pub async fn finished(client: &Client, mut task: ImportTask) -> Result<ImportTask, Failure> {
    let mut pause = FIRST_PAUSE;
    while !task.status.is_finished() {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        task = client.datasets().fetch_task(task.dataset_id, task.id).await?;
    }
    Ok(task)
}

/// A failure if the task has failed.
pub fn success(task: &ImportTask) -> Result<(), Failure> {
    if !task.status.is_failure() {
        return Ok(());
    }
    let message = task.message.as_deref().unwrap_or("the server does not say why");
    Err(Failure::Import(format!("the import ended as {}: {message}", task.status)))
}
