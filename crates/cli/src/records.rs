//! `mistral-datasets records …`

use std::io::Read;
use std::path::Path;

use clap::Subcommand;
use mistral_datasets::types::DatasetRecord;
use mistral_datasets::{Client, RawJson};

use crate::adding::Adding;
use crate::failure::Failure;
use crate::listing::{self, Part};
use crate::output::{self, Output};

/// The commands on records.
#[derive(Debug, Subcommand)]
pub enum Records {
    /// Add a record to a dataset, or all those of a file
    Add {
        /// The dataset
        dataset: String,
        #[command(flatten)]
        adding: Adding,
        /// The conversation as JSON, `@FILE` to read it from a file, `-` from standard input
        #[arg(long, value_name = "JSON")]
        payload: Option<String>,
        /// What is said about it, as JSON or `@FILE`
        #[arg(long, value_name = "JSON", requires = "payload")]
        properties: Option<String>,
    },
    /// List the records of a dataset in their order
    List {
        /// The dataset
        dataset: String,
        #[command(flatten)]
        part: Part,
    },
    /// Print one record
    Get {
        /// The record's id
        record: String,
    },
    /// Replace a record's payload or properties
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
    Edit {
        /// The record's id
        record: String,
        /// The new conversation as JSON, `@FILE` to read it from a file, `-` from standard input
        #[arg(long, value_name = "JSON", group = "change")]
        payload: Option<String>,
        /// The new properties as JSON or `@FILE`
        #[arg(long, value_name = "JSON", group = "change")]
        properties: Option<String>,
    },
    /// Delete records; several go at once, all or none
    Delete {
        /// The records' ids
        #[arg(required = true)]
        records: Vec<String>,
    },
}

impl Records {
    /// Runs the command.
    pub async fn run(self, client: &Client, output: Output) -> Result<(), Failure> {
        let datasets = client.datasets();
        let records = datasets.records();
        match self {
            Self::Add { dataset, adding, payload, properties } => {
                if let Some(file) = adding.file.clone() {
                    return adding.run(&file, &dataset, client, output).await;
                }
                let payload = json("--payload", payload.as_deref().unwrap_or_default())?;
                let properties = json("--properties", properties.as_deref().unwrap_or("{}"))?;
                let response = datasets.create_record(dataset, payload, properties).await?;
                output.print(&response, output::record)
            }
            Self::List { dataset, part } => {
                let list = datasets.list_records(dataset);
                if part.all {
                    return listing::all(list.pager(), output, HEADINGS, row, "records").await;
                }
                let response = list.page_size(part.page_size).page(part.page).await?;
                output.print(&response, |response| {
                    let page = &response.records;
                    let table = output::table(HEADINGS, page.results.iter().map(row));
                    let total = output::of_total(page.results.len(), page.count, "records");
                    format!("{table}\n{total}")
                })
            }
            Self::Get { record } => output.print(&records.fetch(record).await?, output::record),
            Self::Edit { record, payload, properties } => {
                // Both are read before the first is sent, so that a bad second one leaves the record as it was.
                let payload = payload.map(|payload| json("--payload", &payload)).transpose()?;
                let properties =
                    properties.map(|properties| json("--properties", &properties)).transpose()?;
                if let Some(payload) = payload {
                    records.update_payload(&record, payload).await?;
                }
                if let Some(properties) = properties {
                    records.update_properties(&record, properties).await?;
                }
                output.print(&records.fetch(record).await?, output::record)
            }
            Self::Delete { records: ids } => {
                match &ids[..] {
                    [id] => records.delete(id).await?,
                    ids => records.bulk_delete(ids).await?,
                }
                output.done("deleted", &ids)
            }
        }
    }
}

/// What the columns of a listing are called.
const HEADINGS: [&str; 4] = ["id", "source", "messages", "begins"];

/// A record as a row.
fn row(record: &DatasetRecord) -> [String; 4] {
    [
        record.id.to_string(),
        record.source.to_string(),
        output::message_count(record),
        output::preview(record),
    ]
}

/// Reads a JSON argument: the text itself, `@FILE`, or `-` for standard input.
fn json(option: &str, argument: &str) -> Result<RawJson, Failure> {
    let text = if argument == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(Failure::file(Path::new("standard input")))?;
        text
    } else if let Some(path) = argument.strip_prefix('@') {
        std::fs::read_to_string(path).map_err(Failure::file(Path::new(path)))?
    } else {
        argument.to_owned()
    };
    RawJson::from_string(text)
        .map_err(|error| Failure::Argument(format!("{option}: expected JSON: {error}")))
}
