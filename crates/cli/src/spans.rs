//! `mistral-datasets spans`

mod evaluations;

use clap::Subcommand;
use mistral_datasets::Client;

use crate::error::CliError;
use crate::output::Output;
use crate::pagination::{self, FeedOptions};
use crate::telemetry::{self, AggregateOptions, SearchOptions, with_options};
use crate::time_range::TimeRange;
use evaluations::Evaluations;

/// Search spans and their evaluations
#[derive(Debug, Subcommand)]
pub enum Spans {
    /// Search spans, newest first
    Search {
        #[command(flatten)]
        search: SearchOptions,
        #[command(flatten)]
        feed: FeedOptions,
    },
    /// Compute a metric over spans, such as `count` or `p95 duration_ns`
    Aggregate(AggregateOptions),
    /// List the fields of search expressions
    Fields,
    /// List the values of a field
    Options {
        /// The name of the field
        field: String,
        #[command(flatten)]
        time: TimeRange,
    },
    /// Search evaluations of spans
    #[command(subcommand)]
    Evaluations(Evaluations),
}

impl Spans {
    /// Runs the command.
    pub async fn run(self, client: &Client, output: Output) -> Result<(), CliError> {
        let spans = client.spans();
        match self {
            Self::Search { search, feed } => {
                let SearchOptions { search, time } = search;
                let call =
                    spans.search_spans().search_expression(search).from(time.from).to(time.to);
                let (headings, row) = (telemetry::SPAN_HEADINGS, telemetry::span_row);
                if feed.prints_pages() {
                    let pager = feed.limited(call.pager());
                    return pagination::print_feed(pager, output, &headings, row, "span").await;
                }
                let response = call.page_size(feed.page_size).cursor(feed.cursor).await?;
                output.print(&response, |response| {
                    let page = &response.spans;
                    pagination::feed(
                        &headings,
                        &page.results,
                        row,
                        page.next.as_deref().or(page.cursor.as_deref()),
                        "span",
                    )
                })
            }
            Self::Aggregate(options) => {
                let call = spans.aggregate(options.metric("span_id"));
                output.print(&with_options!(call, options).await?, telemetry::aggregation)
            }
            Self::Fields => output.print(&spans.list_span_fields().await?, |response| {
                telemetry::fields(&response.field_definitions)
            }),
            Self::Options { field, time } => {
                let call = spans.fetch_span_field_options(field).from(time.from).to(time.to);
                output
                    .print(&call.await?, |response| telemetry::options(response.options.as_deref()))
            }
            Self::Evaluations(command) => command.run(&spans, output).await,
        }
    }
}
