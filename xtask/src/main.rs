//! `cargo xtask`: regenerates every layer from the document, proves that nothing drifted, runs the demo and the tests.

mod emit;
mod generate;
mod model;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Generates, checks, tests and demonstrates mistral-datasets"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Writes every file that follows from the OpenAPI document
    Generate,
    /// Says which generated files are stale or edited by hand, with their differences; changes nothing
    Check,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Generate => generate::generate(&root()),
        Command::Check => generate::check(&root()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_owned()
}
