//! Builds the wheel and the source distribution of the Python package.

use super::Build;
use crate::step::{self, Step};

/// Builds the wheel. It works with every supported version of Python.
///
/// # Errors
/// Returns maturin's output if it fails.
pub fn build(build: &Build) -> Result<(), String> {
    let mut step = maturin(build, "build the wheel", "build")
        .args(["--locked", "--target", &build.target.rust, "--profile", &build.profile])
        .args(["--compression-level", "9"])
        .args(build.offline.then_some("--offline"));
    if let Some(compatibility) = build.target.wheel_compatibility() {
        step = step.args(["--compatibility", compatibility]);
    }
    step::run(build.with_compilers(step)?).map(drop)
}

/// Builds the source distribution, which includes the Rust crates.
///
/// # Errors
/// Returns maturin's output if it fails.
pub fn build_sdist(build: &Build) -> Result<(), String> {
    step::run(maturin(build, "build the sdist", "sdist")).map(drop)
}

fn maturin(build: &Build, name: &str, command: &str) -> Step {
    build
        .tool(name, "maturin")
        .args([command, "--out"])
        .arg(&build.output)
        .current_dir(build.root.join("bindings/python"))
}
