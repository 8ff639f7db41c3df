//! JSON as the server reads and writes it: values that are only passed on stay the text they came as.

mod check;
mod conversation;
mod line;
mod members;
mod scalars;
mod writer;

use std::fmt;

pub(crate) use conversation::{
    ImportLine, messages_of, object, optional_object, payload, properties,
};
pub(crate) use line::one_line;
pub(crate) use members::{Document, Members, Value};
pub(crate) use writer::{Object, list, string};

/// What is wrong with JSON that was sent, and where in it. It names members of the API and positions, never content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The path of the value, such as `payload.messages[0]`; empty for the whole.
    path: String,
    message: String,
}

impl Problem {
    pub(crate) fn at(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}
