//! Text that could control the terminal, JSONL given as a path, and closed pipes.

use std::process::{Command, Stdio};

use serde_json::json;

use crate::server::{PROGRAM, TestServer, stderr, stdout};

/// A clear-screen sequence, a bell, an 8-bit control sequence, a bidi override and a line break that imitates a hint.
const HOSTILE: &str = "a\u{1b}[2J\u{7}\u{9b}31m\u{202e}b\nhint: c";

/// `HOSTILE` as printed for people.
const ESCAPED: &str = r"a\u001b[2J\u0007\u009b31m\u202eb\nhint: c";

fn has_hostile_characters(text: &str) -> bool {
    text.chars()
        .any(|character| (character.is_control() && character != '\n') || character == '\u{202e}')
}

#[test]
fn hostile_text_is_escaped_in_tables_and_errors() {
    let server = TestServer::start(&["--memory"]);
    let dataset = server.dataset(0);
    let payload = json!({"messages": [{"role": "user", "content": HOSTILE}]}).to_string();
    let record = server.json(&["records", "add", &dataset, "--payload", &payload]);
    let record = record["id"].as_str().unwrap();
    let page = json!({"datasets": {"count": 1, "results": [{
        "id": dataset, "name": HOSTILE, "description": HOSTILE, "created_at": "2026-01-02T03:04:05Z",
        "updated_at": "2026-01-02T03:04:05Z", "creator_id": dataset, "owner_id": dataset, "workspace_id": dataset,
    }]}});
    let listed =
        json!({"operation": "list_datasets", "times": 2, "status": 200, "body": page.to_string()});
    server.inject_fault(&listed);
    let failed = json!({"detail": {"message": HOSTILE, "error_code": HOSTILE}}).to_string();
    server.inject_fault(&json!({"operation": "fetch_dataset", "status": 404, "body": failed}));

    let printed = server.command(&["datasets", "list"]);
    assert!(stdout(&printed).contains(ESCAPED), "{printed:?}");
    assert!(!has_hostile_characters(&stdout(&printed)), "{printed:?}");
    // JSON is exact.
    assert_eq!(server.json(&["datasets", "list"])["datasets"]["results"][0]["name"], HOSTILE);

    for arguments in [&["records", "list", &dataset][..], &["records", "get", record]] {
        let printed = server.command(arguments);
        assert!(stdout(&printed).contains(r"a\u001b[2J"), "{printed:?}");
        assert!(!has_hostile_characters(&stdout(&printed)), "{printed:?}");
    }
    let exact = server.json(&["records", "get", record]);
    assert_eq!(exact["payload"]["messages"][0]["content"], HOSTILE);

    let failed = server.command(&["datasets", "fetch", &dataset]);
    assert_eq!(failed.status.code(), Some(4));
    assert!(stderr(&failed).contains(ESCAPED), "{failed:?}");
    assert!(!has_hostile_characters(&stderr(&failed)), "{failed:?}");
    assert!(!stderr(&failed).contains("\nhint: c"), "{failed:?}");
}

#[test]
fn jsonl_given_as_a_path_is_not_printed() {
    let server = TestServer::start(&["--memory"]);
    let dataset = server.dataset(0);
    let text = "{\"messages\": [{\"content\": \"my secret\"}]}";
    let at_text = format!("@{text}");
    for arguments in [
        &["import", &dataset, text][..],
        &["import", &dataset, "-", "--resume", text],
        &["records", "add", &dataset, text],
        &["records", "add", &dataset, "--payload", &at_text],
        &["files", "upload", text],
        &["--ca-certificates", text, "datasets", "list"],
        &["serve", "--memory", "--listen", "127.0.0.1:0", "--seed", text],
    ] {
        let output = server.command(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("this looks like JSONL, not a path"), "{output:?}");
        assert!(!stderr(&output).contains("secret"), "{output:?}");
    }
}

/// Where the output of a command goes.
#[derive(Clone, Copy, PartialEq)]
enum Closed {
    Stdout,
    Stderr,
    Both,
}

/// Runs a command whose standard output or standard error is a pipe that nobody reads, and returns its exit code.
fn exit_code_with_closed_pipe(server: &TestServer, closed: Closed, arguments: &[&str]) -> i32 {
    let pipe = || {
        // The reader is dropped.
        let (_, writer) = std::io::pipe().unwrap();
        Stdio::from(writer)
    };
    let mut command = Command::new(PROGRAM);
    command.env("MISTRAL_SERVER_URL", &server.url).env("MISTRAL_API_KEY", "a key");
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if closed != Closed::Stderr {
        command.stdout(pipe());
    }
    if closed != Closed::Stdout {
        command.stderr(pipe());
    }
    command.status().unwrap().code().unwrap()
}

#[test]
fn a_closed_pipe_does_not_change_the_exit_code() {
    let server = TestServer::start(&["--memory", "--generation", "g1"]);
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (valid, invalid, rejected) =
        (path("valid.jsonl"), path("invalid.jsonl"), path("rejected.jsonl"));
    std::fs::write(&valid, "{\"messages\": []}\n").unwrap();
    std::fs::write(&invalid, "{\"messages\": []}\nnot a record\nnot a record\n").unwrap();
    std::fs::write(&rejected, "{\"payload\": {\"no\": \"messages\"}}\n").unwrap();
    for closed in [Closed::Stdout, Closed::Stderr, Closed::Both] {
        let dataset = server.dataset(0);
        let code = |arguments: &[&str]| exit_code_with_closed_pipe(&server, closed, arguments);
        // All files are imported.
        assert_eq!(code(&["import", &dataset, "--lenient", &invalid, &valid]), 0);
        assert_eq!(server.json(&["records", "list", &dataset])["records"]["count"], 2);
        assert_eq!(code(&["import", &dataset, &invalid]), 6);
        assert_eq!(code(&["import", &dataset, &rejected]), 1);
        assert_eq!(code(&["records", "add", &dataset, &rejected]), 6);
        assert_eq!(code(&["--json", "records", "add", &dataset, &valid]), 0);
        assert_eq!(code(&["datasets", "fetch", "no-such-dataset"]), 4);
        assert_eq!(code(&["datasets", "list"]), 0);
        assert_eq!(code(&["records", "list", &dataset, "--all"]), 0);
        assert_eq!(code(&["export", &dataset]), 0);
        assert_eq!(code(&["datasets", "frobnicate"]), 2);
        assert_eq!(code(&["--help"]), 0);
        assert_eq!(code(&["datasets", "delete", &dataset]), 0);
    }
}
