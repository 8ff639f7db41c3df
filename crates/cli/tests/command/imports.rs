//! `import` with local files.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::server::{PROGRAM, TestServer, stderr, stdout};

/// Returns JSONL whose records have the numbers from `first` on as property `n`.
fn lines(first: usize, count: usize) -> String {
    let line = |n| format!("{{\"messages\": [], \"properties\": {{\"n\": {n}}}}}\n");
    (first..first + count).map(line).collect()
}

/// Returns the property `n` of all records, in the dataset's order.
fn numbers(server: &TestServer, dataset: &str) -> Vec<u64> {
    let exported = stdout(&server.command(&["export", dataset]));
    let number =
        |line: &str| serde_json::from_str::<Value>(line).unwrap()["properties"]["n"].as_u64();
    exported.lines().filter_map(number).collect()
}

#[test]
fn files_and_stdin_are_imported_in_the_order_given() {
    let server = TestServer::start(&["--memory"]);
    let dataset = server.dataset(0);
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (directory.path().join("1.jsonl"), directory.path().join("2.jsonl"));
    std::fs::write(&first, lines(0, 3)).unwrap();
    std::fs::write(&second, lines(3, 2)).unwrap();
    let arguments = [first.to_str().unwrap(), second.to_str().unwrap(), "-"];
    let mut import = Command::new(PROGRAM)
        .env("MISTRAL_SERVER_URL", &server.url)
        .env("MISTRAL_API_KEY", "a key")
        .args(["--json", "import", &dataset])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    import.stdin.take().unwrap().write_all(lines(5, 4).as_bytes()).unwrap();
    let output = import.wait_with_output().unwrap();
    let records: Vec<Value> = stdout(&output)
        .lines()
        .map(|report| serde_json::from_str::<Value>(report).unwrap()["records"].clone())
        .collect();
    assert_eq!(records, [json!(3), json!(2), json!(4)]);
    assert_eq!(numbers(&server, &dataset), (0..9).collect::<Vec<_>>());
}

#[test]
fn invalid_lines_fail_the_import_or_are_skipped() {
    let server = TestServer::start(&["--memory"]);
    let dataset = server.dataset(0);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chats.jsonl");
    std::fs::write(&path, format!("{}[\"my secret\"]\n{}", lines(0, 1), lines(1, 1))).unwrap();
    let file = path.to_str().unwrap();
    let message = "line 2, column 2: messages[0]: expected an object, found a string";

    let strict = server.command(&["import", &dataset, file]);
    assert_eq!(strict.status.code(), Some(6));
    assert!(stderr(&strict).contains(message) && !stderr(&strict).contains("secret"));
    assert!(stdout(&strict).is_empty() && numbers(&server, &dataset).is_empty());

    let lenient = server.command(&["import", &dataset, file, "--lenient"]);
    assert!(lenient.status.success(), "{}", stderr(&lenient));
    assert!(stderr(&lenient).contains(message), "{}", stderr(&lenient));
    assert!(stdout(&lenient).starts_with("imported 2 records\n"), "{}", stdout(&lenient));
    let report = server.json(&["import", &dataset, file, "--lenient", "--no-wait"]);
    assert_eq!((&report["lines"], &report["invalid_line_count"]), (&json!(3), &json!(1)));
    assert_eq!(report["invalid_lines"][0]["column"], 2);
    assert_eq!(report["files"][0]["records"], 2);

    let wrong_compression = server.command(&["import", &dataset, file, "--compression", "gzip"]);
    assert_eq!(wrong_compression.status.code(), Some(1), "{}", stderr(&wrong_compression));
    let two_sources = server.command(&["import", &dataset, file, "--campaign", "c"]);
    assert_eq!(two_sources.status.code(), Some(2));
}
