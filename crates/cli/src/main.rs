//! The command `mistral-datasets`: what the API does, from the shell, and the local server.
//!
//! Data goes to standard output, everything else to standard error. The exit code says what kind of thing went wrong; see
//! [`failure::Failure::exit_code`].

mod adding;
mod backup;
mod connection;
mod datasets;
mod export;
mod failure;
mod files;
mod import;
mod listing;
mod output;
mod progress;
mod records;
mod serve;
mod signals;
mod tasks;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use mistral_datasets::Client;

use connection::Connection;
use failure::Failure;
use output::Output;

/// What `--help` says of the exit codes; a test holds it against the code.
const EXIT_CODES: &str = "\
Exit codes:
  0  all went well
  1  an import failed, a record was refused, a file could not be read or written, or the server failed
  2  the command line is not understood
  3  there is no key, or the key is refused or may not do this
  4  there is no such thing
  5  the server cannot be reached, or did not answer in time
  6  the request breaks a rule
  130  interrupted";

/// How long what is stopped may take to clean up.
const PATIENCE: Duration = Duration::from_secs(1);

/// Datasets of conversations for evaluation and fine-tuning: Mistral's observability datasets API from the shell, and a
/// local server of it
#[derive(Debug, Parser)]
#[command(name = "mistral-datasets", version, after_help = EXIT_CODES, infer_subcommands = true)]
struct Arguments {
    #[command(flatten)]
    connection: Connection,
    /// Print JSON instead of tables, as the API responses
    #[arg(long, global = true)]
    json: bool,
    /// Print only what was asked for and errors
    #[arg(long, global = true)]
    quiet: bool,
    /// Show no progress bars; there are none either where standard error is no terminal
    #[arg(long, global = true)]
    no_progress: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a local server of the API
    Serve(serve::Serve),
    /// Back up the data directory of a local server, also while it serves
    Backup(backup::Backup),
    #[command(flatten)]
    Call(Call),
}

/// The commands that call the server.
#[derive(Debug, Subcommand)]
enum Call {
    /// Create, list, fetch, update and delete datasets
    #[command(subcommand)]
    Datasets(datasets::Datasets),
    /// Add, list, get, edit and delete records
    #[command(subcommand)]
    Records(records::Records),
    /// Import records into a dataset from a file, a campaign, events, conversations or other records
    Import(import::Import),
    /// Export a dataset as JSONL
    Export(export::Export),
    /// List and watch import tasks
    #[command(subcommand)]
    Tasks(tasks::Tasks),
    /// Upload, list, get, download and delete files
    #[command(subcommand)]
    Files(files::Files),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // One thread is always free to hear that the command is to stop.
    let threads = std::thread::available_parallelism().map_or(2, |threads| threads.get().max(2));
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = match builder.worker_threads(threads).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(run(arguments));
    // Somebody may still be waiting for standard input, which nobody wants to read any more.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has seen enough, as `head` has.
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            if let Some(hint) = failure.hint() {
                eprintln!("\nhint: {hint}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { json, quiet, no_progress, .. } = arguments;
    let output = Output { json, quiet, progress: !no_progress };
    let stop = signals::stop()?;
    match arguments.command {
        Command::Serve(command) => command.run(stop).await,
        Command::Backup(command) => command.run(output, stop).await,
        Command::Call(call) => {
            let client = arguments.connection.client()?;
            // It runs apart, so that it can be stopped while it waits for whoever reads its output.
            let mut running = tokio::spawn(async move { call.run(&client, output).await });
            tokio::select! {
                result = &mut running => result.unwrap_or_else(|error| match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => Err(Failure::Interrupted),
                }),
                () = stop => {
                    // What is stopped takes with it what it had not finished.
                    running.abort();
                    let _ = tokio::time::timeout(PATIENCE, running).await;
                    Err(Failure::Interrupted)
                }
            }
        }
    }
}

impl Call {
    async fn run(self, client: &Client, output: Output) -> Result<(), Failure> {
        match self {
            Self::Datasets(command) => command.run(client, output).await,
            Self::Records(command) => command.run(client, output).await,
            Self::Import(command) => command.run(client, output).await,
            Self::Export(command) => command.run(client, output).await,
            Self::Tasks(command) => command.run(client, output).await,
            Self::Files(command) => command.run(client, output).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
