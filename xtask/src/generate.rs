//! `generate` writes what follows from the document; `check` compares it with what is there.

use std::fs;
use std::path::Path;

use serde_json::Value;
use similar::TextDiff;

use crate::emit::{self, Output};
use crate::model;

/// Reads the document as JSON, whose objects keep the document's order.
///
/// # Errors
/// When the file cannot be read or is not YAML.
pub fn load(path: &Path) -> Result<Value, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_yaml_ng::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Everything that follows from a document.
///
/// # Errors
/// A sentence that names the place in the document that cannot be expressed.
pub fn outputs(document: &Value) -> Result<Vec<Output>, String> {
    let model = model::read(document)?;
    emit::all(document, &model)
}

/// Writes every generated file that differs, and says which.
pub fn generate(root: &Path) -> Result<(), String> {
    let mut written = 0;
    for output in outputs(&load(&root.join(emit::DOCUMENT))?)? {
        let path = root.join(&output.path);
        if fs::read_to_string(&path).is_ok_and(|present| present == output.text) {
            continue;
        }
        let folder = path.parent().expect("a generated file lies in a folder");
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, &output.text))
            .map_err(|error| format!("{}: {error}", output.path))?;
        println!("wrote {}", output.path);
        written += 1;
    }
    if written == 0 {
        println!("every generated file was up to date");
    }
    Ok(())
}

/// Compares every generated file with what the document asks for; changes nothing.
///
/// # Errors
/// Every stale file with its difference, and the command that mends it.
pub fn check(root: &Path) -> Result<(), String> {
    let outputs = outputs(&load(&root.join(emit::DOCUMENT))?)?;
    let mut report = String::new();
    for output in &outputs {
        // A file that is missing differs from the first line on.
        let present = fs::read_to_string(root.join(&output.path)).unwrap_or_default();
        if present != output.text {
            let diff = TextDiff::from_lines(&present, &output.text);
            report.push_str(&format!(
                "{}",
                diff.unified_diff().header(
                    &format!("{} (present)", output.path),
                    &format!("{} (expected)", output.path)
                )
            ));
        }
    }
    if !report.is_empty() {
        return Err(format!(
            "generated files are stale or were edited by hand\n\n{report}\nhint: run `{}`",
            emit::COMMAND
        ));
    }
    println!("all {} generated files are up to date", outputs.len());
    Ok(())
}
