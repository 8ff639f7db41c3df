//! What a task's status means.

use crate::types::TaskStatus;

impl TaskStatus {
    /// Whether the task has done what was asked.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Completed)
    }

    /// Whether the task has ended without doing what was asked.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed | Self::Canceled | Self::Terminated | Self::TimedOut)
    }

    /// Whether the task has ended, well or not. That every other status, also one that is not known, means that the task is
    /// still under way is documented nowhere; it is the reading that loses nothing.
    pub fn is_finished(&self) -> bool {
        self.is_success() || self.is_failure()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_status_is_success_failure_or_under_way() {
        let of = |keep: fn(&TaskStatus) -> bool| -> Vec<&str> {
            let known = TaskStatus::KNOWN.iter().copied();
            known.filter(|name| keep(&TaskStatus::from(*name))).collect()
        };
        assert_eq!(of(TaskStatus::is_success), ["COMPLETED"]);
        assert_eq!(of(TaskStatus::is_failure), ["FAILED", "CANCELED", "TERMINATED", "TIMED_OUT"]);
        assert!(!TaskStatus::from("PAUSED").is_finished());
    }
}
