//! The published packages: their features, metadata and files.

use std::process::Command;

use serde_json::Value;

/// Runs cargo in the workspace and returns its standard output.
fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--offline", "--locked"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the features that a package enables in the local server, as `cargo tree` prints them.
fn server_features(package: &str) -> String {
    let edges = ["--edges", "features,normal", "--prefix", "none"];
    let packages = ["--package", package, "--invert", "mistral-datasets-server"];
    cargo(&[&["tree"][..], &edges, &packages].concat())
}

#[test]
fn only_the_command_contains_the_api_explorer() {
    let enables = |package| {
        let features = server_features(package);
        assert!(features.contains("mistral-datasets-server v"), "{features}");
        features.contains("mistral-datasets-server feature \"explorer\"")
    };
    assert!(enables("mistral-datasets-cli"));
    for package in ["mistral-datasets-python", "mistral-datasets-node"] {
        assert!(!enables(package), "{package}");
    }
}

/// Returns the metadata of the packages that are published.
fn published() -> Vec<Value> {
    let metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let mut packages = metadata["packages"].as_array().unwrap().clone();
    packages.retain(|package| package["publish"].is_null());
    packages
}

#[test]
fn published_packages_have_complete_metadata() {
    let packages = published();
    let names: Vec<_> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    let expected = ["types", "core-client", "", "server", "cli"].map(|name| match name {
        "" => "mistral-datasets".to_owned(),
        name => format!("mistral-datasets-{name}"),
    });
    assert_eq!(names, expected);
    for package in &packages {
        for field in ["description", "license", "readme", "documentation", "repository"] {
            assert!(package[field].is_string(), "{}: no `{field}`", package["name"]);
        }
        for field in ["keywords", "categories"] {
            let count = package[field].as_array().map_or(0, Vec::len);
            assert!((1..=5).contains(&count), "{}: {count} {field}", package["name"]);
        }
    }
}

#[test]
fn published_packages_contain_their_sources_and_licences_only() {
    for package in published() {
        let name = package["name"].as_str().unwrap();
        let files = cargo(&["package", "--list", "--allow-dirty", "--package", name]);
        let files: Vec<&str> = files.lines().collect();
        for required in ["README.md", "LICENSE-APACHE", "LICENSE-MIT", "Cargo.toml"] {
            assert!(files.contains(&required), "{name}: no {required}");
        }
        let generated = [".cargo_vcs_info.json", "Cargo.lock", "Cargo.toml.orig"];
        let is_expected = |file: &&str| {
            file.starts_with("src/")
                || (name == "mistral-datasets-server" && file.starts_with("assets/"))
                || generated.contains(file)
                || ["README.md", "LICENSE-APACHE", "LICENSE-MIT", "Cargo.toml"].contains(file)
        };
        let others: Vec<_> = files.iter().filter(|file| !is_expected(file)).collect();
        assert!(others.is_empty(), "{name}: {others:?}");
    }
}
