//! Checks the wheel and the source distribution, and runs the examples of the READMEs with them.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::super::{Build, TOOLS, licenses};
use super::{pythons, readme};
use crate::packages::in_environment;
use crate::step::{self, Step};
use crate::test::report::Report;

/// The READMEs whose examples are run.
const READMES: [&str; 2] = ["README.md", "bindings/python/README.md"];

/// Files that a wheel must contain.
const CONTENTS: [&str; 4] = [
    "mistral_datasets/py.typed",
    "mistral_datasets/__init__.py",
    "mistral_datasets/_native.",
    "mistral_datasets_pytest/",
];

/// Checks both distributions.
pub fn check(build: &Build, report: &mut Report) {
    let files = find(build).and_then(|wheel| Ok((wheel, find_sdist(build)?)));
    let Ok((wheel, sdist)) = files.map_err(|error| report.fail(error)) else { return };
    report.check(
        build.tool("twine check", "twine").args(["check", "--strict"]).args([&wheel, &sdist]),
    );
    report.checked(check_contents(build.root, &wheel));
    if build.target.os == "linux" {
        report.checked(check_platform(build, &wheel));
    }
    report.check(build.tool("abi3audit", "abi3audit").args(["--strict", "--summary"]).arg(&wheel));
    let pythons = pythons::installed();
    if pythons.is_empty() {
        report.fail(
            "no supported version of Python is installed, so the wheel was not used".to_owned(),
        );
    }
    for (version, python) in pythons {
        report.checked(use_wheel(build, &wheel, &version, &python));
    }
    report.checked(check_sdist(build, &sdist));
}

/// Returns the path of the wheel for the build's platform.
///
/// # Errors
/// Fails if there is none.
pub fn find(build: &Build) -> Result<PathBuf, String> {
    find_file(build, |name| {
        // A wheel for Linux has two equivalent platform tags.
        name.starts_with(&format!("mistral_datasets-{}-", build.version))
            && name.contains(&format!("-{}.", build.target.wheel))
    })
}

fn find_sdist(build: &Build) -> Result<PathBuf, String> {
    let name = format!("mistral_datasets-{}.tar.gz", build.version);
    find_file(build, |file| file == name)
}

fn find_file(build: &Build, matches: impl Fn(&str) -> bool) -> Result<PathBuf, String> {
    let files = fs::read_dir(&build.output).into_iter().flatten().flatten();
    let mut names = files.map(|file| file.file_name().to_string_lossy().into_owned());
    let name = names.find(|name| matches(name)).ok_or_else(|| {
        format!(
            "{} has no wheel and sdist for {}; run `cargo xtask dist` first",
            build.output.display(),
            build.target.rust
        )
    })?;
    Ok(build.output.join(name))
}

fn check_contents(root: &Path, wheel: &Path) -> Result<(), String> {
    let error = |error: &dyn std::fmt::Display| format!("{}: {error}", wheel.display());
    let file = fs::File::open(wheel).map_err(|io| error(&io))?;
    let mut archive = zip::ZipArchive::new(file).map_err(|zip| error(&zip))?;
    let names: Vec<String> = archive.file_names().flatten().map(|name| name.into_owned()).collect();
    for wanted in CONTENTS {
        if !names.iter().any(|name| name.contains(wanted)) {
            return Err(error(&format!("{wanted} is missing")));
        }
    }
    // In the package's directory they are symbolic links, which a checkout on Windows may replace by text.
    for license in licenses::FILES {
        let end = format!("/licenses/{license}");
        let name = names.iter().find(|name| name.ends_with(&end));
        let name = name.ok_or_else(|| error(&format!("{license} is missing")))?;
        let mut packed = Vec::new();
        archive
            .by_name(name)
            .map_err(|zip| error(&zip))?
            .read_to_end(&mut packed)
            .map_err(|io| error(&io))?;
        if fs::read(root.join(license)).map_err(|io| error(&io))? != packed {
            return Err(error(&format!("{license} differs from the one of the repository")));
        }
    }
    Ok(())
}

