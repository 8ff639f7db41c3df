//! `mistral-datasets traces`

use clap::Subcommand;
use mistral_datasets::Client;
use mistral_datasets::types::GetTrace;

use crate::error::CliError;
use crate::output::{self, Output};
use crate::pagination::{self, FeedOptions};
use crate::telemetry::{self, AggregateOptions, SearchOptions, with_options};
use crate::time_range::TimeRange;

/// Search traces
///
/// A trace is made of the spans of one interaction, such as model and tool calls.
#[derive(Debug, Subcommand)]
pub enum Traces {
    /// Search traces, newest first
    Search {
        #[command(flatten)]
        search: SearchOptions,
        #[command(flatten)]
        feed: FeedOptions,
    },
    /// Show a trace
    Get {
        /// The ID of the trace
        trace: String,
    },
    /// List the spans of a trace, in the order in which they started
    Spans {
        /// The ID of the trace
        trace: String,
        #[command(flatten)]
        time: TimeRange,
        #[command(flatten)]
        feed: FeedOptions,
    },
    /// Show a span
    Span {
        /// The ID of the trace
        trace: String,
        /// The ID of the span
        span: String,
        #[command(flatten)]
        time: TimeRange,
    },
    /// Compute a metric over traces, such as `count` or `p95 duration_ns`
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

impl Traces {
    /// Runs the command.
    pub async fn run(self, client: &Client, output: Output) -> Result<(), CliError> {
        let traces = client.traces();
        match self {
            Self::Search { search, feed } => {
                let SearchOptions { search, time } = search;
                let call = traces.search().search_expression(search).from(time.from).to(time.to);
                if feed.prints_pages() {
                    let pager = feed.limited(call.pager());
                    return pagination::print_feed(pager, output, &HEADINGS, row, "trace").await;
                }
                let response = call.page_size(feed.page_size).cursor(feed.cursor).await?;
                output.print(&response, |response| {
                    let page = &response.traces;
                    pagination::feed(
                        &HEADINGS,
                        &page.results,
                        row,
                        page.next.as_deref().or(page.cursor.as_deref()),
                        "trace",
                    )
                })
            }
            Self::Get { trace } => {
                output.print(&traces.get_trace_by_id(trace).await?, output::object)
            }
            Self::Spans { trace, time, feed } => {
                let call = traces.get_trace_spans(trace).from(time.from).to(time.to);
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
            Self::Span { trace, span, time } => {
                let call = traces.get_span_by_id(trace, span).from(time.from).to(time.to);
                output.print(&call.await?, output::object)
            }
            Self::Aggregate(options) => {
                let call = traces.aggregate(options.metric("trace_id"));
                output.print(&with_options!(call, options).await?, telemetry::aggregation)
            }
            Self::Fields => output.print(&traces.get_trace_fields().await?, |response| {
                telemetry::fields(&response.field_definitions)
            }),
            Self::Options { field, time } => {
                let call = traces.fetch_options(field).from(time.from).to(time.to);
                output
                    .print(&call.await?, |response| telemetry::options(response.options.as_deref()))
            }
        }
    }
}

/// The column headings of a listing.
const HEADINGS: [&str; 8] =
    ["trace", "start", "name", "service", "spans", "tokens", "duration", "status"];

/// Returns the table row of a trace.
fn row(trace: &GetTrace) -> [String; 8] {
    [
        trace.trace_id.clone(),
        output::time(&trace.start_time),
        trace.root_span_name.clone(),
        trace.service_name.clone(),
        trace.span_count.to_string(),
        (trace.input_tokens + trace.output_tokens).to_string(),
        output::nanoseconds(trace.duration_ns),
        trace.status_code.to_string(),
    ]
}
