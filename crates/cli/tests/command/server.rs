//! Runs the command as a child process, as a server and as a client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_mistral-datasets");

/// A running `mistral-datasets serve`, which is killed on drop.
pub struct TestServer {
    process: Child,
    pub url: String,
    /// The server's directory for temporary files, which a killed server cannot remove.
    _temporary: TempDir,
}

/// The environment variable for the directory of temporary files.
const TEMP_DIR_VARIABLE: &str = if cfg!(windows) { "TMP" } else { "TMPDIR" };

impl TestServer {
    /// Starts a server with the given arguments.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    /// Starts a server with the given arguments and environment variables.
    pub fn start_with(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut process = Command::new(PROGRAM)
            .env(TEMP_DIR_VARIABLE, temporary.path())
            .envs(variables.iter().copied())
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let Some(url) = line.trim_end().strip_prefix("listening on ") else {
            process.kill().unwrap();
            let mut errors = String::new();
            process.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
            panic!("unexpected output `{line}`: {errors}");
        };
        Self { url: url.to_owned(), process, _temporary: temporary }
    }

    /// Returns the process ID.
    #[cfg(unix)]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Stops the server and returns its log, which is written in the background.
    #[cfg(unix)]
    pub fn log(mut self) -> String {
        let process = self.process_id().to_string();
        assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
        let mut log = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        log
    }

    /// Stops the server gracefully.
    pub fn stop(mut self) {
        #[cfg(unix)]
        {
            let process = self.process.id().to_string();
            assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
        }
        #[cfg(not(unix))]
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Runs a command against the server.
    pub fn command(&self, arguments: &[&str]) -> Output {
        run(&self.url, "a key", arguments)
    }

    /// Adds a fault rule.
    pub fn inject_fault(&self, rule: &Value) {
        self.send_to_faults("POST", &rule.to_string());
    }

    /// Removes all fault rules.
    pub fn clear_faults(&self) {
        self.send_to_faults("DELETE", "");
    }

    fn send_to_faults(&self, method: &str, body: &str) {
        let address = self.url.strip_prefix("http://").unwrap();
        let request = format!(
            "{method} /local/v1/faults HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer a key\r\n\
             content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        assert!(response.starts_with("HTTP/1.1 20"), "{response}");
    }

    /// Creates a dataset with this many records, numbered by the property `n`, and returns its ID.
    pub fn dataset(&self, records: usize) -> String {
        let created = self.json(&["datasets", "create", "Refund requests"]);
        let id = created["id"].as_str().unwrap().to_owned();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("records.jsonl");
        let lines: String = (0..records)
            .map(|number| format!("{{\"messages\": [], \"properties\": {{\"n\": {number}}}}}\n"))
            .collect();
        std::fs::write(&file, lines).unwrap();
        self.command(&["import", &id, file.to_str().unwrap()]);
        id
    }

    /// Runs a command that must succeed with `--json`, and returns its output.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.command(&[&["--json"], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a command with the given server URL and API key.
pub fn run(url: &str, key: &str, arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .env("MISTRAL_SERVER_URL", url)
        .env("MISTRAL_API_KEY", key)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
