//! Being told to stop in the middle.
#![cfg(unix)]

use std::process::{Command, Stdio};
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
        served
            .fault(&json!({"operation": "open_link", "drip": {"bytes": 100, "interval_ms": 100}}));
        let folder = tempfile::tempdir().unwrap();
        let files = || std::fs::read_dir(folder.path()).unwrap().count();
        let mut export = Command::new(PROGRAM)
            .env("MISTRAL_SERVER_URL", &served.url)
            .env("MISTRAL_API_KEY", "a key")
            .args(["export", &dataset, "-o"])
            .arg(folder.path().join("export.jsonl"))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until("the temporary file is made", || files() == 1);
        let id = export.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        let stopped = Instant::now();
        until("the command ends", || export.try_wait().unwrap().is_some());
        assert!(stopped.elapsed() < Duration::from_secs(2));
        assert_eq!(export.wait().unwrap().code(), Some(130));
        assert_eq!(files(), 0);
    }
}
