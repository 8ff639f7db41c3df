//! Builds the command and the Node module.
//!
//! They are built separately, because the command has features of the server that the modules lack.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Build;
use crate::step::{self, Step, cargo};

/// Checks that this system can build for the target.
///
/// # Errors
/// Says what is missing.
pub fn check_target(build: &Build) -> Result<(), String> {
    let target = &build.target;
    let host = match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        os => os,
    };
    if target.os != host {
        return Err(format!(
            "packages for {} cannot be built on {host}; the workflow builds them on {}",
            target.rust, target.runner
        ));
    }
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", &target.rust])
        .output()
        .map_err(|error| format!("cannot run rustc: {error}"))?;
    let directory = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if output.status.success() && directory.is_dir() {
        Ok(())
    } else {
        Err(format!(
            "the standard library of {0} is not installed; run `rustup target add {0}`",
            target.rust
        ))
    }
}

/// Builds the command and returns its path.
///
/// # Errors
/// Returns Cargo's output if it fails.
pub fn command(build: &Build) -> Result<PathBuf, String> {
    step::run(build_step(build, "build the command", "mistral-datasets-cli")?)?;
    Ok(directory(build).join(build.target.executable("mistral-datasets")))
}

/// Builds the Node module and returns its path.
///
/// # Errors
/// Returns Cargo's output if it fails.
pub fn node_module(build: &Build) -> Result<PathBuf, String> {
    let mut step = build_step(build, "build the Node module", "mistral-datasets-node")?;
    if build.target.is_musl() {
        // Static linking is the default for musl, but a module uses the C library of Node.js.
        let name = build.target.rust.to_uppercase().replace('-', "_");
        step = step.env(&format!("CARGO_TARGET_{name}_RUSTFLAGS"), "-C target-feature=-crt-static");
    }
    step::run(step)?;
    Ok(directory(build).join(build.target.dynamic_library("mistral_datasets_node")))
}

fn build_step(build: &Build, name: &str, package: &str) -> Result<Step, String> {
    let step = Step::new(name, cargo())
        .args(["build", "--locked", "--quiet", "--package", package])
        .args(["--target", &build.target.rust, "--profile", &build.profile])
        .args(build.offline.then_some("--offline"))
        .current_dir(build.root);
    build.with_compilers(step)
}

fn directory(build: &Build) -> PathBuf {
    let profile = if build.profile == "dev" { "debug" } else { &build.profile };
    build.root.join("target").join(&build.target.rust).join(Path::new(profile))
}
