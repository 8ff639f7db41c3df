//! Interrupting commands with signals.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::server::{PROGRAM, TestServer};

/// How long to wait for a condition before the test fails.
const TIMEOUT: Duration = Duration::from_secs(20);

pub fn wait_until(condition: &str, mut is_met: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_met() {
        assert!(started.elapsed() < TIMEOUT, "timed out waiting until {condition}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn an_interrupted_export_leaves_no_files_behind() {
    let server = TestServer::start(&["--memory"]);
    let dataset = server.dataset(100);
    for signal in ["-INT", "-TERM", "-HUP"] {
        server.inject_fault(
            &json!({"operation": "open_link", "drip": {"bytes": 100, "interval_ms": 100}}),
        );
        let directory = tempfile::tempdir().unwrap();
        let files = || std::fs::read_dir(directory.path()).unwrap().count();
        let path = directory.path().join("export.jsonl");
        let export = spawn(&server, &["export", &dataset, "-o", path.to_str().unwrap()]);
        wait_until("the temporary file exists", || files() == 1);
        assert_eq!(interrupt(export, signal), Some(130));
        assert_eq!(files(), 0);
    }
}

#[test]
fn a_server_without_a_key_file_stops_gracefully_on_sighup() {
    let temporary = tempfile::tempdir().unwrap();
    let mut server = Command::new(PROGRAM)
        .env("TMPDIR", temporary.path())
        .args(["serve", "--memory", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let files = || std::fs::read_dir(temporary.path()).unwrap().count();
    assert_eq!(files(), 1);
    assert_eq!(interrupt(server, "-HUP"), Some(0));
    assert_eq!(files(), 0);
}

#[test]
fn a_command_blocked_on_a_full_pipe_can_be_interrupted_and_exits_when_the_pipe_closes() {
    let server = TestServer::start(&["--memory"]);
    let dataset = server.dataset(5_000);
    for arguments in [&["export", &dataset][..], &["--json", "records", "list", &dataset, "--all"]]
    {
        let mut closed = spawn(&server, arguments);
        let mut lines = BufReader::new(closed.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        drop(lines);
        assert_eq!(closed.wait_with_output().unwrap().status.code(), Some(0));

        let mut blocked = spawn(&server, arguments);
        blocked.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(interrupt(blocked, "-INT"), Some(130));
    }
}

pub fn spawn(server: &TestServer, arguments: &[&str]) -> Child {
    Command::new(PROGRAM)
        .env("MISTRAL_SERVER_URL", &server.url)
        .env("MISTRAL_API_KEY", "a key")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Sends a signal and returns the exit code. The process must exit within three seconds.
pub fn interrupt(mut running: Child, signal: &str) -> Option<i32> {
    let id = running.id().to_string();
    assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    let sent = Instant::now();
    wait_until("the command exits", || running.try_wait().unwrap().is_some());
    assert!(sent.elapsed() < Duration::from_secs(3));
    running.wait().unwrap().code()
}
