//! What a rule does to the task that an import begins.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::rule::LONGEST;
use crate::generated::routes::OperationRoute;
use crate::json::{Problem, Value};

/// The characters of the message that a task fails with.
const MESSAGE_LENGTH: usize = 10_000;

/// What becomes of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TaskFault {
    /// It runs for so long before anything is done.
    pub(crate) delay: Duration,
    pub(crate) end: TaskEnd,
}

/// How a task ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TaskEnd {
    /// As it would.
    Real,
    /// Not at all: it runs until the end of the server, and has failed when the next one starts.
    Never,
    /// It fails with this message, and nothing is imported.
    Failed(String),
}

impl TaskFault {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Problem> {
        let members = value.members()?;
        members.only(&["delay_ms", "stuck", "fail"])?;
        let delay = members.optional("delay_ms").map(|value| value.integer(0..=LONGEST));
        let stuck = members.optional("stuck").map(|value| value.boolean()).transpose()?;
        let message = members.optional("fail").map(|value| value.string_of(1..=MESSAGE_LENGTH));
        let end = match (stuck.unwrap_or_default(), message.transpose()?) {
            (false, None) => TaskEnd::Real,
            (true, None) => TaskEnd::Never,
            (false, Some(message)) => TaskEnd::Failed(message),
            (true, Some(_)) => {
                return Err(members.problem("fail", "a task that is stuck does not fail"));
            }
        };
        let fault =
            Self { delay: Duration::from_millis(delay.transpose()?.unwrap_or_default()), end };
        if fault.delay.is_zero() && fault.end == TaskEnd::Real {
            let message = "one of `delay_ms`, `stuck` and `fail` is needed";
            return Err(value.problem(message));
        }
        Ok(fault)
    }
}

/// Whether an operation begins a task.
pub(super) fn begins_task(operation: &OperationRoute) -> bool {
    operation.success == 202
}

/// What a rule does to the task that a request begins, if one does.
pub(crate) struct Planned(pub(crate) Option<TaskFault>);

impl<S: Sync> FromRequestParts<S> for Planned {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.remove()))
    }
}
