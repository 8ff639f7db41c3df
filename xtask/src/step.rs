//! Running one command of a longer job: what it does in a line, what it printed when it fails.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// A command with the words that say what it is for.
#[derive(Debug)]
pub struct Step {
    what: String,
    command: Command,
}

impl Step {
    /// A step that runs a program.
    pub fn new(what: impl Into<String>, program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        Self { what: what.into(), command }
    }

    /// Adds arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets the folder to run in.
    pub fn within(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }
}

/// Runs a step, saying what it is and how long it took, and returns what it printed on both its outputs.
///
/// # Errors
/// When it cannot start or fails: what it printed.
pub fn run(mut step: Step) -> Result<String, String> {
    eprint!("  {} …", step.what);
    let _ = std::io::stderr().flush();
    let began = Instant::now();
    let output = step.command.output().map_err(|error| {
        format!("{}: cannot run {:?}: {error}", step.what, step.command.get_program())
    })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let seconds = began.elapsed().as_secs_f64();
    if output.status.success() {
        eprintln!(" {seconds:.1} s");
        Ok(text)
    } else {
        eprintln!(" failed after {seconds:.1} s");
        Err(format!("{} failed ({}):\n{text}", step.what, output.status))
    }
}

/// Cargo, as the one that runs this program.
pub fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}
