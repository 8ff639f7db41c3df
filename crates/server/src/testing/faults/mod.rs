//! Fault injection and the request journal, to test how a client handles failures.
//!
//! Rules and journals belong to a workspace, so concurrent tests do not affect each other. They are kept in memory.
//!
//! The middleware [`record_and_inject`] records every request in the journal and looks for a fault rule that applies to it. The
//! rule skips the handler, replaces or delays the response, or adds hooks for faults that take effect elsewhere:
//! [`FaultInjection`] resets, truncates or slows down the response on the wire, and [`TaskFault`](task::TaskFault) affects the task
//! of an import.

mod injection;
mod journal;
mod middleware;
mod rule;
mod task;
mod workspaces;

use injection::FaultInjection;
pub(super) use middleware::record_and_inject;
pub(super) use rule::Rule;
pub(super) use workspaces::{AddError, Faults, MAX_RULES};
