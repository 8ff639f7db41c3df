//! JSON as the server reads and writes it: values that are only passed on stay the text they came as.

mod check;
mod fields;
mod scalars;
mod single_line;
mod writer;

use std::fmt;

pub(crate) use check::MAX_DEPTH;
pub(crate) use fields::{Document, Fields, Value};
pub(crate) use single_line::single_line;
pub(crate) use writer::{Object, array, string};

/// What is wrong with JSON that was sent, and where in it. It names fields of the API and positions, never content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonError {
    /// The path of the value, such as `payload.messages[0]`; empty for the whole.
    path: String,
    message: String,
}

impl JsonError {
    pub(crate) fn at(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }

    /// The path of the value.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The same error, of a value that was read by itself, seen from what holds that value.
    pub(crate) fn within(self, value: &Value<'_>) -> Self {
        let path = match (value.path(), self.path.as_str()) {
            (outer, "") => outer.to_owned(),
            ("", inner) => inner.to_owned(),
            (outer, inner) if inner.starts_with('[') => format!("{outer}{inner}"),
            (outer, inner) => format!("{outer}.{inner}"),
        };
        Self { path, message: self.message }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}
