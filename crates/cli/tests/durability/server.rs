//! Runs the command's server as a child process that can be killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server, which is killed on drop.
#[derive(Debug)]
pub struct TestServer {
    process: Child,
    url: String,
    startup_time: Duration,
}

impl TestServer {
    /// Starts a server with a data directory, and waits until it accepts connections.
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, |_| {})
    }

    /// Starts a server after `configure` has changed its command.
    pub fn start_with(data: &Path, configure: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mistral-datasets"));
        configure(&mut command);
        Self::start_command(command, data)
    }

    /// Starts a server by a command that is the program itself, or a wrapper to which its arguments can be appended.
    pub fn start_command(mut command: Command, data: &Path) -> Self {
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        Self::spawn(command)
    }

    /// Starts a server by its complete command.
    pub fn spawn(mut command: Command) -> Self {
        let started = Instant::now();
        let mut process = command.stdout(Stdio::piped()).spawn().expect("the command starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the server prints its address");
        let url = line.trim().strip_prefix("listening on ");
        let url = url.unwrap_or_else(|| panic!("unexpected output: {line:?}")).to_owned();
        Self { process, url, startup_time: started.elapsed() }
    }

    /// Returns the base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the process ID.
    #[cfg(target_os = "linux")]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Returns the time from starting the process to accepting connections.
    pub fn startup_time(&self) -> Duration {
        self.startup_time
    }

    /// Kills the server with SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill().expect("the server is killed");
        self.process.wait().expect("the server has exited");
    }

    /// Sends SIGTERM.
    pub fn send_sigterm(&self) {
        let status = Command::new("kill").arg(self.process.id().to_string()).status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits until the server has exited successfully.
    pub fn wait(mut self) {
        let status = self.process.wait().expect("the server has exited");
        assert!(status.success(), "{status}");
    }

    /// Shuts the server down gracefully.
    pub fn shutdown(self) {
        self.send_sigterm();
        self.wait();
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // Both fail if the server has exited already, which is fine.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
