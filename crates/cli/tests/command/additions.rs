//! Adding records, many at once.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::served::{PROGRAM, Served, stderr, stdout};

#[test]
fn records_are_added_from_a_file_or_standard_input() {
    let served = Served::start(&["--memory"]);
    let dataset = served.dataset(0);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("records.jsonl");
    let lines = "{\"payload\": {\"messages\": [], \"n\": 1.0}, \"properties\": {\"a\": 1}}\n\n\
                 {\"messages\": [], \"n\": 2}\n[{\"role\": \"user\", \"content\": \"3\"}]";
    std::fs::write(&file, lines).unwrap();
    let arguments = ["records", "add", &dataset, file.to_str().unwrap(), "--concurrency", "1"];
    let report = served.json(&arguments);
    assert_eq!((&report["created"], &report["strategy"]), (&json!(3), &json!("single")));
    let listed = served.json(&["records", "list", &dataset]);
    let listed = listed["records"]["results"].as_array().unwrap().clone();
    for (record, item) in listed.iter().zip(report["items"].as_array().unwrap()) {
        assert_eq!(record["id"], item["created"]);
    }
    assert_eq!(listed[1]["payload"], json!({"messages": [], "n": 2}));

    let mut add = Command::new(PROGRAM)
        .env("MISTRAL_SERVER_URL", &served.url)
        .env("MISTRAL_API_KEY", "a key")
        .args(["records", "add", &dataset, "-", "--strategy", "file"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    add.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = add.wait_with_output().unwrap();
    assert!(stdout(&output).starts_with("added 3 records (file: "), "{}", stdout(&output));
    assert_eq!(served.json(&["records", "list", &dataset])["records"]["count"], 6);
}

#[test]
fn records_that_are_refused_stop_the_rest_or_do_not() {
    let served = Served::start(&["--memory"]);
    let dataset = served.dataset(0);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("records.jsonl");
    std::fs::write(&file, "{\"messages\": []}\n{\"messages\": 5}\n{\"messages\": []}\n").unwrap();
    let file = file.to_str().unwrap();
    let add = |more: &[&str]| {
        let arguments = [&["--json", "records", "add", &dataset, file, "--concurrency", "1"], more];
        let output = served.command(&arguments.concat());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), report, stderr(&output))
    };
    let (code, report, words) = add(&[]);
    assert_eq!((code, &report["created"]), (Some(6), &json!(1)), "{words}");
    assert!(words.contains("messages: expected an array"), "{words}");
    let (code, report, words) = add(&["--continue-on-error"]);
    assert_eq!((code, &report["created"], &report["failed"]), (Some(1), &json!(2), &json!(1)));
    assert!(words.contains("1 of the records"), "{words}");

    for arguments in [
        &["records", "add", &dataset][..],
        &["records", "add", &dataset, file, "--payload", "{}"],
        &["records", "add", &dataset, "--payload", "{}", "--continue-on-error"],
    ] {
        assert_eq!(served.command(arguments).status.code(), Some(2), "{arguments:?}");
    }
}
