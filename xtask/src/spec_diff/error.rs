//! Why two documents could not be compared.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// What stopped a comparison before it had an answer.
#[derive(Debug)]
pub enum Error {
    /// The file could not be read.
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is neither JSON nor YAML.
    Syntax {
        /// The file.
        path: PathBuf,
        /// What the parser said, with the position.
        reason: String,
    },
    /// The document is no OpenAPI 3 document.
    NotOpenApi {
        /// The document.
        document: String,
        /// The version that the document claims, if any.
        version: Option<String>,
    },
    /// A `$ref` that the comparison needs leads nowhere.
    ///
    /// Going on without what it stands for could hide a breaking change, so this ends the run.
    Reference {
        /// The document.
        document: String,
        /// The reference as written.
        reference: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The report could not be written.
    Write(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Syntax { path, reason } => {
                write!(f, "{}: neither JSON nor YAML: {reason}", path.display())
            }
            Self::NotOpenApi { document, version: Some(version) } => {
                write!(f, "{document}: version {version} is not supported, only OpenAPI 3")
            }
            Self::NotOpenApi { document, version: None } => {
                write!(f, "{document}: no OpenAPI document, the key `openapi` is missing")
            }
            Self::Reference { document, reference, reason } => {
                write!(f, "{document}: the reference `{reference}` {reason}")
            }
            Self::Write(source) => write!(f, "writing the report: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } | Self::Write(source) => Some(source),
            Self::Syntax { .. } | Self::NotOpenApi { .. } | Self::Reference { .. } => None,
        }
    }
}
