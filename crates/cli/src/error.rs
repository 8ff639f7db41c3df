//! The errors of the command and their exit codes.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use mistral_datasets::{Error, ErrorKind, looks_like_jsonl};

/// The exit code of an interrupted command: 128 + SIGINT, as in shells.
const INTERRUPTED: u8 = 130;

/// An error that ends the command.
#[derive(Debug)]
pub enum CliError {
    /// An API call failed.
    Api(Error),
    /// An argument has an invalid value.
    Argument(String),
    /// A file could not be read or written.
    File(PathBuf, io::Error),
    /// Standard output could not be written to.
    Stdout(io::Error),
    /// A response contains invalid JSON in a lazily parsed field.
    InvalidJson(serde_json::Error),
    /// The number of records that were rejected, or may or may not have been created.
    Records(usize),
    /// The number of records that could not be judged.
    NotJudged(u64),
    /// The local server could not be started.
    Serve(String, Option<String>),
    /// A command on a data directory failed.
    Maintenance(Box<dyn std::error::Error + Send + Sync>),
    /// The data directory or backup is damaged. The problems were printed.
    Damaged(PathBuf, usize),
    /// A signal handler could not be installed.
    Signals(io::Error),
    /// The command was interrupted by a signal.
    Interrupted,
}

impl CliError {
    /// Returns a function that adds a path to an I/O error, for `map_err`.
    pub fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |error| Self::File(path, error)
    }

    /// Returns whether the reader of standard output has closed the pipe, as `head` does.
    pub fn is_closed_stdout(&self) -> bool {
        matches!(self, Self::Stdout(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Returns the exit code, as listed by `--help`.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Api(error) if is_local_io_error(error) => 1,
            Self::Api(error) => match error.kind() {
                ErrorKind::Configuration | ErrorKind::Authentication | ErrorKind::Permission => 3,
                ErrorKind::NotFound => 4,
                ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::RateLimit => 5,
                ErrorKind::Validation | ErrorKind::Conflict => 6,
                ErrorKind::Cancelled => INTERRUPTED,
                _ => 1,
            },
            Self::Argument(_) => 6,
            Self::Records(_)
            | Self::NotJudged(_)
            | Self::File(..)
            | Self::Stdout(_)
            | Self::InvalidJson(_)
            | Self::Serve(..)
            | Self::Maintenance(_)
            | Self::Damaged(..)
            | Self::Signals(_) => 1,
            Self::Interrupted => INTERRUPTED,
        }
    }

    /// Returns a suggestion for fixing the error.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Api(error) => error.hint(),
            Self::Serve(_, hint) => hint.as_deref(),
            _ => None,
        }
    }
}

/// Replaces the names of options in a message of the client by those of the command.
pub fn spell_options(message: &str) -> String {
    message.replace("`allow_unknown_keys`", "`--allow-unknown-keys`")
}

/// Returns whether the error comes from a local file or pipe rather than from the API.
fn is_local_io_error(error: &Error) -> bool {
    error.source().is_some_and(|source| source.is::<io::Error>())
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api(error) => f.write_str(&spell_options(&error.to_string())),
            Self::Argument(message) | Self::Serve(message, _) => f.write_str(message),
            Self::Records(1) => f.write_str("1 record was rejected or has an unknown outcome"),
            Self::Records(count) => {
                write!(f, "{count} records were rejected or have an unknown outcome")
            }
            Self::NotJudged(1) => f.write_str("1 record could not be judged"),
            Self::NotJudged(count) => write!(f, "{count} records could not be judged"),
            Self::File(path, error) if looks_like_jsonl(path) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename => f.write_str(
                    "this looks like JSONL, not a path; write it to a file or to standard input",
                ),
                kind => write!(f, "cannot open the file: {kind}"),
            },
            Self::File(path, error) => write!(f, "`{}`: {error}", path.display()),
            Self::Stdout(error) => write!(f, "cannot write to standard output: {error}"),
            Self::InvalidJson(error) => write!(f, "the server sent invalid JSON: {error}"),
            Self::Maintenance(error) => write!(f, "{error}"),
            Self::Damaged(path, 1) => write!(f, "`{}` has 1 problem", path.display()),
            Self::Damaged(path, count) => write!(f, "`{}` has {count} problems", path.display()),
            Self::Signals(error) => write!(f, "cannot install a signal handler: {error}"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        Self::Api(error)
    }
}
