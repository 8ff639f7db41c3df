//! Which server the command talks to, and how.

use std::time::Duration;

use clap::Args;
use mistral_datasets::Client;

use crate::failure::Failure;

/// The options every command but `serve` shares.
#[derive(Debug, Args)]
pub struct Connection {
    /// The server's address. The client reads the environment and knows the default.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help = "The server's address [env: MISTRAL_SERVER_URL] [default: https://api.mistral.ai]",
        help_heading = "Connection"
    )]
    server_url: Option<String>,
    /// How many seconds a request may take
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        default_value_t = 300,
        value_parser = clap::value_parser!(u64).range(1..=86_400),
        help_heading = "Connection"
    )]
    timeout: u64,
}

impl Connection {
    /// The client the options ask for. The key comes from the environment alone: an argument would show in the list of
    /// processes.
    pub fn client(&self) -> Result<Client, Failure> {
        let mut builder = Client::builder()
            .timeout(Duration::from_secs(self.timeout))
            .user_agent(concat!("mistral-datasets-cli/", env!("CARGO_PKG_VERSION")));
        if let Some(url) = &self.server_url {
            builder = builder.server_url(url);
        }
        Ok(builder.build()?)
    }
}
