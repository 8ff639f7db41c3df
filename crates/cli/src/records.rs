//! `mistral-datasets records`

mod add;

use clap::Subcommand;
use mistral_datasets::Client;
use mistral_datasets::types::DatasetRecord;

use crate::error::CliError;
use crate::judges::{self, JudgeChoice};
use crate::output::{self, Output};
use crate::pagination::{self, PageOptions};
use crate::text_argument::read_json;
use add::AddFromFile;

/// Manage records
#[derive(Debug, Subcommand)]
pub enum Records {
    /// Add a single record, or all records of a file
    ///
    /// Records of a file are created one by one by default, so that each has its own outcome. Use `import` to import a file
    /// as a whole.
    Add {
        /// The ID or slug of the dataset
        dataset: String,
        #[command(flatten)]
        bulk: AddFromFile,
        /// The payload as JSON, `@FILE` to read it from a file, or `-` for standard input
        #[arg(long, value_name = "JSON")]
        payload: Option<String>,
        /// The properties as JSON, or `@FILE` to read them from a file
        #[arg(long, value_name = "JSON", requires = "payload")]
        properties: Option<String>,
    },
    /// List the records of a dataset in insertion order
    List {
        /// The ID or slug of the dataset
        dataset: String,
        #[command(flatten)]
        page: PageOptions,
    },
    /// Show a record
    Get {
        /// The ID of the record
        record: String,
    },
    /// Replace the payload or properties of a record
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
    Edit {
        /// The ID of the record
        record: String,
        /// The new payload as JSON, `@FILE` to read it from a file, or `-` for standard input
        #[arg(long, value_name = "JSON", group = "change")]
        payload: Option<String>,
        /// The new properties as JSON, or `@FILE` to read them from a file
        #[arg(long, value_name = "JSON", group = "change")]
        properties: Option<String>,
    },
    /// Judge a record
    ///
    /// `judges run` judges all records of a dataset.
    Judge {
        /// The ID of the record
        record: String,
        #[command(flatten)]
        judge: JudgeChoice,
    },
    /// Delete records
    ///
    /// If several IDs are given, either all of the records are deleted or none.
    Delete {
        /// The IDs of the records
        #[arg(required = true)]
        records: Vec<String>,
    },
}

impl Records {
    /// Runs the command.
    pub async fn run(self, client: &Client, output: Output) -> Result<(), CliError> {
        let datasets = client.datasets();
        let records = datasets.records();
        match self {
            Self::Add { dataset, bulk, payload, properties } => {
                if let Some(file) = bulk.file.clone() {
                    return bulk.run(&file, &dataset, client, output).await;
                }
                let payload = read_json("--payload", payload.as_deref().unwrap_or_default())?;
                let properties = read_json("--properties", properties.as_deref().unwrap_or("{}"))?;
                let response = datasets.create_record(dataset, payload, properties).await?;
                output.print(&response, output::record)
            }
            Self::List { dataset, page } => {
                let list = datasets.list_records(dataset);
                if page.all {
                    return pagination::print_all(list.pager(), output, HEADINGS, row, "records")
                        .await;
                }
                let response = list.page_size(page.page_size).page(page.page).await?;
                output.print(&response, |response| {
                    let page = &response.records;
                    output::page(HEADINGS, page.results.iter().map(row), page.count, "records")
                })
            }
            Self::Get { record } => output.print(&records.fetch(record).await?, output::record),
            Self::Edit { record, payload, properties } => {
                // Validate both arguments before sending anything, so that an error leaves the record unchanged.
                let payload = payload.map(|json| read_json("--payload", &json)).transpose()?;
                let properties =
                    properties.map(|json| read_json("--properties", &json)).transpose()?;
                if let Some(payload) = payload {
                    records.update_payload(&record, payload).await?;
                }
                if let Some(properties) = properties {
                    records.update_properties(&record, properties).await?;
                }
                output.print(&records.fetch(record).await?, output::record)
            }
            Self::Judge { record, judge } => {
                let definition = judge.definition(client).await?;
                output.print(&records.judge(record, definition).await?, judges::answer)
            }
            Self::Delete { records: ids } => {
                match &ids[..] {
                    [id] => records.delete(id).await?,
                    ids => records.bulk_delete(ids).await?,
                }
                output.report_deleted(&ids)
            }
        }
    }
}

/// The column headings of a listing.
const HEADINGS: [&str; 4] = ["id", "source", "messages", "preview"];

/// Returns the table row of a record.
fn row(record: &DatasetRecord) -> [String; 4] {
    [
        record.id.to_string(),
        record.source.to_string(),
        output::message_count(record),
        output::preview(record),
    ]
}
