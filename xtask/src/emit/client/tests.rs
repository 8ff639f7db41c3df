//! Checks of the emitted documentation.

use crate::emit::{DOCUMENT, Output};
use crate::generate::{load, outputs};

/// Returns the emitted Rust files of the client and its types.
fn rust_files() -> Vec<Output> {
    let document = load(&crate::root().join(DOCUMENT)).unwrap();
    let mut outputs = outputs(&document).unwrap();
    outputs.retain(|output| {
        ["crates/types/", "crates/core-client/", "crates/client/"]
            .iter()
            .any(|directory| output.path.starts_with(directory))
    });
    assert!(outputs.len() >= 5);
    outputs
}

#[test]
fn documentation_of_rust_code_uses_the_words_of_rust() {
    for Output { path, text, .. } in rust_files() {
        let comments = text.lines().filter(|line| line.trim_start().starts_with("//"));
        for line in comments {
            let words = line.split(|letter: char| !letter.is_alphanumeric());
            for word in words {
                assert!(!["null", "omitted", "setter"].contains(&word), "{path}: {line}");
            }
        }
    }
}

#[test]
fn every_public_method_of_a_call_or_handle_has_an_example() {
    let mut methods = 0;
    for Output { path, text, .. } in rust_files() {
        if !path.starts_with("crates/client/") {
            continue;
        }
        let mut has_example = false;
        for line in text.lines().map(str::trim_start) {
            has_example |= line == "/// # Examples";
            if line.starts_with("pub fn ") || line.starts_with("pub async fn ") {
                assert!(has_example, "{path}: {line}");
                (has_example, methods) = (false, methods + 1);
            }
        }
    }
    assert!(methods > 50, "{methods}");
}

#[test]
fn examples_use_the_values_of_the_document() {
    let files = rust_files();
    let datasets = &files.iter().find(|file| file.path.ends_with("datasets.rs")).unwrap().text;
    for part in [
        "/// let dataset = client.datasets().fetch(\"support-answers\").await?;",
        "///         {\"role\": \"user\", \"content\": \"Where is my order?\"},",
        "/// let datasets = client.datasets().list().q(\"support\").await?.datasets;",
        "/// # async fn example(client: mistral_datasets::Client, campaign_id: &str)",
    ] {
        assert!(datasets.contains(part), "{part}");
    }
}
