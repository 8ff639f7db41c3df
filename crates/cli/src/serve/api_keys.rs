//! The API key options of `serve`, and reloading the key file on SIGHUP.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use clap::Args;
use mistral_datasets_server::{ApiKey, KeyFileError, RunningServer};
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::CliError;

/// The environment variable for an API key, since arguments are visible in the process list.
const API_KEY_VARIABLE: &str = "MISTRAL_DATASETS_SERVE_API_KEY";

/// The API key options.
#[derive(Args)]
pub struct ApiKeyOptions {
    /// An API key to accept, optionally with the name of its workspace; may be given more than once
    ///
    /// Keys with the same NAME share a workspace; a key without a name has its own. Write `=KEY` for an unnamed key that
    /// contains `=`.
    ///
    /// Without any key, the server accepts every key, gives each its own workspace, and listens on loopback addresses only.
    ///
    /// Arguments are visible in the process list: prefer the environment variable or `--api-keys`.
    #[arg(
        long = "api-key",
        value_name = "[NAME=]KEY",
        env = API_KEY_VARIABLE,
        hide_env_values = true
    )]
    api_keys: Vec<String>,
    /// A file of API keys to accept, one per line
    ///
    /// Lines have the same form as for `--api-key`; comments start with `#`. The file is reloaded on SIGHUP: removed keys
    /// are rejected from then on, and an invalid file changes nothing.
    #[arg(long = "api-keys", value_name = "FILE")]
    file: Option<PathBuf>,
}

// Does not print the keys, which are secrets.
impl fmt::Debug for ApiKeyOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyOptions")
            .field("api_keys", &self.api_keys.len())
            .field("file", &self.file)
            .finish()
    }
}

/// The keys given as options, and the key file.
#[derive(Clone, Debug)]
pub struct ApiKeys {
    fixed: Vec<ApiKey>,
    file: Option<PathBuf>,
}

impl ApiKeyOptions {
    /// Returns whether there is a key file, which SIGHUP reloads.
    pub fn has_file(&self) -> bool {
        self.file.is_some()
    }

    /// Parses the keys given as options. Errors do not contain the key.
    pub fn parse(self) -> Result<ApiKeys, CliError> {
        let keys = self.api_keys.iter().map(|text| {
            ApiKey::parse(text).map_err(|error| {
                CliError::Argument(format!(
                    "invalid value for `--api-key` or `{API_KEY_VARIABLE}`: {error}"
                ))
            })
        });
        Ok(ApiKeys { fixed: keys.collect::<Result<_, _>>()?, file: self.file })
    }
}

impl ApiKeys {
    /// Returns all keys, with the current content of the key file.
    pub fn load(&self) -> Result<Vec<ApiKey>, KeyFileError> {
        let mut keys = self.fixed.clone();
        if let Some(file) = &self.file {
            keys.extend(ApiKey::read_file(file)?);
        }
        Ok(keys)
    }

    /// Loads the keys again, replaces those of the server, and returns their number.
    async fn reload(&self, server: &RunningServer) -> Result<usize, Box<dyn Error + Send + Sync>> {
        let keys = self.clone();
        let keys = tokio::task::spawn_blocking(move || keys.load()).await??;
        let count = keys.len();
        server.set_api_keys(keys)?;
        Ok(count)
    }

    /// Installs the SIGHUP handler if there is a key file. Without one, SIGHUP stops the server.
    pub fn reloader(self) -> Result<KeyReloader, CliError> {
        #[cfg(unix)]
        let sighup = match self.file {
            Some(_) => Some(signal(SignalKind::hangup()).map_err(CliError::Signals)?),
            None => None,
        };
        Ok(KeyReloader {
            keys: self,
            #[cfg(unix)]
            sighup,
        })
    }
}

/// Reloads the key file on SIGHUP.
#[derive(Debug)]
pub struct KeyReloader {
    keys: ApiKeys,
    #[cfg(unix)]
    sighup: Option<Signal>,
}

impl KeyReloader {
    /// Reloads the keys of a server on every SIGHUP. Never returns.
    pub async fn run(mut self, server: &RunningServer) -> Infallible {
        while self.signal_received().await.is_some() {
            match self.keys.reload(server).await {
                Ok(count) => tracing::info!(count, "reloaded the API keys"),
                Err(error) => tracing::error!(%error, "cannot reload the API keys"),
            }
        }
        std::future::pending().await
    }

    #[cfg(unix)]
    async fn signal_received(&mut self) -> Option<()> {
        self.sighup.as_mut()?.recv().await
    }

    /// SIGHUP exists on Unix only.
    #[cfg(not(unix))]
    async fn signal_received(&mut self) -> Option<()> {
        None
    }
}
