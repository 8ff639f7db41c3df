//! Zig as C compiler and linker for Linux, which has the C libraries that the binaries should run with.
//!
//! Cargo and maturin could each do this themselves, but with different settings, so that nothing they compile would be shared. Both
//! are given the same scripts here. The scripts call Zig through cargo-zigbuild, which translates the arguments of rustc.

use std::fs;
use std::path::{Path, PathBuf};

use super::Build;
use crate::packages::in_environment;

/// The directory of the scripts.
const DIRECTORY: &str = "target/dist/zig";

/// The oldest glibc that the binaries run with.
const GLIBC: &str = "2.17";

/// Writes the scripts and returns the environment variables that make Cargo use them for the build's target.
///
/// # Errors
/// Fails if a script cannot be written.
pub fn environment(build: &Build, tools: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let rust = &build.target.rust;
    let directory = build.root.join(DIRECTORY).join(rust);
    fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let zigbuild = in_environment(tools, "cargo-zigbuild").display().to_string();
    let python = in_environment(tools, "python").display().to_string();
    let compiler = write_script(
        &directory.join("cc"),
        &format!(
            "export CARGO_ZIGBUILD_ZIG_COMMAND=\"{python}\" CARGO_ZIGBUILD_ZIG_COMMAND_ARGS=\"-m ziglang\"\n\
             exec \"{zigbuild}\" zig cc -- -g0 -fno-sanitize=all -target {} \"$@\"\n",
            zig_target(rust)
        ),
    )?;
    let archiver =
        write_script(&directory.join("ar"), &format!("exec \"{python}\" -m ziglang ar \"$@\"\n"))?;
    let lower = rust.replace('-', "_");
    Ok(vec![
        (format!("CARGO_TARGET_{}_LINKER", lower.to_uppercase()), compiler.clone()),
        (format!("CC_{lower}"), compiler),
        (format!("AR_{lower}"), archiver),
    ])
}

/// Returns Zig's name of a Rust target, with the version of glibc.
fn zig_target(rust: &str) -> String {
    let architecture = rust.split('-').next().unwrap_or_default();
    if rust.ends_with("musl") {
        format!("{architecture}-linux-musl")
    } else {
        format!("{architecture}-linux-gnu.{GLIBC}")
    }
}

/// Writes an executable script unless it exists, since Cargo compiles everything again after its compiler has changed.
fn write_script(path: &Path, commands: &str) -> Result<PathBuf, String> {
    let text = format!("#!/bin/sh\n{commands}");
    if fs::read_to_string(path).is_ok_and(|current| current == text) {
        return Ok(path.to_owned());
    }
    fs::write(path, text)
        .and_then(|()| make_executable(path))
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path.to_owned())
}

#[cfg(unix)]
fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_targets_as_zig_does() {
        assert_eq!(zig_target("x86_64-unknown-linux-gnu"), "x86_64-linux-gnu.2.17");
        assert_eq!(zig_target("aarch64-unknown-linux-musl"), "aarch64-linux-musl");
    }
}
