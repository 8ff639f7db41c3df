//! The command `mistral-datasets`: what the API does, from the shell, and the local server.
//!
//! Data goes to standard output, everything else to standard error. The exit code says what kind of thing went wrong; see
//! [`failure::Failure::exit_code`].

mod connection;
mod datasets;
mod export;
mod failure;
mod files;
mod import;
mod output;
mod records;
mod serve;
mod tasks;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use connection::Connection;
use failure::Failure;
use output::Output;

/// What `--help` says of the exit codes; a test holds it against the code.
const EXIT_CODES: &str = "\
Exit codes:
  0  all went well
  1  an import failed, a file could not be read or written, or the server failed
  2  the command line is not understood
  3  there is no key, or the key is refused or may not do this
  4  there is no such thing
  5  the server cannot be reached, or did not answer in time
  6  the request breaks a rule";

/// Datasets of conversations for evaluation and fine-tuning: Mistral's observability datasets API from the shell, and a
/// local server of it
#[derive(Debug, Parser)]
#[command(name = "mistral-datasets", version, after_help = EXIT_CODES, infer_subcommands = true)]
struct Arguments {
    #[command(flatten)]
    connection: Connection,
    /// Print JSON instead of tables, as the API replies
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a local server of the API
    Serve(serve::Serve),
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
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(arguments)) {
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
    let output = Output { json: arguments.json };
    let connection = &arguments.connection;
    match arguments.command {
        Command::Serve(command) => command.run().await,
        Command::Datasets(command) => command.run(&connection.client()?, output).await,
        Command::Records(command) => command.run(&connection.client()?, output).await,
        Command::Import(command) => command.run(&connection.client()?, output).await,
        Command::Export(command) => command.run(&connection.client()?, output).await,
        Command::Tasks(command) => command.run(&connection.client()?, output).await,
        Command::Files(command) => command.run(&connection.client()?, output).await,
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
