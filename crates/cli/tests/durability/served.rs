//! The command's server in a process of its own, which can be killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server.
#[derive(Debug)]
pub struct Served {
    process: Child,
    url: String,
    took: Duration,
}

impl Served {
    /// Starts a server over a directory, and waits until it accepts connections.
    pub fn start(directory: &Path) -> Self {
        Self::start_with(directory, |_| {})
    }

    /// Starts a server over a directory, with something of its process changed.
    pub fn start_with(directory: &Path, change: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mistral-datasets"));
        change(&mut command);
        Self::start_through(command, directory)
    }

    /// Starts a server through a command that is the program, or runs it with the arguments it is given.
    pub fn start_through(mut command: Command, directory: &Path) -> Self {
        let began = Instant::now();
        let mut process = command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(directory)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("it was asked for");
        BufReader::new(stdout).read_line(&mut line).expect("the server says where it listens");
        let url = line.trim().strip_prefix("listening on ");
        let url = url.unwrap_or_else(|| panic!("unexpected: {line:?}")).to_owned();
        Self { process, url, took: began.elapsed() }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The number of its process.
    #[cfg(target_os = "linux")]
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// How long it took until it accepted connections.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// Ends it without a word.
    pub fn kill(&mut self) {
        self.process.kill().expect("the server is killed");
        self.process.wait().expect("the server is gone");
    }

    /// Tells it to stop.
    pub fn tell_to_stop(&self) {
        let told = Command::new("kill").arg(self.process.id().to_string()).status();
        assert!(told.expect("kill runs").success());
    }

    /// Waits until it has ended, as one that was told to stop.
    pub fn wait(mut self) {
        let status = self.process.wait().expect("the server is gone");
        assert!(status.success(), "{status}");
    }

    /// Tells it to stop, and waits until it has.
    pub fn terminate(self) {
        self.tell_to_stop();
        self.wait();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // A test that fails leaves nothing running; one that went well has ended it already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
