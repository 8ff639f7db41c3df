//! End-to-end tests of the command against `mistral-datasets serve` in a separate process.

mod chat_server;
mod compact;
mod config_file;
mod hints;
#[cfg(unix)]
mod hostile_text;
mod imports;
mod interrupts;
mod judging;
mod line_forms;
#[cfg(unix)]
mod logging;
mod operation;
mod otlp;
mod packaging_files;
mod records_add;
mod reports;
mod restore;
#[cfg(unix)]
mod serve_options;
mod server;
mod traffic;
mod transfers;
mod verify;

use serde_json::Value;

use server::{TestServer, run, stderr, stdout};

#[test]
fn datasets_are_created_listed_updated_and_deleted() {
    let server = TestServer::start(&["--memory"]);
    let created = server.json(&["datasets", "create", "Refund requests", "-d", "About refunds"]);
    let id = created["id"].as_str().unwrap();
    assert_eq!(server.json(&["datasets", "fetch", id]), created);
    let listed = server.json(&["datasets", "list", "--q", "REFUND"]);
    assert_eq!(listed["datasets"]["results"], Value::Array(vec![created.clone()]));
    let updated = server.json(&["datasets", "update", id, "--name", "Returned goods"]);
    assert_eq!(
        (&updated["name"], &updated["description"]),
        (&"Returned goods".into(), &created["description"])
    );

    let table = stdout(&server.command(&["datasets", "list"]));
    assert!(table.contains("Returned goods") && table.contains("1 of 1 datasets"), "{table}");
    let deleted = server.json(&["datasets", "delete", id]);
    assert_eq!(deleted["deleted"][0], id);
    assert_eq!(server.command(&["datasets", "fetch", id]).status.code(), Some(4));
}

#[test]
fn a_response_with_invalid_json_in_a_payload_is_an_error() {
    let server = TestServer::start(&["--memory"]);
    let dataset = server.dataset(1);
    let listed = stdout(&server.command(&["--json", "records", "list", &dataset]));
    let invalid = listed.replace(r#"{"messages":[]}"#, r#"{"messages":[the conversation]}"#);
    assert_ne!(listed, invalid);
    server.inject_fault(
        &serde_json::json!({"operation": "list_records", "status": 200, "body": invalid}),
    );
    let output = server.command(&["--json", "records", "list", &dataset]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()));
    let message = stderr(&output);
    assert!(message.contains("the server sent invalid JSON"), "{message}");
    assert!(!message.contains("conversation"), "{message}");
}

