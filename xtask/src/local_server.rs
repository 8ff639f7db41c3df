//! Runs `mistral-datasets serve`, or another server that prints its URL in the same way, as a child process.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::postgres::Postgres;

/// The environment variable that sets the directory of temporary files.
const TEMPORARY_DIRECTORY: &str = if cfg!(windows) { "TMP" } else { "TMPDIR" };

/// A running server; it is killed on drop.
#[derive(Debug)]
pub struct LocalServer {
    process: Child,
    url: String,
    /// The server's temporary files. It cannot delete them itself, because it is killed.
    _temporary: TempDir,
}

impl LocalServer {
    /// Starts the given build of `mistral-datasets`, in memory and on a free port, with additional options.
    ///
    /// # Errors
    /// Fails if the server does not start or does not print its URL.
    pub fn start(command: &Path, options: &[&str]) -> Result<Self, String> {
        let mut serve = Command::new(command);
        serve.args(["serve", "--memory", "--listen", "127.0.0.1:0"]).args(options);
        Self::spawn(serve)
    }

    /// Starts the given build of `mistral-datasets` on a new database and a directory for objects, with additional options.
    ///
    /// # Errors
    /// Fails if the database cannot be created, or as [`start`](Self::start).
    pub fn start_on(postgres: &Postgres, command: &Path, options: &[&str]) -> Result<Self, String> {
        let mut serve = Command::new(command);
        serve.args(["serve", "--listen", "127.0.0.1:0", "--test-routes"]).args(options);
        serve.env("MISTRAL_DATASETS_SERVE_DATABASE", postgres.create_database()?);
        serve.arg("--objects").arg(format!("file://{}", postgres.objects().display()));
        Self::spawn(serve)
    }

    /// Starts a server with a command that prints `listening on URL`, as `mistral-datasets serve` does.
    ///
    /// # Errors
    /// Fails if the server does not start or does not print its URL.
    pub fn spawn(mut serve: Command) -> Result<Self, String> {
        let temporary =
            tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
        let mut process = serve
            .env(TEMPORARY_DIRECTORY, temporary.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", serve.get_program().display()))?;
        let mut line = String::new();
        let output = process.stdout.take().expect("stdout is piped");
        BufReader::new(output)
            .read_line(&mut line)
            .map_err(|error| format!("the local server: {error}"))?;
        match line.trim().strip_prefix("listening on ") {
            Some(url) => Ok(Self { url: url.to_owned(), process, _temporary: temporary }),
            None => {
                let _ = process.kill();
                Err(format!("the local server printed `{}` instead of its URL", line.trim()))
            }
        }
    }

    /// Returns the URL that the server listens on.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        // Errors mean that the process has exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
