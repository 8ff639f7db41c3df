//! `cargo xtask dist`: builds everything that is published into `dist/`, and checks it.
//!
//! On Linux, the command and the modules are linked by Zig, so that they run with glibc 2.17 or newer wherever they are built. The
//! tools come from PyPI, pinned in `requirements.txt`, and are installed into `target/dist/tools`.

mod archive;
mod assets;
mod binaries;
pub mod check;
mod checksums;
mod crates;
mod graph;
mod licenses;
mod npm;
mod sbom;
mod targets;
mod wheel;
mod zig;

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::artifacts;
use crate::packages::{self, in_environment};
use crate::step::Step;
use crate::test::report::Report;
use crate::toolchain;
use targets::Target;

/// The directory of the finished artifacts.
const OUTPUT: &str = "dist";

/// The Python environment of the build tools.
const TOOLS: &str = "target/dist/tools";

/// The versions of the build tools.
const REQUIREMENTS: &str = "xtask/src/dist/requirements.txt";

/// The target that this program was built for.
const HOST: &str = env!("XTASK_HOST");

/// The options of `cargo xtask dist`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The target to build for [default: this system]
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// The Cargo profile; only `release` is published
    #[arg(long, default_value = "release")]
    profile: String,
    /// Build only some of the artifacts
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART,…")]
    only: Vec<Part>,
    /// Use no network; all dependencies and tools must have been downloaded
    #[arg(long)]
    offline: bool,
    /// Check the artifacts in `dist/` instead of building them
    #[arg(long, conflicts_with_all = ["only", "licenses"])]
    check: bool,
    /// With `--check`, only what `cargo xtask test` checks, which needs no release build but the module that the tests use
    #[arg(long, requires = "check")]
    quick: bool,
    /// Only write THIRD-PARTY-LICENSES
    #[arg(long, conflicts_with = "only")]
    licenses: bool,
}

/// A group of artifacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The Python wheel
    Wheel,
    /// The platform's npm package
    NpmPlatform,
    /// The archive of the command
    Archive,
    /// The Python source distribution
    Sdist,
    /// The npm package that is the same on all platforms
    Npm,
    /// The Rust crates
    Crates,
    /// The software bills of materials
    Sbom,
}

/// What is built, and for what.
pub struct Build<'a> {
    root: &'a Path,
    output: PathBuf,
    target: Target,
    version: String,
    profile: String,
    offline: bool,
}

/// Builds or checks the artifacts.
///
/// # Errors
/// Returns the output of the command that failed.
pub fn dist(root: &Path, options: &Options) -> Result<(), String> {
    if options.licenses {
        return licenses::write(root, options.offline);
    }
    toolchain::check()?;
    if options.quick {
        let mut report = Report::default();
        check::quick(root, &artifacts::node_module(root), &mut report);
        return report.finish();
    }
    let build = Build {
        root,
        output: root.join(OUTPUT),
        target: targets::find(options.target.as_deref().unwrap_or(HOST))?,
        version: version(root)?,
        profile: options.profile.clone(),
        offline: options.offline,
    };
    if options.check { check::all(&build) } else { build.run(&options.only) }
}

impl Build<'_> {
    fn run(&self, only: &[Part]) -> Result<(), String> {
        let wants = |part| only.is_empty() || only.contains(&part);
        let compiles = [Part::Wheel, Part::NpmPlatform, Part::Archive].into_iter().any(wants);
        if compiles {
            binaries::check_target(self)?;
        }
        licenses::check(self.root, self.offline)?;
        fs::create_dir_all(&self.output)
            .and_then(|()| remove_other_versions(&self.output, &self.version))
            .map_err(|error| format!("{}: {error}", self.output.display()))?;
        if compiles || wants(Part::Sdist) {
            self.install_tools(REQUIREMENTS)?;
        }
        if wants(Part::Wheel) {
            wheel::build(self)?;
        }
        if wants(Part::NpmPlatform) {
            npm::pack_platform(self, &binaries::node_module(self)?)?;
        }
        if wants(Part::Archive) {
            archive::build(self, &binaries::command(self)?)?;
        }
        if wants(Part::Sdist) {
            wheel::build_sdist(self)?;
        }
        if wants(Part::Npm) {
            npm::pack_main(self)?;
        }
        if wants(Part::Crates) {
            crates::package(self)?;
        }
        if wants(Part::Sbom) {
            sbom::write(self.root, self.offline, &self.output)?;
        }
        let files = checksums::write(&self.output)?;
        for (name, size) in files {
            println!("{size:>10}  {OUTPUT}/{name}");
        }
        Ok(())
    }

    /// Installs Python packages into the environment of the tools.
    fn install_tools(&self, requirements: &str) -> Result<(), String> {
        packages::install_in_environment(self.root, TOOLS, requirements)
    }

    /// Returns a step that runs a tool of the Python environment. The tool finds the other tools, among them Zig.
    fn tool(&self, name: &str, program: &str) -> Step {
        let environment = self.root.join(TOOLS);
        let program = in_environment(&environment, program);
        let own = program.parent().map(Path::to_owned).unwrap_or_default();
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(own).chain(std::env::split_paths(&inherited));
        let paths = std::env::join_paths(paths).unwrap_or(inherited.clone());
        Step::new(name, program).env("PATH", paths).current_dir(self.root)
    }

    /// Adds the environment of compilers to a step: the target directory, and on Linux Zig as C compiler and linker.
    fn with_compilers(&self, step: Step) -> Result<Step, String> {
        let step = step.env("CARGO_TARGET_DIR", self.root.join("target"));
        if !self.target.uses_zig() {
            return Ok(step);
        }
        let variables = zig::environment(self, &self.root.join(TOOLS))?;
        Ok(variables.into_iter().fold(step, |step, (name, value)| step.env(&name, value)))
    }
}

/// Returns the version that all packages share.
fn version(root: &Path) -> Result<String, String> {
    let manifest = fs::read_to_string(root.join("Cargo.toml"))
        .map_err(|error| format!("Cargo.toml: {error}"))?;
    let manifest: toml::Table =
        toml::from_str(&manifest).map_err(|error| format!("Cargo.toml: {error}"))?;
    manifest["workspace"]["package"]["version"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| "Cargo.toml has no workspace.package.version".to_owned())
}

/// Removes the artifacts of other versions, so that they are not listed in the checksums and published again.
fn remove_other_versions(output: &Path, version: &str) -> std::io::Result<()> {
    let current = format!("-{version}");
    for entry in fs::read_dir(output)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("mistral") && !name.contains(&current) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_of_other_versions_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        let output = directory.path();
        let kept = ["SHA256SUMS", "mistral-datasets-0.2.0.tgz", "mistral_datasets-0.2.0.tar.gz"];
        for name in kept.into_iter().chain(["mistral-datasets-0.1.0.tgz"]) {
            fs::write(output.join(name), "").unwrap();
        }
        remove_other_versions(output, "0.2.0").unwrap();
        let names = fs::read_dir(output).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, kept);
    }
}
