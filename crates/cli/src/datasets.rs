//! `mistral-datasets datasets …`

use clap::Subcommand;
use mistral_datasets::Client;
use mistral_datasets::types::Dataset;

use crate::failure::Failure;
use crate::listing::{self, Part};
use crate::output::{self, Output};

/// The commands on datasets. A dataset is named by its id, or by its slug where the server gives it one.
#[derive(Debug, Subcommand)]
pub enum Datasets {
    /// Create an empty dataset
    Create {
        /// What it is called, 5 to 50 characters
        name: String,
        /// What it is for, at most 200 characters
        #[arg(long, short, default_value = "")]
        description: String,
    },
    /// List the datasets, newest first
    List {
        /// Keep only those whose name or description contains this text
        #[arg(long, short)]
        q: Option<String>,
        #[command(flatten)]
        part: Part,
    },
    /// Print one dataset
    Fetch {
        /// The dataset
        dataset: String,
    },
    /// Change a dataset's name or description
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
    Update {
        /// The dataset
        dataset: String,
        /// The new name, 5 to 50 characters
        #[arg(long, group = "change")]
        name: Option<String>,
        /// The new description, at most 200 characters
        #[arg(long, short, group = "change")]
        description: Option<String>,
    },
    /// Delete a dataset with its records
    Delete {
        /// The dataset
        dataset: String,
    },
}

impl Datasets {
    /// Runs the command.
    pub async fn run(self, client: &Client, output: Output) -> Result<(), Failure> {
        let datasets = client.datasets();
        match self {
            Self::Create { name, description } => {
                output.print(&datasets.create(name, description).await?, output::dataset)
            }
            Self::List { q, part } => {
                let list = datasets.list().q(q);
                if part.all {
                    return listing::all(list.pager(), output, HEADINGS, row, "datasets").await;
                }
                let response = list.page_size(part.page_size).page(part.page).await?;
                output.print(&response, |response| {
                    let page = &response.datasets;
                    let table = output::table(HEADINGS, page.results.iter().map(row));
                    let total = output::of_total(page.results.len(), page.count, "datasets");
                    format!("{table}\n{total}")
                })
            }
            Self::Fetch { dataset } => {
                output.print(&datasets.fetch(dataset).await?, output::dataset)
            }
            Self::Update { dataset, name, description } => {
                let response = datasets.update(dataset).name(name).description(description).await?;
                output.print(&response, output::dataset)
            }
            Self::Delete { dataset } => {
                datasets.delete(&dataset).await?;
                output.done("deleted", &[dataset])
            }
        }
    }
}

/// What the columns of a listing are called.
const HEADINGS: [&str; 4] = ["id", "name", "description", "created"];

/// A dataset as a row.
fn row(dataset: &Dataset) -> [String; 4] {
    [
        dataset.id.to_string(),
        dataset.name.clone(),
        dataset.description.clone(),
        output::time(&dataset.created_at),
    ]
}
