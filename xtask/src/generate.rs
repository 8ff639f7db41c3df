//! `cargo xtask generate` and `check`: write the generated files, or compare them with the files in the checkout.

use std::fs;
use std::path::Path;

use serde_json::Value;
use similar::TextDiff;

use crate::emit::{self, Output};
use crate::model;

/// Reads a YAML document. Objects keep the order of the document.
///
/// # Errors
/// Fails if the file cannot be read or is not valid YAML.
pub fn load(path: &Path) -> Result<Value, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_yaml_ng::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Returns all files generated from a document.
///
/// # Errors
/// Names the place in the document that is not supported.
pub fn outputs(document: &Value) -> Result<Vec<Output>, String> {
    let model = model::read(document)?;
    emit::all(document, &model).map_err(|unsupported| unsupported.problems.join("\n"))
}

/// Writes the generated files that have changed, and prints their paths.
///
/// # Errors
/// Names what the emitters do not support. The files of the other emitters are written nevertheless.
pub fn generate(root: &Path) -> Result<(), String> {
    let mut written = 0;
    let document = load(&root.join(emit::DOCUMENT))?;
    let (outputs, problems) = match emit::all(&document, &model::read(&document)?) {
        Ok(outputs) => (outputs, Vec::new()),
        Err(unsupported) => (unsupported.outputs, unsupported.problems),
    };
    for output in outputs {
        let path = root.join(&output.path);
        // A missing file counts as empty.
        let current = fs::read_to_string(&path).unwrap_or_default();
        let expected = output.expected(&current)?;
        if current == expected {
            continue;
        }
        let directory = path.parent().expect("a generated file has a parent directory");
        fs::create_dir_all(directory)
            .and_then(|()| fs::write(&path, &expected))
            .map_err(|error| format!("{}: {error}", output.path))?;
        println!("wrote {}", output.path);
        written += 1;
    }
    if !problems.is_empty() {
        return Err(problems.join("\n"));
    }
    if written == 0 {
        println!("all generated files are up to date");
    }
    Ok(())
}

