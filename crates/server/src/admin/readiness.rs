//! Whether the server is ready for requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::storage::{DiskState, Health};

/// Remembers that the server is about to stop. Clones share their state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draining(Arc<AtomicBool>);

impl Draining {
    pub(crate) fn start(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_started(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The body of a readiness response.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Readiness {
    status: &'static str,
    /// Why the server is not ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Problem>,
}

/// A reason why the server is not ready.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Problem {
    code: &'static str,
    message: &'static str,
}

const DISK_FULL: Problem =
    Problem { code: "disk_full", message: "the disk is full; only reads and deletes are accepted" };

const DISK_FAILED: Problem = Problem {
    code: "disk_failed",
    message: "a flush to disk failed, so writes are rejected; check the disk and restart the server",
};

const DATABASE_UNREACHABLE: Problem = Problem {
    code: "database_unreachable",
    message: "the database cannot be reached; the server becomes ready when it can connect again",
};

const DRAINING: Problem = Problem {
    code: "draining",
    message: "the server is about to stop; send new requests elsewhere",
};

impl Readiness {
    pub(super) fn new(health: &Health, draining: &Draining) -> Self {
        let disk = match health.disk {
            DiskState::Writable => None,
            DiskState::Full => Some(DISK_FULL),
            DiskState::Failed => Some(DISK_FAILED),
            DiskState::Unreachable => Some(DATABASE_UNREACHABLE),
        };
        let draining = draining.has_started().then_some(DRAINING);
        let problems = Vec::from_iter(disk.into_iter().chain(draining));
        let status = if problems.is_empty() { "ready" } else { "not ready" };
        Self { status, problems }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.problems.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_listed() {
        let draining = Draining::default();
        let text = |disk, draining: &Draining| {
            let health = Health { disk, free_bytes: None, wal_bytes: 0, pending_writes: 0 };
            let readiness = Readiness::new(&health, draining);
            let text = serde_json::to_string(&readiness).unwrap();
            assert_eq!(readiness.is_ready(), !text.contains("not ready"));
            text
        };
        assert_eq!(text(DiskState::Writable, &draining), r#"{"status":"ready"}"#);
        assert!(text(DiskState::Full, &draining).contains(r#"[{"code":"disk_full""#));
        assert!(text(DiskState::Failed, &draining).contains(r#"[{"code":"disk_failed""#));
        let unreachable = text(DiskState::Unreachable, &draining);
        assert!(unreachable.contains(r#"[{"code":"database_unreachable""#));
        draining.start();
        let both = text(DiskState::Full, &draining);
        assert!(both.contains("disk_full") && both.contains(r#""code":"draining""#), "{both}");
    }
}
