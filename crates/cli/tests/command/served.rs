//! The command in processes of its own: the server, and what calls it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_mistral-datasets");

/// `mistral-datasets serve`, and commands against it. It stops when it is dropped.
pub struct Served {
    process: Child,
    pub url: String,
    /// What it keeps in memory is in files there, which it cannot delete when it is killed.
    _temporary: TempDir,
}

/// The variable that says where temporary files are to be.
const TEMPORARY: &str = if cfg!(windows) { "TMP" } else { "TMPDIR" };

impl Served {
    /// Starts the server with these arguments.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    /// Starts the server with these arguments and variables.
    pub fn start_with(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut process = Command::new(PROGRAM)
            .env(TEMPORARY, temporary.path())
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
            let mut words = String::new();
            process.stderr.take().unwrap().read_to_string(&mut words).unwrap();
            panic!("`{line}` {words}");
        };
        Self { url: url.to_owned(), process, _temporary: temporary }
    }

    /// The id of its process.
    #[cfg(unix)]
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// Ends it, and returns what it wrote to its log.
    #[cfg(unix)]
    pub fn log(mut self) -> String {
        let _ = self.process.kill();
        let mut words = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        words
    }

    /// Runs a command.
    pub fn command(&self, arguments: &[&str]) -> Output {
        run(&self.url, "a key", arguments)
    }

    /// Makes the server spoil requests, by a rule of its faults.
    pub fn inject_fault(&self, rule: &Value) {
        self.faults("POST", &rule.to_string());
    }

    /// Makes the server spoil nothing more.
    pub fn clear_faults(&self) {
        self.faults("DELETE", "");
    }

    fn faults(&self, method: &str, body: &str) {
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

    /// A dataset of so many records, and its id.
    pub fn dataset(&self, records: usize) -> String {
        let created = self.json(&["datasets", "create", "Refund requests"]);
        let id = created["id"].as_str().unwrap().to_owned();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("records.jsonl");
        let lines: String = (0..records)
            .map(|number| format!("{{\"messages\": [], \"properties\": {{\"n\": {number}}}}}\n"))
            .collect();
        std::fs::write(&file, lines).unwrap();
        self.command(&["import", &id, file.to_str().unwrap()]);
        id
    }

    /// Runs a command that succeeds, and returns its JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.command(&[&["--json"], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a command against any server, with any key.
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
