//! `mistral-datasets campaigns`

use clap::Subcommand;
use mistral_datasets::Client;
use mistral_datasets::types::{Campaign, ChatCompletionEventPreview, TaskStatus};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::error::CliError;
use crate::filter::FilterOptions;
use crate::output::{self, Output};
use crate::pagination::{self, PageOptions};
use crate::tasks::WaitOptions;

/// Judge chat completion events in the background
#[derive(Debug, Subcommand)]
pub enum Campaigns {
    /// Start a campaign, which judges the newest events that match
    ///
    /// The events are selected at once. `import DATASET --campaign ID` imports them with the answers.
    Create {
        /// The name, 5 to 50 characters
        name: String,
        /// The ID or name of the judge
        #[arg(long)]
        judge: String,
        /// The description
        #[arg(long, short, default_value = "")]
        description: String,
        /// The maximum number of events, from 1 to 10,000
        #[arg(long, value_name = "N", default_value_t = 100)]
        max_events: i64,
        #[command(flatten)]
        filter: FilterOptions,
        /// Wait until all events have been judged, and fail if the campaign fails
        #[arg(long)]
        wait: bool,
        #[command(flatten)]
        wait_options: WaitOptions,
    },
    /// List campaigns, newest first
    List {
        /// List only campaigns whose name contains this text
        #[arg(long, short)]
        q: Option<String>,
        #[command(flatten)]
        page: PageOptions,
    },
    /// Show a campaign
    Get {
        /// The ID or name of the campaign
        campaign: String,
    },
    /// Print the status of a campaign
    Status {
        /// The ID or name of the campaign
        campaign: String,
    },
    /// Wait until a campaign has finished, and fail if it failed
    Wait {
        /// The ID or name of the campaign
        campaign: String,
        #[command(flatten)]
        wait_options: WaitOptions,
    },
    /// List the events of a campaign, and the answers of its judge
    Events {
        /// The ID or name of the campaign
        campaign: String,
        #[command(flatten)]
        page: PageOptions,
    },
    /// Delete a campaign, and cancel it if it is running
    Delete {
        /// The ID or name of the campaign
        campaign: String,
    },
}

impl Campaigns {
    /// Runs the command.
    pub async fn run(self, client: &Client, output: Output) -> Result<(), CliError> {
        let campaigns = client.campaigns();
        match self {
            Self::Create { name, judge, description, max_events, filter, wait, wait_options } => {
                let filter = filter.payload()?;
                let judge = client.judges().find(&judge).await?;
                let call = campaigns.create(filter, judge.id, name, description, max_events);
                let campaign = call.await?;
                output.print_outcome(&campaign, text)?;
                if wait {
                    self::wait(client, campaign.id, &wait_options, output).await?;
                }
                Ok(())
            }
            Self::List { q, page } => {
                let list = campaigns.list().q(q);
                if page.all {
                    return pagination::print_all(list.pager(), output, HEADINGS, row, "campaigns")
                        .await;
                }
                let response = list.page_size(page.page_size).page(page.page).await?;
                output.print(&response, |response| {
                    let page = &response.campaigns;
                    output::page(HEADINGS, page.results.iter().map(row), page.count, "campaigns")
                })
            }
            Self::Get { campaign } => output.print(&campaigns.find(&campaign).await?, text),
            Self::Status { campaign } => {
                let campaign = campaigns.find(&campaign).await?;
                let response = campaigns.fetch_status(campaign.id).await?;
                output.print(&response, |response| response.status.to_string())
            }
            Self::Wait { campaign, wait_options } => {
                let campaign = campaigns.find(&campaign).await?;
                let status = self::wait(client, campaign.id, &wait_options, output).await?;
                output.print(&json!({ "status": status }), |_| status.to_string())
            }
            Self::Events { campaign, page } => {
                let campaign = campaigns.find(&campaign).await?;
                let list = campaigns.list_events(campaign.id);
                let (headings, row) = (EVENT_HEADINGS, event_row);
                if page.all {
                    return pagination::print_all(list.pager(), output, headings, row, "events")
                        .await;
                }
                let response = list.page_size(page.page_size).page(page.page).await?;
                output.print(&response, |response| {
                    let page = &response.completion_events;
                    output::page(headings, page.results.iter().map(row), page.count, "events")
                })
            }
            Self::Delete { campaign } => {
                let campaign = campaigns.find(&campaign).await?;
                campaigns.delete(campaign.id).await?;
                output.report_deleted(&[campaign.id.to_string()])
            }
        }
    }
}

/// Formats a campaign, with its judge by name.
fn text(campaign: &Campaign) -> String {
    let filter = serde_json::to_string(&campaign.search_params).unwrap_or_default();
    output::fields([
        ("id", campaign.id.to_string()),
        ("name", campaign.name.clone()),
        ("description", campaign.description.clone()),
        ("judge", format!("{} ({})", campaign.judge.name, campaign.judge.id)),
        ("filter", filter),
        ("max events", campaign.max_nb_events.to_string()),
        ("created", output::time(&campaign.created_at)),
    ])
}

/// Waits until a campaign has finished.
async fn wait(
    client: &Client,
    campaign: Uuid,
    options: &WaitOptions,
    output: Output,
) -> Result<TaskStatus, CliError> {
    let bar = output.progress_bar();
    let call = client.campaigns().wait(campaign).timeout(options.timeout());
    Ok(call.on_progress(bar.status_callback()).await?)
}

/// The column headings of a listing.
const HEADINGS: [&str; 5] = ["id", "name", "judge", "events", "created"];

/// Returns the table row of a campaign.
fn row(campaign: &Campaign) -> [String; 5] {
    [
        campaign.id.to_string(),
        campaign.name.clone(),
        campaign.judge.name.clone(),
        format!("at most {}", campaign.max_nb_events),
        output::time(&campaign.created_at),
    ]
}

/// The column headings of the events of a campaign.
const EVENT_HEADINGS: [&str; 3] = ["id", "created", "answer"];

/// Returns the table row of an event of a campaign.
fn event_row(event: &ChatCompletionEventPreview) -> [String; 3] {
    let values: Map<String, Value> = event.extra_fields.parse().unwrap_or_default();
    let answers = values.iter().filter(|(name, _)| name.starts_with(ANSWER_PREFIX));
    let answers: Vec<_> = answers.map(|(_, answer)| output::value(answer)).collect();
    [event.event_id.clone(), output::time(&event.created_at), answers.join(", ")]
}

/// The names of fields with the answers of judges start with this.
const ANSWER_PREFIX: &str = "__judge_";
