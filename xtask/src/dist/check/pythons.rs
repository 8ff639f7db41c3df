//! Finds the Python interpreters of this system.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

/// The supported minor versions of Python 3.
const SUPPORTED: std::ops::RangeInclusive<u32> = 10..=14;

/// Returns an interpreter for each supported version that is installed: programs on the path, and versions of pyenv.
pub fn installed() -> Vec<(String, PathBuf)> {
    let mut candidates: Vec<PathBuf> =
        SUPPORTED.map(|minor| PathBuf::from(format!("python3.{minor}"))).collect();
    candidates.extend([PathBuf::from("python3"), PathBuf::from("python")]);
    let pyenv = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let pyenv = pyenv.or_else(|| Some(std::env::home_dir()?.join(".pyenv")));
    if let Some(versions) = pyenv.and_then(|root| std::fs::read_dir(root.join("versions")).ok()) {
        candidates.extend(versions.flatten().map(|version| version.path().join("bin/python3")));
    }
    let mut found = BTreeMap::new();
    for program in candidates {
        if let Some(minor) = minor_version(&program).filter(|minor| SUPPORTED.contains(minor)) {
            found.entry(minor).or_insert(program);
        }
    }
    found.into_iter().map(|(minor, program)| (format!("3.{minor}"), program)).collect()
}

/// Runs an interpreter and returns its minor version, or `None` if it is not Python 3 or does not run.
fn minor_version(program: &PathBuf) -> Option<u32> {
    let output = Command::new(program)
        .args(["-c", "import sys, venv; print(sys.version_info[0], sys.version_info[1])"])
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.trim().strip_prefix("3 ")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_interpreter_that_the_project_uses() {
        let versions: Vec<_> = installed().into_iter().map(|(version, _)| version).collect();
        let used = crate::toolchain::python().unwrap();
        let minor = minor_version(&PathBuf::from(used)).unwrap();
        assert!(versions.contains(&format!("3.{minor}")), "{versions:?}");
        assert_eq!(minor_version(&PathBuf::from("no-such-python")), None);
    }
}
