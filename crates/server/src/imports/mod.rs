//! Imports: reads records from a source and writes them to a dataset in the background.

mod file;
mod hook;
mod lease;
mod line;
mod queue;
mod source;
mod span_mapping;
mod worker;

pub(crate) use file::FileLines;
pub(crate) use hook::{TaskAction, TaskHook};
pub(crate) use line::{ImportLine, LineRules};
pub(crate) use queue::{Import, ImportParts, ImportQueue};
