//! `mistral-datasets`: the command-line interface of Mistral's observability datasets API, and its local server.
//!
//! Data is written to standard output, everything else to standard error. See [`CliError::exit_code`] for the exit codes.

mod backup;
mod campaigns;
mod compact;
mod connection;
mod datasets;
mod error;
mod events;
mod export;
mod files;
mod filter;
mod import;
mod judges;
mod known_values;
mod logs;
mod maintenance;
mod output;
mod packaging_files;
mod pagination;
mod progress;
mod records;
mod report_file;
mod restore;
mod seconds;
mod serve;
mod signals;
mod spans;
mod tasks;
mod telemetry;
mod terminal;
mod text_argument;
mod time_range;
mod traces;
mod verify;

use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use mistral_datasets::Client;

use connection::ConnectionOptions;
use error::CliError;
use output::Output;

/// The exit codes shown by `--help`. A test checks that all of them are listed.
const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  other failure, such as a rejected import, an I/O error or a server error
  2  invalid command line or configuration file
  3  the API key is missing, invalid or lacks permission
  4  not found
  5  the server is unreachable, too busy or did not respond in time
  6  invalid input or conflict
  130  interrupted";

/// The exit code of an invalid command line, as used by clap.
const INVALID_COMMAND_LINE: u8 = 2;

/// The heading of the output options in `--help`, which all commands share.
const GLOBAL_OPTIONS: &str = "Global options";

/// After how many polls of tasks a busy thread of the runtime looks for new events. With Tokio's default of 61, many uploads at once
/// delay a health check by 61 times the time it takes to process a chunk.
const EVENT_INTERVAL: u32 = 4;

/// How long an interrupted command may take to clean up.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(1);

/// How long to wait for a command that was dropped because it did not clean up in time.
const ABORT_TIMEOUT: Duration = Duration::from_millis(200);

/// Search traffic, judge it, and manage datasets through Mistral's observability API
///
/// The API key is read from `MISTRAL_API_KEY`. To try the commands without an account, start a local server with
/// `mistral-datasets serve` and set `MISTRAL_SERVER_URL`.
#[derive(Debug, Parser)]
#[command(name = "mistral-datasets", version, after_help = EXIT_CODES, infer_subcommands = true)]
struct Arguments {
    #[command(flatten)]
    connection: ConnectionOptions,
    /// Print JSON, as returned by the API, instead of tables
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS)]
    json: bool,
    /// Print only the requested data and errors
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS)]
    quiet: bool,
    /// Hide progress bars
    ///
    /// They are always hidden if standard error is not a terminal.
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS)]
    no_progress: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    // These two are much larger than the other commands.
    Serve(Box<serve::Serve>),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Verify(verify::Verify),
    Compact(compact::Compact),
    PackagingFiles(packaging_files::PackagingFiles),
    #[command(flatten)]
    Api(Box<ApiCommand>),
}

/// The commands that call the API.
#[derive(Debug, Subcommand)]
enum ApiCommand {
    #[command(subcommand)]
    Datasets(datasets::Datasets),
    #[command(subcommand)]
    Records(records::Records),
    Import(import::Import),
    Export(export::Export),
    #[command(subcommand)]
    Tasks(tasks::Tasks),
    #[command(subcommand)]
    Files(files::Files),
    #[command(subcommand)]
    Events(events::Events),
    #[command(subcommand)]
    Traces(traces::Traces),
    #[command(subcommand)]
    Spans(spans::Spans),
    #[command(subcommand)]
    Logs(logs::Logs),
    #[command(subcommand, visible_alias = "judge")]
    Judges(judges::Judges),
    #[command(subcommand)]
    Campaigns(campaigns::Campaigns),
}

fn main() -> ExitCode {
    let command = Arguments::command();
    let arguments = match serve::config_file::parse(&command, std::env::args_os().collect()) {
        Ok(matches) => Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()),
        Err(error) => {
            terminal::message(format_args!("error: {error}"));
            return ExitCode::from(INVALID_COMMAND_LINE);
        }
    };
    // At least two threads, so that signals are handled while a command blocks its own.
    let threads = std::thread::available_parallelism().map_or(2, |threads| threads.get().max(2));
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(threads).event_interval(EVENT_INTERVAL).enable_all();
    let runtime = match builder.build() {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal::message(format_args!("error: cannot start the async runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(run(arguments));
    // A blocking read of standard input cannot be cancelled, so do not wait for it.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_closed_stdout() => ExitCode::SUCCESS,
        Err(error) => {
            terminal::message(format_args!("error: {error}"));
            if let Some(hint) = error.hint() {
                terminal::message_lines(&format!("\nhint: {}", terminal::escape(hint)));
            }
            ExitCode::from(error.exit_code())
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), CliError> {
    let Arguments { json, quiet, no_progress, .. } = arguments;
    let output = Output { json, quiet, progress: !no_progress };
    let reloads_on_hangup =
        matches!(&arguments.command, Command::Serve(command) if command.reloads_on_hangup());
    let shutdown = signals::shutdown_signal(!reloads_on_hangup)?;
    match arguments.command {
        Command::Serve(command) => command.run(shutdown).await,
        Command::Backup(command) => command.run(output, shutdown).await,
        Command::Restore(command) => command.run(output, shutdown).await,
        Command::Verify(command) => command.run(output, shutdown).await,
        Command::Compact(command) => command.run(output, shutdown).await,
        Command::PackagingFiles(command) => command.run(Arguments::command()),
        Command::Api(command) => {
            let client = arguments.connection.client()?;
            let closing = client.clone();
            // A separate task, so that the command can be interrupted while it blocks on a full pipe.
            let mut running = tokio::spawn(async move { command.run(&client, output).await });
            tokio::select! {
                result = &mut running => result.unwrap_or_else(|error| match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => Err(CliError::Interrupted),
                }),
                () = shutdown => {
                    // Ends the calls of the command. A bulk call still returns its report, which the command may store.
                    closing.close().await;
                    if tokio::time::timeout(CLEANUP_TIMEOUT, &mut running).await.is_err() {
                        // The command is blocked on a pipe. Dropping it removes its temporary files.
                        running.abort();
                        let _ = tokio::time::timeout(ABORT_TIMEOUT, running).await;
                    }
                    Err(CliError::Interrupted)
                }
            }
        }
    }
}

impl ApiCommand {
    async fn run(self, client: &Client, output: Output) -> Result<(), CliError> {
        match self {
            Self::Datasets(command) => command.run(client, output).await,
            Self::Records(command) => command.run(client, output).await,
            Self::Import(command) => command.run(client, output).await,
            Self::Export(command) => command.run(client, output).await,
            Self::Tasks(command) => command.run(client, output).await,
            Self::Files(command) => command.run(client, output).await,
            Self::Events(command) => command.run(client, output).await,
            Self::Traces(command) => command.run(client, output).await,
            Self::Spans(command) => command.run(client, output).await,
            Self::Logs(command) => command.run(client, output).await,
            Self::Judges(command) => command.run(client, output).await,
            Self::Campaigns(command) => command.run(client, output).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_definition_is_valid() {
        Arguments::command().debug_assert();
    }
}
