//! Being told to stop in the middle.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::served::{PROGRAM, Served};

/// How long something may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn an_export_that_is_stopped_leaves_nothing_behind() {
    let served = Served::start(&["--memory"]);
    let dataset = served.dataset(100);
    for signal in ["-INT", "-TERM"] {
        served.inject_fault(
            &json!({"operation": "open_link", "drip": {"bytes": 100, "interval_ms": 100}}),
        );
        let folder = tempfile::tempdir().unwrap();
        let files = || std::fs::read_dir(folder.path()).unwrap().count();
        let path = folder.path().join("export.jsonl");
        let export = spawn(&served, &["export", &dataset, "-o", path.to_str().unwrap()]);
        until("the temporary file is made", || files() == 1);
        assert_eq!(stopped(export, signal), Some(130));
        assert_eq!(files(), 0);
    }
}

#[test]
fn what_waits_for_its_reader_can_be_stopped_and_ends_when_the_reader_leaves() {
    let served = Served::start(&["--memory"]);
    let dataset = served.dataset(5_000);
    for arguments in [&["export", &dataset][..], &["--json", "records", "list", &dataset, "--all"]]
    {
        let mut reading = spawn(&served, arguments);
        let mut lines = BufReader::new(reading.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        drop(lines);
        assert_eq!(reading.wait_with_output().unwrap().status.code(), Some(0));

        let mut waiting = spawn(&served, arguments);
        waiting.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(stopped(waiting, "-INT"), Some(130));
    }
}

fn spawn(served: &Served, arguments: &[&str]) -> Child {
    Command::new(PROGRAM)
        .env("MISTRAL_SERVER_URL", &served.url)
        .env("MISTRAL_API_KEY", "a key")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Sends a signal, and returns the exit code, which must not take long.
fn stopped(mut running: Child, signal: &str) -> Option<i32> {
    let id = running.id().to_string();
    assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    let sent = Instant::now();
    until("the command ends", || running.try_wait().unwrap().is_some());
    assert!(sent.elapsed() < Duration::from_secs(3));
    running.wait().unwrap().code()
}
