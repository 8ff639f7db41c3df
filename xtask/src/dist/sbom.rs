//! Software bills of materials in CycloneDX JSON, one for each package that is distributed as machine code.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::graph::{Graph, Package};
use super::targets;

/// A package, the name of its bill of materials, and the registry that it is published to.
pub const BILLS: [(&str, &str, &str); 3] = [
    ("mistral-datasets-cli", "mistral-datasets-cli", "cargo"),
    ("mistral-datasets-python", "mistral-datasets-python", "pypi"),
    ("mistral-datasets-node", "mistral-datasets-npm", "npm"),
];

/// Returns the file name of a bill of materials.
pub fn file_name(name: &str, version: &str) -> String {
    format!("{name}-{version}.cdx.json")
}

/// Writes the bills of materials to a directory.
///
/// # Errors
/// Fails if Cargo or writing fails.
pub fn write(root: &Path, offline: bool, output: &Path) -> Result<(), String> {
    let graph = Graph::load(root, offline)?;
    for (package, name, registry) in BILLS {
        let compiled = graph.compiled_into(root, offline, &[package], &targets::all())?;
        let subject = compiled
            .iter()
            .find(|candidate| candidate.name == package)
            .ok_or_else(|| format!("{package} is not in the dependency graph"))?;
        let has_explorer = package == "mistral-datasets-cli";
        let bill = bill(root, subject, &compiled, registry, has_explorer)?;
        let file = output.join(file_name(name, &subject.version));
        let text = serde_json::to_string_pretty(&bill).expect("it is JSON") + "\n";
        fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(())
}

fn bill(
    root: &Path,
    subject: &Package,
    compiled: &[&Package],
    registry: &str,
    has_explorer: bool,
) -> Result<Value, String> {
    let others = || compiled.iter().filter(|package| package.name != subject.name);
    let mut components: Vec<Value> = others().map(|package| component(package)).collect();
    let mut bundled = bundled_code(compiled)?;
    if has_explorer {
        bundled.push(("mistral-datasets-server".to_owned(), swagger_ui(root)?));
    }
    let included: BTreeSet<_> =
        compiled.iter().map(|package| (package.name.clone(), package.version.clone())).collect();
    let dependencies: Vec<Value> = compiled
        .iter()
        .map(|package| {
            let of_cargo = package.dependencies.intersection(&included);
            let mut references: Vec<Value> = of_cargo
                .map(|(name, version)| Value::String(package_url("cargo", name, version)))
                .collect();
            let of_bundle = bundled.iter().filter(|(container, _)| *container == package.name);
            references.extend(of_bundle.map(|(_, component)| component["bom-ref"].clone()));
            json!({"ref": reference(package), "dependsOn": references})
        })
        .collect();
    components.extend(bundled.into_iter().map(|(_, component)| component));

    let mut metadata = component(subject);
    metadata["name"] = json!("mistral-datasets");
    if registry != "cargo" {
        metadata["purl"] = json!(package_url(registry, "mistral-datasets", &subject.version));
    }
    metadata["type"] = json!(if has_explorer { "application" } else { "library" });
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": metadata},
        "components": components,
        "dependencies": dependencies,
    }))
}

fn component(package: &Package) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": reference(package),
        "name": package.name,
        "version": package.version,
        "purl": reference(package),
    });
    if let Some(license) = &package.license {
        component["licenses"] = json!([{"expression": license}]);
    }
    if let Some(checksum) = &package.checksum {
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    if let Some(repository) = &package.repository {
        component["externalReferences"] = json!([{"type": "vcs", "url": repository}]);
    }
    component
}

/// Returns the C libraries in the packages, each with the package that compiles it.
fn bundled_code(compiled: &[&Package]) -> Result<Vec<(String, Value)>, String> {
    let mut bundled = Vec::new();
    for package in compiled {
        let (name, version, license) = match package.name.as_str() {
            "libsqlite3-sys" => ("sqlite", sqlite_version(package)?, "blessing"),
            "zstd-sys" => ("zstd", zstd_version(package)?, "BSD-3-Clause"),
            _ => continue,
        };
        let url = package_url("generic", name, &version);
        let component = json!({
            "type": "library", "bom-ref": url, "name": name, "version": version, "purl": url,
            "licenses": [{"license": {"id": license}}],
        });
        bundled.push((package.name.clone(), component));
    }
    Ok(bundled)
}

