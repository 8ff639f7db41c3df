//! Reads and writes JSON. Values that are only passed on, such as payloads, are kept as the text that was received.

mod document;
mod fields;
mod path;
mod single_line;
mod value;
mod writer;

use std::fmt;

pub(crate) use document::{Document, MAX_DEPTH};
pub(crate) use fields::Fields;
pub(crate) use single_line::{SingleLine, has_line_break, single_line};
pub(crate) use value::Value;
pub(crate) use writer::{Object, array, string};

/// An error in JSON input. It contains names of fields and positions, but never content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonError {
    /// The path of the value, such as `payload.messages[0]`. Empty for the whole document.
    path: String,
    message: String,
}

impl JsonError {
    pub(crate) fn at(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }

    /// Returns the path of the value.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Converts an error in a value that was parsed as its own document to an error in the document that contains the value.
    pub(crate) fn within(self, value: &Value<'_>) -> Self {
        let outer = value.path().to_string();
        let path = match (outer.as_str(), self.path.as_str()) {
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
