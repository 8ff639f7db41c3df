//! The options of `serve`: API keys from options, a file and the environment, reloading them, limits and origins.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::server::{PROGRAM, TestServer, run, stderr};

/// How long a server may take to handle a signal, also on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Returns whether a server accepts a key.
fn accepts(server: &TestServer, key: &str) -> bool {
    let output = run(&server.url, key, &["datasets", "list"]);
    let is_rejected =
        output.status.code() == Some(3) && stderr(&output).contains("AUTH_UNAUTHORIZED");
    assert!(output.status.success() || is_rejected, "{}", stderr(&output));
    output.status.success()
}

fn send_sighup(server: &TestServer) {
    let status = Command::new("kill").args(["-HUP", &server.process_id().to_string()]).status();
    assert!(status.unwrap().success());
}

fn write(file: &Path, text: &str, mode: u32) {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs a server that must fail to start, and returns its error output.
fn startup_error(arguments: &[&str]) -> String {
    let listen = ["serve", "--memory", "--listen", "127.0.0.1:0"];
    let output: Output = Command::new(PROGRAM).args(listen).args(arguments).output().unwrap();
    assert!(!output.status.success());
    stderr(&output)
}

#[test]
fn the_key_file_is_reloaded_on_sighup() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("keys");
    write(&file, "# CI and own\nci=first\n\nci=second\nown\n", 0o600);
    let server = TestServer::start(&[
        "--memory",
        "--api-key",
        "given",
        "--api-keys",
        file.to_str().unwrap(),
    ]);
    for key in ["given", "first", "second", "own"] {
        assert!(accepts(&server, key), "{key}");
    }
    assert!(!accepts(&server, "ci=first") && !accepts(&server, "other"));

    // Keys with the same name share a workspace.
    let created = run(&server.url, "first", &["--json", "datasets", "create", "Refund requests"]);
    assert!(created.status.success());
    let sees_dataset = |key: &str| {
        let listed = run(&server.url, key, &["--json", "datasets", "list"]);
        String::from_utf8(listed.stdout).unwrap().contains("Refund requests")
    };
    assert!(
        sees_dataset("first")
            && sees_dataset("second")
            && !sees_dataset("own")
            && !sees_dataset("given")
    );

    write(&file, "ci=third\nown\n", 0o600);
    send_sighup(&server);
    let started = Instant::now();
    while !accepts(&server, "third") {
        assert!(started.elapsed() < TIMEOUT);
    }
    assert!(!accepts(&server, "first") && !accepts(&server, "second"));
    assert!(accepts(&server, "own") && accepts(&server, "given") && sees_dataset("third"));

    // An invalid or missing file changes nothing. A valid one takes effect again.
    write(&file, "ci=fourth\nci=secret-padding==\nfifth==\n", 0o600);
    send_sighup(&server);
    fs::remove_file(&file).unwrap();
    send_sighup(&server);
    assert!(accepts(&server, "third") && !accepts(&server, "fourth"));
    write(&file, "ci=sixth\n", 0o600);
    let started = Instant::now();
    while !accepts(&server, "sixth") {
        send_sighup(&server);
        assert!(started.elapsed() < TIMEOUT);
    }
    assert!(!accepts(&server, "third"));
    let log = server.log();
    assert!(log.contains("cannot reload the API keys"), "{log}");
    for secret in ["fourth", "secret-padding", "fifth", "sixth", "given"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn invalid_keys_are_rejected_at_startup_and_not_printed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("keys");
    let path = file.to_str().unwrap();
    assert!(startup_error(&["--api-keys", path]).contains("cannot use the key file"));
    write(&file, "ci=one\nc2VjcmV0==\n", 0o600);
    let message = startup_error(&["--api-keys", path]);
    assert!(message.contains("line 2: ") && !message.contains("c2V"), "{message}");
    write(&file, "ci=one\n", 0o602);
    assert!(
        startup_error(&["--api-keys", path]).contains("every user of this machine can write to it")
    );
    let message = startup_error(&["--api-key", "c2VjcmV0=="]);
    assert!(message.contains("--api-key") && !message.contains("c2V"), "{message}");
    let output = Command::new(PROGRAM)
        .args(["serve", "--memory", "--listen", "0.0.0.0:0"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("without API keys"), "{}", stderr(&output));
    let output = Command::new(PROGRAM)
        .args(["serve", "--memory", "--listen", "0.0.0.0:0", "--api-key", "a-key"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("public URL"), "{}", stderr(&output));
}

#[test]
fn a_world_readable_key_file_causes_a_warning() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("keys");
    write(&file, "ci=one\n", 0o644);
    let server = TestServer::start(&["--memory", "--api-keys", file.to_str().unwrap()]);
    assert!(accepts(&server, "one"));
    let log = server.log();
    assert!(log.contains("every user of this machine can read the keys"), "{log}");
}

#[test]
fn limits_and_origins_are_validated() {
    let server = TestServer::start(&["--memory", "--max-body", "0.15KB", "--idle-timeout", "90s"]);
    let description = "x".repeat(150);
    let large = ["datasets", "create", "Refund requests", "-d", &description];
    let message = stderr(&run(&server.url, "a key", &large));
    assert!(message.contains("larger than 150 bytes"), "{message}");
    for invalid in [
        ["--max-body", "much"],
        ["--idle-timeout", "5"],
        ["--max-requests", "0"],
        ["--max-depth", "3"],
        ["--max-depth", "129"],
    ] {
        assert!(startup_error(&invalid).contains("invalid value"), "{invalid:?}");
    }
    assert!(startup_error(&["--cors", "localhost:3000"]).contains("invalid origin"));
    assert!(startup_error(&["--public-url", "datasets.example"]).contains("invalid public URL"));
}

#[test]
fn an_api_key_is_read_from_the_environment() {
    let server =
        TestServer::start_with(&["--memory"], &[("MISTRAL_DATASETS_SERVE_API_KEY", "ci=hidden")]);
    assert!(accepts(&server, "hidden") && !accepts(&server, "other"));
}

/// Returns the status of a request to the test routes of a server.
fn test_route_status(options: &[&str], key: &str) -> String {
    use std::io::{Read, Write};

    let server = TestServer::start(&[&["--memory"], options].concat());
    let url = &server.url;
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let request = format!(
        "GET /local/v1/requests HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn test_routes_need_an_option_if_keys_are_configured() {
    assert_eq!(test_route_status(&[], "any"), "200");
    assert_eq!(test_route_status(&["--api-key", "right"], "right"), "404");
    assert_eq!(test_route_status(&["--api-key", "right", "--test-routes"], "right"), "200");
}

#[test]
fn an_unread_log_does_not_stop_the_server() {
    use std::io::{BufRead, BufReader, Write};

    // Each request logs more than 100 bytes, and a pipe holds 64 KiB.
    const REQUESTS: usize = 3_000;
    let server = TestServer::start(&["--memory", "--log", "info"]);
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut responses = BufReader::new(stream.try_clone().unwrap());
    for number in 0..REQUESTS {
        let request = format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut status = String::new();
        // The status line follows the body of the previous response without a line break.
        while !status.contains("HTTP/1.1 200") {
            status.clear();
            let read = responses.read_line(&mut status);
            assert!(read.is_ok_and(|bytes| bytes > 0), "no response to request {number}");
        }
    }
}

#[test]
fn unusable_judge_options_prevent_the_start_and_are_not_quoted() {
    let directory = tempfile::tempdir().unwrap();
    let models = directory.path().join("models.toml");
    fs::write(&models, "small = 1\n").unwrap();
    let url = "http://127.0.0.1:9/v1";
    for (arguments, message) in [
        (vec!["--judge-url", "secret"], "the judge URL is invalid"),
        (vec!["--judge-url", "ftp://secret/v1"], "the judge URL must begin with `http://`"),
        (vec!["--judge-url", "https://me:secret@host/v1"], "must not contain credentials"),
        (vec!["--judge-url", "https://host/v1?key=secret"], "must not have a query"),
        (
            vec!["--judge-url", url, "--judge-key-env", "NO_SUCH_VARIABLE"],
            "the environment variable `NO_SUCH_VARIABLE` has no API key",
        ),
        (
            vec!["--judge-url", url, "--judge-model-map", models.to_str().unwrap()],
            "hint: expected lines such as `mistral-medium-latest = \"llama3.1:8b\"`",
        ),
        (vec!["--judge-model-map", models.to_str().unwrap()], "need `--judge-url`"),
    ] {
        let error = startup_error(&arguments);
        assert!(error.contains(message) && !error.contains("secret"), "{arguments:?}: {error}");
    }
}

#[test]
fn a_strict_generation_does_not_have_the_operations_of_others() {
    let payload = r#"{"sentence": "I like it"}"#;
    let accepts_any_object = |server: &TestServer| {
        let created = run(&server.url, "key", &["datasets", "create", "Sentences"]);
        assert!(created.status.success(), "{}", stderr(&created));
        let added = run(&server.url, "key", &["records", "add", "sentences", "--payload", payload]);
        added.status.success()
    };
    assert!(accepts_any_object(&TestServer::start(&["--memory"])));
    assert!(!accepts_any_object(&TestServer::start(&["--memory", "--generation", "g1"])));
}
