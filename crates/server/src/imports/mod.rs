//! Imports: reads records from a source and writes them to a dataset in the background.

mod file;
mod hook;
mod line;
mod queue;
mod source;
mod waiting;

pub(crate) use file::FileLines;
pub(crate) use hook::{TaskAction, TaskHook};
pub(crate) use line::{ImportLine, LineRules};
pub(crate) use queue::{Import, ImportQueue};
pub(crate) use source::{Ids, Source};
pub(crate) use waiting::WaitingImports;
