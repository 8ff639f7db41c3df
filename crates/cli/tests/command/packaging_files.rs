//! The shell completions and man pages that are part of the command's packages.

use std::fs;
use std::process::Command;

#[test]
fn writes_completions_and_man_pages() {
    let directory = tempfile::tempdir().unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_mistral-datasets"))
        .arg("packaging-files")
        .arg(directory.path())
        .status()
        .unwrap();
    assert!(status.success());

    let read = |path: &str| fs::read_to_string(directory.path().join(path)).unwrap();
    assert!(read("completions/mistral-datasets.bash").contains("--max-memory"));
    assert!(read("completions/_mistral-datasets").contains("--max-memory"));
    assert!(read("completions/mistral-datasets.fish").contains("max-memory"));
    assert!(read("man/mistral-datasets-serve.1").contains("max\\-memory"));
    assert!(read("man/mistral-datasets-records-list.1").contains("mistral\\-datasets"));
    for group in ["events", "traces", "spans", "spans-evaluations", "logs"] {
        assert!(read(&format!("man/mistral-datasets-{group}-search.1")).contains("\\-\\-cursor"));
    }
    assert!(read("man/mistral-datasets-judges-run.1").contains("to\\-properties"));
    assert!(read("completions/mistral-datasets.bash").contains("--to-properties"));
    for absent in ["packaging-files", "help", "records-help"] {
        let page = directory.path().join(format!("man/mistral-datasets-{absent}.1"));
        assert!(!page.exists(), "{}", page.display());
    }
}

#[test]
fn is_not_listed() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_mistral-datasets")).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(help.contains("compact") && !help.contains("packaging-files"));
}
