//! Where in a message a difference is.

use std::fmt;

/// A place in a message.
#[derive(Clone, Debug)]
pub struct Place {
    part: String,
    path: String,
}

impl Place {
    /// A part of a message: `response 200`, `query page_size`.
    pub fn new(part: impl Into<String>) -> Self {
        Self { part: part.into(), path: String::new() }
    }

    /// A field of the value here.
    pub fn field(&self, name: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        self.with(&format!("{dot}{name}"))
    }

    /// The items of the array here.
    pub fn items(&self) -> Self {
        self.with("[]")
    }

    /// The fields of the object here that have no name in the document.
    pub fn further(&self) -> Self {
        self.field("*")
    }

    /// One alternative of the union here.
    pub fn alternative(&self, label: &str) -> Self {
        self.with(&format!("<{label}>"))
    }

    fn with(&self, step: &str) -> Self {
        Self { part: self.part.clone(), path: format!("{}{step}", self.path) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, path } = self;
        if path.is_empty() { f.write_str(part) } else { write!(f, "{part} · {path}") }
    }
}
