//! Errors that prevent a comparison.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// An error that prevents a comparison.
#[derive(Debug)]
pub enum Error {
    /// The file could not be read.
    Read {
        /// The file.
        path: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
    /// The file is neither JSON nor YAML.
    Syntax {
        /// The file.
        path: PathBuf,
        /// The parser's message with the position.
        reason: String,
    },
    /// The document is not an OpenAPI 3 document.
    NotOpenApi {
        /// The document.
        document: String,
        /// The version that the document states.
        version: Option<String>,
    },
    /// A `$ref` cannot be resolved. Ignoring it could hide a breaking change.
    Reference {
        /// The document.
        document: String,
        /// The reference as written.
        reference: String,
        /// Why it cannot be resolved.
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
                write!(f, "{document}: unsupported version {version}; expected OpenAPI 3")
            }
            Self::NotOpenApi { document, version: None } => {
                write!(f, "{document}: not an OpenAPI document; the field `openapi` is missing")
            }
            Self::Reference { document, reference, reason } => {
                write!(f, "{document}: the reference `{reference}` {reason}")
            }
            Self::Write(source) => write!(f, "cannot write the report: {source}"),
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
