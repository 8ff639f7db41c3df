//! Checks that what is written in several places agrees: targets, versions, addresses and licenses.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::super::graph::Graph;
use super::super::targets::{self, Target};
use super::super::{licenses, npm, version};
use super::licenses::CARGO_DENY;
use crate::step::{self, Step, cargo};
use crate::test::report::Report;

/// The directory of the workflows.
const WORKFLOWS: &str = ".github/workflows";

/// Runs all checks.
pub fn check(root: &Path, offline: bool, report: &mut Report) {
    report.checked(check_targets(root));
    report.checked(check_workflows(root));
    report.checked(check_versions(root));
    report.checked(check_addresses(root));
    report.checked(check_crates(root, offline));
    report.checked(licenses::check(root, offline));
}

fn read(root: &Path, file: &str) -> Result<String, String> {
    fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))
}

/// Checks that napi-rs builds, and the loader of the Node package knows, the platforms of `targets.json`.
fn check_targets(root: &Path) -> Result<(), String> {
    let manifest = npm::read_manifest(root)?;
    let targets = targets::all();
    let expected: Vec<&str> = targets.iter().map(|target| target.rust.as_str()).collect();
    let listed: Vec<&str> = manifest
        .get("napi")
        .and_then(|napi| napi["targets"].as_array())
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if listed != expected {
        return Err(format!(
            "napi.targets in bindings/node/package.json must list the targets of {}: {}",
            targets::FILE,
            expected.join(", ")
        ));
    }
    check_loader(&read(root, LOADER)?, &targets)
}

/// The file that loads the native module.
const LOADER: &str = "bindings/node/lib/native.js";

/// Checks that the loader requires the package of every platform by a literal name, which bundlers find.
fn check_loader(loader: &str, targets: &[Target]) -> Result<(), String> {
    let names = targets.iter().map(npm::platform_package);
    let missing = names.into_iter().find(|name| !loader.contains(&format!("require(\"{name}\")")));
    missing.map_or(Ok(()), |name| Err(format!("{LOADER} has no `require(\"{name}\")`")))
}

