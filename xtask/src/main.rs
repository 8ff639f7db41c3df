//! `cargo xtask`: generates code from the OpenAPI document, runs the demo, tests and benchmarks, and builds releases.

mod artifacts;
mod bench;
mod bundlers;
mod conformance;
mod demo;
mod dist;
mod emit;
mod fuzz;
mod generate;
mod local_server;
mod model;
mod packages;
mod postgres;
mod soak;
mod spec_diff;
mod step;
mod test;
mod toolchain;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Generate, check, test and benchmark mistral-datasets")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write all files generated from the OpenAPI document
    Generate,
    /// Check that all generated files are up to date
    ///
    /// Prints the differences and changes nothing.
    Check,
    /// Run the main job through Rust, the command line, Python and Node
    ///
    /// Compares each export with the input byte for byte.
    Demo {
        /// Use the conversations of this JSONL file instead of the sample
        #[arg(long, value_name = "FILE.jsonl")]
        file: Option<PathBuf>,
    },
    /// Run all checks and tests of all languages
    Test,
    /// Load the npm package in its published layout with nft, esbuild, webpack, Bun and Deno
    Bundlers,
    /// Kill the server under load, fill its disk and attack its memory, repeatedly, and check its data each time
    Soak(soak::Options),
    /// Test the local server against the OpenAPI document with generated requests
    Conformance {
        /// The minimum number of requests
        #[arg(long, default_value_t = 20_000)]
        cases: u64,
        /// The seed of the first round; each further round uses the next seed
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Run the fuzz targets; requires cargo-fuzz
    Fuzz {
        /// The targets: lines, json, responses, forms or links [default: all]
        targets: Vec<String>,
        /// How many minutes to run each target
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
        minutes: u64,
    },
    /// Build everything that is published into dist/, or check it
    Dist(dist::Options),
    /// Build the release artifacts and measure them
    #[command(subcommand)]
    Bench(Bench),
    /// Work with published OpenAPI documents of the service
    #[command(subcommand)]
    Spec(Spec),
}

#[derive(Subcommand)]
enum Bench {
    /// Compare the Python and Node clients with the official SDKs and plain HTTP
    ///
    /// Writes docs/bench-client.md.
    Client {
        /// Also import and export a million records, which takes minutes and gigabytes
        #[arg(long)]
        million: bool,
    },
    /// Measure the local server at several dataset sizes
    ///
    /// Writes docs/bench-server.md.
    Server {
        /// The dataset sizes to measure
        #[arg(
            long,
            value_name = "N,…",
            value_delimiter = ',',
            default_values_t = [1_000, 100_000, 1_000_000]
        )]
        records: Vec<usize>,
        /// Also install Phoenix and Prism into target/bench and measure them
        #[arg(long)]
        peers: bool,
    },
}

#[derive(Subcommand)]
enum Spec {
    /// Compare our OpenAPI document with a published one
    ///
    /// Exits with status 1 if a difference breaks readers or writers, and with 2 if a document cannot be read.
    Diff {
        /// The published OpenAPI 3.0 or 3.1 document, as YAML or JSON
        file: PathBuf,
        /// Print the differences as JSON
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let root = root();
    let result = match Arguments::parse().command {
        Command::Generate => generate::generate(&root),
        Command::Check => generate::check(&root),
        Command::Demo { file } => demo::demo(&root, file),
        Command::Test => test::test(&root),
        Command::Bundlers => bundlers::bundlers(&root),
        Command::Soak(options) => soak::soak(&root, options),
        Command::Conformance { cases, seed } => conformance::conformance(&root, cases, seed),
        Command::Fuzz { targets, minutes } => fuzz::fuzz(&root, &targets, minutes),
        Command::Dist(options) => dist::dist(&root, &options),
        Command::Bench(Bench::Client { million }) => bench::client(&root, million),
        Command::Bench(Bench::Server { records, peers }) => bench::server(&root, &records, peers),
        Command::Spec(Spec::Diff { file, json }) => return spec_diff(&root, &file, json),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Compares the documents. Breaking differences exit with 1, documents that cannot be compared with 2.
fn spec_diff(root: &Path, file: &Path, json: bool) -> ExitCode {
    let format = if json { spec_diff::Format::Json } else { spec_diff::Format::Text };
    let outcome = generate::load(&root.join(emit::DOCUMENT)).and_then(|ours| {
        spec_diff::run(&ours, file, format, &mut std::io::stdout().lock())
            .map_err(|error| error.to_string())
    });
    match outcome {
        Ok(outcome) => outcome.into(),
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

/// Returns the root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is in the workspace").to_owned()
}
