//! What ends a command, and with which exit code.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use mistral_datasets::{Error, ErrorKind};

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
    /// An import ended without success.
    Import(String),
    /// The local server could not start or run.
    Serve(String),
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
            Self::Call(error) => match error.kind() {
                ErrorKind::Configuration | ErrorKind::Authentication | ErrorKind::Permission => 3,
                ErrorKind::NotFound => 4,
                ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::RateLimit => 5,
                ErrorKind::Validation | ErrorKind::Conflict => 6,
                _ => 1,
            },
            Self::Argument(_) => 6,
            Self::File(..) | Self::Output(_) | Self::Import(_) | Self::Serve(_) => 1,
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

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => write!(f, "{error}"),
            Self::Argument(message) | Self::Import(message) | Self::Serve(message) => {
                f.write_str(message)
            }
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Output(error) => write!(f, "standard output: {error}"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}
