//! Imports: tasks that a worker carries out behind the request that asked for them.

mod lines;
mod source;
mod worker;

pub(crate) use lines::Lines;
pub(crate) use source::{Ids, Source};
pub(crate) use worker::{Import, Importer};
