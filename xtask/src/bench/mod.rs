//! `cargo xtask bench`: what the clients and the server cost, measured beside their peers in one run.

mod chart;
mod layout;
mod rows;
mod runner;
mod sample;
pub mod server;
mod table;
mod workload;

use std::fs;
use std::path::Path;

pub use layout::layout;

use crate::demo;
use crate::local_server::LocalServer;
use crate::test;
use crate::toolchain::{self, Profile};
use chart::{Bar, Group};
use rows::ROWS;
use runner::{Language, RUNNERS, Who};
use sample::Results;
use workload::Workload;

/// Where the page and the picture go.
const PAGE: &str = "docs/bench-client.md";
const PICTURE: &str = "docs/bench-client.svg";

/// How often every row is run, one runner after the other: so often that a shared machine is likely to have been quiet once
/// for each.
const ROUNDS: usize = 12;

/// Measures the clients, prints the tables, and writes them into `docs`. With `million` it also imports and exports a million
/// records through ours.
///
/// # Errors
/// When something cannot be built or a runner fails. That a figure misses its bar is no error: the table says so.
pub fn client(root: &Path, million: bool) -> Result<(), String> {
    toolchain::check()?;
    eprintln!("building");
    demo::build(root, Profile::Dist)?;
    test::official_packages(root)?;
    let command = demo::built(root, Profile::Dist, "mistral-datasets")?;
    let server = LocalServer::start_with(&command)?;
    let folder = root.join("target/bench");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let workload = Workload::create(&server, &command, &folder, rows::RECORDS)?;

    eprintln!("measuring");
    let mut results = Results::default();
    for round in 1..=ROUNDS {
        eprintln!("  round {round} of {ROUNDS}");
        for row in ROWS {
            let delayed = row.delay_ms.map(|delay| workload.delay(delay)).transpose()?;
            for runner in RUNNERS {
                results.add(row, runner, runner.run(root, &server, row, &workload.job(row))?);
            }
            drop(delayed);
        }
    }
    let mut millions = Vec::new();
    if million {
        eprintln!("a million records through ours");
        let many = Workload::create(&server, &command, &folder, rows::MILLION)?;
        for row in rows::MILLION_ROWS {
            for runner in RUNNERS.iter().filter(|runner| runner.who == Who::Ours) {
                eprintln!("  {} in {}", row.title, runner.language.name());
                let sample = runner.run(root, &server, row, &many.job(row))?;
                millions.push((row, runner.language, sample));
            }
        }
    }
    let text = table::page(&results, &millions);
    println!("{}", table::without_markup(&text));
    write(root, PAGE, &text)?;
    write(root, PICTURE, &picture(&results))
}

/// The comparison with the official SDKs as a picture.
fn picture(results: &Results) -> String {
    let bar = |row, language: Language| Bar {
        name: language.name(),
        ratio: results.ratio(row, language),
    };
    let groups: Vec<Group<'_>> = ROWS
        .iter()
        .map(|row| Group {
            title: row.title,
            bars: [Language::Python, Language::Node].map(|language| bar(row, language)).into(),
        })
        .collect();
    chart::draw("How many times less ours takes than the official SDK", &groups)
}

fn write(root: &Path, path: &str, text: &str) -> Result<(), String> {
    let path = root.join(path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
}
