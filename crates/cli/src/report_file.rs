//! Files that hold the report of a bulk call, for `--report` and `--resume`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use mistral_datasets::Error;
use tempfile::NamedTempFile;

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
    target: PathBuf,
    temporary: NamedTempFile,
}

impl ReportFile {
    /// Prepares a file for a report.
    pub fn create(path: &Path) -> Result<Self, CliError> {
        let (target, temporary) = create_temporary(path).map_err(CliError::file(path))?;
        Ok(Self { path: path.to_owned(), target, temporary })
    }

    /// Replaces the file by a report.
    fn write(self, json: &str) -> Result<PathBuf, CliError> {
        let Self { path, target, mut temporary } = self;
        writeln!(temporary, "{json}")
            .and_then(|()| temporary.as_file().sync_all())
            .and_then(|()| Ok(temporary.persist(target).map(drop)?))
            .map_err(CliError::file(&path))?;
        Ok(path)
    }
}

/// Creates a temporary file next to its target. If the path is a symbolic link, the target is the file it points to.
fn create_temporary(path: &Path) -> io::Result<(PathBuf, NamedTempFile)> {
    let target = match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => fs::canonicalize(path)?,
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        // A device or pipe must not be replaced by a file.
        Ok(_) => return Err(io::Error::other("not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error),
    };
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{name}.");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".part");
    #[cfg(unix)]
    let default_permissions =
        <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(default_permissions);
    let directory = target.parent().filter(|directory| !directory.as_os_str().is_empty());
    let temporary = builder.tempfile_in(directory.unwrap_or(Path::new(".")));
    // tempfile's error repeats the path.
    let temporary = temporary.map_err(|error| match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error.kind().into(),
    })?;
    Ok((target, temporary))
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
