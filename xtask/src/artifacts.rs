//! Builds the command, the Python module, the Node module and the Rust example for use in the checkout.
//!
//! One Cargo invocation builds all of them. Cargo unifies features over the selected packages, so every invocation that should
//! reuse its artifacts must use the same [`SELECTION`] and [`PROFILE`]. This is why neither `maturin develop` nor `napi build`
//! is used here: each selects one package only and would compile most dependencies again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::packages::{self, in_venv};
use crate::step::{self, Step, cargo};

/// The arguments that select the profile of everything built for use in the checkout.
pub const PROFILE: [&str; 2] = ["--profile", "quick"];

/// The arguments that select the packages: all except this one, which runs in the dev profile already.
pub const SELECTION: [&str; 3] = ["--workspace", "--exclude", "xtask"];

/// The directory of the build artifacts.
const DIRECTORY: &str = "target/quick";

/// The Python package's source directory.
const PYTHON_SOURCE: &str = "bindings/python/python";

/// Returns the path of the command `mistral-datasets`.
pub fn command(root: &Path) -> PathBuf {
    path(root, &format!("mistral-datasets{}", std::env::consts::EXE_SUFFIX))
}

/// Returns the path of the chat server of the tests.
pub fn chat_server(root: &Path) -> PathBuf {
    path(root, &format!("chat-server{}", std::env::consts::EXE_SUFFIX))
}

/// Returns the path of the Rust example that runs the main job.
pub fn example(root: &Path) -> PathBuf {
    path(root, &format!("examples/main_job{}", std::env::consts::EXE_SUFFIX))
}

fn path(root: &Path, name: &str) -> PathBuf {
    root.join(DIRECTORY).join(name)
}

/// Builds the command, the modules for Python and Node, and the Rust example.
///
/// # Errors
/// Returns the output of Cargo if the build fails.
pub fn build(root: &Path) -> Result<(), String> {
    step::run(
        Step::new("build the command and the bindings", cargo())
            .args(["build", "--locked", "--quiet"])
            .args(PROFILE)
            .args(SELECTION)
            .args(["--lib", "--bins", "--example", "main_job"])
            .current_dir(root),
    )
    .map(drop)
}

/// Installs the Python package into the project's environment in editable mode, with the built module.
///
/// # Errors
/// Fails if the module is not built, or returns the output of the command that failed.
pub fn install_python(root: &Path) -> Result<(), String> {
    packages::install_in_venv(root, "bindings/python/requirements-build.txt")?;
    let module = if cfg!(windows) { "_native.pyd" } else { "_native.abi3.so" };
    let source = root.join(PYTHON_SOURCE);
    copy_library(root, "mistral_datasets_native", &source.join("mistral_datasets").join(module))?;

    let site_packages = step::run(
        Step::new("find site-packages", in_venv(root, "python"))
            .args(["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]),
    )?;
    let site_packages = PathBuf::from(site_packages.trim());
    // The metadata declares the pytest plugin as an entry point.
    let written = step::run(
        Step::new("install the Python package", in_venv(root, "maturin"))
            .args(["pep517", "write-dist-info", "--metadata-directory"])
            .arg(&site_packages)
            .current_dir(root.join("bindings/python")),
    )?;
    let metadata = written.lines().find(|line| line.ends_with(".dist-info"));
    let metadata = metadata.ok_or_else(|| format!("maturin named no metadata:\n{written}"))?;
    write_editable(&site_packages, metadata.trim(), &source)
        .map_err(|error| format!("{}: {error}", site_packages.display()))
}

/// Adds the source directory to Python's path, and records the installed files so that pip can uninstall the package.
fn write_editable(site_packages: &Path, metadata: &str, source: &Path) -> io::Result<()> {
    const PATH_FILE: &str = "mistral_datasets.pth";
    fs::write(site_packages.join(PATH_FILE), format!("{}\n", source.display()))?;
    let record_file = site_packages.join(metadata).join("RECORD");
    fs::write(&record_file, "")?;
    let mut files = vec![PATH_FILE.to_owned()];
    let mut directories = vec![metadata.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(site_packages.join(&directory))? {
            let entry = entry?;
            let path = format!("{directory}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() { directories.push(path) } else { files.push(path) }
        }
    }
    files.sort_unstable();
    let record: String = files.into_iter().map(|file| file + ",,\n").collect();
    fs::write(record_file, record)
}

/// Installs the npm packages that the Node package's development needs, and copies the built module to where it loads it.
///
/// # Errors
/// Fails if the module is not built, or returns npm's output if it fails.
pub fn install_node(root: &Path) -> Result<(), String> {
    let package = root.join("bindings/node");
    packages::install_npm_packages(&package)?;
    let module = package.join(format!("mistral-datasets.{}.node", node_platform()));
    copy_library(root, "mistral_datasets_node", &module)
}

/// Returns the platform in the file name of a Node module, as napi-rs writes it.
fn node_platform() -> String {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        os => os,
    };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        arch => arch,
    };
    let abi = match os {
        "win32" => "-msvc",
        "linux" if cfg!(target_env = "musl") => "-musl",
        "linux" => "-gnu",
        _ => "",
    };
    format!("{os}-{arch}{abi}")
}

/// Returns the path of the built Node module.
pub fn node_module(root: &Path) -> PathBuf {
    library(root, "mistral_datasets_node")
}

fn library(root: &Path, crate_name: &str) -> PathBuf {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    path(root, &format!("{DLL_PREFIX}{crate_name}{DLL_SUFFIX}"))
}

/// Copies a built dynamic library, replacing the target in one step because a running process may have it mapped.
fn copy_library(root: &Path, crate_name: &str, target: &Path) -> Result<(), String> {
    let library = library(root, crate_name);
    let temporary = target.with_extension("new");
    fs::copy(&library, &temporary)
        .map_err(|error| format!("{}: {error}", library.display()))
        .and_then(|_| {
            fs::rename(&temporary, target).map_err(|error| format!("{}: {error}", target.display()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_editable_installation_records_its_files() {
        let directory = tempfile::tempdir().unwrap();
        let site_packages = directory.path();
        let metadata = site_packages.join("mistral_datasets-0.1.0.dist-info");
        fs::create_dir_all(metadata.join("licenses")).unwrap();
        fs::write(metadata.join("METADATA"), "").unwrap();
        fs::write(metadata.join("licenses/LICENSE"), "").unwrap();
        for _ in 0..2 {
            write_editable(site_packages, "mistral_datasets-0.1.0.dist-info", Path::new("/src"))
                .unwrap();
        }
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        assert_eq!(read(&site_packages.join("mistral_datasets.pth")), "/src\n");
        assert_eq!(
            read(&metadata.join("RECORD")),
            "mistral_datasets-0.1.0.dist-info/METADATA,,\n\
             mistral_datasets-0.1.0.dist-info/RECORD,,\n\
             mistral_datasets-0.1.0.dist-info/licenses/LICENSE,,\n\
             mistral_datasets.pth,,\n"
        );
    }

    #[test]
    #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
    fn the_node_platform_is_that_of_the_published_packages() {
        assert_eq!(node_platform(), "linux-x64-gnu");
    }
}
