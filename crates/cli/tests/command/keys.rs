//! Whom and how much `serve` takes: keys of options, a file and the environment, changed while it runs; limits; origins.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::served::{PROGRAM, Served, run, stderr};

/// How long a server may take to hear a signal, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether a server takes a key.
fn takes(served: &Served, key: &str) -> bool {
    let output = run(&served.url, key, &["datasets", "list"]);
    let refused = output.status.code() == Some(3) && stderr(&output).contains("AUTH_UNAUTHORIZED");
    assert!(output.status.success() || refused, "{}", stderr(&output));
    output.status.success()
}

fn hang_up(served: &Served) {
    let status = Command::new("kill").args(["-HUP", &served.process().to_string()]).status();
    assert!(status.unwrap().success());
}

fn write(file: &Path, text: &str, mode: u32) {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

/// A server that must not start; what it says.
fn refused(arguments: &[&str]) -> String {
    let listen = ["serve", "--memory", "--listen", "127.0.0.1:0"];
    let output: Output = Command::new(PROGRAM).args(listen).args(arguments).output().unwrap();
    assert!(!output.status.success());
    stderr(&output)
}

#[test]
fn a_file_of_keys_is_read_again_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    write(&file, "# who may\nci=first\n\nci=second\nown\n", 0o600);
    let served =
        Served::start(&["--memory", "--api-key", "given", "--api-keys", file.to_str().unwrap()]);
    for key in ["given", "first", "second", "own"] {
        assert!(takes(&served, key), "{key}");
    }
    assert!(!takes(&served, "ci=first") && !takes(&served, "other"));

    // Keys of one name see the same, and no other does.
    let created = run(&served.url, "first", &["--json", "datasets", "create", "Refund requests"]);
    assert!(created.status.success());
    let sees = |key: &str| {
        let listed = run(&served.url, key, &["--json", "datasets", "list"]);
        String::from_utf8(listed.stdout).unwrap().contains("Refund requests")
    };
    assert!(sees("first") && sees("second") && !sees("own") && !sees("given"));

    write(&file, "ci=third\nown\n", 0o600);
    hang_up(&served);
    let begun = Instant::now();
    while !takes(&served, "third") {
        assert!(begun.elapsed() < PATIENCE);
    }
    assert!(!takes(&served, "first") && !takes(&served, "second"));
    assert!(takes(&served, "own") && takes(&served, "given") && sees("third"));

    // A file that cannot be used changes nothing; the one after it counts again.
    write(&file, "ci=fourth\nci=secret-padding==\nfifth==\n", 0o600);
    hang_up(&served);
    fs::remove_file(&file).unwrap();
    hang_up(&served);
    assert!(takes(&served, "third") && !takes(&served, "fourth"));
    write(&file, "ci=sixth\n", 0o600);
    let begun = Instant::now();
    while !takes(&served, "sixth") {
        hang_up(&served);
        assert!(begun.elapsed() < PATIENCE);
    }
    assert!(!takes(&served, "third"));
    let log = served.log();
    assert!(log.contains("the keys stay as they were"), "{log}");
    for secret in ["fourth", "secret-padding", "fifth", "sixth", "given"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn keys_that_cannot_be_used_are_refused_at_the_start_and_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    let path = file.to_str().unwrap();
    assert!(refused(&["--api-keys", path]).contains("cannot use the key file"));
    write(&file, "ci=one\nc2VjcmV0==\n", 0o600);
    let words = refused(&["--api-keys", path]);
    assert!(words.contains("line 2: ") && !words.contains("c2V"), "{words}");
    write(&file, "ci=one\n", 0o602);
    assert!(refused(&["--api-keys", path]).contains("every user of this machine can write to it"));
    let words = refused(&["--api-key", "c2VjcmV0=="]);
    assert!(words.contains("--api-key") && !words.contains("c2V"), "{words}");
    let output = Command::new(PROGRAM)
        .args(["serve", "--memory", "--listen", "0.0.0.0:0"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("without an API key"), "{}", stderr(&output));
}

#[test]
fn a_file_that_others_can_read_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    write(&file, "ci=one\n", 0o644);
    let served = Served::start(&["--memory", "--api-keys", file.to_str().unwrap()]);
    assert!(takes(&served, "one"));
    let log = served.log();
    assert!(log.contains("every user of this machine can read the keys"), "{log}");
}

#[test]
fn sizes_and_times_are_options() {
    let served = Served::start(&["--memory", "--max-body", "0.15KB", "--idle-timeout", "90s"]);
    let description = "x".repeat(150);
    let large = ["datasets", "create", "Refund requests", "-d", &description];
    let words = stderr(&run(&served.url, "a key", &large));
    assert!(words.contains("larger than 150 bytes"), "{words}");
    for wrong in [
        ["--max-body", "much"],
        ["--idle-timeout", "5"],
        ["--max-requests", "0"],
        ["--max-depth", "3"],
        ["--max-depth", "129"],
    ] {
        assert!(refused(&wrong).contains("invalid value"), "{wrong:?}");
    }
    assert!(refused(&["--cors", "localhost:3000"]).contains("invalid origin"));
    assert!(refused(&["--public-url", "datasets.example"]).contains("is no URL"));
}

#[test]
fn a_key_of_the_environment_counts_and_stands_in_no_argument() {
    let served =
        Served::start_with(&["--memory"], &[("MISTRAL_DATASETS_SERVE_API_KEY", "ci=hidden")]);
    assert!(takes(&served, "hidden") && !takes(&served, "other"));
}
