//! The command as somebody types it, against `mistral-datasets serve` in a process of its own.

mod additions;
mod imports;
mod interruption;
#[cfg(unix)]
mod keys;
#[cfg(unix)]
mod log;
mod served;
mod transfers;

use serde_json::Value;

use served::{Served, run, stderr, stdout};

#[test]
fn a_dataset_through_its_life() {
    let served = Served::start(&["--memory"]);
    let created = served.json(&["datasets", "create", "Refund requests", "-d", "About refunds"]);
    let id = created["id"].as_str().unwrap();
    assert_eq!(served.json(&["datasets", "fetch", id]), created);
    let listed = served.json(&["datasets", "list", "--q", "REFUND"]);
    assert_eq!(listed["datasets"]["results"], Value::Array(vec![created.clone()]));
    let updated = served.json(&["datasets", "update", id, "--name", "Returned goods"]);
    assert_eq!(
        (&updated["name"], &updated["description"]),
        (&"Returned goods".into(), &created["description"])
    );

    let table = stdout(&served.command(&["datasets", "list"]));
    assert!(table.contains("Returned goods") && table.contains("1 of 1 datasets"), "{table}");
    let deleted = served.json(&["datasets", "delete", id]);
    assert_eq!(deleted["deleted"][0], id);
    assert_eq!(served.command(&["datasets", "fetch", id]).status.code(), Some(4));
}

#[test]
fn a_response_that_is_no_json_within_is_not_printed_as_such() {
    let served = Served::start(&["--memory"]);
    let dataset = served.dataset(1);
    let listed = stdout(&served.command(&["--json", "records", "list", &dataset]));
    let broken = listed.replace(r#"{"messages":[]}"#, r#"{"messages":[the conversation]}"#);
    assert_ne!(listed, broken);
    served.inject_fault(
        &serde_json::json!({"operation": "list_records", "status": 200, "body": broken}),
    );
    let output = served.command(&["--json", "records", "list", &dataset]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()));
    let words = stderr(&output);
    assert!(words.contains("the server sent what is no JSON"), "{words}");
    assert!(!words.contains("conversation"), "{words}");
}

