//! What must be on the machine beforehand, and what the project installs into its own folders.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::{self, Step};

/// The script that says in which order the functions lie in a published module; `cargo xtask bench layout` writes it.
pub const LAYOUT: &str = "bindings/functions.ld";

/// The folder of the project's own Python environment.
const VENV: &str = ".venv";

/// Checks that the toolchains are there and new enough.
///
/// # Errors
/// Every one that is missing, each with the way to get it.
pub fn check() -> Result<(), String> {
    let mut missing = Vec::new();
    match python() {
        Some(_) => {}
        None => missing.push(
            "Python 3.10 or newer with venv: `apt-get install python3 python3-venv`, `brew install python`, or python.org",
        ),
    }
    if version("node", &["--version"]).is_none_or(|version| version < (20, 0)) {
        missing.push(
            "Node.js 20 or newer: your system's packages, `brew install node`, or nodejs.org",
        );
    }
    if version("npm", &["--version"]).is_none() {
        missing.push("npm: it comes with Node.js; on Debian `apt-get install npm`");
    }
    if !["cc", "gcc", "clang", "cl"].iter().any(|compiler| runs(compiler)) {
        missing
            .push("a C compiler: `apt-get install build-essential`, or `xcode-select --install`");
    }
    for (component, probe) in [("rustfmt", "rustfmt"), ("clippy", "cargo-clippy")] {
        if version(probe, &["--version"]).is_none() {
            missing.push(match component {
                "rustfmt" => "rustfmt: `rustup component add rustfmt`",
                _ => "clippy: `rustup component add clippy`",
            });
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("this machine lacks\n  - {}", missing.join("\n  - ")))
}

/// Whether a program starts at all.
fn runs(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// The major and minor version a program reports, if it is there.
fn version(program: &str, arguments: &[&str]) -> Option<(u32, u32)> {
    let output = Command::new(program).args(arguments).output().ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = text.split_whitespace().find_map(|word| {
        let word = word.trim_start_matches('v');
        word.starts_with(|first: char| first.is_ascii_digit()).then(|| word.to_owned())
    })?;
    let mut parts = number.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next().flatten().unwrap_or(0)))
}

/// A Python new enough.
fn python() -> Option<&'static str> {
    ["python3", "python"]
        .into_iter()
        .find(|program| version(program, &["--version"]).is_some_and(|version| version >= (3, 10)))
}

/// The target triple of this machine.
///
/// napi names it to cargo in every build. What is built with a named target lies in a folder of its own, so everything
/// that shall share its compiled dependencies names it too.
///
/// # Errors
/// When rustc does not say it.
pub fn host_triple() -> Result<String, String> {
    let output =
        Command::new("rustc").arg("-vV").output().map_err(|error| format!("rustc: {error}"))?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        .ok_or_else(|| "`rustc -vV` does not name the host".to_owned())
}

/// A program of the project's own Python environment.
pub fn in_venv(root: &Path, program: &str) -> PathBuf {
    in_environment(&root.join(VENV), program)
}

/// A program of a Python environment.
pub fn in_environment(environment: &Path, program: &str) -> PathBuf {
    if cfg!(windows) {
        environment.join("Scripts").join(format!("{program}.exe"))
    } else {
        environment.join("bin").join(program)
    }
}

/// Makes the project's own Python environment and installs what a requirements file names.
///
/// # Errors
/// When a command fails; what it printed is part of the message.
pub fn python_environment(root: &Path, requirements: &str) -> Result<(), String> {
    python_environment_at(root, VENV, requirements)
}

/// Makes a Python environment at a path in the project and installs what a requirements file names.
///
/// # Errors
/// When a command fails; what it printed is part of the message.
pub fn python_environment_at(root: &Path, path: &str, requirements: &str) -> Result<(), String> {
    let environment = root.join(path);
    if !in_environment(&environment, "python").exists() {
        let python = python().ok_or("there is no Python")?;
        let make = Step::new(format!("make {path}"), python);
        step::run(make.args(["-m", "venv", path]).within(root))?;
    }
    // pip decides by itself in a moment when all is there already, but starting it takes seconds.
    let stamp = environment.join(format!("{}.installed", requirements.replace('/', "-")));
    let wanted = std::fs::read_to_string(root.join(requirements))
        .map_err(|error| format!("{requirements}: {error}"))?;
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    step::run(
        Step::new("install Python packages", in_environment(&environment, "python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "-r",
                requirements,
            ])
            .within(root),
    )?;
    std::fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))
}

/// How things are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// For tests.
    Quick,
    /// For use on this machine.
    Release,
    /// As it is published.
    Dist,
    /// As it is published, but with the names of its functions.
    Named,
}

impl Profile {
    /// Its name in Cargo.toml, which is that of its folder too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Release => "release",
            Self::Dist | Self::Named => "dist",
        }
    }

    /// A step of a build with this profile.
    pub fn step(self, root: &Path, what: &str, program: impl AsRef<OsStr>) -> Step {
        let step = Step::new(what, program);
        match self {
            Self::Quick | Self::Release => step,
            // Other systems' linkers read no such script.
            Self::Dist if cfg!(target_os = "linux") => {
                step.env("MISTRAL_DATASETS_LAYOUT", root.join(LAYOUT))
            }
            Self::Dist => step,
            Self::Named => step.env("CARGO_PROFILE_DIST_STRIP", "none"),
        }
    }
}

/// Builds the Python package and installs it into the project's environment.
///
/// # Errors
/// When a command fails; what it printed is part of the message.
pub fn python_package(root: &Path, profile: Profile) -> Result<(), String> {
    step::run(
        profile
            .step(root, "build the Python package", in_venv(root, "maturin"))
            .args(["develop", "--profile", profile.name(), "--quiet"])
            .args(["--target", &host_triple()?])
            .env("VIRTUAL_ENV", root.join(VENV))
            .within(root.join("bindings/python")),
    )
    .map(drop)
}

/// Installs the npm packages of a folder when its lock file is newer than what is installed.
///
/// # Errors
/// When npm fails; what it printed is part of the message.
pub fn npm_packages(folder: &Path) -> Result<(), String> {
    let modified = |path: PathBuf| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let installed = modified(folder.join("node_modules/.package-lock.json"));
    let wanted = modified(folder.join("package-lock.json"));
    if installed.is_some() && installed >= wanted {
        return Ok(());
    }
    step::run(
        Step::new("install npm packages", npm())
            .args(["ci", "--no-audit", "--no-fund"])
            .within(folder),
    )
    .map(drop)
}

/// Builds the node module.
///
/// # Errors
/// When a command fails; what it printed is part of the message.
pub fn node_module(root: &Path, profile: Profile) -> Result<(), String> {
    let folder = root.join("bindings/node");
    npm_packages(&folder)?;
    step::run(
        profile
            .step(root, "build the Node module", npm())
            .args(["exec", "--", "napi", "build", "--platform", "--no-js"])
            .args(["--profile", profile.name()])
            .within(folder),
    )
    .map(drop)
}

/// npm's program.
pub fn npm() -> &'static str {
    if cfg!(windows) { "npm.cmd" } else { "npm" }
}
