//! The options that say who may ask, and what happens when the file of keys changes.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use clap::Args;
use mistral_datasets_server::{ApiKey, KeyFileError, RunningServer};
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// Where keys come from when none should stand in the list of processes.
const VARIABLE: &str = "MISTRAL_DATASETS_SERVE_API_KEY";

/// Who may ask.
#[derive(Args)]
pub struct KeyOptions {
    /// A key to take, with a workspace of its own, or NAME=KEY for the workspace called NAME; repeat it for several. A key
    /// without a name that holds `=` is written =KEY. Without any key, every key is taken, each with a workspace of its own,
    /// and only loopback addresses may be listened on. Arguments show in the list of processes: prefer the variable or a file
    #[arg(
        long = "api-key",
        value_name = "[NAME=]KEY",
        env = VARIABLE,
        hide_env_values = true
    )]
    api_keys: Vec<String>,
    /// A file of keys to take, one a line as for --api-key, with comments behind #. It is read again at SIGHUP: keys that
    /// are gone from it are refused from then on, and a file that cannot be used changes nothing
    #[arg(long = "api-keys", value_name = "FILE")]
    file: Option<PathBuf>,
}

// Keys are secrets.
impl fmt::Debug for KeyOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyOptions")
            .field("api_keys", &self.api_keys.len())
            .field("file", &self.file)
            .finish()
    }
}

/// The keys that are taken, and the file of which some come.
#[derive(Clone, Debug)]
pub struct ServeKeys {
    given: Vec<ApiKey>,
    file: Option<PathBuf>,
}

impl KeyOptions {
    /// Reads the keys of the options. The text of a key that is none is not repeated.
    pub fn read(self) -> Result<ServeKeys, Failure> {
        let given = self.api_keys.iter().map(|text| {
            ApiKey::parse(text)
                .map_err(|error| Failure::Argument(format!("--api-key, or {VARIABLE}: {error}")))
        });
        Ok(ServeKeys { given: given.collect::<Result<_, _>>()?, file: self.file })
    }
}

impl ServeKeys {
    /// All keys, with those that the file holds now.
    pub fn all(&self) -> Result<Vec<ApiKey>, KeyFileError> {
        let mut keys = self.given.clone();
        if let Some(file) = &self.file {
            keys.extend(ApiKey::read_file(file)?);
        }
        Ok(keys)
    }

    /// Gives the keys of now to a server, and answers how many there are.
    async fn read_again(
        &self,
        server: &RunningServer,
    ) -> Result<usize, Box<dyn Error + Send + Sync>> {
        let keys = self.clone();
        let keys = tokio::task::spawn_blocking(move || keys.all()).await??;
        let count = keys.len();
        server.set_api_keys(keys)?;
        Ok(count)
    }

    /// From now on the signal to read the file again is heard. Without a file it means what it means everywhere.
    pub fn reloads(self) -> Result<Reloads, Failure> {
        #[cfg(unix)]
        let hangup = match self.file {
            Some(_) => Some(signal(SignalKind::hangup()).map_err(Failure::Signals)?),
            None => None,
        };
        Ok(Reloads {
            keys: self,
            #[cfg(unix)]
            hangup,
        })
    }
}

/// Reads the file of keys again whenever the process is told to by SIGHUP.
#[derive(Debug)]
pub struct Reloads {
    keys: ServeKeys,
    #[cfg(unix)]
    hangup: Option<Signal>,
}

impl Reloads {
    /// Does so for a server, and never returns.
    pub async fn serve(mut self, server: &RunningServer) -> Infallible {
        while self.told().await.is_some() {
            match self.keys.read_again(server).await {
                Ok(count) => tracing::info!(count, "the keys were read again"),
                Err(error) => tracing::error!(%error, "the keys stay as they were"),
            }
        }
        std::future::pending().await
    }

    #[cfg(unix)]
    async fn told(&mut self) -> Option<()> {
        self.hangup.as_mut()?.recv().await
    }

    /// There is no such signal here.
    #[cfg(not(unix))]
    async fn told(&mut self) -> Option<()> {
        None
    }
}
