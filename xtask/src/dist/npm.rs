//! Packs the npm packages: one with the JavaScript code, and one with the native module for each platform.
//!
//! Packages are assembled in a temporary directory. What only development needs is removed from `package.json`, and the packages
//! of all platforms are added as optional dependencies, which npm installs if `os`, `cpu` and `libc` match.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::targets::Target;
use super::{Build, licenses, targets};
use crate::step::{self, Step};
use crate::toolchain::npm;

/// The directory of the Node package.
const SOURCE: &str = "bindings/node";

/// The name of the main package, which the names of the others start with.
pub const NAME: &str = "mistral-datasets";

/// The fields of `package.json` that only development uses.
const DEVELOPMENT_FIELDS: [&str; 4] = ["devDependencies", "napi", "overrides", "scripts"];

/// The fields of `package.json` that all packages share.
const SHARED_FIELDS: [&str; 6] = ["license", "author", "homepage", "repository", "bugs", "engines"];

/// Returns the name of the package for a platform.
pub fn platform_package(target: &Target) -> String {
    format!("{NAME}-{}", target.npm)
}

/// Returns the file name of a native module.
pub fn module_file(target: &Target) -> String {
    format!("{NAME}.{}.node", target.npm)
}

/// Returns the file name of a packed package.
pub fn file_name(package: &str, version: &str) -> String {
    format!("{package}-{version}.tgz")
}

/// Packs the main package.
///
/// # Errors
/// Fails if files cannot be copied, or returns npm's output if it fails.
pub fn pack_main(build: &Build) -> Result<(), String> {
    let source = build.root.join(SOURCE);
    let manifest = main_manifest(&read_manifest(build.root)?, &build.version)?;
    let staging = stage(build, &manifest)?;
    copy_directory(&source.join("lib"), &staging.path().join("lib"))
        .and_then(|()| fs::copy(source.join("README.md"), staging.path().join("README.md")))
        .map_err(|error| format!("{SOURCE}: {error}"))?;
    pack(build, NAME, staging.path())
}

/// Packs the package of the build's platform.
///
/// # Errors
/// Fails if files cannot be copied, or returns npm's output if it fails.
pub fn pack_platform(build: &Build, module: &Path) -> Result<(), String> {
    let target = &build.target;
    let name = platform_package(target);
    let manifest = platform_manifest(&read_manifest(build.root)?, &build.version, target);
    let staging = stage(build, &manifest)?;
    fs::copy(module, staging.path().join(module_file(target)))
        .map_err(|error| format!("{}: {error}", module.display()))?;
    let description = manifest["description"].as_str().unwrap_or_default();
    let readme =
        format!("# {name}\n\n{description}. Install `{NAME}`, which depends on this package.\n");
    fs::write(staging.path().join("README.md"), readme).map_err(|error| error.to_string())?;
    pack(build, &name, staging.path())
}

/// Reads `package.json`.
///
/// # Errors
/// Fails if it cannot be read or is invalid.
pub fn read_manifest(root: &Path) -> Result<Map<String, Value>, String> {
    let file = root.join(SOURCE).join("package.json");
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}

fn main_manifest(source: &Map<String, Value>, version: &str) -> Result<Map<String, Value>, String> {
    if source["version"] != version {
        return Err(format!(
            "{SOURCE}/package.json has version {}, but Cargo.toml {version}",
            source["version"]
        ));
    }
    let mut manifest = source.clone();
    manifest.retain(|field, _| !DEVELOPMENT_FIELDS.contains(&field.as_str()));
    let platforms: Map<String, Value> =
        targets::all().iter().map(|target| (platform_package(target), json!(version))).collect();
    manifest.insert("optionalDependencies".to_owned(), Value::Object(platforms));
    manifest.insert("files".to_owned(), json!([&["lib"], licenses::FILES.as_slice()].concat()));
    Ok(manifest)
}

fn platform_manifest(
    source: &Map<String, Value>,
    version: &str,
    target: &Target,
) -> Map<String, Value> {
    let libc = target.libc.as_ref().map(|libc| format!(" with {libc}")).unwrap_or_default();
    let description =
        format!("The native module of {NAME} for {} on {}{libc}", target.cpu, target.os);
    let mut manifest = Map::new();
    manifest.insert("name".to_owned(), json!(platform_package(target)));
    manifest.insert("version".to_owned(), json!(version));
    manifest.insert("description".to_owned(), json!(description));
    manifest.insert("type".to_owned(), json!("commonjs"));
    manifest.insert("main".to_owned(), json!(module_file(target)));
    manifest.insert(
        "files".to_owned(),
        json!([&[module_file(target).as_str()], licenses::FILES.as_slice()].concat()),
    );
    manifest.insert("os".to_owned(), json!([target.os]));
    manifest.insert("cpu".to_owned(), json!([target.cpu]));
    if let Some(libc) = &target.libc {
        manifest.insert("libc".to_owned(), json!([libc]));
    }
    for field in SHARED_FIELDS {
        if let Some(value) = source.get(field) {
            manifest.insert(field.to_owned(), value.clone());
        }
    }
    manifest
}

/// Creates a temporary directory with `package.json` and the licenses.
fn stage(build: &Build, manifest: &Map<String, Value>) -> Result<tempfile::TempDir, String> {
    let staging = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
    let text = serde_json::to_string_pretty(manifest).expect("it is JSON") + "\n";
    fs::write(staging.path().join("package.json"), text).map_err(|error| error.to_string())?;
    for file in licenses::FILES {
        fs::copy(build.root.join(file), staging.path().join(file))
            .map_err(|error| format!("{file}: {error}"))?;
    }
    Ok(staging)
}

fn pack(build: &Build, package: &str, staging: &Path) -> Result<(), String> {
    step::run(
        Step::new(format!("npm pack {package}"), npm())
            .args(["pack", "--silent", "--pack-destination"])
            .arg(&build.output)
            .current_dir(staging),
    )
    .map(drop)
}

fn copy_directory(source: &Path, target: &Path) -> io::Result<()> {
    fs::create_dir_all(target)?;
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        let copy = target.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_directory(&entry.path(), &copy)?;
        } else {
            fs::copy(entry.path(), copy)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_name_every_platform_at_the_same_version() {
        let source = read_manifest(&crate::root()).unwrap();
        let version = source["version"].as_str().unwrap();
        let main = main_manifest(&source, version).unwrap();
        assert!(!main.contains_key("devDependencies") && !main.contains_key("scripts"));
        let optional = main["optionalDependencies"].as_object().unwrap();
        assert_eq!(optional.len(), targets::all().len());
        for target in targets::all() {
            let platform = platform_manifest(&source, version, &target);
            let name = platform["name"].as_str().unwrap();
            assert_eq!(optional[name], platform["version"]);
            assert_eq!(platform["repository"], source["repository"]);
            assert_eq!(platform.contains_key("libc"), target.os == "linux");
        }
        assert!(main_manifest(&source, "9.9.9").unwrap_err().contains("9.9.9"));
    }
}
