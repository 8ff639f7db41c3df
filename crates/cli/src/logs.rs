//! `mistral-datasets logs`

use clap::Subcommand;
use mistral_datasets::Client;
use mistral_datasets::types::{GetLog, SortOrder};

use crate::error::CliError;
use crate::output::{self, Output};
use crate::pagination::{self, FeedOptions};
use crate::telemetry::{self, SearchOptions};
use crate::time_range::TimeRange;

/// Search log records
#[derive(Debug, Subcommand)]
pub enum Logs {
    /// Search log records, newest first
    Search {
        #[command(flatten)]
        search: SearchOptions,
        /// List the oldest log records first
        #[arg(long)]
        oldest_first: bool,
        #[command(flatten)]
        feed: FeedOptions,
    },
    /// List the fields of search expressions
    Fields,
    /// List the values of a field
    Options {
        /// The name of the field
        field: String,
        #[command(flatten)]
        time: TimeRange,
    },
}

impl Logs {
    /// Runs the command.
    pub async fn run(self, client: &Client, output: Output) -> Result<(), CliError> {
        let logs = client.logs();
        match self {
            Self::Search { search, oldest_first, feed } => {
                let SearchOptions { search, time } = search;
                let call = logs
                    .search()
                    .search_expression(search)
                    .order(oldest_first.then_some(SortOrder::Asc))
                    .from(time.from)
                    .to(time.to);
                if feed.prints_pages() {
                    let pager = feed.limited(call.pager());
                    return pagination::print_feed(pager, output, &HEADINGS, row, "log record")
                        .await;
                }
                let response = call.page_size(feed.page_size).cursor(feed.cursor).await?;
                output.print(&response, |response| {
                    let page = &response.logs;
                    pagination::feed(
                        &HEADINGS,
                        &page.results,
                        row,
                        page.next.as_deref().or(page.cursor.as_deref()),
                        "log record",
                    )
                })
            }
            Self::Fields => output.print(&logs.list().await?, |response| {
                telemetry::fields(&response.field_definitions)
            }),
            Self::Options { field, time } => {
                let call = logs.fetch_options(field).from(time.from).to(time.to);
                output
                    .print(&call.await?, |response| telemetry::options(response.options.as_deref()))
            }
        }
    }
}

/// The column headings of a listing.
const HEADINGS: [&str; 5] = ["time", "severity", "service", "trace", "body"];

/// Returns the table row of a log record.
fn row(log: &GetLog) -> [String; 5] {
    [
        output::time(&log.timestamp),
        log.severity_text.clone(),
        log.service_name.clone(),
        log.trace_id.clone(),
        output::shortened(&log.body),
    ]
}
