//! The definition of a judge.

use serde::{Deserialize, Serialize};

use crate::json::{Fields, JsonError, Value};

/// The definition of a judge, as in requests and responses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct JudgeDefinition {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) model_name: String,
    pub(crate) output: JudgeOutput,
    pub(crate) instructions: String,
    pub(crate) tools: Vec<String>,
}

/// What a judge answers with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum JudgeOutput {
    Classification { options: Vec<JudgeOption> },
    Regression { min: f64, max: f64, min_description: String, max_description: String },
}

/// A class that a judge can answer with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct JudgeOption {
    pub(crate) value: String,
    pub(crate) description: String,
}

/// The most tools and options of a judge. The API documents no limit.
const MAX_ITEMS: usize = 1000;

impl JudgeDefinition {
    /// Reads a definition from a request.
    pub(crate) fn read(fields: &Fields<'_>) -> Result<Self, JsonError> {
        let tools = fields.required("tools")?.items(0..=MAX_ITEMS)?;
        Ok(Self {
            name: fields.required("name")?.string_of(5..=50)?,
            description: fields.required("description")?.string_of(0..=500)?,
            model_name: fields.required("model_name")?.string_of(0..=500)?,
            output: JudgeOutput::read(&fields.required("output")?)?,
            instructions: fields.required("instructions")?.string_of(0..=10_000)?,
            tools: tools.map(|tool| tool.string()).collect::<Result<_, _>>()?,
        })
    }
}

impl JudgeOutput {
    fn read(value: &Value<'_>) -> Result<Self, JsonError> {
        let fields = value.fields()?;
        let kind = fields.required("type")?;
        match kind.string()?.as_str() {
            "CLASSIFICATION" => {
                let options = fields.required("options")?.items(0..=MAX_ITEMS)?;
                let option = |option: Value<'_>| {
                    let fields = option.fields()?;
                    Ok(JudgeOption {
                        value: fields.required("value")?.string()?,
                        description: fields.required("description")?.string()?,
                    })
                };
                Ok(Self::Classification { options: options.map(option).collect::<Result<_, _>>()? })
            }
            "REGRESSION" => {
                let number = |name: &str, default: f64| match fields.get(name) {
                    None => Ok(default),
                    Some(value) => value
                        .text()
                        .parse::<f64>()
                        .ok()
                        .filter(|number| number.is_finite())
                        .ok_or_else(|| value.error("expected a number")),
                };
                let (min, max) = (number("min", 0.0)?, number("max", 1.0)?);
                if min < 0.0 {
                    return Err(fields.error("min", "expected a number of at least 0"));
                }
                if max >= 1e9 {
                    return Err(fields.error("max", "expected a number below 1000000000"));
                }
                Ok(Self::Regression {
                    min,
                    max,
                    min_description: fields.required("min_description")?.string()?,
                    max_description: fields.required("max_description")?.string()?,
                })
            }
            _ => Err(kind.error("expected `CLASSIFICATION` or `REGRESSION`")),
        }
    }

    /// Returns the value of `type`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Classification { .. } => "CLASSIFICATION",
            Self::Regression { .. } => "REGRESSION",
        }
    }

    /// Describes the possible answers to the model.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Classification { options } => {
                let mut text = "The answer is one of these values:".to_owned();
                for option in options {
                    text.push_str(&format!("\n- \"{}\": {}", option.value, option.description));
                }
                text
            }
            Self::Regression { min, max, min_description, max_description } => format!(
                "The answer is a number from {min} to {max}, where {min} means: {min_description}; and {max} means: {max_description}."
            ),
        }
    }
}
