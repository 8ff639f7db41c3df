//! `mistral-datasets import …`

use std::path::PathBuf;

use clap::Args;
use mistral_datasets::{Client, Upload};

use crate::failure::Failure;
use crate::output::{self, Output};
use crate::tasks::{self, Patience};

/// Imports records into a dataset. It waits for the import to end, and fails if that fails; `--no-wait` prints the task
/// and leaves.
#[derive(Debug, Args)]
pub struct Import {
    /// The dataset to import into
    dataset: String,
    #[command(flatten)]
    source: Source,
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
    /// A JSONL file on this machine, which is uploaded first
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
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
        let datasets = client.datasets();
        let dataset = &self.dataset;
        let task = match self.source {
            Source { file: Some(path), .. } => {
                let file = client.files().upload(Upload::path(path).await?).await?;
                datasets.import_from_file(dataset, file.id).await?
            }
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
}
