//! What ends a command, and with which exit code.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use mistral_datasets::{Error, ErrorKind};
use mistral_datasets_server::BackupError;

/// The exit code of what was stopped by Ctrl-C, as shells have it.
const INTERRUPTED: u8 = 130;

/// Why the command failed.
#[derive(Debug)]
pub enum Failure {
    /// A call failed.
    Call(Error),
    /// An argument is not what it should be.
    Argument(String),
    /// A file could not be read or written.
    File(PathBuf, io::Error),
    /// Standard output could not be written.
    Output(io::Error),
    /// A part of a response is not the JSON that it seemed to be.
    RawResponse(serde_json::Error),
    /// So many of many records were not added.
    Records(usize),
    /// The local server could not start or run.
    Serve(String),
    /// No backup could be made.
    Backup(BackupError),
    /// The system does not say when the command is asked to stop.
    Signals(io::Error),
    /// Somebody asked the command to stop.
    Interrupted,
}

impl Failure {
    /// A file that could not be read or written.
    pub fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |error| Self::File(path, error)
    }

    /// The exit code, as `--help` lists them.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Call(error) if is_of_this_machine(error) => 1,
            Self::Call(error) => match error.kind() {
                ErrorKind::Configuration | ErrorKind::Authentication | ErrorKind::Permission => 3,
                ErrorKind::NotFound => 4,
                ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::RateLimit => 5,
                ErrorKind::Validation | ErrorKind::Conflict => 6,
                ErrorKind::Cancelled => INTERRUPTED,
                _ => 1,
            },
            Self::Argument(_) => 6,
            Self::Records(_)
            | Self::File(..)
            | Self::Output(_)
            | Self::RawResponse(_)
            | Self::Serve(_)
            | Self::Backup(_)
            | Self::Signals(_) => 1,
            Self::Interrupted => INTERRUPTED,
        }
    }

    /// What to do about it, where something general can be said.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Call(error) if error.kind() == ErrorKind::Configuration => {
                Some("set MISTRAL_API_KEY; a local server takes any key")
            }
            Self::Call(error) => error.hint(),
            _ => None,
        }
    }
}

/// Whether a file or a pipe on this machine failed, and not the call.
fn is_of_this_machine(error: &Error) -> bool {
    error.source().is_some_and(|source| source.is::<io::Error>())
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => write!(f, "{error}"),
            Self::Argument(message) | Self::Serve(message) => f.write_str(message),
            Self::Records(number) => {
                write!(f, "{number} of the records were refused, or may not have been added")
            }
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Output(error) => write!(f, "standard output: {error}"),
            Self::RawResponse(error) => write!(f, "the server sent what is no JSON: {error}"),
            Self::Backup(error) => write!(f, "{error}"),
            Self::Signals(error) => write!(f, "signals: {error}"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}
