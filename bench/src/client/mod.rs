//! Compares the Python and Node clients with the official SDKs and plain HTTP on one local server.

mod cases;
mod page;
mod runner;
mod sample;
mod workload;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::chart::{self, Bar, Group};
use crate::environment::Environment;
use crate::process::{ServerProcess, free_port};
use crate::{Error, work_directory};
use cases::CASES;
use runner::{Client, Language, RUNNERS};
use sample::Results;
use workload::Workload;

const PAGE: &str = "docs/bench-client.md";
const PICTURE: &str = "docs/bench-client.svg";

/// The number of rounds. In each, every case runs with every client. On a shared machine, at least one round is likely to be undisturbed.
const ROUNDS: usize = 6;

/// The programs that a benchmark of the clients needs.
#[derive(Debug)]
pub struct Setup {
    /// The root of the workspace.
    pub root: &'static Path,
    /// The release build of `mistral-datasets`.
    pub command: PathBuf,
    /// A Python interpreter that has the package installed.
    pub python: PathBuf,
    /// The directory of the official Python SDK.
    pub official_python: PathBuf,
}

/// Measures the clients, prints the page and writes it to `docs`. With `million`, also imports and exports a million records
/// with our clients.
///
/// # Errors
/// Fails if a program cannot be started or fails. A missed target is not an error; the page reports it.
pub fn run(setup: &Setup, million: bool) -> Result<(), Error> {
    let directory = work_directory(setup.root)?;
    let temporary = tempfile::tempdir()?;
    let server = serve(&setup.command, temporary.path())?;
    let workload = Workload::create(&server, &setup.command, &directory, cases::RECORDS)?;

    let mut results = Results::default();
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        for case in CASES {
            let delay = case.delay_ms.map(|delay| workload.delay_pages(delay)).transpose()?;
            for runner in RUNNERS {
                results.add(case, runner, runner.run(setup, case, &workload.job(case))?);
            }
            drop(delay);
        }
    }
    let mut millions = Vec::new();
    if million {
        let workload = Workload::create(&server, &setup.command, &directory, cases::MILLION)?;
        for case in cases::MILLION_CASES {
            for runner in RUNNERS.iter().filter(|runner| runner.client == Client::Ours) {
                eprintln!("{} ({})", case.title, runner.language.name());
                let sample = runner.run(setup, case, &workload.job(case))?;
                millions.push((case, runner.language, sample));
            }
        }
    }
    let environment = Environment::detect(setup.root);
    let text = page::page(&results, &millions, &environment);
    println!("{}", crate::page::for_terminal(&text));
    crate::page::write(setup.root, PAGE, &text)?;
    crate::page::write(setup.root, PICTURE, &picture(&results, &environment))
}

/// Starts a local server in memory, with its temporary files in a directory that outlives it.
fn serve(command: &Path, temporary: &Path) -> Result<ServerProcess, Error> {
    let port = free_port()?;
    let mut server = Command::new(command);
    server.env(if cfg!(windows) { "TMP" } else { "TMPDIR" }, temporary).args([
        "serve",
        "--memory",
        "--listen",
        &format!("127.0.0.1:{port}"),
    ]);
    ServerProcess::start(server, port, "/healthz")
}

fn picture(results: &Results, environment: &Environment) -> String {
    let bar = |case, language: Language| Bar {
        name: language.name(),
        ratio: results.ratio(case, language),
    };
    let groups: Vec<Group> = CASES
        .iter()
        .map(|case| Group {
            title: format!("{} ({})", case.title, case.measure.name()),
            bars: [Language::Python, Language::Node].map(|language| bar(case, language)).into(),
        })
        .collect();
    chart::draw(
        "Time or memory per operation, official SDK ÷ ours",
        &environment.summary(),
        &groups,
    )
}
