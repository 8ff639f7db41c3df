//! Operating a server: health checks, metrics, and maintenance of data directories.

mod backup;
mod compact;
mod last_backup;
mod metrics;
mod readiness;
mod restore;
mod routes;
mod staging;
mod verify;

pub use backup::{Backup, BackupError, backup};
pub use compact::{CompactError, Compaction, compact};
pub(crate) use metrics::{Metrics, Refusal};
pub(crate) use readiness::Draining;
pub use restore::{RestoreError, restore};
pub(crate) use routes::{AdminState, health_route, routes};
pub use verify::{Problem, Verification, VerifyError, VerifyProgress, verify};
