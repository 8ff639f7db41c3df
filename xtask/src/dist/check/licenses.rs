//! Checks the licenses of dependencies and the bills of materials.

use std::process::Command;

use super::super::{Build, sbom};
use crate::step::{self, Step, cargo};
use crate::test::report::Report;

/// The directory of programs that are installed from crates.io.
const PROGRAMS: &str = "target/dist/programs";

/// The program that checks licenses, and its version. The workflow of the tests uses the same.
pub const CARGO_DENY: &str = "cargo-deny@0.20.2";

/// Validates a bill of materials against the schema of its version.
const VALIDATE: &str = "
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
problem = JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1], encoding='utf-8').read())
sys.exit(f'{sys.argv[1]}: {problem}' if problem else 0)
";

/// Validates the bills of materials.
pub fn check_bills(build: &Build, report: &mut Report) {
    for (_, name, _) in sbom::BILLS {
        let file = build.output.join(sbom::file_name(name, &build.version));
        let step = build.tool(&format!("validate the bill of materials {name}"), "python");
        report.check(step.args(["-c", VALIDATE]).arg(file));
    }
}

/// Checks the licenses and sources of all dependencies with cargo-deny, which is installed first unless this version is.
pub fn check_dependencies(build: &Build, report: &mut Report) {
    let directory = build.root.join(PROGRAMS);
    let program = directory.join(format!("bin/cargo-deny{}", std::env::consts::EXE_SUFFIX));
    let installed = Command::new(&program).arg("--version").output();
    let version = installed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    if version.unwrap_or_default().trim() != CARGO_DENY.replace('@', " ") {
        let install = Step::new(format!("install {CARGO_DENY}"), cargo())
            .args(["install", "--locked", "--quiet", "--no-default-features", CARGO_DENY, "--root"])
            .arg(&directory)
            // It runs for a second, so it need not be fast.
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "64")
            .current_dir(build.root)
            .args(build.offline.then_some("--offline"));
        if !report.succeeded(step::run(install).map(drop)) {
            return;
        }
    }
    // Dependencies for other targets and features, whose licenses are checked, too.
    let fetch = Step::new("cargo fetch", cargo())
        .args(["fetch", "--locked", "--quiet"])
        .args(build.offline.then_some("--offline"))
        .current_dir(build.root);
    if !report.succeeded(step::run(fetch).map(drop)) {
        return;
    }
    report.check(
        Step::new("cargo deny", program)
            .args(["--all-features", "--offline", "check", "bans", "licenses", "sources"])
            .current_dir(build.root),
    );
}
