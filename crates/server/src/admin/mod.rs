//! Operating a server: health checks, metrics and backups.

mod backup;
mod metrics;
mod routes;

pub use backup::{Backup, BackupError, backup};
pub(crate) use metrics::Metrics;
pub(crate) use routes::{AdminState, routes};
