//! What a rule does to the task that an import begins.

use std::time::Duration;

use futures::future::BoxFuture;

use super::rule::LONGEST;
use crate::api::OperationRoute;
use crate::imports::{TaskAction, TaskHook};
use crate::json::{JsonError, Value};

/// The characters of the message that a task fails with.
const MESSAGE_LENGTH: usize = 10_000;

/// What happens to a task.
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
        let delay = fields.optional("delay_ms").map(|value| value.integer(0..=LONGEST));
        let stuck = fields.optional("stuck").map(|value| value.boolean()).transpose()?;
        let message = fields.optional("fail").map(|value| value.string_of(1..=MESSAGE_LENGTH));
        let action = match (stuck.unwrap_or_default(), message.transpose()?) {
            (false, None) => TaskAction::Import,
            (true, None) => TaskAction::Abandon,
            (false, Some(message)) => TaskAction::Fail(message),
            (true, Some(_)) => {
                return Err(fields.error("fail", "a task that is stuck does not fail"));
            }
        };
        let fault =
            Self { delay: Duration::from_millis(delay.transpose()?.unwrap_or_default()), action };
        if fault.delay.is_zero() && fault.action == TaskAction::Import {
            let message = "one of `delay_ms`, `stuck` and `fail` is needed";
            return Err(value.error(message));
        }
        Ok(fault)
    }
}

/// Whether an operation begins a task.
pub(super) fn begins_task(operation: &OperationRoute) -> bool {
    operation.success == 202
}
