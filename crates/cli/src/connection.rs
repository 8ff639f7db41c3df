//! The connection options, and the client built from them.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use mistral_datasets::{Client, RetryPolicy};

use crate::error::CliError;
use crate::seconds;

/// The heading of these options in `--help`.
const HEADING: &str = "Connection options";

/// The options shared by all commands that call the API.
#[derive(Debug, Args)]
pub struct ConnectionOptions {
    // The client applies the environment variable and the default.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help = "The URL of the server [env: MISTRAL_SERVER_URL] [default: https://api.mistral.ai]",
        help_heading = HEADING
    )]
    server_url: Option<String>,
    /// The timeout of a single request attempt, in seconds
    ///
    /// For transfers, the longest pause between two chunks.
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        default_value = "300",
        value_parser = seconds::parse,
        help_heading = HEADING
    )]
    timeout: Duration,
    /// The total time limit of a request including its retries, in seconds
    ///
    /// Uploads and downloads may take longer, and so may waiting for a task.
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        default_value = "600",
        value_parser = seconds::parse,
        help_heading = HEADING
    )]
    deadline: Duration,
    /// The maximum number of retries after the first attempt of a request; 0 disables retries [default: 4, and 9 per record in `records add`]
    ///
    /// A write that the server may already have carried out is never retried.
    #[arg(
        long,
        global = true,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(0..=100),
        help_heading = HEADING
    )]
    max_retries: Option<u32>,
    /// Do not retry writes after status 503 with `Retry-After`
    ///
    /// HTTP does not guarantee that a server which responds with 503 has not carried out the request.
    #[arg(long, global = true, help_heading = HEADING)]
    no_retry_unavailable_writes: bool,
    /// A header to add to every API request; may be given more than once
    #[arg(
        long = "header",
        global = true,
        value_name = "NAME:VALUE",
        value_parser = parse_header,
        help_heading = HEADING
    )]
    headers: Vec<(String, String)>,
    // The client applies the environment variables.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help = "The URL of the proxy [env: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY]",
        help_heading = HEADING
    )]
    proxy: Option<String>,
    /// A PEM file of certificates to trust in addition to the system's
    #[arg(long, global = true, value_name = "FILE", help_heading = HEADING)]
    ca_certificates: Option<PathBuf>,
}

impl ConnectionOptions {
    /// Builds the client. The API key comes from the environment only, since command-line arguments are visible in the
    /// process list.
    pub fn client(&self) -> Result<Client, CliError> {
        let mut builder = Client::builder()
            .timeout(self.timeout)
            .deadline(self.deadline)
            .retries(self.retry_policy())
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
            builder = builder.ca_certificates(std::fs::read(path).map_err(CliError::file(path))?);
        }
        Ok(builder.build()?)
    }

    fn retry_policy(&self) -> RetryPolicy {
        let policy = RetryPolicy::new().retry_unavailable_writes(!self.no_retry_unavailable_writes);
        match self.max_retries {
            Some(retries) => policy.max_retries(retries),
            None => policy,
        }
    }
}

/// Splits `NAME:VALUE` at the first colon. The error must not contain the value, which may be a secret. The client validates
/// the name.
fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected NAME:VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_split_at_the_first_colon() {
        let header = parse_header("X-Trace: a:b ").unwrap();
        assert_eq!(header, ("X-Trace".to_owned(), "a:b".to_owned()));
        assert!(parse_header("X-Trace").is_err());
    }
}
