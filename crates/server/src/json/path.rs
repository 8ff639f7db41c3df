//! The position of a value in a document.

use std::fmt;
use std::sync::Arc;

/// The path of a value in its document, such as `payload.messages[0]`. It is empty for the whole document.
///
/// Items of an array share the path of the array, because most paths are never displayed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path {
    parent: Option<Arc<str>>,
    /// The index of an item in the array at `parent`.
    index: Option<usize>,
}

impl Path {
    /// Returns a path that consists of a single name.
    pub(super) fn named(name: &str) -> Self {
        Self { parent: (!name.is_empty()).then(|| name.into()), index: None }
    }

    /// Returns the path of a field of the object at this path.
    pub(super) fn field(&self, name: &str) -> Self {
        match (&self.parent, self.index) {
            (None, None) => Self { parent: Some(name.into()), index: None },
            _ => Self { parent: Some(format!("{self}.{name}").into()), index: None },
        }
    }

    /// Returns this path in a form from which the paths of items can be made cheaply.
    pub(super) fn of_array(&self) -> Self {
        match self.index {
            None => self.clone(),
            Some(_) => Self { parent: Some(self.to_string().into()), index: None },
        }
    }

    /// Returns the path of an item. The path must come from [`of_array`](Self::of_array).
    pub(super) fn item(&self, index: usize) -> Self {
        debug_assert!(self.index.is_none());
        Self { parent: self.parent.clone(), index: Some(index) }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.parent.as_deref().unwrap_or_default())?;
        match self.index {
            Some(index) => write!(f, "[{index}]"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn fields_and_items_are_appended() {
        let root = Path::default();
        assert_eq!(root.to_string(), "");
        assert_eq!(root.of_array().item(3).to_string(), "[3]");
        let list = root.field("payload").field("list");
        let nested = list.of_array().item(1).of_array().item(2);
        assert_eq!(nested.field("x").to_string(), "payload.list[1][2].x");
    }
}
