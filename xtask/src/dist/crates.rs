//! Packages the Rust crates, as `cargo publish` does.

use std::fs;

use super::Build;
use super::graph::Graph;
use crate::step::{self, Step, cargo};

/// Packages the published crates and prints them in the order of their dependencies, in which they must be published.
///
/// # Errors
/// Returns Cargo's output if it fails.
pub fn package(build: &Build) -> Result<(), String> {
    let graph = Graph::load(build.root, build.offline)?;
    let published = graph.published();
    let step = Step::new("package the crates", cargo())
        // `dist --check` compiles them.
        .args(["package", "--locked", "--no-verify", "--allow-dirty", "--quiet"])
        .args(published.iter().flat_map(|package| ["--package", &package.name]))
        .args(build.offline.then_some("--offline"))
        .env("CARGO_TARGET_DIR", build.root.join("target"))
        .current_dir(build.root);
    step::run(step)?;
    for package in &published {
        let name = file_name(&package.name, &package.version);
        let source = build.root.join("target/package").join(&name);
        fs::copy(&source, build.output.join(&name))
            .map_err(|error| format!("{}: {error}", source.display()))?;
    }
    let names: Vec<_> = published.iter().map(|package| package.name.as_str()).collect();
    eprintln!("  order of the crates: {}", names.join(", "));
    Ok(())
}

/// Returns the file name of a packaged crate.
pub fn file_name(package: &str, version: &str) -> String {
    format!("{package}-{version}.crate")
}
