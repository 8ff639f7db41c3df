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
    let directory = root.join("bindings/node/tests/bundlers");
    packages::install_npm_packages(&directory)?;
    step::run(
        Step::new("bundlers and runtimes", npm())
            .args(["run", "--silent", "test"])
            .current_dir(&directory),
    )
    .map(drop)
}
