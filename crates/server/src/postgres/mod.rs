//! The storage on PostgreSQL, which several servers can share.
//!
//! - Every operation is one transaction, at the isolation level that [`database`] gives it.
//! - Queries are sent with the types of their parameters, in one round trip and without prepared statements, so they also work
//!   through a connection pooler in transaction mode.
//! - Locks are taken in one order: workspace, dataset, run, then rows of one table by ascending key. Two operations therefore
//!   never wait for each other.

mod answers;
mod campaign_queue;
#[cfg(test)]
mod campaign_queue_tests;
mod campaigns;
#[cfg(test)]
mod contract_tests;
mod database;
mod datasets;
mod event_filter;
mod events;
mod fixtures;
mod fold;
mod judges;
mod params;
mod query;
mod schema;
mod seed;
mod seed_records;
#[cfg(test)]
mod seed_tests;
mod selected_events;
#[cfg(test)]
mod testing;
mod time_limit;
mod workspaces;

use database::Database;

/// A storage in a PostgreSQL database.
pub(crate) struct PostgresStorage {
    database: Database,
}
