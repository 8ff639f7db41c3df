//! `serve --config`

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::server::{PROGRAM, TestServer, run, stderr, stdout};

fn write(directory: &Path, text: &str) -> String {
    let path = directory.join("serve.toml");
    fs::write(&path, text).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn accepts(server: &TestServer, key: &str) -> bool {
    run(&server.url, key, &["datasets", "list"]).status.success()
}

#[test]
fn a_server_is_configured_by_a_file_the_environment_and_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let text = "memory = true\napi-key = [\"ci=first\", \"second\"]\nmax-body = \"100B\"\n";
    let config = write(directory.path(), text);
    let server = TestServer::start(&["--config", &config]);
    assert!(accepts(&server, "first") && accepts(&server, "second") && !accepts(&server, "third"));
    let description = "x".repeat(150);
    let large = ["datasets", "create", "Refund requests", "-d", &description];
    let message = stderr(&run(&server.url, "first", &large));
    assert!(message.contains("larger than 100 bytes"), "{message}");
    drop(server);

    let variable = [("MISTRAL_DATASETS_SERVE_API_KEY", "third")];
    let server = TestServer::start_with(&["--config", &config, "--max-body", "1MB"], &variable);
    assert!(accepts(&server, "third") && !accepts(&server, "first"));
    assert!(run(&server.url, "third", &large).status.success());
    drop(server);
    let server = TestServer::start_with(&["--config", &config, "--api-key", "fourth"], &variable);
    assert!(accepts(&server, "fourth") && !accepts(&server, "third"));
}

fn start(config: &str) -> Output {
    Command::new(PROGRAM).args(["serve", "--config", config]).output().unwrap()
}

#[test]
fn an_invalid_file_is_an_error_that_names_the_line() {
    let directory = tempfile::tempdir().unwrap();
    let config = write(directory.path(), "memory = true\nmax-bodi = \"1MB\"\n");
    let output = start(&config);
    assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()));
    let expected =
        format!("error: `{config}`, line 2: unknown option `max-bodi`; did you mean `max-body`?\n");
    assert_eq!(stderr(&output), expected);
}

#[cfg(unix)]
#[test]
fn keys_in_a_file_that_others_can_access_cause_a_warning_or_an_error() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let config = write(directory.path(), "memory = true\napi-key = [\"hidden\"]\n");
    let mode = |mode| fs::set_permissions(&config, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    let server = TestServer::start(&["--config", &config]);
    assert!(accepts(&server, "hidden"));
    let log = server.log();
    assert!(log.contains("every user of this machine can read the API keys"), "{log}");
    mode(0o602);
    let message = stderr(&start(&config));
    assert!(message.contains("every user of this machine can write to it"), "{message}");
    assert!(!message.contains("hidden") && !log.contains("hidden"));
}

#[test]
fn the_example_file_is_valid() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/mistral-datasets.toml");
    let text = fs::read_to_string(path).unwrap();
    let directory = tempfile::tempdir().unwrap();
    // All options are commented out except those that a service needs. Uncommenting the examples must also work.
    let examples: String = text
        .lines()
        .map(|line| line.strip_prefix("#:").map_or(line, str::trim_start).to_owned() + "\n")
        .collect();
    assert!(examples.lines().count() > 10 && examples != text);
    let keys = directory.path().join("keys");
    fs::write(&keys, "ci=first\n").unwrap();
    #[cfg(unix)]
    fs::set_permissions(&keys, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    for text in [text, examples] {
        let config = write(directory.path(), &text);
        let data = directory.path().join("data");
        let server = TestServer::start(&[
            "--config",
            &config,
            "--admin-listen",
            "127.0.0.1:0",
            "--links-listen",
            "127.0.0.1:0",
            "--data",
            data.to_str().unwrap(),
            "--api-keys",
            keys.to_str().unwrap(),
        ]);
        assert!(accepts(&server, "first"));
    }
}
