//! `mistral-datasets datasets`

use clap::Subcommand;
use mistral_datasets::Client;
use mistral_datasets::types::Dataset;

use crate::error::CliError;
use crate::output::{self, Output};
use crate::pagination::{self, PageOptions};

/// Manage datasets
#[derive(Debug, Subcommand)]
pub enum Datasets {
    /// Create an empty dataset
    Create {
        /// The name, 5 to 50 characters
        name: String,
        /// The description, at most 200 characters
        #[arg(long, short, default_value = "")]
        description: String,
    },
    /// List datasets, newest first
    List {
        /// List only datasets whose name or description contains this text
        #[arg(long, short)]
        q: Option<String>,
        #[command(flatten)]
        page: PageOptions,
    },
    /// Show a dataset
    Fetch {
        /// The ID or slug of the dataset
        dataset: String,
    },
    /// Change the name or description of a dataset
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
    Update {
        /// The ID or slug of the dataset
        dataset: String,
        /// The new name, 5 to 50 characters
        #[arg(long, group = "change")]
        name: Option<String>,
        /// The new description, at most 200 characters
        #[arg(long, short, group = "change")]
        description: Option<String>,
    },
    /// Delete a dataset and its records
    Delete {
        /// The ID or slug of the dataset
        dataset: String,
    },
}

impl Datasets {
    /// Runs the command.
    pub async fn run(self, client: &Client, output: Output) -> Result<(), CliError> {
        let datasets = client.datasets();
        match self {
            Self::Create { name, description } => {
                output.print(&datasets.create(name, description).await?, output::dataset)
            }
            Self::List { q, page } => {
                let list = datasets.list().q(q);
                if page.all {
                    return pagination::print_all(list.pager(), output, HEADINGS, row, "datasets")
                        .await;
                }
                let response = list.page_size(page.page_size).page(page.page).await?;
                output.print(&response, |response| {
                    let page = &response.datasets;
                    output::page(HEADINGS, page.results.iter().map(row), page.count, "datasets")
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
                output.report_deleted(&[dataset])
            }
        }
    }
}

/// The column headings of a listing.
const HEADINGS: [&str; 4] = ["id", "name", "description", "created"];

/// Returns the table row of a dataset.
fn row(dataset: &Dataset) -> [String; 4] {
    [
        dataset.id.to_string(),
        dataset.name.clone(),
        dataset.description.clone(),
        output::time(&dataset.created_at),
    ]
}
