//! The storage on PostgreSQL, which several servers can share.
//!
//! - Every operation is one transaction, at the isolation level that [`database`] gives it.
//! - Queries are sent with the types of their parameters, in one round trip and without prepared statements, so they also work
//!   through a connection pooler in transaction mode.
//! - Locks are taken in one order: workspace, dataset, run, then rows of one table by ascending key. Two operations therefore
//!   never wait for each other.
//! - Housekeeping of several servers shares the work: it takes rows with `SKIP LOCKED`, and never waits for a row of a queue.

#[cfg(test)]
mod contract_tests;
mod counts;
mod database;
mod datasets;
mod file_listing;
mod file_totals;
mod files;
#[cfg(test)]
mod files_tests;
mod health;
mod orphans;
mod params;
mod reclaim;
#[cfg(test)]
mod reclaim_tests;
mod schema;
mod settings;
#[cfg(test)]
mod testing;
mod workspaces;

use database::Database;

/// A storage in a PostgreSQL database.
pub(crate) struct PostgresStorage {
    database: Database,
}
