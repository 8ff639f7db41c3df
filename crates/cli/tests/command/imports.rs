//! Imports of files on this machine.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::served::{PROGRAM, Served, stderr, stdout};

/// So many lines, counted from a number.
fn lines(first: usize, count: usize) -> String {
    let line = |n| format!("{{\"messages\": [], \"properties\": {{\"n\": {n}}}}}\n");
    (first..first + count).map(line).collect()
}

/// The numbers in the records' properties, in the dataset's order.
fn numbers(served: &Served, dataset: &str) -> Vec<u64> {
    let exported = stdout(&served.command(&["export", dataset]));
    let number =
        |line: &str| serde_json::from_str::<Value>(line).unwrap()["properties"]["n"].as_u64();
    exported.lines().filter_map(number).collect()
}

#[test]
fn files_and_standard_input_are_imported_in_their_order() {
    let served = Served::start(&["--memory"]);
    let dataset = served.dataset(0);
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("1.jsonl"), folder.path().join("2.jsonl"));
    std::fs::write(&first, lines(0, 3)).unwrap();
    std::fs::write(&second, lines(3, 2)).unwrap();
    let arguments = [first.to_str().unwrap(), second.to_str().unwrap(), "-"];
    let mut import = Command::new(PROGRAM)
        .env("MISTRAL_SERVER_URL", &served.url)
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
    assert_eq!(numbers(&served, &dataset), (0..9).collect::<Vec<_>>());
}

#[test]
fn bad_lines_stop_an_import_or_are_left_out() {
    let served = Served::start(&["--memory"]);
    let dataset = served.dataset(0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chats.jsonl");
    std::fs::write(&path, format!("{}[\"my secret\"]\n{}", lines(0, 1), lines(1, 1))).unwrap();
    let file = path.to_str().unwrap();
    let words = "line 2, column 2: messages[0]: expected an object, found a string";

    let refused = served.command(&["import", &dataset, file]);
    assert_eq!(refused.status.code(), Some(6));
    assert!(stderr(&refused).contains(words) && !stderr(&refused).contains("secret"));
    assert!(stdout(&refused).is_empty() && numbers(&served, &dataset).is_empty());

    let lenient = served.command(&["import", &dataset, file, "--lenient"]);
    assert!(lenient.status.success(), "{}", stderr(&lenient));
    assert!(stderr(&lenient).contains(words), "{}", stderr(&lenient));
    assert!(stdout(&lenient).starts_with("imported 2 records\n"), "{}", stdout(&lenient));
    let report = served.json(&["import", &dataset, file, "--lenient", "--no-wait"]);
    assert_eq!((&report["lines"], &report["invalid_line_count"]), (&json!(3), &json!(1)));
    assert_eq!(report["invalid_lines"][0]["column"], 2);
    assert_eq!(report["files"][0]["records"], 2);

    let wrong = served.command(&["import", &dataset, file, "--compression", "gzip"]);
    assert_eq!(wrong.status.code(), Some(1), "{}", stderr(&wrong));
    let both = served.command(&["import", &dataset, file, "--campaign", "c"]);
    assert_eq!(both.status.code(), Some(2));
}
