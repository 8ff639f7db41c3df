//! Faults that affect the task of an import.

use std::time::Duration;

use futures::future::BoxFuture;

use super::rule::MAX_DELAY_MS;
use crate::api::OperationRoute;
use crate::imports::{TaskAction, TaskHook};
use crate::json::{JsonError, Value};

/// The maximum length of the message of a failed task, in characters.
const MAX_MESSAGE_LENGTH: usize = 10_000;

/// A fault that affects a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TaskFault {
    /// How long the task stays RUNNING before anything else happens.
    delay: Duration,
    action: TaskAction,
}

impl TaskHook for TaskFault {
    fn before_import(&self) -> BoxFuture<'_, TaskAction> {
        Box::pin(async {
            tokio::time::sleep(self.delay).await;
            self.action.clone()
        })
    }
}

impl TaskFault {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, JsonError> {
        let fields = value.fields()?;
        fields.allow_only(&["delay_ms", "stuck", "fail"])?;
        let delay = fields.optional("delay_ms").map(|value| value.integer(0..=MAX_DELAY_MS));
        let stuck = fields.optional("stuck").map(|value| value.boolean()).transpose()?;
        let message = fields.optional("fail").map(|value| value.string_of(1..=MAX_MESSAGE_LENGTH));
        let action = match (stuck.unwrap_or_default(), message.transpose()?) {
            (false, None) => TaskAction::Import,
            (true, None) => TaskAction::Abandon,
            (false, Some(message)) => TaskAction::Fail(message),
            (true, Some(_)) => {
                return Err(fields.error("fail", "cannot be combined with `stuck`"));
            }
        };
        let fault =
            Self { delay: Duration::from_millis(delay.transpose()?.unwrap_or_default()), action };
        if fault.delay.is_zero() && fault.action == TaskAction::Import {
            let message = "expected at least one of the fields `delay_ms`, `stuck` and `fail`";
            return Err(value.error(message));
        }
        Ok(fault)
    }
}

/// Returns whether an operation starts a task.
pub(super) fn starts_task(operation: &OperationRoute) -> bool {
    operation.success == 202
}
