//! Every language runs every case.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The folder or file in which each language keeps its cases, and what stands before a case's name there.
const LANGUAGES: &[(&str, &str, &str)] = &[
    ("Rust", "tests/tests/behaviour", "\n#[tokio::test]\nasync fn "),
    ("Python", "bindings/python/tests/behaviour", "\nasync def test_"),
    ("Node", "bindings/node/tests/behaviour", "\ntest(\""),
];

fn path(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text of every file of a folder.
fn texts(folder: &str) -> Vec<String> {
    let files = std::fs::read_dir(path(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let paths = files.map(|file| file.unwrap().path());
    // This file names the marks without being a case.
    paths
        .filter(|path| path.is_file() && !path.ends_with("cases.rs"))
        .map(|path| read(&path))
        .collect()
}

/// The names in the list.
fn listed() -> BTreeSet<String> {
    let text = read(&path("tests/behaviour/cases.txt"));
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
    for (language, folder, mark) in LANGUAGES {
        let run: BTreeSet<String> =
            texts(folder).iter().flat_map(|text| names(text, mark)).collect();
        let missing: Vec<_> = listed.difference(&run).collect();
        let unlisted: Vec<_> = run.difference(&listed).collect();
        assert!(missing.is_empty(), "{language} lacks {missing:?}");
        assert!(unlisted.is_empty(), "{language} has cases that are not in the list: {unlisted:?}");
    }
}
