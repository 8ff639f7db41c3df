//! The place of a difference in a message.

use std::fmt;

/// A place in a message.
#[derive(Clone, Debug)]
pub struct Place {
    part: String,
    path: String,
}

impl Place {
    /// Creates the place of a part, such as `response 200` or `query page_size`.
    pub fn new(part: impl Into<String>) -> Self {
        Self { part: part.into(), path: String::new() }
    }

    /// Returns the place of a field.
    pub fn field(&self, name: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        self.with(&format!("{dot}{name}"))
    }

    /// Returns the place of array items.
    pub fn items(&self) -> Self {
        self.with("[]")
    }

    /// Returns the place of fields that the document does not name.
    pub fn additional(&self) -> Self {
        self.field("*")
    }

    /// Returns the place of an alternative of a union.
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
