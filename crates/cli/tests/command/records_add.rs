//! `records add` with a file.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::server::{PROGRAM, TestServer, stderr, stdout};

#[test]
fn records_are_added_from_a_file_or_stdin() {
    let server = TestServer::start(&["--memory"]);
    let dataset = server.dataset(0);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("records.jsonl");
    let lines = "{\"payload\": {\"messages\": [], \"n\": 1.0}, \"properties\": {\"a\": 1}}\n\n\
                 {\"messages\": [], \"n\": 2}\n[{\"role\": \"user\", \"content\": \"3\"}]";
    std::fs::write(&file, lines).unwrap();
    let arguments = ["records", "add", &dataset, file.to_str().unwrap(), "--concurrency", "1"];
    let report = server.json(&arguments);
    assert_eq!((&report["created"], &report["strategy"]), (&json!(3), &json!("single")));
    let listed = server.json(&["records", "list", &dataset]);
    let listed = listed["records"]["results"].as_array().unwrap().clone();
    for (record, item) in listed.iter().zip(report["items"].as_array().unwrap()) {
        assert_eq!(record["id"], item["created"]);
    }
    assert_eq!(listed[1]["payload"], json!({"messages": [], "n": 2}));

    let mut add = Command::new(PROGRAM)
        .env("MISTRAL_SERVER_URL", &server.url)
        .env("MISTRAL_API_KEY", "a key")
        .args(["records", "add", &dataset, "-", "--strategy", "file"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    add.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = add.wait_with_output().unwrap();
    assert!(stderr(&output).starts_with("added 3 records (file: "), "{}", stderr(&output));
    assert!(stdout(&output).is_empty());
    assert_eq!(server.json(&["records", "list", &dataset])["records"]["count"], 6);
}

#[test]
fn rejected_records_stop_the_command_unless_it_continues_on_error() {
    let server = TestServer::start(&["--memory"]);
    let dataset = server.dataset(0);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("records.jsonl");
    std::fs::write(&file, "{\"messages\": []}\n{\"messages\": 5}\n{\"messages\": []}\n").unwrap();
    let file = file.to_str().unwrap();
    let add = |options: &[&str]| {
        let arguments =
            [&["--json", "records", "add", &dataset, file, "--concurrency", "1"], options];
        let output = server.command(&arguments.concat());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), report, stderr(&output))
    };
    let (code, report, errors) = add(&[]);
    assert_eq!((code, &report["created"]), (Some(6), &json!(1)), "{errors}");
    assert!(errors.contains("messages: expected an array"), "{errors}");
    let (code, report, errors) = add(&["--continue-on-error"]);
    assert_eq!((code, &report["created"], &report["failed"]), (Some(1), &json!(2), &json!(1)));
    assert!(errors.contains("1 record was rejected"), "{errors}");

    for arguments in [
        &["records", "add", &dataset][..],
        &["records", "add", &dataset, file, "--payload", "{}"],
        &["records", "add", &dataset, "--payload", "{}", "--continue-on-error"],
    ] {
        assert_eq!(server.command(arguments).status.code(), Some(2), "{arguments:?}");
    }
}
