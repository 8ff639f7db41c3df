//! Installs Python and npm packages into directories of the project.

use std::path::{Path, PathBuf};

use crate::step::{self, Step};
use crate::toolchain::{self, npm};

/// The project's Python environment.
const VENV: &str = ".venv";

/// The versions of the official Python SDK that the tests run.
pub const OFFICIAL_PYTHON: [&str; 2] = ["2.5.1", "3.7.0"];

/// Returns the path of a program in the project's Python environment.
pub fn in_venv(root: &Path, program: &str) -> PathBuf {
    in_environment(&root.join(VENV), program)
}

/// Returns the path of a program in a Python environment.
pub fn in_environment(environment: &Path, program: &str) -> PathBuf {
    if cfg!(windows) {
        environment.join("Scripts").join(format!("{program}.exe"))
    } else {
        environment.join("bin").join(program)
    }
}

/// Creates the project's Python environment and installs the packages of a requirements file.
///
/// # Errors
/// Returns the output of the command that failed.
pub fn install_in_venv(root: &Path, requirements: &str) -> Result<(), String> {
    install_in_environment(root, VENV, requirements)
}

/// Creates the Python environment at `path`, relative to the project, and installs the packages of a requirements file.
///
/// # Errors
/// Returns the output of the command that failed.
pub fn install_in_environment(root: &Path, path: &str, requirements: &str) -> Result<(), String> {
    create_environment(root, path)?;
    let environment = root.join(path);
    // Starting pip takes seconds even if there is nothing to install.
    let stamp = environment.join(format!("{}.installed", requirements.replace('/', "-")));
    let wanted = std::fs::read_to_string(root.join(requirements))
        .map_err(|error| format!("{requirements}: {error}"))?;
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    step::run(
        Step::new("install Python packages", in_environment(&environment, "python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["-r", requirements])
            .current_dir(root),
    )?;
    std::fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))
}

/// Creates the project's Python environment unless it exists.
///
/// # Errors
/// Returns the output of the command that failed.
pub fn create_venv(root: &Path) -> Result<(), String> {
    create_environment(root, VENV)
}

/// Creates the Python environment at `path`, relative to the project, unless it exists.
///
/// # Errors
/// Returns the output of the command that failed.
pub fn create_environment(root: &Path, path: &str) -> Result<(), String> {
    if in_environment(&root.join(path), "python").exists() {
        return Ok(());
    }
    let python = toolchain::python().ok_or("Python 3.10 or newer is missing")?;
    let create = Step::new(format!("create {path}"), python);
    step::run(create.args(["-m", "venv", path]).current_dir(root)).map(drop)
}

/// Installs the npm packages of a directory if its lock file is newer than the installed packages.
///
/// # Errors
/// Returns the output of npm if it fails.
pub fn install_npm_packages(directory: &Path) -> Result<(), String> {
    let modified = |path: PathBuf| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let installed = modified(directory.join("node_modules/.package-lock.json"));
    let wanted = modified(directory.join("package-lock.json"));
    if installed.is_some() && installed >= wanted {
        return Ok(());
    }
    step::run(
        Step::new("install npm packages", npm())
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(directory),
    )
    .map(drop)
}

/// Installs each version of the official SDKs into a directory of its own, which only the programs that need it import from.
///
/// # Errors
/// Returns the output of the command that failed.
pub fn install_official_sdks(root: &Path) -> Result<(), String> {
    for version in OFFICIAL_PYTHON {
        let target = official_python(root, version);
        if target.join("mistralai").is_dir() {
            continue;
        }
        let requirements = format!("tests/official/python/requirements-{version}.txt");
        step::run(
            Step::new(format!("install mistralai {version}"), in_venv(root, "python"))
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .arg("--target")
                .arg(&target)
                .args(["-r", &requirements])
                .current_dir(root),
        )?;
    }
    install_npm_packages(&root.join("tests/official/node"))
}

/// Returns the directory of a version of the official Python SDK, for `PYTHONPATH`.
pub fn official_python(root: &Path, version: &str) -> PathBuf {
    root.join(format!("target/official/mistralai-{version}"))
}