#[test]
fn records_are_added_edited_exported_and_imported() {
    let server = TestServer::start(&["--memory"]);
    let created = server.json(&["datasets", "create", "Refund requests"]);
    let dataset = created["id"].as_str().unwrap();
    let payload = r#"{"messages": [{"role": "user", "content": "Where is\nmy money?"}], "n": 1.0}"#;
    let record = server.json(&[
        "records",
        "add",
        dataset,
        "--payload",
        payload,
        "--properties",
        r#"{"a": 1}"#,
    ]);
    let id = record["id"].as_str().unwrap();
    let printed = stdout(&server.command(&["records", "get", id]));
    assert!(
        printed.contains(&format!("payload: {payload}\nproperties: {{\"a\": 1}}")),
        "{printed}"
    );
    let table = stdout(&server.command(&["records", "list", dataset]));
    assert!(table.contains("Where is my money?") && table.contains("1 of 1 records"), "{table}");
    let edited = server.json(&["records", "edit", id, "--properties", r#"{"b": 2}"#]);
    assert_eq!(edited["properties"]["b"], 2);

    let directory = tempfile::tempdir().unwrap();
    let export = directory.path().join("export.jsonl");
    let written = server.json(&["export", dataset, "--output", export.to_str().unwrap()]);
    let text = std::fs::read_to_string(&export).unwrap();
    assert_eq!(written["bytes"].as_u64(), Some(text.len() as u64));
    assert_eq!(stdout(&server.command(&["export", dataset])), text);
    let report = server.json(&["import", dataset, export.to_str().unwrap()]);
    assert_eq!(
        (&report["records"], &report["invalid_lines"]),
        (&1.into(), &Value::Array(Vec::new()))
    );
    let task = &report["files"][0]["task"];
    assert_eq!(
        (&task["status"], &task["result"]["imported_record_count"]),
        (&"COMPLETED".into(), &1.into())
    );
    let tasks = server.json(&["tasks", "list", dataset]);
    assert_eq!(&tasks["tasks"]["results"][0], task);
    let fetched = server.json(&["tasks", "get", dataset, task["id"].as_str().unwrap(), "--wait"]);
    assert_eq!(&fetched, task);
    server.json(&["records", "delete", id]);
    assert_eq!(server.json(&["records", "list", dataset])["records"]["count"], 1);
}

#[test]
fn files_are_uploaded_downloaded_and_deleted() {
    let server = TestServer::start(&["--memory"]);
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("source.jsonl");
    std::fs::write(&source, "{\"messages\": []}\n").unwrap();
    let file = server.json(&["files", "upload", source.to_str().unwrap()]);
    let id = file["id"].as_str().unwrap();
    assert_eq!(server.json(&["files", "get", id])["bytes"], 17);
    assert_eq!(server.json(&["files", "list"])["data"][0], file);
    assert_eq!(stdout(&server.command(&["files", "download", id])), "{\"messages\": []}\n");
    assert!(stdout(&server.command(&["files", "url", id])).starts_with(&server.url));
    server.json(&["files", "delete", id]);
    assert_eq!(server.command(&["files", "get", id]).status.code(), Some(4));
}

#[test]
fn errors_go_to_stderr_with_their_exit_code() {
    let server = TestServer::start(&["--memory", "--api-key", "right"]);
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing.jsonl");
    let invalid = directory.path().join("bad.jsonl");
    std::fs::write(&invalid, "{\"messages\": []}\n{\"messages\": 1}\n").unwrap();
    let right = |arguments: &[&str]| run(&server.url, "right", arguments);
    let created = right(&["--json", "datasets", "create", "Refund requests"]);
    let created: Value = serde_json::from_slice(&created.stdout).unwrap();
    let dataset = created["id"].as_str().unwrap();
    for (output, code, message) in [
        (right(&["import", dataset, invalid.to_str().unwrap()]), 6, "line 2, column 14"),
        (right(&["datasets", "frobnicate"]), 2, "unrecognized subcommand"),
        (right(&["import", dataset]), 2, "required"),
        (run(&server.url, "wrong", &["datasets", "list"]), 3, "AUTH_UNAUTHORIZED"),
        (run(&server.url, "", &["datasets", "list"]), 3, "MISTRAL_API_KEY"),
        (right(&["datasets", "fetch", "unknown"]), 4, "DATASET_NOT_FOUND"),
        (run("http://127.0.0.1:9", "right", &["datasets", "list"]), 5, "cannot connect"),
        (right(&["datasets", "create", "abcd"]), 6, "name: expected 5 to 50 characters"),
        (right(&["records", "add", dataset, "--payload", "{"]), 6, "invalid JSON for `--payload`"),
        (right(&["import", dataset, missing.to_str().unwrap()]), 1, "cannot read"),
    ] {
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        assert!(stderr(&output).contains(message), "{message}: {}", stderr(&output));
        assert!(stdout(&output).is_empty() || code == 1, "{}", stdout(&output));
    }
}

#[test]
fn help_lists_every_exit_code() {
    let help = stdout(&run("", "", &["--help"]));
    for code in (0..=6).chain([130]) {
        assert!(help.contains(&format!("\n  {code}  ")), "{help}");
    }
}

#[test]
fn data_survives_a_restart_and_non_loopback_addresses_require_keys() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let arguments = ["--data", data.to_str().unwrap()];
    let server = TestServer::start(&arguments);
    let created = server.json(&["datasets", "create", "Refund requests"]);
    drop(server);
    let server = TestServer::start(&arguments);
    assert_eq!(server.json(&["datasets", "fetch", created["id"].as_str().unwrap()]), created);

    let rejected = run("", "", &["serve", "--memory", "--listen", "0.0.0.0:0"]);
    assert_eq!(rejected.status.code(), Some(1));
    assert!(stderr(&rejected).contains("loopback"), "{}", stderr(&rejected));
}
