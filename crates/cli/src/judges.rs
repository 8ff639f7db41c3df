//! `mistral-datasets judges`

mod definition;
mod run;

use clap::Subcommand;
use mistral_datasets::types::{Judge, JudgeAnswer, JudgeOutput, JudgeOutputType, JudgeOutputUnion};
use mistral_datasets::{Client, RawJson};

use crate::error::CliError;
use crate::known_values::one_of;
use crate::output::{self, Output};
use crate::pagination::{self, PageOptions};
use crate::text_argument::read_json;
use definition::DefinitionOptions;
pub use definition::JudgeChoice;
use run::Run;

/// Manage judges, and judge records and conversations
///
/// A judge is a prompt for a model that answers with one of several labels, or with a score.
#[derive(Debug, Subcommand)]
pub enum Judges {
    /// Create a judge
    ///
    /// The judge answers with one of the labels given by `--label`, or with a score between `--min` and `--max`.
    Create {
        /// The name, 5 to 50 characters
        #[arg(required_unless_present = "file")]
        name: Option<String>,
        #[command(flatten)]
        definition: DefinitionOptions,
    },
    /// List judges, newest first
    List {
        /// List only judges whose name contains this text
        #[arg(long, short)]
        q: Option<String>,
        /// List only judges of this type
        #[arg(
            long = "type",
            value_name = "TYPE",
            value_parser = one_of::<JudgeOutputType>(JudgeOutputType::KNOWN)
        )]
        types: Vec<JudgeOutputType>,
        /// List only judges that use this model; may be given more than once
        #[arg(long = "model", value_name = "MODEL")]
        models: Vec<String>,
        #[command(flatten)]
        page: PageOptions,
    },
    /// Show a judge
    Get {
        /// The ID or name of the judge
        judge: String,
    },
    /// Change the definition of a judge
    ///
    /// What is not given remains unchanged.
    Update {
        /// The ID or name of the judge
        judge: String,
        /// The new name, 5 to 50 characters
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        definition: DefinitionOptions,
    },
    /// Delete a judge
    Delete {
        /// The ID or name of the judge
        judge: String,
    },
    /// Judge a conversation
    Conversation {
        /// The ID or name of the judge
        judge: String,
        /// The messages as a JSON array, `@FILE` to read them from a file, or `-` for standard input
        #[arg(value_name = "JSON")]
        messages: String,
        /// The properties that the judge sees, as JSON, or `@FILE` to read them from a file
        #[arg(long, value_name = "JSON")]
        properties: Option<String>,
    },
    Run(Run),
}

impl Judges {
    /// Runs the command.
    pub async fn run(self, client: &Client, output: Output) -> Result<(), CliError> {
        let judges = client.judges();
        match self {
            Self::Create { name, definition } => {
                let new = definition.complete(name)?;
                let call = judges.create(
                    new.name,
                    new.description,
                    new.model_name,
                    new.output,
                    new.instructions,
                    new.tools,
                );
                output.print(&call.await?, text)
            }
            Self::List { q, types, models, page } => {
                let list = judges
                    .list()
                    .q(q)
                    .type_filter((!types.is_empty()).then_some(types))
                    .model_filter((!models.is_empty()).then_some(models));
                if page.all {
                    return pagination::print_all(list.pager(), output, HEADINGS, row, "judges")
                        .await;
                }
                let response = list.page_size(page.page_size).page(page.page).await?;
                output.print(&response, |response| {
                    let page = &response.judges;
                    output::page(HEADINGS, page.results.iter().map(row), page.count, "judges")
                })
            }
            Self::Get { judge } => output.print(&judges.find(&judge).await?, text),
            Self::Update { judge, name, definition } => {
                let current = judges.find(&judge).await?;
                let new = definition.change(&current, name)?;
                let call = judges.update(
                    current.id,
                    new.name,
                    new.description,
                    new.model_name,
                    new.output,
                    new.instructions,
                    new.tools,
                );
                call.await?;
                output.print(&judges.fetch(current.id).await?, text)
            }
            Self::Delete { judge } => {
                let judge = judges.find(&judge).await?;
                judges.delete(judge.id).await?;
                output.report_deleted(&[judge.id.to_string()])
            }
            Self::Conversation { judge, messages, properties } => {
                let messages: Vec<RawJson> =
                    read_json("JSON", &messages)?.parse().map_err(|_| {
                        CliError::Argument("expected the messages as a JSON array".to_owned())
                    })?;
                let properties =
                    properties.map(|json| read_json("--properties", &json)).transpose()?;
                let judge = judges.find(&judge).await?;
                let call = judges.judge_conversation(judge.id, messages).properties(properties);
                output.print(&call.await?, answer)
            }
            Self::Run(run) => run.run(client, output).await,
        }
    }
}

/// The column headings of a listing.
const HEADINGS: [&str; 5] = ["id", "name", "answer", "model", "updated"];

/// Returns the table row of a judge.
fn row(judge: &Judge) -> [String; 5] {
    [
        judge.id.to_string(),
        judge.name.clone(),
        output::shortened(&answer_type(&judge.output)),
        judge.model_name.clone(),
        output::time(&judge.updated_at),
    ]
}

/// Describes what a judge answers with, such as `good, bad` or `0 to 10`.
fn answer_type(output: &JudgeOutputUnion) -> String {
    match output {
        JudgeOutputUnion::Classification(output) => {
            let labels = output.options.iter().map(|option| option.value.as_str());
            labels.collect::<Vec<_>>().join(", ")
        }
        JudgeOutputUnion::Regression(output) => {
            let (min, max) = (output.min.unwrap_or(0.0), output.max.unwrap_or(1.0));
            format!("{} to {}", output::number(min), output::number(max))
        }
        _ => String::new(),
    }
}

/// Formats a judge: its fields, then the instructions.
fn text(judge: &Judge) -> String {
    let rows = [
        ("id", judge.id.to_string()),
        ("name", judge.name.clone()),
        ("description", judge.description.clone()),
        ("answer", answer_type(&judge.output)),
        ("model", judge.model_name.clone()),
        ("tools", judge.tools.join(", ")),
        ("created", output::time(&judge.created_at)),
        ("updated", output::time(&judge.updated_at)),
    ];
    format!("{}\n\n{}", output::fields(rows), judge.instructions)
}

/// Formats an answer and its analysis.
pub fn answer(output: &JudgeOutput) -> String {
    let answer = match &output.answer {
        JudgeAnswer::String(label) => label.clone(),
        JudgeAnswer::Number(score) => output::number(*score),
    };
    format!("{answer}\n\n{}", output.analysis)
}
