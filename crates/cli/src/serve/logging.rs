//! The log of `serve`.

use std::io::{IsTerminal, stderr};

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// The log options. The log goes to standard error and contains neither API keys nor query strings nor bodies.
#[derive(Debug, Args)]
#[command(next_help_heading = "Logging")]
pub struct LogOptions {
    /// The log level: off, error, warn, info, debug or trace [default: RUST_LOG or warn]
    ///
    /// From `info` on, every request is logged.
    #[arg(long = "log", value_name = "LEVEL")]
    level: Option<LevelFilter>,
    /// The log format: plain text, or one JSON object per line
    #[arg(long, value_enum, default_value_t = Format::Text)]
    log_format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl LogOptions {
    /// Installs the global log subscriber.
    pub fn init(&self) {
        let filter = match self.level {
            Some(level) => EnvFilter::new(level.to_string()),
            None => EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn")),
        };
        let log = tracing_subscriber::fmt().with_writer(stderr).with_env_filter(filter);
        // If the log cannot be written, for example on a full disk, reporting that on standard error fails too and panics in
        // the request being logged.
        let log = log.log_internal_errors(false);
        match self.log_format {
            Format::Text => log.with_ansi(stderr().is_terminal()).init(),
            // All fields are at the top level, where log processors find them without configuration.
            Format::Json => log.json().flatten_event(true).with_current_span(false).init(),
        }
    }
}
