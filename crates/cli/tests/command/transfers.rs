//! Exports, full listings, waiting for tasks, and the connection options.

use std::io::Read;

use serde_json::{Value, json};

use crate::server::{TestServer, run, stderr, stdout};

#[test]
fn exports_go_to_a_file_or_to_stdout() {
    let server = TestServer::start(&["--memory"]);
    let dataset = server.dataset(3);
    let plain = server.command(&["export", &dataset]);
    assert!(stderr(&plain).is_empty(), "no progress bar without a terminal: {}", stderr(&plain));
    assert_eq!(stdout(&plain).lines().count(), 3);
    assert_eq!(server.command(&["export", &dataset, "-o", "-"]).stdout, plain.stdout);

    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (gzip, zstd) = (path("a.jsonl.gz"), path("a.jsonl.zst"));
    let written = server.json(&["export", &dataset, "-o", &gzip]);
    let bytes = std::fs::read(&gzip).unwrap();
    assert_eq!(written, json!({"path": gzip, "bytes": bytes.len(), "records": 3}));
    assert_eq!(gunzip(&bytes), plain.stdout);
    server.json(&["export", &dataset, "-o", &zstd]);
    assert_eq!(zstd::decode_all(&*std::fs::read(&zstd).unwrap()).unwrap(), plain.stdout);
    let piped = server.command(&["export", &dataset, "--compression", "gzip"]);
    assert_eq!(gunzip(&piped.stdout), plain.stdout);

    let reported = server.command(&["export", &dataset, "-o", &path("b.jsonl")]);
    assert!(stderr(&reported).contains("(3 records, "), "{}", stderr(&reported));
    assert!(reported.stdout.is_empty());
    let quiet = server.command(&["--quiet", "export", &dataset, "-o", &path("c.jsonl")]);
    assert!(quiet.status.success() && quiet.stdout.is_empty() && quiet.stderr.is_empty());
    let failed = server.command(&["export", &dataset, "-o", &path("missing/a.jsonl")]);
    assert_eq!(failed.status.code(), Some(1), "{}", stderr(&failed));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 4);
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut text).unwrap();
    text
}

#[test]
fn all_pages_are_printed_as_json_lines_or_tables() {
    let server = TestServer::start(&["--memory"]);
    let dataset = server.dataset(250);
    let lines = stdout(&server.command(&["--json", "records", "list", &dataset, "--all"]));
    let numbers: Vec<u64> = lines
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["properties"]["n"].as_u64().unwrap()
        })
        .collect();
    assert_eq!(numbers, (0..250).collect::<Vec<_>>());
    let table = stdout(&server.command(&["records", "list", &dataset, "--all"]));
    assert!(table.ends_with("250 of 250 records\n"), "{table}");
    assert!(table.lines().count() > 250);
    for list in [&["datasets", "list", "--all"][..], &["tasks", "list", &dataset, "--all"]] {
        assert!(stdout(&server.command(list)).contains("1 of 1 "), "{list:?}");
    }
    let conflicting = server.command(&["records", "list", &dataset, "--all", "--page", "2"]);
    assert_eq!(conflicting.status.code(), Some(2));
}

#[test]
fn waiting_ends_when_the_task_finishes_or_the_timeout_expires() {
    let server = TestServer::start(&["--memory"]);
    let dataset = server.dataset(1);
    let tasks = server.json(&["tasks", "list", &dataset]);
    let mut task = tasks["tasks"]["results"][0].clone();
    let id = task["id"].as_str().unwrap().to_owned();
    assert_eq!(server.json(&["tasks", "get", &dataset, &id, "--wait"])["status"], "COMPLETED");
    for (status, code) in [("RUNNING", 5), ("FAILED", 1)] {
        task["status"] = json!(status);
        task["message"] = json!("line 2 is invalid");
        server.inject_fault(
            &json!({"operation": "fetch_task", "status": 200, "body": task, "times": null}),
        );
        let arguments = ["tasks", "get", &dataset, &id, "--wait", "--wait-timeout", "1"];
        let output = server.command(&[&["--json"], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(printed["status"], status);
        if status == "RUNNING" {
            server.clear_faults();
        }
    }
}

#[test]
fn connection_options_are_passed_to_the_client() {
    let server = TestServer::start(&["--memory"]);
    let busy = json!({"operation": "list_datasets", "status": 503});
    server.inject_fault(&busy);
    let once = server.command(&["datasets", "list", "--max-retries", "0"]);
    assert_eq!(once.status.code(), Some(1), "{}", stderr(&once));
    // One retry is made with 1, and none with 0.
    server.inject_fault(&busy);
    assert!(server.command(&["datasets", "list", "--max-retries", "1"]).status.success());
    server.inject_fault(&busy);
    assert!(server.command(&["datasets", "list"]).status.success());
    server.inject_fault(&json!({"operation": "list_datasets", "delay_ms": 5000, "times": null}));
    for options in [
        &["--timeout", "0.5", "--max-retries", "0"][..],
        &["--deadline", "500ms", "--header", "X-Team: a"],
    ] {
        let slow = server.command(&[options, &["datasets", "list"]].concat());
        assert_eq!(slow.status.code(), Some(5), "{}", stderr(&slow));
    }
    let directory = tempfile::tempdir().unwrap();
    let (missing, invalid) =
        (directory.path().join("missing.pem"), directory.path().join("invalid.pem"));
    std::fs::write(&invalid, "not a certificate").unwrap();
    for (options, code, message) in [
        (["--header", "X-Team"], 2, "expected NAME:VALUE"),
        (["--timeout", "0"], 2, "expected seconds greater than 0"),
        (["--deadline", "soon"], 2, "expected seconds greater than 0"),
        (["--header", "Authorization: secret"], 3, "authorization"),
        (["--proxy", "not a proxy"], 3, "the proxy URL is invalid"),
        (["--proxy", "http://127.0.0.1:9"], 5, "cannot connect"),
        (["--ca-certificates", missing.to_str().unwrap()], 1, "missing.pem"),
        (["--ca-certificates", invalid.to_str().unwrap()], 3, "certificate"),
    ] {
        let arguments = [&options[..], &["--max-retries", "0", "datasets", "list"]].concat();
        let output = run(&server.url, "a key", &arguments);
        assert_eq!(output.status.code(), Some(code), "{options:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(message), "{message}: {}", stderr(&output));
        assert!(!stderr(&output).contains("secret"), "{}", stderr(&output));
    }
}
