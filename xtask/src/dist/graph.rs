//! The third-party packages that are compiled into a published package, from Cargo's metadata and lock file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::targets::Target;
use crate::step::cargo;

/// The name and version of a package.
pub type Key = (String, String);

/// A package of the dependency graph.
#[derive(Debug)]
pub struct Package {
    pub name: String,
    pub version: String,
    /// The SPDX expression of its license.
    pub license: Option<String>,
    pub authors: Vec<String>,
    pub repository: Option<String>,
    /// The directory of its source code.
    pub directory: PathBuf,
    /// The SHA-256 checksum of its `.crate` file; none for the packages of this workspace.
    pub checksum: Option<String>,
    /// Whether it is published to a registry.
    pub is_published: bool,
    /// The packages that it depends on at run time, for any target and feature.
    pub dependencies: BTreeSet<Key>,
}

impl Package {
    /// Returns whether it is a package of this workspace.
    pub fn is_ours(&self) -> bool {
        self.checksum.is_none()
    }
}

/// Every package in the lock file.
#[derive(Debug)]
pub struct Graph {
    packages: BTreeMap<Key, Package>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct MetadataPackage {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    authors: Vec<String>,
    repository: Option<String>,
    manifest_path: PathBuf,
    publish: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<NodeDependency>,
}

#[derive(Deserialize)]
struct NodeDependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    /// None for normal dependencies, otherwise `build` or `dev`.
    kind: Option<String>,
}

#[derive(Deserialize)]
struct LockFile {
    package: Vec<LockedPackage>,
}

#[derive(Deserialize)]
struct LockedPackage {
    name: String,
    version: String,
    checksum: Option<String>,
}

impl Graph {
    /// Reads the graph of the workspace.
    ///
    /// # Errors
    /// Returns Cargo's output if it fails.
    pub fn load(root: &Path, offline: bool) -> Result<Self, String> {
        let text = query(root, offline, &["metadata", "--format-version", "1", "--locked"])?;
        let metadata: Metadata =
            serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))?;
        let lock = std::fs::read_to_string(root.join("Cargo.lock"))
            .map_err(|error| format!("Cargo.lock: {error}"))?;
        let lock: LockFile =
            toml::from_str(&lock).map_err(|error| format!("Cargo.lock: {error}"))?;
        let checksums: BTreeMap<Key, Option<String>> = lock
            .package
            .into_iter()
            .map(|package| ((package.name, package.version), package.checksum))
            .collect();

        let keys: BTreeMap<&str, Key> = metadata
            .packages
            .iter()
            .map(|package| (package.id.as_str(), (package.name.clone(), package.version.clone())))
            .collect();
        let mut dependencies: BTreeMap<Key, BTreeSet<Key>> = BTreeMap::new();
        for node in &metadata.resolve.nodes {
            let normal = node
                .deps
                .iter()
                .filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none()));
            let normal = normal.map(|dependency| keys[dependency.pkg.as_str()].clone());
            dependencies.insert(keys[node.id.as_str()].clone(), normal.collect());
        }
        let packages = metadata.packages.into_iter().map(|package| {
            let key = (package.name.clone(), package.version.clone());
            let directory = package.manifest_path.parent().unwrap_or(Path::new("")).to_owned();
            let checksum = checksums.get(&key).cloned().flatten();
            let dependencies = dependencies.remove(&key).unwrap_or_default();
            let package = Package {
                name: package.name,
                version: package.version,
                license: package.license.map(|license| license.replace('/', " OR ")),
                authors: package.authors,
                repository: package.repository,
                directory,
                checksum,
                is_published: package.publish.is_none_or(|registries| !registries.is_empty()),
                dependencies,
            };
            (key, package)
        });
        Ok(Self { packages: packages.collect() })
    }

    /// Returns the packages whose code is in the given packages on any of the targets, with the features that these select.
    ///
    /// # Errors
    /// Returns Cargo's output if it fails.
    pub fn compiled_into(
        &self,
        root: &Path,
        offline: bool,
        packages: &[&str],
        targets: &[Target],
    ) -> Result<Vec<&Package>, String> {
        let mut arguments = vec!["tree", "--locked", "--edges", "normal,no-proc-macro"];
        arguments.extend(["--prefix", "none", "--format", "{p}"]);
        arguments.extend(packages.iter().flat_map(|package| ["--package", package]));
        arguments.extend(targets.iter().flat_map(|target| ["--target", &target.rust]));
        let tree = query(root, offline, &arguments)?;
        let keys: BTreeSet<Key> = tree.lines().filter_map(tree_key).collect();
        keys.iter()
            .map(|key| {
                self.packages
                    .get(key)
                    .ok_or_else(|| format!("cargo metadata does not list {} {}", key.0, key.1))
            })
            .collect()
    }

    /// Returns the published packages of this workspace, each after its dependencies.
    pub fn published(&self) -> Vec<&Package> {
        let mut remaining: Vec<&Package> = self
            .packages
            .values()
            .filter(|package| package.is_ours() && package.is_published)
            .collect();
        let mut sorted: Vec<&Package> = Vec::new();
        while !remaining.is_empty() {
            let is_ready = |package: &&Package| {
                !remaining.iter().any(|other| {
                    package.dependencies.contains(&(other.name.clone(), other.version.clone()))
                })
            };
            let (ready, rest): (Vec<_>, Vec<_>) = remaining.iter().copied().partition(is_ready);
            assert!(!ready.is_empty(), "Cargo rejects cyclic dependencies");
            sorted.extend(ready);
            remaining = rest;
        }
        sorted
    }
}

/// Reads a line of `cargo tree`, such as `ring v0.17.14` or `mistral-datasets v0.1.0 (/src/crates/client) (*)`.
fn tree_key(line: &str) -> Option<Key> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let version = words.next()?.strip_prefix('v')?;
    Some((name.to_owned(), version.to_owned()))
}

/// Runs Cargo and returns its standard output.
fn query(root: &Path, offline: bool, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(cargo());
    command.args(arguments).current_dir(root);
    if offline {
        command.arg("--offline");
    }
    let output = command.output().map_err(|error| format!("cannot run cargo: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let name = arguments.first().copied().unwrap_or_default();
        Err(format!("cargo {name} failed:\n{}", String::from_utf8_lossy(&output.stderr)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_lines_of_cargo_tree() {
        let key = |name: &str, version: &str| Some((name.to_owned(), version.to_owned()));
        assert_eq!(tree_key("ring v0.17.14"), key("ring", "0.17.14"));
        assert_eq!(tree_key("a v0.1.0 (/src/a) (*)"), key("a", "0.1.0"));
        assert_eq!(tree_key(""), None);
    }

    #[test]
    fn published_packages_follow_their_dependencies() {
        let graph = Graph::load(&crate::root(), true).unwrap();
        let names: Vec<_> = graph.published().iter().map(|package| package.name.as_str()).collect();
        let position = |name: &str| names.iter().position(|other| *other == name).unwrap();
        assert!(position("mistral-datasets-types") < position("mistral-datasets-core-client"));
        assert!(position("mistral-datasets-server") < position("mistral-datasets"));
        assert!(position("mistral-datasets") < position("mistral-datasets-cli"));
        assert!(!names.contains(&"xtask"));
    }
}
