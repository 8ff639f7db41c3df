//! Files that hold the report of a bulk call, for `--report` and `--resume`.

use std::fs;
use std::path::{Path, PathBuf};

use mistral_datasets::{AtomicFile, Error};

use crate::error::CliError;
use crate::output::Output;
use crate::terminal;

/// Reads a report.
pub fn read<T>(path: &Path, parse: fn(&str) -> Result<T, Error>) -> Result<T, CliError> {
    let json = fs::read_to_string(path).map_err(CliError::file(path))?;
    Ok(parse(&json)?)
}

/// A file that is replaced by a report when the command ends.
///
/// The temporary file is created before anything is sent, so that a missing directory is not discovered after the import.
#[derive(Debug)]
pub struct ReportFile {
    path: PathBuf,
    file: AtomicFile,
}

impl ReportFile {
    /// Prepares a file for a report.
    pub fn create(path: &Path) -> Result<Self, CliError> {
        let file = AtomicFile::prepare(path).map_err(CliError::file(path))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Replaces the file by a report.
    fn write(self, json: &str) -> Result<PathBuf, CliError> {
        let Self { path, file } = self;
        file.replace(format!("{json}\n").as_bytes()).map_err(CliError::file(&path))?;
        Ok(path)
    }
}

/// Writes the report of a call, and says how to continue if the call did not complete.
///
/// `failed` is whether the call has an error. That error matters more than a failure to write the report, which is then only
/// a warning.
pub fn write(
    file: Option<ReportFile>,
    json: impl FnOnce() -> String,
    failed: bool,
    output: Output,
) -> Result<(), CliError> {
    let Some(file) = file else { return Ok(()) };
    match file.write(&json()) {
        Ok(path) => {
            if failed && !output.quiet {
                let path = path.display();
                terminal::message(format_args!(
                    "wrote the report to `{path}`; use `--resume {path}` to continue"
                ));
            }
            Ok(())
        }
        Err(error) if failed => {
            terminal::message(format_args!("warning: cannot write the report: {error}"));
            Ok(())
        }
        Err(error) => Err(error),
    }
}
