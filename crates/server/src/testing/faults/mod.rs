//! Fault injection, and the journal of received requests, to test how a client handles failures.
//!
//! Both belong to a workspace, so that concurrent tests do not disturb each other. Both are kept in memory.
//!
//! The middleware [`record_and_inject`] records every request in the journal and looks for a fault rule that applies to it. It
//! skips the handler, replaces or delays the response, and adds hooks for what happens elsewhere: [`FaultInjection`] resets,
//! truncates or slows down the response on the wire, and [`TaskFault`](task::TaskFault) affects the task of an import.

mod injection;
mod journal;
mod middleware;
mod rule;
mod task;
mod workspaces;

use injection::FaultInjection;
pub(super) use middleware::record_and_inject;
pub(super) use rule::Rule;
pub(super) use workspaces::Faults;
