//! `cargo xtask bench`: builds the command and the packages as users do, then runs the benchmark program in `bench`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::packages::{self, in_environment};
use crate::step::{self, Step, cargo};
use crate::toolchain::{self, npm};

/// The Python environment that the measured package is installed into.
const ENVIRONMENT: &str = "target/bench/python";

/// The measured version of the official Python SDK.
const OFFICIAL_PYTHON: &str = packages::OFFICIAL_PYTHON[0];

const PHOENIX: &str = "target/bench/phoenix";
const PHOENIX_REQUIREMENTS: &str = "bench/server/requirements.txt";
const PRISM: &str = "target/bench/prism";
const PRISM_PACKAGE: &str = "@stoplight/prism-cli@5.14.2";

/// Builds the release command and bindings, and measures the clients.
///
/// # Errors
/// Returns the output of the command that failed.
pub fn client(root: &Path, million: bool) -> Result<(), String> {
    toolchain::check()?;
    build_command(root)?;
    install_python(root)?;
    build_node(root)?;
    // The SDKs are installed with the pip of the project's environment.
    packages::create_venv(root)?;
    packages::install_official_sdks(root)?;
    let mut benchmark = benchmark(root);
    benchmark
        .arg("client")
        .arg("--python")
        .arg(in_environment(&root.join(ENVIRONMENT), "python"))
        .arg("--official-python")
        .arg(packages::official_python(root, OFFICIAL_PYTHON));
    if million {
        benchmark.arg("--million");
    }
    start(benchmark)
}

/// Builds the release command and measures the local server, with `peers` also Phoenix and Prism.
///
/// # Errors
/// Returns the output of the command that failed.
pub fn server(root: &Path, records: &[usize], peers: bool) -> Result<(), String> {
    toolchain::check()?;
    build_command(root)?;
    let sizes: Vec<String> = records.iter().map(usize::to_string).collect();
    let mut benchmark = benchmark(root);
    benchmark.args(["server", "--records", &sizes.join(",")]);
    if peers {
        packages::install_in_environment(root, PHOENIX, PHOENIX_REQUIREMENTS)?;
        install_prism(root)?;
        benchmark.arg("--phoenix").arg(root.join(PHOENIX)).arg("--prism").arg(root.join(PRISM));
    }
    start(benchmark)
}

fn benchmark(root: &Path) -> Command {
    let mut command = Command::new(cargo());
    command
        .args(["run", "--release", "--locked", "--quiet", "--package", "mistral-datasets-bench"])
        .arg("--")
        .arg("--command")
        .arg(command_path(root))
        .current_dir(root);
    command
}

fn start(mut benchmark: Command) -> Result<(), String> {
    eprintln!("measuring");
    let status = benchmark.status().map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err("the benchmark failed".to_owned()) }
}

fn command_path(root: &Path) -> PathBuf {
    root.join("target/release").join(format!("mistral-datasets{}", std::env::consts::EXE_SUFFIX))
}

fn build_command(root: &Path) -> Result<(), String> {
    step::run(
        Step::new("build the command", cargo())
            .args(["build", "--release", "--locked", "--quiet"])
            .args(["--package", "mistral-datasets-cli"])
            .current_dir(root),
    )
    .map(drop)
}

fn install_python(root: &Path) -> Result<(), String> {
    packages::create_environment(root, ENVIRONMENT)?;
    step::run(
        Step::new("pip install bindings/python", in_environment(&root.join(ENVIRONMENT), "python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["--force-reinstall", "./bindings/python"])
            .current_dir(root),
    )
    .map(drop)
}

fn build_node(root: &Path) -> Result<(), String> {
    let package = root.join("bindings/node");
    packages::install_npm_packages(&package)?;
    step::run(
        Step::new("npm run build", npm()).args(["run", "--silent", "build"]).current_dir(package),
    )
    .map(drop)
}

fn install_prism(root: &Path) -> Result<(), String> {
    if root.join(PRISM).join("node_modules/.bin/prism").exists() {
        return Ok(());
    }
    step::run(
        Step::new("install Prism", npm())
            .args(["install", "--no-audit", "--no-fund", "--prefix", PRISM, PRISM_PACKAGE])
            .current_dir(root),
    )
    .map(drop)
}
