//! Loads the npm package in its published layout with file tracers, bundlers and other runtimes.

use std::path::Path;

use crate::step::{self, Step};
use crate::toolchain::npm;
use crate::{artifacts, packages};

/// Builds the native module, installs the bundlers, and runs their tests.
///
/// # Errors
/// Returns the output of the command that failed.
pub fn bundlers(root: &Path) -> Result<(), String> {
    artifacts::install_node(root)?;
    test(root, &[])
}

/// Runs the tests with packed packages instead of the checkout.
///
/// # Errors
/// Returns the output of the command that failed.
pub fn test_packed(root: &Path, main: &Path, platform: &Path) -> Result<(), String> {
    test(root, &[("PACKED_PACKAGE", main), ("PACKED_PLATFORM_PACKAGE", platform)])
}

fn test(root: &Path, environment: &[(&str, &Path)]) -> Result<(), String> {
    let directory = root.join("bindings/node/tests/bundlers");
    packages::install_npm_packages(&directory)?;
    let tests = Step::new("bundlers and runtimes", npm())
        .args(["run", "--silent", "test"])
        .current_dir(&directory);
    let tests = environment.iter().fold(tests, |step, (name, path)| step.env(name, path));
    step::run(tests).map(drop)
}
