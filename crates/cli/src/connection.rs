//! Which server the command talks to, and how.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use mistral_datasets::{Client, RetryPolicy};

use crate::failure::Failure;

/// What `--help` puts these options under.
const HEADING: &str = "Connection";

/// The options every command but `serve` shares.
#[derive(Debug, Args)]
pub struct Connection {
    /// The server's address. The client reads the environment and knows the default.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help = "The server's address [env: MISTRAL_SERVER_URL] [default: https://api.mistral.ai]",
        help_heading = HEADING
    )]
    server_url: Option<String>,
    /// How many seconds one attempt of a request may take, or a transfer may pause
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        default_value_t = 300,
        value_parser = clap::value_parser!(u64).range(1..=86_400),
        help_heading = HEADING
    )]
    timeout: u64,
    /// How many seconds a request may take with all its attempts
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        default_value_t = 600,
        value_parser = clap::value_parser!(u64).range(1..=86_400),
        help_heading = HEADING
    )]
    deadline: u64,
    /// How often a request that failed in passing is made again
    #[arg(
        long,
        global = true,
        value_name = "N",
        default_value_t = 4,
        value_parser = clap::value_parser!(u32).range(0..=100),
        help_heading = HEADING
    )]
    retries: u32,
    /// A further header of every request; repeat it for several
    #[arg(
        long = "header",
        global = true,
        value_name = "NAME:VALUE",
        value_parser = header,
        help_heading = HEADING
    )]
    headers: Vec<(String, String)>,
    /// The proxy that requests go through. The client reads the environment.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help = "The proxy that requests go through [env: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY]",
        help_heading = HEADING
    )]
    proxy: Option<String>,
    /// A file of certificates in PEM that are trusted besides the system's
    #[arg(long, global = true, value_name = "FILE", help_heading = HEADING)]
    ca_certificates: Option<PathBuf>,
}

impl Connection {
    /// The client the options ask for. The key comes from the environment alone: an argument would show in the list of
    /// processes.
    pub fn client(&self) -> Result<Client, Failure> {
        let mut builder = Client::builder()
            .timeout(Duration::from_secs(self.timeout))
            .deadline(Duration::from_secs(self.deadline))
            .retries(RetryPolicy::default().max_attempts(self.retries + 1))
            .user_agent(concat!("mistral-datasets-cli/", env!("CARGO_PKG_VERSION")));
        if let Some(url) = &self.server_url {
            builder = builder.server_url(url);
        }
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(proxy);
        }
        if let Some(path) = &self.ca_certificates {
            builder = builder.ca_certificates(std::fs::read(path).map_err(Failure::file(path))?);
        }
        Ok(builder.build()?)
    }
}

/// Cuts `NAME:VALUE` in two. What clap says of a bad one must not repeat the value, which may be a secret; the name is checked
/// by the client.
fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected NAME:VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_cut_at_its_first_colon() {
        let cut = header("X-Trace: a:b ").unwrap();
        assert_eq!(cut, ("X-Trace".to_owned(), "a:b".to_owned()));
        assert!(header("X-Trace").is_err());
    }
}