/// Checks that the generated files are up to date, without changing them.
///
/// # Errors
/// Returns a diff of each outdated file, and the command that updates them.
pub fn check(root: &Path) -> Result<(), String> {
    let outputs = outputs(&load(&root.join(emit::DOCUMENT))?)?;
    let mut report = String::new();
    for output in &outputs {
        let current = fs::read_to_string(root.join(&output.path)).unwrap_or_default();
        let expected = output.expected(&current)?;
        if current != expected {
            let diff = TextDiff::from_lines(&current, &expected);
            report.push_str(&format!(
                "{}",
                diff.unified_diff().header(
                    &format!("{} (current)", output.path),
                    &format!("{} (expected)", output.path)
                )
            ));
        }
    }
    if !report.is_empty() {
        return Err(format!(
            "generated files are outdated or were edited by hand\n\n{report}\nhint: run `{}`",
            emit::COMMAND
        ));
    }
    println!("all {} generated files are up to date", outputs.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::Extent;

    fn root() -> std::path::PathBuf {
        crate::root()
    }

    #[test]
    fn generated_files_are_up_to_date() {
        check(&root()).unwrap_or_else(|report| panic!("{report}"));
    }

    #[test]
    fn an_outdated_file_is_reported_with_a_diff_and_the_command_that_updates_it() {
        let directory = tempfile::tempdir().unwrap();
        let copy = |path: &str| {
            let target = directory.path().join(path);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(root().join(path), target).unwrap();
        };
        copy(emit::DOCUMENT);
        let document = load(&root().join(emit::DOCUMENT)).unwrap();
        outputs(&document).unwrap().iter().for_each(|output| copy(&output.path));
        check(directory.path()).unwrap();

        let edited = directory.path().join("crates/server/src/api/generated/routes.rs");
        let text = fs::read_to_string(&edited).unwrap();
        fs::write(&edited, text.replacen("\"fetch_dataset\"", "\"fetch\"", 1)).unwrap();
        let before = fs::read(&edited).unwrap();
        let report = check(directory.path()).unwrap_err();
        assert!(
            report.contains("--- crates/server/src/api/generated/routes.rs (current)"),
            "{report}"
        );
        assert!(
            report.contains("+    OperationRoute {")
                || report.contains("operation_id: \"fetch_dataset\""),
            "{report}"
        );
        assert!(report.contains("hint: run `cargo xtask generate`"), "{report}");
        assert_eq!(fs::read(&edited).unwrap(), before, "check must not write");

        generate(directory.path()).unwrap();
        check(directory.path()).unwrap();
    }

    /// Returns a copy of the document with an additional optional field of `Dataset`, an additional optional array in the request
    /// that updates it, and an additional operation.
    fn changed() -> Value {
        let mut document = load(&root().join(emit::DOCUMENT)).unwrap();
        document["components"]["schemas"]["Dataset"]["properties"]["colour"] = serde_json::json!({
            "type": "string", "nullable": true, "description": "The colour of the dataset in lists."
        });
        document["components"]["schemas"]["UpdateDatasetRequest"]["properties"]["labels"] = serde_json::json!({
            "type": "array", "maxItems": 9, "items": {"type": "string"}, "description": "The labels of the dataset."
        });
        let mut operation =
            document["paths"]["/v1/observability/datasets/{dataset_id}"]["get"].clone();
        operation["operationId"] = "freeze_dataset".into();
        operation["x-name"] = "freeze".into();
        operation["summary"] = "Freeze a dataset".into();
        document["paths"]["/v1/observability/datasets/{dataset_id}/freeze"] =
            serde_json::json!({ "post": operation });
        document
    }

    #[test]
    fn a_changed_document_changes_every_layer() {
        let before = outputs(&load(&root().join(emit::DOCUMENT)).unwrap()).unwrap();
        let after = outputs(&changed()).unwrap();
        let added = |path: &str| -> String {
            let text = |outputs: &[Output]| {
                let output = outputs.iter().find(|output| output.path == path);
                output.unwrap_or_else(|| panic!("{path} is not generated")).text.clone()
            };
            TextDiff::from_lines(text(&before), text(&after))
                .iter_all_changes()
                .filter(|change| change.tag() == similar::ChangeTag::Insert)
                .map(|change| change.to_string())
                .collect()
        };
        for (path, needles) in EXPECTED_ADDITIONS {
            let added = added(path);
            for needle in *needles {
                assert!(added.contains(needle), "{path}: missing `{needle}`:\n{added}");
            }
        }
    }

    /// The text that the changes must add to each file.
    const EXPECTED_ADDITIONS: &[(&str, &[&str])] = &[
        (
            "crates/types/src/schemas.rs",
            &["colour: Option<String>", "The colour of the dataset", "labels: Option<Vec<String>>"],
        ),
        ("crates/core-client/src/generated.rs", &["pub async fn freeze_dataset"]),
        (
            "crates/client/src/generated/datasets.rs",
            &[
                "pub fn freeze(",
                "pub struct FreezeDataset",
                "checks.items(\"labels\", value, 0..=9)",
            ],
        ),
        ("crates/server/src/api/generated/routes.rs", &["\"freeze_dataset\"", "\"POST\""]),
        ("bindings/python/src/generated/models.rs", &["colour"]),
        ("bindings/python/src/generated/datasets.rs", &["fn freeze(", "fn freeze_async"]),
        (
            "bindings/python/python/mistral_datasets/models.pyi",
            &["def colour(self) -> str | None", "The colour of the dataset"],
        ),
        (
            "bindings/python/python/mistral_datasets/resources.py",
            &["def freeze(", "async def freeze_async("],
        ),
        ("bindings/node/src/generated/datasets.rs", &["freeze"]),
        ("bindings/node/lib/generated/models.js", &["colour"]),
        (
            "bindings/node/lib/generated/models.d.ts",
            &["readonly colour: string | null", "The colour of the dataset"],
        ),
        ("bindings/node/lib/generated/resources.js", &["freeze("]),
        ("bindings/node/lib/generated/resources.d.ts", &["freeze("]),
        ("README.md", &["`datasets().freeze(dataset_id)`"]),
    ];

    /// Returns the signatures of the public functions in Rust source, each in one line.
    fn signatures(source: &str) -> Vec<String> {
        let functions = source.split("pub fn ").skip(1).map(|rest| {
            let end = rest.find('{').expect("a function has a body");
            rest[..end].split_whitespace().collect::<Vec<_>>().join(" ")
        });
        functions.collect()
    }

    #[test]
    fn added_fields_break_no_program_that_uses_the_rust_types() {
        let text = |document: &Value, path: &str| {
            let outputs = outputs(document).unwrap();
            outputs.into_iter().find(|output| output.path == path).unwrap().text
        };
        let before = load(&root().join(emit::DOCUMENT)).unwrap();
        // Struct expressions and exhaustive patterns are impossible, so only functions are left to construct values with.
        let schemas = text(&before, "crates/types/src/schemas.rs");
        for item in schemas.split("pub struct ").collect::<Vec<_>>().windows(2) {
            let is_covered = item[0].trim_end().ends_with("#[non_exhaustive]")
                || item[0].contains("response_struct! {")
                || item[0].contains("raw_object! {");
            assert!(is_covered, "{}", item[1]);
        }
        for path in ["crates/types/src/schemas.rs", "crates/client/src/generated/datasets.rs"] {
            let after = signatures(&text(&changed(), path));
            for signature in signatures(&text(&before, path)) {
                assert!(after.contains(&signature), "{path}: `{signature}` has changed");
            }
        }
        let added = signatures(&text(&changed(), "crates/types/src/schemas.rs"));

        assert!(added.iter().any(|signature| signature.starts_with("labels(")), "{added:#?}");
    }

    #[test]
    fn outputs_are_deterministic() {
        let document = load(&root().join(emit::DOCUMENT)).unwrap();
        let texts = |outputs: Vec<Output>| -> Vec<String> {
            outputs.into_iter().map(|output| output.text).collect()
        };
        assert_eq!(texts(outputs(&document).unwrap()), texts(outputs(&document).unwrap()));
    }

    #[test]
    fn generated_files_name_the_command_and_the_document() {
        let document = load(&root().join(emit::DOCUMENT)).unwrap();
        for output in outputs(&document).unwrap() {
            if output.extent == Extent::File {
                let beginning: String = output.text.lines().take(4).collect();
                assert!(beginning.contains(emit::COMMAND), "{}", output.path);
                assert!(beginning.contains(emit::DOCUMENT), "{}", output.path);
            }
        }
    }
}
