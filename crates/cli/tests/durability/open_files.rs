//! The limit of open files.

use std::process::Command;

use crate::server::TestServer;

#[test]
fn serve_raises_the_limit_of_open_files() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let mut command = Command::new("sh");
    let script = "ulimit -S -n 200 && ulimit -H -n 300 && exec \"$0\" \"$@\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_mistral-datasets")]);
    let server = TestServer::start_command(command, directory.path());
    let limits = format!("/proc/{}/limits", server.process_id());
    let limits = std::fs::read_to_string(limits).expect("limits are readable");
    let open_files = limits.lines().find(|line| line.starts_with("Max open files"));
    let fields: Vec<&str> = open_files.expect("a limit").split_whitespace().collect();
    assert_eq!(fields[3..5], ["300", "300"]);
    server.shutdown();
}
