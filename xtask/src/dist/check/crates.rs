//! Compiles the packaged crates outside the checkout, and runs the README's quick start with them.

use std::fs;
use std::path::Path;

use flate2::read::GzDecoder;

use super::super::graph::Graph;
use super::super::{Build, crates};
use super::readme;
use crate::step::{self, Step, cargo};
use crate::test::report::Report;

/// Unpacks the crates into a workspace with a program that depends on them, and builds and runs it.
pub fn check(build: &Build, report: &mut Report) {
    report.checked(run(build));
}

fn run(build: &Build) -> Result<(), String> {
    let directory = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
    let directory = directory.path();
    let graph = Graph::load(build.root, build.offline)?;
    let names: Vec<String> = graph.published().iter().map(|package| package.name.clone()).collect();
    for name in &names {
        unpack(&build.output.join(crates::file_name(name, &build.version)), directory)?;
    }
    write_quick_start(build, directory, &names)
        .map_err(|error| format!("{}: {error}", directory.display()))??;
    let step = |name: &str, arguments: &[&str]| {
        Step::new(name, cargo())
            .args(arguments)
            .args(build.offline.then_some("--offline"))
            .env("CARGO_TARGET_DIR", build.root.join("target/dist/crates"))
            .current_dir(directory)
    };
    step::run(step("build the packaged crates", &["build", "--quiet", "--workspace"]))?;
    let output = step::run(step(
        "run the Rust quick start",
        &["run", "--quiet", "--package", "quick-start"],
    ))?;
    if output.contains("3 more records") {
        Ok(())
    } else {
        Err(format!("the Rust quick start printed:\n{output}"))
    }
}

fn unpack(file: &Path, directory: &Path) -> Result<(), String> {
    let error = |error: std::io::Error| format!("{}: {error}", file.display());
    let reader = fs::File::open(file).map_err(error)?;
    tar::Archive::new(GzDecoder::new(reader)).unpack(directory).map_err(error)
}

/// Writes the workspace: the crates, which replace those of the registry, and the README's program.
fn write_quick_start(
    build: &Build,
    directory: &Path,
    names: &[String],
) -> std::io::Result<Result<(), String>> {
    let example = readme::blocks(build.root, "README.md", "rust").and_then(|blocks| {
        let dependencies = readme::blocks(build.root, "README.md", "toml")?;
        Ok((blocks[0].clone(), dependencies[0].clone()))
    });
    let (program, dependencies) = match example {
        Ok(example) => example,
        Err(error) => return Ok(Err(error)),
    };
    let quote = |name: &String| format!("\"{name}-{}\"", build.version);
    let members: Vec<String> = names.iter().map(quote).collect();
    let patches: String =
        names.iter().map(|name| format!("{name} = {{ path = {} }}\n", quote(name))).collect();
    fs::write(
        directory.join("Cargo.toml"),
        format!(
            "[workspace]\nresolver = \"2\"\nmembers = [\"quick-start\", {}]\n\n[patch.crates-io]\n{patches}\n\
             [profile.dev]\ndebug = false\n",
            members.join(", ")
        ),
    )?;
    // The versions that the workspace is tested with, which are downloaded already.
    fs::copy(build.root.join("Cargo.lock"), directory.join("Cargo.lock"))?;
    let package = directory.join("quick-start");
    fs::create_dir_all(package.join("src"))?;
    fs::write(
        package.join("Cargo.toml"),
        format!(
            "[package]\nname = \"quick-start\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n{dependencies}"
        ),
    )?;
    fs::write(package.join("src/main.rs"), program)?;
    Ok(Ok(()))
}
