//! `cargo xtask`: regenerates every layer from the document, proves that nothing drifted, runs the demo, the tests, the soak and the benchmarks.

mod bench;
mod conformance;
mod demo;
mod emit;
mod fuzz;
mod generate;
mod local_server;
mod model;
mod soak;
mod spec_diff;
mod step;
mod test;
mod toolchain;

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
    /// Runs the main job through Rust, the command, Python and Node, and checks every byte of it
    Demo {
        /// The conversations to use, as JSONL, instead of those that come with the project
        #[arg(long, value_name = "FILE.jsonl")]
        file: Option<PathBuf>,
    },
    /// Runs every check and every test of every language
    Test,
    /// Kills the server under load, many times, and looks each time whether anything was lost, doubled or half done
    Soak {
        /// How often it is killed
        #[arg(long, default_value_t = 100)]
        kills: u32,
        /// What an earlier run has printed, to do the same again
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Tries the local server against its document with made-up requests, and says which break a check
    Conformance {
        /// How many requests are sent, at least
        #[arg(long, default_value_t = 20_000)]
        cases: u64,
        /// The first seed; every round has the next one
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Looks for inputs that break what must hold for any; needs cargo-fuzz
    Fuzz {
        /// What to try: lines, json, responses, forms, links; all of them unless named
        targets: Vec<String>,
        /// For how many minutes each
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
        minutes: u64,
    },
    /// Measures beside peers, in one run on the same machine
    #[command(subcommand)]
    Bench(Bench),
    /// Works with published documents of the service
    #[command(subcommand)]
    Spec(Spec),
}

#[derive(Subcommand)]
enum Bench {
    /// The clients for Python and Node beside the official SDKs and plain HTTP; writes docs/bench-client.md
    Client {
        /// Also import and export a million records through ours, which takes some minutes and gigabytes
        #[arg(long)]
        million: bool,
    },
    /// The local server with a thousand to a million records; writes docs/bench-server.md
    Server {
        /// How many records the datasets have, one after the other
        #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = bench::server::SIZES)]
        records: Vec<usize>,
        /// Also install Phoenix and Prism into target/bench, and measure beside them
        #[arg(long)]
        peers: bool,
    },
    /// Which functions calls run; writes bindings/functions.ld, after which they lie side by side in the published modules.
    /// Needs valgrind
    Layout,
}

#[derive(Subcommand)]
enum Spec {
    /// Compares our document with a published one, and exits with 1 when a difference breaks readers or writers
    Diff {
        /// The published OpenAPI 3.0 or 3.1 document, as YAML or JSON
        file: PathBuf,
        /// Print the differences as JSON
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Generate => generate::generate(&root()),
        Command::Check => generate::check(&root()),
        Command::Demo { file } => demo::demo(&root(), file),
        Command::Test => test::test(&root()),
        Command::Soak { kills, seed } => soak::soak(&root(), kills, seed),
        Command::Conformance { cases, seed } => conformance::conformance(&root(), cases, seed),
        Command::Fuzz { targets, minutes } => fuzz::fuzz(&root(), &targets, minutes),
        Command::Bench(Bench::Client { million }) => bench::client(&root(), million),
        Command::Bench(Bench::Server { records, peers }) => {
            bench::server::server(&root(), &records, peers)
        }
        Command::Bench(Bench::Layout) => bench::layout(&root()),
        Command::Spec(Spec::Diff { file, json }) => return spec_diff(&file, json),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Compares the documents. Differences that break somebody are an answer and exit with 1; a document that cannot be read is
/// none and exits with 2.
fn spec_diff(file: &Path, json: bool) -> ExitCode {
    let format = if json { spec_diff::Format::Json } else { spec_diff::Format::Text };
    let outcome = generate::load(&root().join(emit::DOCUMENT)).and_then(|ours| {
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

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_owned()
}
