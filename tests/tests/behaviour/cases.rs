//! Every language runs every case.

use std::collections::BTreeSet;
use std::path::Path;

/// Where each language keeps its cases, and what stands before a case's name there.
const LANGUAGES: &[(&str, &[&str], &str)] = &[
    (
        "Rust",
        &[
            "tests/tests/behaviour/datasets.rs",
            "tests/tests/behaviour/embedded.rs",
            "tests/tests/behaviour/failures.rs",
            "tests/tests/behaviour/files.rs",
            "tests/tests/behaviour/imports.rs",
            "tests/tests/behaviour/records.rs",
            "tests/tests/behaviour/replies.rs",
        ],
        "\n#[tokio::test]\nasync fn ",
    ),
    ("Python", &["bindings/python/tests/test_behaviour.py"], "\nasync def test_"),
    (
        "Node",
        &[
            "bindings/node/tests/behaviour/datasets.test.mjs",
            "bindings/node/tests/behaviour/embedded.test.mjs",
            "bindings/node/tests/behaviour/failures.test.mjs",
            "bindings/node/tests/behaviour/files.test.mjs",
            "bindings/node/tests/behaviour/imports.test.mjs",
            "bindings/node/tests/behaviour/records.test.mjs",
            "bindings/node/tests/behaviour/replies.test.mjs",
        ],
        "\ntest(\"",
    ),
];

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names in the list.
fn listed() -> BTreeSet<String> {
    let text = read("tests/behaviour/cases.txt");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(": ").expect(line).0.to_owned()).collect()
}

/// The names that follow a mark.
fn names(text: &str, mark: &str) -> BTreeSet<String> {
    let is_part = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
    text.split(mark).skip(1).map(|rest| rest.chars().take_while(is_part).collect()).collect()
}

#[test]
fn every_language_runs_every_case_and_no_other() {
    let listed = listed();
    for (language, files, mark) in LANGUAGES {
        let run: BTreeSet<String> =
            files.iter().flat_map(|file| names(&read(file), mark)).collect();
        let missing: Vec<_> = listed.difference(&run).collect();
        let unlisted: Vec<_> = run.difference(&listed).collect();
        assert!(missing.is_empty(), "{language} lacks {missing:?}");
        assert!(unlisted.is_empty(), "{language} has cases that are not in the list: {unlisted:?}");
    }
}
