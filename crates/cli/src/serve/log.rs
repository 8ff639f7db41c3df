//! What `serve` writes to its log, and how.

use std::io::{IsTerminal, stderr};

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// The log goes to standard error. At `info` it has a line for every request; none has keys, queries, or what is sent.
#[derive(Debug, Args)]
pub struct LogOptions {
    /// How much to log: off, error, warn, info (a line a request), debug or trace; without it, what RUST_LOG says, or warn
    #[arg(long = "log", value_name = "LEVEL")]
    level: Option<LevelFilter>,
    /// How to write the log: as text for people, or as a JSON object a line
    #[arg(long, value_enum, default_value_t = Format::Text)]
    log_format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl LogOptions {
    /// Begins to log.
    pub fn start(&self) {
        let filter = match self.level {
            Some(level) => EnvFilter::new(level.to_string()),
            None => EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn")),
        };
        let log = tracing_subscriber::fmt().with_writer(stderr).with_env_filter(filter);
        // A log that cannot be written, on a full disk for example, would be told of on standard error, which then fails too,
        // and takes the request that wanted to log with it.
        let log = log.log_internal_errors(false);
        match self.log_format {
            Format::Text => log.with_ansi(stderr().is_terminal()).init(),
            // What is in a line's own object is found without a detour, which is why there are no spans around it.
            Format::Json => log.json().flatten_event(true).with_current_span(false).init(),
        }
    }
}
