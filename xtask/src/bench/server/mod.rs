//! `cargo xtask bench server`: what the local server does with a thousand and with a million records, and beside its peers.

mod course;
mod http;
mod load;
mod page;
mod peers;
mod process;

use std::fs;
use std::path::Path;

use super::write;
use crate::demo;
use crate::step::{self, Step, cargo};
use crate::toolchain::{self, Profile};
use course::Course;

/// Where the page and the picture go.
const PAGE: &str = "docs/bench-server.md";
const PICTURE: &str = "docs/bench-server.svg";

/// How many records the datasets have, one after the other.
pub const SIZES: [usize; 3] = [1_000, 100_000, 1_000_000];

/// Measures the server with datasets of these sizes, with `peers` beside Prism and Phoenix, prints the tables, and writes them into
/// `docs`.
///
/// # Errors
/// When something cannot be built, started or installed, or a request fails. That a figure misses its bar is no error: the
/// table says so.
pub fn server(root: &Path, sizes: &[usize], with_peers: bool) -> Result<(), String> {
    toolchain::check()?;
    eprintln!("building");
    build(root)?;
    let command = demo::built(root, Profile::Dist, "mistral-datasets")?;
    let load = demo::built(root, Profile::Dist, "mistral-datasets-load")?;
    let folder = root.join("target/bench");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;

    let course = Course { command: &command, load: &load, folder: &folder };
    let mut figures = Vec::new();
    for &size in sizes {
        eprintln!("measuring with {size} records");
        figures.push(course.run(size)?);
    }
    let many = course.many_datasets()?;
    let peers = if with_peers { Some(peers::compare(root, &course)?) } else { None };
    let text = page::page(&figures, &many, peers.as_ref());
    println!("{}", super::table::without_markup(&text));
    write(root, PAGE, &text)?;
    match &peers {
        Some(peers) => write(root, PICTURE, &page::picture(peers)),
        None => Ok(()),
    }
}

fn build(root: &Path) -> Result<(), String> {
    step::run(
        Step::new("build the command and the load", cargo())
            .args(["build", "--profile", Profile::Dist.name(), "--locked", "--quiet", "--target"])
            .args([toolchain::host_triple()?])
            .args(["--package", "mistral-datasets-cli", "--bin", "mistral-datasets"])
            .args(["--package", "mistral-datasets-load", "--bin", "mistral-datasets-load"])
            // Chosen only, not built: so the dependencies have the features that `bench client` has built them with.
            .args(["--package", "mistral-datasets", "--features", "mistral-datasets/local"])
            .args(["--package", "mistral-datasets-python"])
            .within(root),
    )
    .map(drop)
}
