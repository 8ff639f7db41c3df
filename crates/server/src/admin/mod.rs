//! Operating a server: health checks, metrics and backups.

mod backup;
mod last_backup;
mod metrics;
mod readiness;
mod routes;

pub use backup::{Backup, BackupError, backup};
pub(crate) use metrics::{Metrics, Refusal};
pub(crate) use readiness::Draining;
pub(crate) use routes::{AdminState, health_route, routes};
