//! Faults that tests ask for, and the journal of the requests that came: what it takes to test how a client copes.
//!
//! Both belong to a workspace, so that tests that run at once do not spoil each other's requests. Both are kept in memory.
//!
//! Every request passes [`around`], which notes it in the journal and asks the rules of its workspace whether it is to be
//! spoiled. What is spoiled above HTTP is done there: the request carried out or not, the response replaced or delayed. What is
//! spoiled on the wire is only described there, by a [`Spoil`] that goes with the response and is applied to it last of all. What is
//! done to the task of an import goes with the request, to where the import begins.

mod apply;
mod journal;
mod operations;
mod rule;
mod spoil;
mod task;
mod workspaces;

pub(crate) use apply::around;
pub(crate) use rule::Rule;
pub(crate) use spoil::Spoil;
pub(crate) use task::{Planned, TaskEnd, TaskFault};
pub(crate) use workspaces::Faults;
