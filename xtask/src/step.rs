//! Runs external commands as named steps: prints the name and duration, and captures the output for error messages.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// A command with a name that is printed while it runs.
#[derive(Debug)]
pub struct Step {
    name: String,
    command: Command,
}

impl Step {
    /// Creates a step that runs `program`.
    pub fn new(name: impl Into<String>, program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        Self { name: name.into(), command }
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets the working directory.
    pub fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.command.current_dir(directory);
        self
    }
}

/// Runs a step and returns its standard output followed by its standard error.
///
/// # Errors
/// Returns the step's output if it cannot be started or exits with a failure.
pub fn run(mut step: Step) -> Result<String, String> {
    eprint!("  {} …", step.name);
    let _ = std::io::stderr().flush();
    let started = Instant::now();
    let output = step.command.output().map_err(|error| {
        format!("{}: cannot run {:?}: {error}", step.name, step.command.get_program())
    })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let seconds = started.elapsed().as_secs_f64();
    if output.status.success() {
        eprintln!(" {seconds:.1} s");
        Ok(text)
    } else {
        eprintln!(" failed after {seconds:.1} s");
        Err(format!("{} failed ({}):\n{text}", step.name, output.status))
    }
}

/// Returns the path of the Cargo that runs this program.
pub fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}
