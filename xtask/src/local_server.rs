//! A local server in a process of its own, for runs of programs that need one.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// The variable that says where temporary files are to be.
const TEMPORARY: &str = if cfg!(windows) { "TMP" } else { "TMPDIR" };

/// A running `mistral-datasets serve`; dropping it stops it.
#[derive(Debug)]
pub struct LocalServer {
    process: Child,
    url: String,
    /// Where its data is. It is killed, and cannot delete it.
    _temporary: TempDir,
}

impl LocalServer {
    /// Starts the debug build of the command, in memory and on a free port.
    ///
    /// # Errors
    /// When it does not start or does not say where it listens.
    pub fn start(root: &Path) -> Result<Self, String> {
        Self::start_with(&root.join("target/debug/mistral-datasets"))
    }

    /// Starts a build of the command, in memory and on a free port.
    ///
    /// # Errors
    /// When it does not start or does not say where it listens.
    pub fn start_with(command: &Path) -> Result<Self, String> {
        Self::start_with_options(command, &[])
    }

    /// Starts a build of the command, in memory and on a free port, with further options.
    ///
    /// # Errors
    /// When it does not start or does not say where it listens.
    pub fn start_with_options(command: &Path, options: &[&str]) -> Result<Self, String> {
        let temporary = tempfile::tempdir()
            .map_err(|error| format!("a folder for temporary files: {error}"))?;
        let mut process = Command::new(command)
            .env(TEMPORARY, temporary.path())
            .args(["serve", "--memory", "--listen", "127.0.0.1:0"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", command.display()))?;
        let mut line = String::new();
        let output = process.stdout.take().expect("stdout is piped");
        BufReader::new(output)
            .read_line(&mut line)
            .map_err(|error| format!("the local server: {error}"))?;
        match line.trim().strip_prefix("listening on ") {
            Some(url) => Ok(Self { url: url.to_owned(), process, _temporary: temporary }),
            None => {
                let _ = process.kill();
                Err(format!("the local server said `{}` and not where it listens", line.trim()))
            }
        }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        // The process may have ended by itself; then there is nothing to stop.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
