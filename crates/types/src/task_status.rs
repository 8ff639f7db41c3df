//! The meaning of a task's status.

use crate::TaskStatus;

impl TaskStatus {
    /// Returns `true` if the task has completed successfully.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Completed)
    }

    /// Returns `true` if the task has ended without completing.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed | Self::Canceled | Self::Terminated | Self::TimedOut)
    }

    /// Returns `true` if the task has ended, successfully or not.
    ///
    /// Every other status, including an unknown status, is taken to mean that the task is still running. The service does not
    /// document this.
    pub fn is_finished(&self) -> bool {
        self.is_success() || self.is_failure()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_statuses_are_classified() {
        let matching = |predicate: fn(&TaskStatus) -> bool| -> Vec<&str> {
            let known = TaskStatus::KNOWN.iter().copied();
            known.filter(|name| predicate(&TaskStatus::from(*name))).collect()
        };
        assert_eq!(matching(TaskStatus::is_success), ["COMPLETED"]);
        let failures = ["FAILED", "CANCELED", "TERMINATED", "TIMED_OUT"];
        assert_eq!(matching(TaskStatus::is_failure), failures);
        assert!(!TaskStatus::from("PAUSED").is_finished());
    }
}
