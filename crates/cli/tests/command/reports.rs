//! `--report` and `--resume` of `import` and `records add`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::server::{TestServer, stderr, stdout};

fn lines(count: usize) -> String {
    (0..count).map(|n| format!("{{\"messages\": [], \"properties\": {{\"n\": {n}}}}}\n")).collect()
}

/// Returns the property `n` of all records, in the dataset's order.
fn numbers(server: &TestServer, dataset: &str) -> Vec<u64> {
    let exported = stdout(&server.command(&["export", dataset]));
    let number =
        |line: &str| serde_json::from_str::<Value>(line).unwrap()["properties"]["n"].as_u64();
    exported.lines().filter_map(number).collect()
}

fn file_names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
#[cfg(unix)]
fn an_interrupted_import_is_resumed_from_its_report() {
    use crate::interrupts::{interrupt, spawn, wait_until};

    let server = TestServer::start(&["--memory"]);
    let dataset = server.dataset(0);
    let directory = tempfile::tempdir().unwrap();
    let (file, report) = (directory.path().join("chats.jsonl"), directory.path().join("r.json"));
    fs::write(&file, lines(10)).unwrap();
    let (file, report_path) = (file.to_str().unwrap(), report.to_str().unwrap());
    let started = server.json(&["tasks", "list", &dataset])["tasks"]["count"].as_u64().unwrap();
    server.inject_fault(&json!({"operation": "fetch_task", "times": null, "delay_ms": 60_000}));
    let import = spawn(&server, &["import", &dataset, file, "--report", report_path]);
    wait_until("the import has started", || {
        server.json(&["tasks", "list", &dataset])["tasks"]["count"].as_u64() > Some(started)
    });
    assert_eq!(interrupt(import, "-INT"), Some(130));
    assert_eq!(file_names(directory.path()), ["chats.jsonl", "r.json"]);
    let stored: Value = serde_json::from_str(&fs::read_to_string(&report).unwrap()).unwrap();
    assert_eq!(stored["files"][0]["records"], 10);

    server.clear_faults();
    let arguments = ["import", &dataset, file, "--resume", report_path, "--report", report_path];
    let resumed = server.json(&arguments);
    assert_eq!(resumed["records"], 10);
    assert_eq!(numbers(&server, &dataset), (0..10).collect::<Vec<_>>());
    let stored: Value = serde_json::from_str(&fs::read_to_string(&report).unwrap()).unwrap();
    assert_eq!(stored["files"][0]["task"]["status"], "COMPLETED");
    // Nothing is left to do.
    assert_eq!(server.json(&arguments)["records"], 10);
    assert_eq!(numbers(&server, &dataset).len(), 10);
}

#[test]
fn a_failed_import_writes_its_report() {
    let server = TestServer::start(&["--memory"]);
    let dataset = server.dataset(0);
    let directory = tempfile::tempdir().unwrap();
    let (file, report) = (directory.path().join("chats.jsonl"), directory.path().join("r.json"));
    fs::write(&file, lines(10)).unwrap();
    let (file, report) = (file.to_str().unwrap(), report.to_str().unwrap());
    let lost = json!({"operation": "import_from_file", "carry_out": true, "reset_after_bytes": 0});
    server.inject_fault(&lost);
    let failed = server.command(&["import", &dataset, file, "--report", report]);
    assert_eq!(failed.status.code(), Some(5), "{}", stderr(&failed));
    let hint = format!("use `--resume {report}` to continue");
    assert!(stderr(&failed).contains(&hint), "{}", stderr(&failed));
    assert!(stdout(&failed).contains("lines 1 to 10 (10 records) may or may not"), "{failed:?}");
    let resumed = server.json(&["import", &dataset, file, "--resume", report]);
    assert_eq!((&resumed["records"], &resumed["unknown"][0]["records"]), (&json!(0), &json!(10)));
    assert_eq!(numbers(&server, &dataset), (0..10).collect::<Vec<_>>());
}

#[test]
fn unusable_reports_are_rejected_before_anything_is_sent() {
    let server = TestServer::start(&["--memory"]);
    let (dataset, other) = (server.dataset(0), server.dataset(0));
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (file, report) = (path("chats.jsonl"), path("r.json"));
    fs::write(&file, lines(2)).unwrap();
    fs::write(path("bad.json"), "not a report").unwrap();
    server.json(&["import", &dataset, &file, "--report", &report]);
    for (arguments, code, message) in [
        (vec!["import", &other, &file, "--resume", &report], 6, "belongs to the dataset"),
        (vec!["import", &other, &file, "--resume", &path("bad.json")], 6, "cannot read the report"),
        (vec!["import", &other, &file, "--resume", &path("missing.json")], 1, "missing.json"),
        (vec!["import", &other, &file, "--report", &path("no/such/r.json")], 1, "no/such"),
        (vec!["import", &other, &file, &file, "--report", &report], 6, "a single file"),
        (vec!["records", "add", &other, &file, "--resume", &report], 6, "`create_records`"),
        (vec!["import", &other, "--campaign", "c", "--report", &report], 6, "a single file"),
    ] {
        let output = server.command(&arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(message), "{message}: {}", stderr(&output));
    }
    #[cfg(unix)]
    {
        let output = server.command(&["import", &other, &file, "--report", "/dev/null"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("not a regular file"), "{}", stderr(&output));
    }
    assert!(numbers(&server, &other).is_empty());
    assert_eq!(file_names(directory.path()), ["bad.json", "chats.jsonl", "r.json"]);
}

#[test]
fn records_are_added_from_a_report_on() {
    let server = TestServer::start(&["--memory"]);
    let dataset = server.dataset(0);
    let directory = tempfile::tempdir().unwrap();
    let (file, report) = (directory.path().join("chats.jsonl"), directory.path().join("r.json"));
    fs::write(&file, lines(6)).unwrap();
    let (file, report) = (file.to_str().unwrap(), report.to_str().unwrap());
    let rejected =
        json!({"operation": "create_record", "skip": 3, "status": 422, "body": "{\"detail\": []}"});
    server.inject_fault(&rejected);
    let add = ["records", "add", &dataset, file, "--concurrency", "1", "--report", report];
    let failed = server.command(&add);
    assert_eq!(failed.status.code(), Some(6), "{}", stderr(&failed));
    assert!(stderr(&failed).contains("to continue"), "{}", stderr(&failed));
    let added = server.json(&[&add[..], &["--resume", report]].concat());
    assert_eq!((&added["created"], &added["failed"]), (&json!(6), &json!(0)));
    assert_eq!(numbers(&server, &dataset), (0..6).collect::<Vec<_>>());
}
