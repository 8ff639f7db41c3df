//! Hints after error messages.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::server::{PROGRAM, TestServer, run, stderr};

#[test]
fn a_hint_fits_its_configuration_error() {
    let server = TestServer::start(&["--memory"]);
    let dataset = server.dataset(0);
    let variable = if cfg!(windows) { "TEMP" } else { "TMPDIR" };
    // Standard input is copied to a temporary file.
    let mut import = Command::new(PROGRAM)
        .env("MISTRAL_SERVER_URL", &server.url)
        .env("MISTRAL_API_KEY", "a key")
        .env(variable, "/missing")
        .args(["import", &dataset, "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The command may fail before it reads everything; that is fine.
    let _ = import.stdin.take().unwrap().write_all(b"{\"messages\": []}\n");
    let text = stderr(&import.wait_with_output().unwrap());
    assert!(text.contains("hint: create the folder /missing"), "{text}");
    assert!(text.contains(variable) && !text.contains("MISTRAL_API_KEY"), "{text}");

    for (url, key, hint) in [
        (&*server.url, "", "hint: set `MISTRAL_API_KEY`"),
        (
            &format!("{}/v1", server.url),
            "a key",
            "hint: remove `/v1` from the end of the server URL",
        ),
        (&server.url.replace("http:", "https:"), "a key", "hint: use http:// in the server URL"),
    ] {
        let text = stderr(&run(url, key, &["--max-retries", "0", "datasets", "list"]));
        assert!(text.contains(hint), "{url}: {text}");
    }
    let text = stderr(&run("not a URL", "a key", &["datasets", "list"]));
    assert!(!text.contains("MISTRAL_API_KEY"), "{text}");
}

#[test]
fn a_missing_directory_for_temporary_files_has_a_hint() {
    let variable = if cfg!(windows) { "TEMP" } else { "TMPDIR" };
    let output = Command::new(PROGRAM)
        .env(variable, "/missing")
        .args(["serve", "--memory", "--listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    let text = stderr(&output);
    assert!(
        text.contains("\n\nhint: `--memory` keeps its data in a temporary directory"),
        "{text}"
    );
    assert!(text.contains("create /missing") && text.contains(variable), "{text}");
    let output = Command::new(PROGRAM)
        .args(["serve", "--memory", "--listen", "127.0.0.1:0", "--public-url", "x"])
        .output()
        .unwrap();
    assert!(!stderr(&output).contains("hint: "), "{}", stderr(&output));
}
