//! Checks that every language implements every case of `cases.txt`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each language, with the directory of its cases and the text that precedes a case's name there.
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

/// Returns the contents of all files in a directory.
fn read_all(directory: &str) -> Vec<String> {
    let files =
        std::fs::read_dir(path(directory)).unwrap_or_else(|error| panic!("{directory}: {error}"));
    let paths = files.map(|file| file.unwrap().path());
    // This file contains the prefixes without defining a case.
    paths
        .filter(|path| path.is_file() && !path.ends_with("cases.rs"))
        .map(|path| read(&path))
        .collect()
}

/// Returns the names in `cases.txt`.
fn listed_names() -> BTreeSet<String> {
    let text = read(&path("tests/behaviour/cases.txt"));
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(": ").expect(line).0.to_owned()).collect()
}

/// Returns the names that follow each occurrence of `prefix`.
fn names(text: &str, prefix: &str) -> BTreeSet<String> {
    let is_name_char = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
    text.split(prefix).skip(1).map(|rest| rest.chars().take_while(is_name_char).collect()).collect()
}

#[test]
fn every_language_implements_exactly_the_listed_cases() {
    let listed = listed_names();
    for (language, directory, prefix) in LANGUAGES {
        let implemented: BTreeSet<String> =
            read_all(directory).iter().flat_map(|text| names(text, prefix)).collect();
        let missing: Vec<_> = listed.difference(&implemented).collect();
        let unlisted: Vec<_> = implemented.difference(&listed).collect();
        assert!(missing.is_empty(), "{language} does not implement {missing:?}");
        assert!(
            unlisted.is_empty(),
            "{language} implements cases missing in cases.txt: {unlisted:?}"
        );
    }
}
