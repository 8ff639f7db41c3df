//! The kinds of errors.

use std::fmt;

/// The kind of an [`Error`](crate::Error). Python and Node have a class for each kind, for example `NotFoundError` for `NotFound`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The client is misconfigured, for example because the API key is missing or the server URL is invalid.
    Configuration,
    /// The server could not be reached, the connection was lost, or a proxy on the way rejected its credentials (407).
    Connection,
    /// No response was received in time.
    Timeout,
    /// The API key is missing or invalid (401).
    Authentication,
    /// The API key lacks permission (403).
    Permission,
    /// The resource does not exist (404).
    NotFound,
    /// The request conflicts with the current state of the resource (409).
    Conflict,
    /// The request is invalid. It was rejected before being sent, or by the server (400, 422 and every other 4xx status
    /// without a kind of its own).
    Validation,
    /// Too many requests (429).
    RateLimit,
    /// The server failed (5xx).
    Server,
    /// The response does not match the API.
    Decoding,
    /// An import task failed; see [`Error::task`](crate::Error::task).
    TaskFailed,
    /// The caller cancelled the call: the client was closed, or a cancellation token or signal was triggered.
    Cancelled,
    /// The client was closed before the call.
    Closed,
}

impl ErrorKind {
    /// All kinds.
    pub const ALL: &'static [Self] = &[
        Self::Configuration,
        Self::Connection,
        Self::Timeout,
        Self::Authentication,
        Self::Permission,
        Self::NotFound,
        Self::Conflict,
        Self::Validation,
        Self::RateLimit,
        Self::Server,
        Self::Decoding,
        Self::TaskFailed,
        Self::Cancelled,
        Self::Closed,
    ];

    /// Returns the kind in snake case, as it appears in logs and in the bindings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::Authentication => "authentication",
            Self::Permission => "permission",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Validation => "validation",
            Self::RateLimit => "rate_limit",
            Self::Server => "server",
            Self::Decoding => "decoding",
            Self::TaskFailed => "task_failed",
            Self::Cancelled => "cancelled",
            Self::Closed => "closed",
        }
    }

    /// Returns the kind with this name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|kind| kind.name() == name).copied()
    }

    /// Returns the kind of a response with this status.
    pub(super) fn from_status(status: u16) -> Self {
        match status {
            401 => Self::Authentication,
            403 => Self::Permission,
            404 => Self::NotFound,
            407 => Self::Connection,
            408 | 504 => Self::Timeout,
            409 => Self::Conflict,
            429 => Self::RateLimit,
            400..500 => Self::Validation,
            500.. => Self::Server,
            _ => Self::Decoding,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<_> =
            ErrorKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), ErrorKind::ALL.len());
    }
}
