//! `mistral-datasets events`

use clap::Subcommand;
use mistral_datasets::Client;
use mistral_datasets::types::{
    ChatCompletionEventPreview, FieldOption, FilterOperator, ListChatCompletionFieldsResponse,
};
use serde_json::{Map, Value};

use crate::error::CliError;
use crate::filter::FilterOptions;
use crate::judges::{self, JudgeChoice};
use crate::known_values::one_of;
use crate::output::{self, Output};
use crate::pagination::{self, FeedOptions};

/// Search chat completion events
///
/// An event is a request to a model and its response.
#[derive(Debug, Subcommand)]
pub enum Events {
    /// Search events, newest first
    Search {
        #[command(flatten)]
        filter: FilterOptions,
        /// A field to show; may be given more than once [default: model_name, last_user_message_preview]
        ///
        /// With `--json`, only the given fields are returned.
        #[arg(long = "field", value_name = "FIELD")]
        fields: Vec<String>,
        #[command(flatten)]
        feed: FeedOptions,
    },
    /// Print the IDs of all events that match, one per line
    ///
    /// `mistral-datasets import DATASET --events -` reads them.
    Ids {
        #[command(flatten)]
        filter: FilterOptions,
    },
    /// Show an event with its messages
    Get {
        /// The ID of the event
        event: String,
    },
    /// List the events that are most similar to an event
    Similar {
        /// The ID of the event
        event: String,
    },
    /// List the fields of filters, and their operators
    Fields,
    /// List the values of a field
    Options {
        /// The name of the field
        field: String,
        /// The operator that the values are for
        #[arg(
            long,
            default_value = "eq",
            value_parser = one_of::<FilterOperator>(FilterOperator::KNOWN)
        )]
        operator: FilterOperator,
    },
    /// Count events by the value of a field
    Counts {
        /// The name of the field
        field: String,
        #[command(flatten)]
        filter: FilterOptions,
    },
    /// Judge an event
    Judge {
        /// The ID of the event
        event: String,
        #[command(flatten)]
        judge: JudgeChoice,
    },
}

impl Events {
    /// Runs the command.
    pub async fn run(self, client: &Client, output: Output) -> Result<(), CliError> {
        let events = client.chat_completion_events();
        match self {
            Self::Search { filter, fields, feed } => {
                let shown = match (fields.is_empty(), output.json) {
                    (false, _) => fields,
                    (true, false) => DEFAULT_FIELDS.map(str::to_owned).to_vec(),
                    (true, true) => Vec::new(),
                };
                let call = events.search(filter.payload()?).extra_fields(shown.clone());
                let headings = headings(&shown);
                let row = |event: &_| row(event, &shown);
                if feed.prints_pages() {
                    let pager = feed.limited(call.pager());
                    return pagination::print_feed(pager, output, &headings, row, NOUN).await;
                }
                let response = call.page_size(feed.page_size).cursor(feed.cursor).await?;
                output.print(&response, |response| {
                    let page = &response.completion_events;
                    pagination::feed(
                        &headings,
                        &page.results,
                        row,
                        page.next.as_deref().or(page.cursor.as_deref()),
                        NOUN,
                    )
                })
            }
            Self::Ids { filter } => {
                let response = events.search_ids(filter.payload()?).await?;
                output.print(&response, |response| response.completion_event_ids.join("\n"))
            }
            Self::Get { event } => output.print(&events.fetch(event).await?, output::object),
            Self::Similar { event } => {
                let response = events.fetch_similar_events(event).await?;
                output.print(&response, |response| {
                    let results = &response.completion_events.results;
                    let rows = results.iter().map(|event| row(event, &[]));
                    output::columns(&headings(&[]), rows)
                })
            }
            Self::Fields => output.print(&events.fields().list().await?, fields_text),
            Self::Options { field, operator } => {
                let response = events.fields().fetch_options(field, operator).await?;
                output.print(&response, |response| match &response.options {
                    None => "any text".to_owned(),
                    Some(options) => options.iter().map(option).collect::<Vec<_>>().join("\n"),
                })
            }
            Self::Counts { field, filter } => {
                let call = events.fields().fetch_option_counts(field);
                output.print(&call.filter_params(filter.payload()?).await?, |response| {
                    let counts = response.counts.iter();
                    let rows = counts.map(|count| [count.value.clone(), count.count.to_string()]);
                    output::table(["value", "events"], rows)
                })
            }
            Self::Judge { event, judge } => {
                let definition = judge.definition(client).await?;
                output.print(&events.judge(event, definition).await?, judges::answer)
            }
        }
    }
}

/// What listings count.
const NOUN: &str = "event";

/// The fields that tables show by default.
const DEFAULT_FIELDS: [&str; 2] = ["model_name", "last_user_message_preview"];

/// Returns the column headings of a listing with these fields.
fn headings(fields: &[String]) -> Vec<String> {
    let first = ["id", "created", "input", "output"].map(str::to_owned);
    first.into_iter().chain(fields.iter().cloned()).collect()
}

/// Returns the table row of an event.
fn row(event: &ChatCompletionEventPreview, fields: &[String]) -> Vec<String> {
    let mut cells = vec![
        event.event_id.clone(),
        output::time(&event.created_at),
        event.nb_input_tokens.to_string(),
        event.nb_output_tokens.to_string(),
    ];
    let values: Map<String, Value> = event.extra_fields.parse().unwrap_or_default();
    cells.extend(fields.iter().map(|field| {
        values.get(field).map_or_else(String::new, |value| output::shortened(&output::value(value)))
    }));
    cells
}

fn fields_text(response: &ListChatCompletionFieldsResponse) -> String {
    let rows = response.field_definitions.iter().map(|field| {
        let operators: Vec<_> =
            field.supported_operators.iter().map(|name| name.as_str()).collect();
        [field.name.clone(), field.r#type.to_string(), operators.join(" ")]
    });
    output::table(["field", "type", "operators"], rows)
}

/// Formats a value of a field.
fn option(option: &Option<FieldOption>) -> String {
    match option {
        None => "null".to_owned(),
        Some(FieldOption::String(text)) => text.clone(),
        Some(FieldOption::Boolean(value)) => value.to_string(),
    }
}
