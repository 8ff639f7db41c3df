//! Measures the clients and the local server, and writes `docs/bench-client.md` and `docs/bench-server.md`.
//!
//! `cargo xtask bench` builds the command and the packages with the documented commands, then starts this program. The programs
//! in `bench/client` and `bench/server` run one measurement each, in a separate process.

mod chart;
mod client;
mod connection;
mod environment;
mod page;
mod process;
mod records;
mod server;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// An error with a message for the person who runs the benchmark.
type Error = Box<dyn std::error::Error + Send + Sync>;

/// The API key of the benchmark's workspace.
const API_KEY: &str = "bench";

#[derive(Parser)]
#[command(about = "Measures the clients and the local server; started by `cargo xtask bench`")]
struct Arguments {
    /// The release build of `mistral-datasets`
    #[arg(
        long,
        value_name = "PATH",
        global = true,
        default_value = "target/release/mistral-datasets"
    )]
    command: PathBuf,
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Subcommand)]
enum Benchmark {
    /// Compare the Python and Node clients with the official SDKs and plain HTTP
    Client {
        /// A Python interpreter that has the package installed
        #[arg(long, value_name = "PATH")]
        python: PathBuf,
        /// The installed official Python SDK
        #[arg(long, value_name = "DIR")]
        official_python: PathBuf,
        /// Also import and export a million records with ours
        #[arg(long)]
        million: bool,
    },
    /// Measure the local server at several dataset sizes
    Server {
        /// Dataset sizes to measure
        #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = server::SIZES)]
        records: Vec<usize>,
        /// Compare with Phoenix, installed in this Python environment
        #[arg(long, value_name = "DIR", requires = "prism")]
        phoenix: Option<PathBuf>,
        /// Compare with Prism, installed in this npm prefix
        #[arg(long, value_name = "DIR", requires = "phoenix")]
        prism: Option<PathBuf>,
    },
    /// Measure only the intake and the search of spans, without writing the page
    Telemetry {
        /// Spans to store
        #[arg(long, value_name = "N", default_value_t = server::SPANS)]
        spans: usize,
    },
}

fn main() -> ExitCode {
    let Arguments { command, benchmark } = Arguments::parse();
    let root = root();
    let result = match benchmark {
        Benchmark::Client { python, official_python, million } => {
            client::run(&client::Setup { root, command, python, official_python }, million)
        }
        Benchmark::Server { records, phoenix, prism } => {
            server::run(root, &command, &records, phoenix.zip(prism))
        }
        Benchmark::Telemetry { spans } => server::run_telemetry(root, &command, spans),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the root of the workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("bench is a directory of the workspace")
}

/// Returns the directory for records, exports and data directories, after creating it.
fn work_directory(root: &Path) -> Result<PathBuf, Error> {
    let directory = root.join("target/bench");
    std::fs::create_dir_all(&directory)
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    Ok(directory)
}

/// Runs a future on a single-threaded runtime, so that the load takes one core at most.
fn block_on<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}
