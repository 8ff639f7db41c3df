//! Exports, whole listings, waiting, and the options of connections.

use std::io::Read;

use serde_json::{Value, json};

use crate::served::{Served, run, stderr, stdout};

#[test]
fn an_export_goes_to_a_file_or_to_standard_output() {
    let served = Served::start(&["--memory"]);
    let dataset = served.dataset(3);
    let plain = served.command(&["export", &dataset]);
    assert!(stderr(&plain).is_empty(), "no bar where there is no terminal: {}", stderr(&plain));
    assert_eq!(stdout(&plain).lines().count(), 3);
    assert_eq!(served.command(&["export", &dataset, "-o", "-"]).stdout, plain.stdout);

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (gzip, zstd) = (path("a.jsonl.gz"), path("a.jsonl.zst"));
    let written = served.json(&["export", &dataset, "-o", &gzip]);
    let bytes = std::fs::read(&gzip).unwrap();
    assert_eq!(written, json!({"path": gzip, "bytes": bytes.len(), "records": 3}));
    assert_eq!(unzipped(&bytes), plain.stdout);
    served.json(&["export", &dataset, "-o", &zstd]);
    assert_eq!(zstd::decode_all(&*std::fs::read(&zstd).unwrap()).unwrap(), plain.stdout);
    let zipped = served.command(&["export", &dataset, "--compression", "gzip"]);
    assert_eq!(unzipped(&zipped.stdout), plain.stdout);

    let said = served.command(&["export", &dataset, "-o", &path("b.jsonl")]);
    assert!(stdout(&said).contains("(3 records, "), "{}", stdout(&said));
    let quiet = served.command(&["--quiet", "export", &dataset, "-o", &path("c.jsonl")]);
    assert!(quiet.status.success() && quiet.stdout.is_empty() && quiet.stderr.is_empty());
    let nowhere = served.command(&["export", &dataset, "-o", &path("missing/a.jsonl")]);
    assert_eq!(nowhere.status.code(), Some(1), "{}", stderr(&nowhere));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
}

fn unzipped(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut text).unwrap();
    text
}

#[test]
fn whole_listings_come_as_lines_of_json_or_as_tables() {
    let served = Served::start(&["--memory"]);
    let dataset = served.dataset(250);
    let lines = stdout(&served.command(&["--json", "records", "list", &dataset, "--all"]));
    let numbers: Vec<u64> = lines
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["properties"]["n"].as_u64().unwrap()
        })
        .collect();
    assert_eq!(numbers, (0..250).collect::<Vec<_>>());
    let table = stdout(&served.command(&["records", "list", &dataset, "--all"]));
    assert!(table.ends_with("250 of 250 records\n"), "{table}");
    assert!(table.lines().count() > 250);
    for list in [&["datasets", "list", "--all"][..], &["tasks", "list", &dataset, "--all"]] {
        assert!(stdout(&served.command(list)).contains("1 of 1 "), "{list:?}");
    }
    let both = served.command(&["records", "list", &dataset, "--all", "--page", "2"]);
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn waiting_ends_with_the_task_or_with_patience() {
    let served = Served::start(&["--memory"]);
    let dataset = served.dataset(1);
    let tasks = served.json(&["tasks", "list", &dataset]);
    let mut task = tasks["tasks"]["results"][0].clone();
    let id = task["id"].as_str().unwrap().to_owned();
    assert_eq!(served.json(&["tasks", "get", &dataset, &id, "--wait"])["status"], "COMPLETED");
    for (status, code) in [("RUNNING", 5), ("FAILED", 1)] {
        task["status"] = json!(status);
        task["message"] = json!("line 2 is odd");
        served.inject_fault(
            &json!({"operation": "fetch_task", "status": 200, "body": task, "times": null}),
        );
        let arguments = ["tasks", "get", &dataset, &id, "--wait", "--wait-timeout", "1"];
        let output = served.command(&[&["--json"], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(printed["status"], status);
        if status == "RUNNING" {
            served.clear_faults();
        }
    }
}

#[test]
fn options_reach_the_client() {
    let served = Served::start(&["--memory"]);
    let busy = json!({"operation": "list_datasets", "status": 503});
    served.inject_fault(&busy);
    let once = served.command(&["datasets", "list", "--retries", "0"]);
    assert_eq!(once.status.code(), Some(1), "{}", stderr(&once));
    served.inject_fault(&busy);
    assert!(served.command(&["datasets", "list"]).status.success());
    served.inject_fault(&json!({"operation": "list_datasets", "delay_ms": 5000, "times": null}));
    for options in
        [&["--timeout", "1", "--retries", "0"][..], &["--deadline", "1", "--header", "X-Team: a"]]
    {
        let slow = served.command(&[options, &["datasets", "list"]].concat());
        assert_eq!(slow.status.code(), Some(5), "{}", stderr(&slow));
    }
    let folder = tempfile::tempdir().unwrap();
    let (missing, bad) = (folder.path().join("missing.pem"), folder.path().join("bad.pem"));
    std::fs::write(&bad, "no certificate").unwrap();
    for (options, code, words) in [
        (["--header", "X-Team"], 2, "expected NAME:VALUE"),
        (["--header", "Authorization: secret"], 3, "authorization"),
        (["--proxy", "not a proxy"], 3, "the proxy URL is invalid"),
        (["--proxy", "http://127.0.0.1:9"], 5, "cannot connect"),
        (["--ca-certificates", missing.to_str().unwrap()], 1, "missing.pem"),
        (["--ca-certificates", bad.to_str().unwrap()], 3, "certificate"),
    ] {
        let arguments = [&options[..], &["--retries", "0", "datasets", "list"]].concat();
        let output = run(&served.url, "a key", &arguments);
        assert_eq!(output.status.code(), Some(code), "{options:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{words}: {}", stderr(&output));
        assert!(!stderr(&output).contains("secret"), "{}", stderr(&output));
    }
}
