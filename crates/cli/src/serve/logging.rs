//! The log of `serve`.

use std::io::{IsTerminal, stderr};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use tracing_appender::non_blocking::{ErrorCounter, WorkerGuard};
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

/// Writes the log in the background. Dropping it writes what is left.
///
/// Standard error may be a pipe that nobody reads. Writing to it blocks once it is full, and would stop every request that
/// logs something. A thread writes instead, and lines are dropped if it falls too far behind.
#[derive(Debug)]
pub struct Log {
    dropped: ErrorCounter,
    _writer: WorkerGuard,
}

impl Log {
    /// Returns a function that returns the number of dropped lines.
    pub fn dropped_lines(&self) -> Arc<dyn Fn() -> u64 + Send + Sync> {
        let dropped = self.dropped.clone();
        Arc::new(move || dropped.dropped_lines() as u64)
    }

    /// Logs how many lines were dropped, if any were.
    pub fn report_dropped_lines(&self) {
        let lines = self.dropped.dropped_lines();
        if lines > 0 {
            tracing::warn!(lines, "log lines were dropped because standard error was not read");
        }
    }
}

impl LogOptions {
    /// Installs the global log subscriber.
    #[must_use = "the log is written until the value is dropped"]
    pub fn init(&self) -> Log {
        let filter = match self.level {
            Some(level) => EnvFilter::new(level.to_string()),
            None => EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn")),
        };
        let (writer, guard) = tracing_appender::non_blocking(stderr());
        let dropped = writer.error_counter();
        let log = tracing_subscriber::fmt().with_writer(writer).with_env_filter(filter);
        // If the log cannot be written, for example on a full disk, reporting that on standard error fails too and panics in
        // the request being logged.
        let log = log.log_internal_errors(false);
        match self.log_format {
            Format::Text => log.with_ansi(stderr().is_terminal()).init(),
            // All fields are at the top level, where log processors find them without configuration.
            Format::Json => log.json().flatten_event(true).with_current_span(false).init(),
        }
        Log { dropped, _writer: guard }
    }
}
