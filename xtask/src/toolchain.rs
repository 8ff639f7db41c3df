//! Checks that the tools the project needs are installed.

use std::process::Command;

/// Checks that Python, Node.js, npm, a C compiler, rustfmt and clippy are installed and recent enough.
///
/// # Errors
/// Lists every missing tool and how to install it.
pub fn check() -> Result<(), String> {
    let mut missing = Vec::new();
    if python().is_none() {
        missing.push(
            "Python 3.10 or newer with venv: `apt-get install python3 python3-venv`, `brew install python`, or python.org",
        );
    }
    if version("node").is_none_or(|version| version < (20, 0)) {
        missing.push(
            "Node.js 20 or newer: your system's packages, `brew install node`, or nodejs.org",
        );
    }
    if version(npm()).is_none() {
        missing.push("npm: it comes with Node.js; on Debian `apt-get install npm`");
    }
    if !["cc", "gcc", "clang", "cl"].iter().any(|compiler| starts(compiler)) {
        missing
            .push("a C compiler: `apt-get install build-essential`, or `xcode-select --install`");
    }
    if version("rustfmt").is_none() {
        missing.push("rustfmt: `rustup component add rustfmt`");
    }
    if version("cargo-clippy").is_none() {
        missing.push("clippy: `rustup component add clippy`");
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("missing tools:\n  - {}", missing.join("\n  - ")))
}

/// Returns the name of a Python interpreter that is recent enough.
pub fn python() -> Option<&'static str> {
    ["python3", "python"]
        .into_iter()
        .find(|program| version(program).is_some_and(|version| version >= (3, 10)))
}

/// Returns the name of the npm program.
pub fn npm() -> &'static str {
    if cfg!(windows) { "npm.cmd" } else { "npm" }
}

fn starts(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// Returns the major and minor version that `program --version` prints.
fn version(program: &str) -> Option<(u32, u32)> {
    let output = Command::new(program).arg("--version").output().ok()?;
    if !output.status.success() {
        return None;
    }
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let number = text
        .split_whitespace()
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    let mut parts = number.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next().flatten().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_the_version_output_of_each_tool() {
        assert_eq!(parse_version("Python 3.11.7"), Some((3, 11)));
        assert_eq!(parse_version("v20.20.2\n"), Some((20, 20)));
        assert_eq!(parse_version("rustfmt 1.8.0-stable (59807616e1 2026-04-14)"), Some((1, 8)));
        assert_eq!(parse_version("unknown"), None);
    }
}