/// Checks that the wheel needs no newer system than its name says.
fn check_platform(build: &Build, wheel: &Path) -> Result<(), String> {
    let text = step::run(build.tool("auditwheel show", "auditwheel").arg("show").arg(wheel))?;
    // The output is wrapped at 80 columns.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let architecture = build.target.rust.split('-').next().unwrap_or_default();
    let oldest = match build.target.wheel_compatibility() {
        Some("manylinux2014") => format!("manylinux_2_17_{architecture}"),
        _ => build.target.wheel.clone(),
    };
    let accepted =
        [oldest.clone(), oldest.replace("_2_17_", "_2_12_"), oldest.replace("_2_17_", "_2_5_")];
    let is_accepted = accepted.iter().any(|tag| {
        text.contains(&format!("is consistent with the following platform tag: \"{tag}\""))
            || text.contains(&format!("constrains the platform tag to \"{tag}\""))
    });
    if is_accepted {
        Ok(())
    } else {
        Err(format!("{} needs a newer system:\n{text}", wheel.display()))
    }
}

/// Installs the wheel into an empty environment and runs the examples of the READMEs.
fn use_wheel(build: &Build, wheel: &Path, version: &str, python: &Path) -> Result<(), String> {
    let directory = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
    let environment = directory.path().join("environment");
    step::run(
        Step::new(format!("Python {version}: create an environment"), python)
            .args(["-m", "venv"])
            .arg(&environment),
    )?;
    let python = in_environment(&environment, "python");
    step::run(
        Step::new(format!("Python {version}: install the wheel"), &python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"])
            .arg(wheel),
    )?;
    for file in READMES {
        let blocks = readme::blocks(build.root, file, "python")?;
        run_examples(&format!("Python {version}: {file}"), &python, directory.path(), &blocks)?;
    }
    Ok(())
}

fn run_examples(
    name: &str,
    python: &Path,
    directory: &Path,
    blocks: &[String],
) -> Result<(), String> {
    let examples: Vec<_> =
        blocks.iter().enumerate().filter(|(_, block)| !needs_more_than_the_wheel(block)).collect();
    if examples.is_empty() {
        return Err(format!("{name} has no example that runs without an account"));
    }
    for (number, block) in examples {
        let file = directory.join(format!("example_{number}.py"));
        fs::write(&file, block).map_err(|error| format!("{}: {error}", file.display()))?;
        step::run(
            Step::new(format!("{name}, example {}", number + 1), python)
                .arg("-I")
                .arg(&file)
                .current_dir(directory),
        )?;
    }
    Ok(())
}

/// Returns whether an example needs an account or pytest. Such examples are tested in the checkout only.
fn needs_more_than_the_wheel(example: &str) -> bool {
    let mut code = example.lines().map(|line| line.split('#').next().unwrap_or_default());
    code.any(|line| line.contains("Mistral()") || line.contains("pytest"))
}

/// Builds a wheel from the sdist, away from the checkout, and uses it. The `quick` profile suffices, because the sdist's contents
/// are tested, not its speed.
fn check_sdist(build: &Build, sdist: &Path) -> Result<(), String> {
    let directory = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
    let profile = if build.offline { "--profile quick --offline" } else { "--profile quick" };
    step::run(
        build
            .tool("build a wheel from the sdist", "python")
            .args(["-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"])
            .args(["--no-build-isolation", "--no-index", "--wheel-dir"])
            .args([directory.path(), sdist])
            .env("MATURIN_PEP517_ARGS", profile)
            .env("CARGO_TARGET_DIR", build.root.join("target/dist/sdist"))
            .current_dir(directory.path()),
    )?;
    let built = fs::read_dir(directory.path()).into_iter().flatten().flatten();
    let wheel =
        built.map(|file| file.path()).find(|path| path.extension().is_some_and(|end| end == "whl"));
    let wheel = wheel.ok_or_else(|| "pip built no wheel from the sdist".to_owned())?;
    check_contents(build.root, &wheel)?;
    let python = in_environment(&build.root.join(TOOLS), "python");
    use_wheel(build, &wheel, "(sdist)", &python)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_that_need_an_account_are_recognized() {
        assert!(needs_more_than_the_wheel("with Mistral() as mistral:\n"));
        assert!(needs_more_than_the_wheel("import pytest\n"));
        assert!(!needs_more_than_the_wheel("with Mistral.local() as mistral:  # or `Mistral()`\n"));
    }
}
