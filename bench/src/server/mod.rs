//! Measures the local server at several dataset sizes, and compares it with Phoenix and Prism.

mod latencies;
mod load;
mod page;
mod peer_table;
mod peers;
mod scenario;
mod telemetry;
mod transfer;

use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::{Error, work_directory};
use scenario::Scenario;
pub use telemetry::SPANS;

const PAGE: &str = "docs/bench-server.md";
const PICTURE: &str = "docs/bench-server.svg";

/// The dataset sizes that are measured by default.
pub const SIZES: [usize; 3] = [1_000, 100_000, 1_000_000];

/// Measures the server with datasets of these sizes, prints the page and writes it to `docs`. `peers` has the installation
/// directories of Phoenix and Prism.
///
/// # Errors
/// Fails if a program cannot be started or a request fails. A missed target is not an error; the page reports it.
pub fn run(
    root: &Path,
    command: &Path,
    sizes: &[usize],
    peers: Option<(PathBuf, PathBuf)>,
) -> Result<(), Error> {
    let directory = work_directory(root)?;
    let scenario = Scenario { command, directory: &directory };
    let mut measurements = Vec::new();
    for &size in sizes {
        eprintln!("{size} records");
        measurements.push(scenario.run(size)?);
    }
    let many = scenario.many_datasets()?;
    let comparison = peers
        .map(|(phoenix, prism)| peers::compare(root, &scenario, &phoenix, &prism))
        .transpose()?;
    let telemetry = telemetry::measure(&scenario, SPANS)?;
    let environment = Environment::detect(root);
    let text = page::page(&measurements, &many, &telemetry, comparison.as_ref(), &environment);
    println!("{}", crate::page::for_terminal(&text));
    crate::page::write(root, PAGE, &text)?;
    match &comparison {
        Some(comparison) => {
            crate::page::write(root, PICTURE, &peer_table::picture(comparison, &environment))
        }
        None => Ok(()),
    }
}

/// Measures the intake and the search of spans, and prints that section of the page.
///
/// # Errors
/// Fails if the server cannot be started or a request fails.
pub fn run_telemetry(root: &Path, command: &Path, spans: usize) -> Result<(), Error> {
    let directory = work_directory(root)?;
    let scenario = Scenario { command, directory: &directory };
    let section = telemetry::section(&telemetry::measure(&scenario, spans)?);
    println!("{}", crate::page::for_terminal(&section));
    Ok(())
}
