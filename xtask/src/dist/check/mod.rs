//! `cargo xtask dist --check`: installs every artifact of this platform into an empty place and uses it.
//!
//! [`quick`] is the part that `cargo xtask test` runs. It needs no release build.

mod archive;
mod crates;
mod licenses;
mod metadata;
mod npm;
mod pythons;
mod readme;
mod sizes;
mod wheel;
mod workflows;

use std::path::{Path, PathBuf};

use super::{Build, HOST, checksums, targets};
use crate::test::report::Report;

/// Python packages that check wheels, metadata and bills of materials.
const REQUIREMENTS: &str = "xtask/src/dist/requirements-check.txt";

/// Checks everything in `dist/`. A failed check does not stop the checks after it.
///
/// # Errors
/// Fails if any check failed.
pub fn all(build: &Build) -> Result<(), String> {
    let mut report = Report::default();
    eprintln!("files");
    report.checked(checksums::check(&build.output));
    sizes::check(build, &mut report);
    metadata::check(build.root, build.offline, &mut report);
    if report.succeeded(build.install_tools(REQUIREMENTS)) {
        licenses::check_bills(build, &mut report);
        eprintln!("Python");
        wheel::check(build, &mut report);
    }
    eprintln!("Node");
    npm::check(build, &mut report);
    eprintln!("command");
    report.checked(archive::check(build));
    eprintln!("Rust");
    crates::check(build, &mut report);
    licenses::check_dependencies(build, &mut report);
    eprintln!("workflows");
    workflows::check(build, &mut report);
    for sentence in [
        "not checked: security advisories, whose database is downloaded from GitHub; run `cargo deny check advisories`",
        "not checked: `cargo semver-checks`, which compares with the previous release; there is none yet",
    ] {
        eprintln!("  {sentence}");
    }
    report.finish()
}

/// Checks metadata, workflows, and the npm packages with the module that the tests built.
pub fn quick(root: &Path, module: &Path, report: &mut Report) {
    metadata::check(root, false, report);
    let build = version_and_target(root);
    let Ok((version, target)) = build.map_err(|error| report.fail(error)) else { return };
    let build = Build {
        root,
        output: quick_output(root),
        target,
        version,
        profile: "quick".to_owned(),
        offline: false,
    };
    report.checked(npm::check_quick(&build, module));
    workflows::check(&build, report);
}

fn version_and_target(root: &Path) -> Result<(String, targets::Target), String> {
    Ok((super::version(root)?, targets::find(HOST)?))
}

/// Returns the directory of the npm packages that are only packed for a check.
fn quick_output(root: &Path) -> PathBuf {
    root.join("target/dist/quick")
}
