//! Input that is not, or not quite, JSON Lines.

use std::process::{Command, Stdio};

use serde_json::json;

use crate::server::{PROGRAM, TestServer, stderr, stdout};

#[test]
fn files_that_are_not_json_lines_are_refused_with_what_to_do() {
    let server = TestServer::start(&["--memory"]);
    let dataset = server.dataset(0);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chats.jsonl");
    let file = path.to_str().unwrap();
    let utf_16: Vec<u8> =
        "{\"messages\": []}\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (content, message) in [
        (&b"[{\"messages\": []}, {\"messages\": []}]"[..], "jq -c '.[]'"),
        (b"[\n  {\n    \"payload\": {}\n  }\n]\n", "a JSON array of records, not JSON Lines"),
        (&utf_16, "UTF-16 (little-endian)"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"{\"payload\": {}, \"propertys\": {}}", "`properties`? (`--allow-unknown-keys`"),
        (b"", &format!("the source is empty: {file}")),
    ] {
        std::fs::write(&path, content).unwrap();
        for arguments in [&["import"][..], &["records", "add"]] {
            let output = server.command(&[arguments, &[&dataset, file]].concat());
            let is_path_named = arguments[0] == "import" || !message.contains(file);
            let message = if is_path_named { message } else { "the source is empty" };
            assert_eq!(output.status.code(), Some(6), "{}", stderr(&output));
            assert!(stderr(&output).contains(message), "{message}: {}", stderr(&output));
        }
    }
    for arguments in [&["import", &dataset, "-"][..], &["records", "add", &dataset, "-"]] {
        let output = Command::new(PROGRAM)
            .env("MISTRAL_SERVER_URL", &server.url)
            .env("MISTRAL_API_KEY", "a key")
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(6), "{}", stderr(&output));
        assert!(stderr(&output).contains("the source is empty"), "{}", stderr(&output));
    }
    assert_eq!(server.json(&["records", "list", &dataset])["records"]["count"], 0);
}

#[test]
fn allowed_unknown_keys_are_reported() {
    let server = TestServer::start(&["--memory"]);
    let dataset = server.dataset(0);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chats.jsonl");
    let file = path.to_str().unwrap();
    let line = "{\"id\": 1, \"payload\": {\"messages\": []}, \"metadata\": {}}\n";
    std::fs::write(&path, line.repeat(2)).unwrap();
    for option in ["--allow-unknown-keys", "--lenient"] {
        let report = server.json(&["import", &dataset, file, option]);
        assert_eq!((&report["records"], &report["unknown_key_count"]), (&json!(2), &json!(2)));
        assert_eq!(report["unknown_keys"], json!({"metadata": 2}));
    }
    let import = server.command(&["import", &dataset, file, "--allow-unknown-keys"]);
    assert!(stdout(&import).starts_with("imported 2 records"));
    assert!(
        stderr(&import).contains("ignored the unknown key `metadata` in 2 lines"),
        "{}",
        stderr(&import)
    );
    let add = ["records", "add", &dataset, file, "--allow-unknown-keys"];
    let report = server.json(&add);
    assert_eq!((&report["created"], &report["unknown_keys"]), (&json!(2), &json!({"metadata": 2})));
    let text = stderr(&server.command(&add));
    assert!(text.contains("ignored the unknown key `metadata` in 2 records"), "{text}");
}
