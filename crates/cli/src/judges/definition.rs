//! The options that define a judge.

use clap::Args;
use mistral_datasets::Client;
use mistral_datasets::types::{CreateJudgeRequest, Judge};
use serde_json::{Map, Value, json};

use crate::error::CliError;
use crate::text_argument::{read_json, read_text};

/// The keys of a definition. A judge has further ones, such as its ID.
const KEYS: [&str; 6] = ["name", "description", "model_name", "output", "instructions", "tools"];

/// The options that define a judge. They take precedence over a definition in a file.
#[derive(Debug, Args)]
pub struct DefinitionOptions {
    /// The whole definition as JSON, `@FILE` to read it from a file, or `-` for standard input
    ///
    /// The output of `mistral-datasets --json judges get` is accepted, too.
    #[arg(long = "definition", id = "file", value_name = "JSON")]
    file: Option<String>,
    /// The description, at most 500 characters
    #[arg(long, short)]
    description: Option<String>,
    /// The model that judges
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// The instructions for the model, `@FILE` to read them from a file, or `-` for standard input
    ///
    /// A Jinja2 template with the variables `conversation_history`, `user_message`, `assistant_message`, `system_prompt`,
    /// `available_tools`, `answer_type_definition` and `properties`.
    #[arg(long, value_name = "TEXT")]
    instructions: Option<String>,
    /// A label that the judge can answer with, and when to use it; may be given more than once
    #[arg(
        long = "label",
        value_name = "LABEL=DESCRIPTION",
        value_parser = parse_label,
        conflicts_with_all = ["min", "max", "min_description", "max_description"]
    )]
    labels: Vec<(String, String)>,
    /// The lowest score
    #[arg(long, value_name = "SCORE")]
    min: Option<f64>,
    /// The highest score
    #[arg(long, value_name = "SCORE")]
    max: Option<f64>,
    /// What the lowest score means
    #[arg(long, value_name = "TEXT")]
    min_description: Option<String>,
    /// What the highest score means
    #[arg(long, value_name = "TEXT")]
    max_description: Option<String>,
    /// A tool that the model may call; may be given more than once
    #[arg(long = "tool", value_name = "TOOL")]
    tools: Vec<String>,
}

impl DefinitionOptions {
    /// Returns the definition of a new judge.
    pub fn complete(self, name: Option<String>) -> Result<CreateJudgeRequest, CliError> {
        let defaults = [("description", json!("")), ("tools", json!([]))];
        let defaults = defaults.map(|(key, value)| (key.to_owned(), value));
        let mut definition = Map::from_iter(defaults);
        definition.extend(self.read_file()?);
        self.apply(definition, name)
    }

    /// Returns the changed definition of a judge.
    pub fn change(
        self,
        judge: &Judge,
        name: Option<String>,
    ) -> Result<CreateJudgeRequest, CliError> {
        let current = serde_json::to_value(judge).map_err(CliError::InvalidJson)?;
        let mut definition = only_definition(current);
        definition.extend(self.read_file()?);
        self.apply(definition, name)
    }

    fn read_file(&self) -> Result<Map<String, Value>, CliError> {
        self.file.as_deref().map_or_else(|| Ok(Map::new()), read_definition)
    }

    /// Applies the single options to a definition.
    fn apply(
        self,
        mut definition: Map<String, Value>,
        name: Option<String>,
    ) -> Result<CreateJudgeRequest, CliError> {
        let instructions = self.instructions.map(|text| read_text(&text)).transpose()?;
        let texts = [
            ("name", name),
            ("description", self.description),
            ("model_name", self.model),
            ("instructions", instructions),
        ];
        for (key, text) in texts {
            definition.extend(text.map(|text| (key.to_owned(), Value::String(text))));
        }
        if !self.tools.is_empty() {
            definition.insert("tools".to_owned(), json!(self.tools));
        }
        if !self.labels.is_empty() {
            let options = self
                .labels
                .iter()
                .map(|(value, description)| json!({"value": value, "description": description}));
            let output = json!({"type": "CLASSIFICATION", "options": options.collect::<Value>()});
            definition.insert("output".to_owned(), output);
        }
        let scores = [
            ("min", self.min.map(|min| json!(min))),
            ("max", self.max.map(|max| json!(max))),
            ("min_description", self.min_description.map(Value::String)),
            ("max_description", self.max_description.map(Value::String)),
        ];
        if scores.iter().any(|(_, value)| value.is_some()) {
            let mut output = match definition.remove("output") {
                Some(Value::Object(output)) if output["type"] == "REGRESSION" => output,
                _ => Map::from_iter([("type".to_owned(), json!("REGRESSION"))]),
            };
            for (key, value) in scores {
                output.extend(value.map(|value| (key.to_owned(), value)));
            }
            for key in ["min_description", "max_description"] {
                output.entry(key).or_insert_with(|| json!(""));
            }
            definition.insert("output".to_owned(), Value::Object(output));
        }
        parse(definition)
    }
}

/// The options of commands that judge something with a judge that need not exist on the server.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct JudgeChoice {
    /// The ID or name of the judge
    #[arg(long, value_name = "JUDGE")]
    judge: Option<String>,
    /// The definition of a judge as JSON, `@FILE` to read it from a file, or `-` for standard input
    #[arg(long, value_name = "JSON")]
    definition: Option<String>,
}

impl JudgeChoice {
    /// Returns the definition of the judge.
    pub async fn definition(&self, client: &Client) -> Result<CreateJudgeRequest, CliError> {
        match (&self.judge, &self.definition) {
            (Some(judge), _) => {
                let judge = client.judges().find(judge).await?;
                let judge = serde_json::to_value(judge).map_err(CliError::InvalidJson)?;
                parse(only_definition(judge))
            }
            (None, definition) => parse(read_definition(definition.as_deref().unwrap_or("{}"))?),
        }
    }
}

/// Reads a definition, or a judge with its ID and times.
fn read_definition(argument: &str) -> Result<Map<String, Value>, CliError> {
    let definition = read_json("--definition", argument)?;
    let definition: Value = definition.parse().map_err(CliError::InvalidJson)?;
    if !definition.is_object() {
        return Err(CliError::Argument("expected an object for `--definition`".to_owned()));
    }
    // What a judge has in addition would be rejected; other keys may be mistakes that the server should report.
    let is_judge = definition.get("id").is_some();
    Ok(match definition {
        definition if is_judge => only_definition(definition),
        Value::Object(definition) => definition,
        _ => Map::new(),
    })
}

/// Removes everything that is not part of the definition from a judge.
fn only_definition(judge: Value) -> Map<String, Value> {
    let Value::Object(mut judge) = judge else { return Map::new() };
    judge.retain(|key, _| KEYS.contains(&key.as_str()));
    judge
}

fn parse(definition: Map<String, Value>) -> Result<CreateJudgeRequest, CliError> {
    for (key, option) in [
        ("name", "the name"),
        ("model_name", "`--model`"),
        ("instructions", "`--instructions`"),
        ("output", "`--label`, or `--min` and `--max`"),
    ] {
        if !definition.contains_key(key) {
            return Err(CliError::Argument(format!("the definition lacks `{key}`; give {option}")));
        }
    }
    serde_json::from_value(Value::Object(definition))
        .map_err(|error| CliError::Argument(format!("invalid definition of a judge: {error}")))
}

fn parse_label(text: &str) -> Result<(String, String), String> {
    let (label, description) = text.split_once('=').unwrap_or((text, ""));
    match label.trim() {
        "" => Err("expected LABEL=DESCRIPTION".to_owned()),
        label => Ok((label.to_owned(), description.trim().to_owned())),
    }
}
