//! Errors in search expressions.

use std::fmt;

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SearchError {
    pub(crate) kind: SearchErrorKind,
    /// The number of characters that precede the error.
    pub(crate) offset: usize,
    /// Does not contain text of the expression, which may be text of a conversation.
    pub(crate) message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SearchErrorKind {
    /// The expression cannot be parsed, or a field does not support an operator or a value.
    Invalid,
    /// There is no field with this name.
    UnknownField,
}

impl fmt::Display for SearchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "position {}: {}", self.offset + 1, self.message)
    }
}
