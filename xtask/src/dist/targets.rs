//! The platforms that packages are published for. The list is `targets.json`, which the workflows read as well.

use serde::Deserialize;

/// The list, relative to the root of the workspace.
pub const FILE: &str = "xtask/src/dist/targets.json";

/// A platform.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The Rust target triple.
    pub rust: String,
    /// The suffix of the npm package, as napi-rs names platforms.
    pub npm: String,
    /// `os` in the `package.json` of the npm package.
    pub os: String,
    /// `cpu` in the `package.json` of the npm package.
    pub cpu: String,
    /// `libc` in the `package.json` of the npm package: `glibc` or `musl` on Linux.
    pub libc: Option<String>,
    /// The platform tag of the wheel.
    pub wheel: String,
    /// The format of the command's archive: `tar.gz` or `zip`.
    pub archive: String,
    /// The GitHub runner that builds the packages.
    pub runner: String,
}

impl Target {
    /// Returns whether Zig links the packages, so that they run with an older glibc than the one of this system, or with musl.
    pub fn uses_zig(&self) -> bool {
        self.os == "linux"
    }

    /// Returns whether the C library is musl.
    pub fn is_musl(&self) -> bool {
        self.libc.as_deref() == Some("musl")
    }

    /// Returns the value of maturin's `--compatibility` for Linux: the wheel's platform tag without the architecture.
    pub fn wheel_compatibility(&self) -> Option<&str> {
        let architecture = self.rust.split('-').next()?;
        if self.os == "linux" {
            self.wheel.strip_suffix(architecture)?.strip_suffix('_')
        } else {
            None
        }
    }

    /// Returns the file name of an executable.
    pub fn executable(&self, name: &str) -> String {
        if self.os == "win32" { format!("{name}.exe") } else { name.to_owned() }
    }

    /// Returns the file name of the dynamic library of a crate.
    pub fn dynamic_library(&self, crate_name: &str) -> String {
        match self.os.as_str() {
            "win32" => format!("{crate_name}.dll"),
            "darwin" => format!("lib{crate_name}.dylib"),
            _ => format!("lib{crate_name}.so"),
        }
    }
}

/// Returns all platforms.
pub fn all() -> Vec<Target> {
    serde_json::from_str(include_str!("targets.json")).expect("targets.json is valid")
}

/// Returns the platform with the given Rust target triple.
///
/// # Errors
/// Lists the platforms if there is none.
pub fn find(rust: &str) -> Result<Target, String> {
    let targets = all();
    let known: Vec<_> = targets.iter().map(|target| target.rust.clone()).collect();
    targets.into_iter().find(|target| target.rust == rust).ok_or_else(|| {
        format!("no packages are published for `{rust}`; the targets are {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_target() {
        let gnu = find("x86_64-unknown-linux-gnu").unwrap();
        assert_eq!(gnu.wheel_compatibility(), Some("manylinux2014"));
        assert_eq!(gnu.dynamic_library("m"), "libm.so");
        let musl = find("aarch64-unknown-linux-musl").unwrap();
        assert_eq!(musl.wheel_compatibility(), Some("musllinux_1_2"));
        let windows = find("x86_64-pc-windows-msvc").unwrap();
        assert_eq!(windows.wheel_compatibility(), None);
        assert_eq!(windows.executable("mistral-datasets"), "mistral-datasets.exe");
        assert!(!windows.uses_zig());
    }

    #[test]
    fn an_unknown_target_is_rejected_with_the_known_ones() {
        let error = find("riscv64gc-unknown-linux-gnu").unwrap_err();
        assert!(
            error.contains("riscv64gc-unknown-linux-gnu") && error.contains("x86_64-apple-darwin")
        );
    }
}