#[test]
fn records_in_and_out() {
    let served = Served::start(&["--memory"]);
    let created = served.json(&["datasets", "create", "Refund requests"]);
    let dataset = created["id"].as_str().unwrap();
    let payload = r#"{"messages": [{"role": "user", "content": "Where is\nmy money?"}], "n": 1.0}"#;
    let record = served.json(&[
        "records",
        "add",
        dataset,
        "--payload",
        payload,
        "--properties",
        r#"{"a": 1}"#,
    ]);
    let id = record["id"].as_str().unwrap();
    let printed = stdout(&served.command(&["records", "get", id]));
    assert!(
        printed.contains(&format!("payload: {payload}\nproperties: {{\"a\": 1}}")),
        "{printed}"
    );
    let table = stdout(&served.command(&["records", "list", dataset]));
    assert!(table.contains("Where is my money?") && table.contains("1 of 1 records"), "{table}");
    let edited = served.json(&["records", "edit", id, "--properties", r#"{"b": 2}"#]);
    assert_eq!(edited["properties"]["b"], 2);

    let folder = tempfile::tempdir().unwrap();
    let export = folder.path().join("export.jsonl");
    let written = served.json(&["export", dataset, "--output", export.to_str().unwrap()]);
    let text = std::fs::read_to_string(&export).unwrap();
    assert_eq!(written["bytes"].as_u64(), Some(text.len() as u64));
    assert_eq!(stdout(&served.command(&["export", dataset])), text);
    let report = served.json(&["import", dataset, export.to_str().unwrap()]);
    assert_eq!(
        (&report["records"], &report["invalid_lines"]),
        (&1.into(), &Value::Array(Vec::new()))
    );
    let task = &report["files"][0]["task"];
    assert_eq!(
        (&task["status"], &task["result"]["imported_record_count"]),
        (&"COMPLETED".into(), &1.into())
    );
    let tasks = served.json(&["tasks", "list", dataset]);
    assert_eq!(&tasks["tasks"]["results"][0], task);
    let got = served.json(&["tasks", "get", dataset, task["id"].as_str().unwrap(), "--wait"]);
    assert_eq!(&got, task);
    served.json(&["records", "delete", id]);
    assert_eq!(served.json(&["records", "list", dataset])["records"]["count"], 1);
}

#[test]
fn files_in_and_out() {
    let served = Served::start(&["--memory"]);
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source.jsonl");
    std::fs::write(&source, "{\"messages\": []}\n").unwrap();
    let file = served.json(&["files", "upload", source.to_str().unwrap()]);
    let id = file["id"].as_str().unwrap();
    assert_eq!(served.json(&["files", "get", id])["bytes"], 17);
    assert_eq!(served.json(&["files", "list"])["data"][0], file);
    assert_eq!(stdout(&served.command(&["files", "download", id])), "{\"messages\": []}\n");
    assert!(stdout(&served.command(&["files", "url", id])).starts_with(&served.url));
    served.json(&["files", "delete", id]);
    assert_eq!(served.command(&["files", "get", id]).status.code(), Some(4));
}

#[test]
fn failures_go_to_standard_error_with_their_exit_code() {
    let served = Served::start(&["--memory", "--api-key", "right"]);
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.jsonl");
    let bad = folder.path().join("bad.jsonl");
    std::fs::write(&bad, "{\"messages\": []}\n{\"messages\": 1}\n").unwrap();
    let right = |arguments: &[&str]| run(&served.url, "right", arguments);
    let created = right(&["--json", "datasets", "create", "Refund requests"]);
    let created: Value = serde_json::from_slice(&created.stdout).unwrap();
    let dataset = created["id"].as_str().unwrap();
    for (output, code, words) in [
        (right(&["import", dataset, bad.to_str().unwrap()]), 6, "line 2, column 14"),
        (right(&["datasets", "frobnicate"]), 2, "unrecognized subcommand"),
        (right(&["import", dataset]), 2, "required"),
        (run(&served.url, "wrong", &["datasets", "list"]), 3, "AUTH_UNAUTHORIZED"),
        (run(&served.url, "", &["datasets", "list"]), 3, "MISTRAL_API_KEY"),
        (right(&["datasets", "fetch", "unknown"]), 4, "DATASET_NOT_FOUND"),
        (run("http://127.0.0.1:9", "right", &["datasets", "list"]), 5, "cannot connect"),
        (right(&["datasets", "create", "abcd"]), 6, "name: expected 5 to 50 characters"),
        (right(&["records", "add", dataset, "--payload", "{"]), 6, "--payload: expected JSON"),
        (right(&["import", dataset, missing.to_str().unwrap()]), 1, "cannot read"),
    ] {
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        assert!(stderr(&output).contains(words), "{words}: {}", stderr(&output));
        assert!(stdout(&output).is_empty() || code == 1, "{}", stdout(&output));
    }
}

#[test]
fn every_exit_code_is_in_the_help() {
    let help = stdout(&run("", "", &["--help"]));
    for code in (0..=6).chain([130]) {
        assert!(help.contains(&format!("\n  {code}  ")), "{help}");
    }
}

#[test]
fn data_outlives_the_server_and_a_foreign_address_needs_keys() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let arguments = ["--data", data.to_str().unwrap()];
    let served = Served::start(&arguments);
    let created = served.json(&["datasets", "create", "Refund requests"]);
    drop(served);
    let served = Served::start(&arguments);
    assert_eq!(served.json(&["datasets", "fetch", created["id"].as_str().unwrap()]), created);

    let refused = run("", "", &["serve", "--memory", "--listen", "0.0.0.0:0"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("loopback"), "{}", stderr(&refused));
}
