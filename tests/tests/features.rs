//! The Cargo features of the published packages.

use std::process::Command;

/// Returns the features that a package enables in the local server, as `cargo tree` prints them.
fn server_features(package: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--edges", "features,normal", "--prefix", "none"])
        .args(["--package", package, "--invert", "mistral-datasets-server"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
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