/// Checks that the workflows read the targets from their list, and pin actions by commit.
fn check_workflows(root: &Path) -> Result<(), String> {
    let mut reads_targets = false;
    for entry in
        fs::read_dir(root.join(WORKFLOWS)).map_err(|error| format!("{WORKFLOWS}: {error}"))?
    {
        let path = entry.map_err(|error| error.to_string())?.path();
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        reads_targets |= text.contains(targets::FILE);
        check_workflow(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if reads_targets { Ok(()) } else { Err(format!("no workflow reads {}", targets::FILE)) }
}

fn check_workflow(text: &str) -> Result<(), String> {
    for target in targets::all() {
        if text.contains(&target.rust) {
            return Err(format!(
                "`{}` is written twice; read it from {}",
                target.rust,
                targets::FILE
            ));
        }
    }
    for line in text.lines() {
        if line.contains("cargo-deny@") && !line.ends_with(CARGO_DENY) {
            return Err(format!("`{}` must install {CARGO_DENY}", line.trim()));
        }
        let Some((_, action)) = line.split_once("uses: ") else { continue };
        let is_local = action.starts_with("./.github/");
        let is_pinned = action.split_once('@').is_some_and(|(_, version)| {
            let (commit, comment) = version.split_once(" # v").unwrap_or((version, ""));
            commit.len() == 40
                && commit.bytes().all(|byte| byte.is_ascii_hexdigit())
                && !comment.is_empty()
        });
        if !is_local && !is_pinned {
            return Err(format!(
                "`{action}` must be pinned by a commit, with the version as a comment"
            ));
        }
    }
    Ok(())
}

/// The lock file of the Node package, which contains its version twice.
const NODE_LOCK: &str = "bindings/node/package-lock.json";

/// Checks that the packages and the changelog have the version of the workspace.
fn check_versions(root: &Path) -> Result<(), String> {
    let version = version(root)?;
    let manifest = npm::read_manifest(root)?;
    if manifest["version"] != version.as_str() {
        return Err(format!("bindings/node/package.json must have version {version}"));
    }
    let lock: Value = serde_json::from_str(&read(root, NODE_LOCK)?)
        .map_err(|error| format!("{NODE_LOCK}: {error}"))?;
    if [&lock["version"], &lock["packages"][""]["version"]].iter().any(|own| **own != *version) {
        return Err(format!("{NODE_LOCK} must have version {version}"));
    }
    let workspace = read(root, "Cargo.toml")?;
    for line in workspace.lines().filter(|line| line.contains("{ path = ")) {
        if !line.contains(&format!("version = \"{version}\"")) {
            return Err(format!("Cargo.toml: `{line}` must have version {version}"));
        }
    }
    let changelog = read(root, "CHANGELOG.md")?;
    match released_version(&changelog) {
        Some(released) if released == version => Ok(()),
        released => Err(format!(
            "the newest version in CHANGELOG.md is {}, but Cargo.toml has {version}",
            released.unwrap_or("missing")
        )),
    }
}

/// Returns the newest version of a changelog.
fn released_version(changelog: &str) -> Option<&str> {
    let headings = changelog.lines().filter_map(|line| line.strip_prefix("## "));
    let versions = headings.map(|heading| {
        let word = heading.split(' ').next().unwrap_or_default();
        word.trim_matches(['[', ']'])
    });
    versions.into_iter().find(|version| version.starts_with(|first: char| first.is_ascii_digit()))
}

/// Checks that all packages name the repository of the workspace.
fn check_addresses(root: &Path) -> Result<(), String> {
    let parse = |file: &str| -> Result<toml::Table, String> {
        toml::from_str(&read(root, file)?).map_err(|error| format!("{file}: {error}"))
    };
    let workspace = parse("Cargo.toml")?;
    let package = &workspace["workspace"]["package"];
    let repository = package["repository"].as_str().unwrap_or_default().to_owned();
    if package["homepage"].as_str() != Some(&repository) {
        return Err("homepage and repository in Cargo.toml differ".to_owned());
    }
    let python = parse("bindings/python/pyproject.toml")?;
    let urls = python["project"]["urls"].as_table().cloned().unwrap_or_default();
    let node = npm::read_manifest(root)?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut addresses: Vec<(String, String)> = urls
        .iter()
        .map(|(name, url)| {
            (format!("pyproject.toml: {name}"), url.as_str().unwrap_or_default().to_owned())
        })
        .collect();
    for field in ["homepage", "bugs"] {
        addresses.push((format!("package.json: {field}"), text(node.get(field))));
    }
    let url = text(node.get("repository").map(|repository| &repository["url"]));
    let url = url.trim_start_matches("git+").trim_end_matches(".git").to_owned();
    addresses.push(("package.json: repository".to_owned(), url));
    for (place, address) in addresses {
        let rest = address.strip_prefix(&repository);
        if !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            return Err(format!("{place} is `{address}`, which is not in {repository}"));
        }
    }
    for file in LINKING_FILES {
        check_links(&read(root, file)?, &repository).map_err(|error| format!("{file}: {error}"))?;
    }
    Ok(())
}

/// Files that link to the repository, and are also shown elsewhere.
const LINKING_FILES: [&str; 8] = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "bindings/node/README.md",
    "bindings/python/README.md",
    "crates/cli/Cargo.toml",
    "crates/cli/README.md",
    "crates/client/README.md",
];

/// Checks that links to a repository of this name are links to the given one.
fn check_links(text: &str, repository: &str) -> Result<(), String> {
    let (host, name) = repository.rsplit_once('/').unwrap_or_default();
    let host = host.rsplit_once('/').map_or(host, |(host, _)| host);
    for (start, _) in text.match_indices(host) {
        let url: String = text[start..]
            .chars()
            .take_while(|character| !" )>`\n\"".contains(*character))
            .collect();
        let is_same_name =
            url[host.len()..].trim_start_matches('/').split('/').nth(1) == Some(name);
        if is_same_name && !(url == repository || url.starts_with(&format!("{repository}/"))) {
            return Err(format!("`{url}` is not in {repository}"));
        }
    }
    Ok(())
}

