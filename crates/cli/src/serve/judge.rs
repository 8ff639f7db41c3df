//! The judge options of `serve`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use mistral_datasets_server::JudgeEndpoint;

use crate::error::CliError;

/// The judge options.
#[derive(Debug, Args)]
#[command(next_help_heading = "Judges")]
pub struct JudgeOptions {
    /// The base URL of an OpenAI-compatible API that judges ask
    ///
    /// For example, `https://api.mistral.ai/v1`. Without it, the server cannot judge.
    #[arg(long, value_name = "URL")]
    judge_url: Option<String>,
    /// The environment variable with the API key for `--judge-url`
    #[arg(long, value_name = "NAME")]
    judge_key_env: Option<String>,
    /// How long a judgement may take, including retries
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = crate::seconds::parse)]
    judge_timeout: std::time::Duration,
    /// A TOML file that maps the models of judges to models of `--judge-url`
    ///
    /// Each line is an assignment such as `mistral-medium-latest = "llama3.1:8b"`. Other models keep their name.
    #[arg(long, value_name = "FILE")]
    judge_model_map: Option<PathBuf>,
}

impl JudgeOptions {
    /// Returns the endpoint, if one is given.
    pub fn endpoint(self) -> Result<Option<JudgeEndpoint>, CliError> {
        // Not `requires` of clap, because each option of a configuration file is also validated on its own.
        let Some(url) = self.judge_url else {
            return match self.judge_key_env.is_some() || self.judge_model_map.is_some() {
                true => Err(CliError::Argument(
                    "`--judge-key-env` and `--judge-model-map` need `--judge-url`".to_owned(),
                )),
                false => Ok(None),
            };
        };
        let key = self.judge_key_env.as_deref().map(key).transpose()?;
        let models = self.judge_model_map.as_deref().map(models).transpose()?.unwrap_or_default();
        Ok(Some(JudgeEndpoint::new(url).key(key).timeout(self.judge_timeout).models(models)))
    }
}

fn key(variable: &str) -> Result<String, CliError> {
    let key = std::env::var(variable).ok().filter(|key| !key.is_empty());
    key.ok_or_else(|| {
        CliError::Serve(
            format!("the environment variable `{variable}` has no API key"),
            Some("set it to the key for `--judge-url`, or omit `--judge-key-env`".to_owned()),
        )
    })
}

fn models(path: &Path) -> Result<BTreeMap<String, String>, CliError> {
    let text = std::fs::read_to_string(path).map_err(CliError::file(path))?;
    toml::from_str(&text).map_err(|error: toml::de::Error| {
        CliError::Serve(
            format!("`{}`: {}", path.display(), error.message()),
            Some("expected lines such as `mistral-medium-latest = \"llama3.1:8b\"`".to_owned()),
        )
    })
}
