//! `mistral-datasets spans evaluations`

use clap::Subcommand;
use mistral_datasets::calls::Spans;
use mistral_datasets::types::GetSpanEvaluation;

use crate::error::CliError;
use crate::output::{self, Output};
use crate::pagination::{self, FeedOptions};
use crate::telemetry::{self, AggregateOptions, SearchOptions, with_options};
use crate::time_range::TimeRange;

/// The operations on evaluations.
#[derive(Debug, Subcommand)]
pub enum Evaluations {
    /// Search evaluations, newest first
    Search {
        #[command(flatten)]
        search: SearchOptions,
        /// Return only the latest evaluation of each span and name
        #[arg(long)]
        latest: bool,
        #[command(flatten)]
        feed: FeedOptions,
    },
    /// Compute a metric over evaluations, such as `avg score_value`
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
}

impl Evaluations {
    /// Runs the command.
    pub async fn run(self, spans: &Spans, output: Output) -> Result<(), CliError> {
        match self {
            Self::Search { search, latest, feed } => {
                let SearchOptions { search, time } = search;
                // The two operations differ in their path only, but their calls are of different types.
                macro_rules! search {
                    ($operation:ident) => {{
                        let call = spans
                            .$operation()
                            .search_expression(search)
                            .from(time.from)
                            .to(time.to);
                        if feed.prints_pages() {
                            let pager = feed.limited(call.pager());
                            return pagination::print_feed(pager, output, &HEADINGS, row, NOUN)
                                .await;
                        }
                        call.page_size(feed.page_size).cursor(feed.cursor).await?
                    }};
                }
                let response = match latest {
                    true => search!(search_latest_span_evaluations),
                    false => search!(search_span_evaluations),
                };
                output.print(&response, |response| {
                    let page = &response.span_evaluations;
                    pagination::feed(
                        &HEADINGS,
                        &page.results,
                        row,
                        page.next.as_deref().or(page.cursor.as_deref()),
                        NOUN,
                    )
                })
            }
            Self::Aggregate(options) => {
                let call = spans.aggregate_span_evaluations(options.metric("span_id"));
                output.print(&with_options!(call, options).await?, telemetry::aggregation)
            }
            Self::Fields => output.print(&spans.list_span_eval_fields().await?, |response| {
                telemetry::fields(&response.field_definitions)
            }),
            Self::Options { field, time } => {
                let call = spans.fetch_span_eval_field_options(field).from(time.from).to(time.to);
                output
                    .print(&call.await?, |response| telemetry::options(response.options.as_deref()))
            }
        }
    }
}

/// What the listing counts.
const NOUN: &str = "evaluation";

/// The column headings of a listing.
const HEADINGS: [&str; 6] = ["trace", "span", "time", "name", "score", "label"];

/// Returns the table row of an evaluation.
fn row(evaluation: &GetSpanEvaluation) -> [String; 6] {
    [
        evaluation.trace_id.clone(),
        evaluation.span_id.clone(),
        output::time(&evaluation.timestamp),
        evaluation.evaluation_name.clone(),
        output::number(evaluation.score_value),
        evaluation.score_label.clone(),
    ]
}