/// Checks the contents of every published crate.
fn check_crates(root: &Path, offline: bool) -> Result<(), String> {
    for package in Graph::load(root, offline)?.published() {
        let list = step::run(
            Step::new(format!("contents of {}", package.name), cargo())
                .args(["package", "--list", "--allow-dirty", "--locked", "--offline"])
                .args(["--package", &package.name])
                .current_dir(root),
        )?;
        for file in licenses::OWN {
            if !list.lines().any(|line| line == file) {
                return Err(format!("{} does not contain {file}", package.name));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_and_programs_must_be_pinned() {
        let commit = "3d3c42e5aac5ba805825da76410c181273ba90b1";
        check_workflow(&format!("  - uses: actions/checkout@{commit} # v7.0.1\n")).unwrap();
        check_workflow("    uses: ./.github/workflows/build.yml\n").unwrap();
        for action in [
            "actions/checkout@v7",
            &format!("actions/checkout@{commit}"),
            "actions/checkout@3d3c42e # v7",
        ] {
            let error = check_workflow(&format!("  - uses: {action}\n")).unwrap_err();
            assert!(error.contains("pinned"), "{error}");
        }
        assert!(check_workflow("target: x86_64-apple-darwin").unwrap_err().contains("twice"));
        check_workflow(&format!("  cargo install --locked {CARGO_DENY}\n")).unwrap();
        let error = check_workflow("  cargo install cargo-deny@0.0.1\n").unwrap_err();
        assert!(error.contains(CARGO_DENY), "{error}");
    }

    #[test]
    fn the_loader_must_name_every_platform() {
        let target = targets::find("x86_64-apple-darwin").unwrap();
        let loader = "return { native: require(\"mistral-datasets-darwin-x64\") };";
        check_loader(loader, std::slice::from_ref(&target)).unwrap();
        let error =
            check_loader(&loader.replace("mistral-datasets-", "x-"), &[target]).unwrap_err();
        assert!(error.contains("mistral-datasets-darwin-x64"), "{error}");
    }

    #[test]
    fn links_to_another_repository_of_the_same_name_are_found() {
        let repository = "https://github.com/owner/name";
        check_links(
            "[a](https://github.com/owner/name/releases) https://github.com/x/y",
            repository,
        )
        .unwrap();
        let error = check_links("[a](https://github.com/other/name)", repository).unwrap_err();
        assert_eq!(
            error,
            "`https://github.com/other/name` is not in https://github.com/owner/name"
        );
    }

    #[test]
    fn another_version_in_any_file_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::create_dir_all(root.join("bindings/node")).unwrap();
        let files = ["Cargo.toml", "CHANGELOG.md", "bindings/node/package.json", NODE_LOCK];
        let read_original = |file| read(&crate::root(), file).unwrap();
        for file in files {
            fs::write(root.join(file), read_original(file)).unwrap();
        }
        check_versions(root).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        for file in files {
            let original = read_original(file);
            let changed = original.replace(&format!("[{version}]"), "[9.9.9]");
            let changed = changed.replacen(&format!("\"{version}\""), "\"9.9.9\"", 1);
            assert_ne!(changed, original);
            fs::write(root.join(file), changed).unwrap();
            assert!(check_versions(root).unwrap_err().contains("version"), "{file}");
            fs::write(root.join(file), original).unwrap();
        }
    }

    #[test]
    fn reads_the_newest_version_of_a_changelog() {
        assert_eq!(
            released_version("# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-12-01\n## 0.1.0"),
            Some("0.2.0")
        );
        assert_eq!(released_version("## Unreleased\n## 0.1.0\n"), Some("0.1.0"));
        assert_eq!(released_version("# Changelog\n"), None);
    }
}
