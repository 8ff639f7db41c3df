//! Loads the npm package in its published layout with file tracers, bundlers and other runtimes.

use std::path::Path;

use crate::step::{self, Step};
use crate::toolchain::npm;
use crate::{artifacts, packages};

/// Installs the bundlers and runs their tests with the packed packages in a directory, or with packages of a fresh build.
///
/// # Errors
/// Returns the output of the command that failed.
pub fn bundlers(root: &Path, packed: Option<&Path>) -> Result<(), String> {
    let directory = root.join("bindings/node/tests/bundlers");
    packages::install_npm_packages(&directory)?;
    let mut step = Step::new("bundlers and runtimes", npm())
        .args(["run", "--silent", "test"])
        .current_dir(&directory);
    match packed {
        None => artifacts::install_node(root)?,
        Some(packed) => {
            let packed = packed.canonicalize();
            step = step.env("PACKED_PACKAGES", packed.map_err(|error| error.to_string())?);
        }
    }
    step::run(step).map(drop)
}