/// Reads the version from the header of SQLite.
fn sqlite_version(package: &Package) -> Result<String, String> {
    let file = package.directory.join("sqlite3/sqlite3.h");
    let header =
        fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    header
        .lines()
        .find_map(|line| line.strip_prefix("#define SQLITE_VERSION ")?.split('"').nth(1))
        .map(str::to_owned)
        .ok_or_else(|| format!("{} does not define SQLITE_VERSION", file.display()))
}

/// Reads the version of zstd from the version of its package, such as `2.0.16+zstd.1.5.7`.
fn zstd_version(package: &Package) -> Result<String, String> {
    let version = package.version.split_once("+zstd.").map(|(_, version)| version.to_owned());
    version
        .ok_or_else(|| format!("the version of zstd-sys, {}, does not name zstd", package.version))
}

/// Describes Swagger UI, whose version is in the documentation of its directory.
fn swagger_ui(root: &Path) -> Result<Value, String> {
    const DOCUMENTATION: &str = "crates/server/assets/swagger-ui/README.md";
    let text = fs::read_to_string(root.join(DOCUMENTATION))
        .map_err(|error| format!("{DOCUMENTATION}: {error}"))?;
    let (_, rest) = text
        .split_once("`swagger-ui-dist` ")
        .ok_or_else(|| format!("{DOCUMENTATION} does not name a version"))?;
    let version: String = rest
        .chars()
        .take_while(|character| character.is_ascii_digit() || *character == '.')
        .collect();
    let version = version.trim_end_matches('.');
    let url = package_url("npm", "swagger-ui-dist", version);
    Ok(json!({
        "type": "library", "bom-ref": url, "name": "swagger-ui-dist", "version": version, "purl": url,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }))
}

fn reference(package: &Package) -> String {
    package_url("cargo", &package.name, &package.version)
}

fn package_url(registry: &str, name: &str, version: &str) -> String {
    format!("pkg:{registry}/{name}@{}", version.replace('+', "%2B"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_bundled_code_and_its_dependents() {
        let directory = tempfile::tempdir().unwrap();
        write(&crate::root(), true, directory.path()).unwrap();
        let read = |name: &str| -> Value {
            let file = directory.path().join(file_name(name, env!("CARGO_PKG_VERSION")));
            serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
        };
        let names = |bill: &Value| -> BTreeSet<String> {
            let components = bill["components"].as_array().unwrap();
            components.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
        };
        let command = read("mistral-datasets-cli");
        for name in ["sqlite", "zstd", "swagger-ui-dist", "ring", "clap"] {
            assert!(names(&command).contains(name), "{name}");
        }
        let module = read("mistral-datasets-npm");
        assert!(names(&module).contains("napi") && !names(&module).contains("clap"));
        let url = format!("pkg:npm/mistral-datasets@{}", env!("CARGO_PKG_VERSION"));
        assert_eq!(module["metadata"]["component"]["purl"], url);

        // Every reference names a component.
        let mut known = names_of_references(&module["components"]);
        known.insert(module["metadata"]["component"]["bom-ref"].as_str().unwrap().to_owned());
        for dependency in module["dependencies"].as_array().unwrap() {
            assert!(known.contains(dependency["ref"].as_str().unwrap()), "{dependency}");
            for reference in dependency["dependsOn"].as_array().unwrap() {
                assert!(known.contains(reference.as_str().unwrap()), "{reference}");
            }
        }
    }

    fn names_of_references(components: &Value) -> BTreeSet<String> {
        let components = components.as_array().unwrap();
        components.iter().map(|one| one["bom-ref"].as_str().unwrap().to_owned()).collect()
    }
}
