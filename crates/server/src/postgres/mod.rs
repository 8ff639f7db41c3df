//! The storage on PostgreSQL, which several servers can share.
//!
//! - Every operation is one transaction, at the isolation level that [`database`] gives it.
//! - Queries are sent with the types of their parameters, in one round trip and without prepared statements, so they also work
//!   through a connection pooler in transaction mode.
//! - Locks are taken in one order: workspace, dataset, run, then rows of one table by ascending key. Two operations therefore
//!   never wait for each other.

#[cfg(test)]
mod contract_tests;
mod create_queue;
mod database;
mod datasets;
mod params;
mod positions;
mod record_reads;
mod record_stream;
mod records;
#[cfg(test)]
mod records_tests;
mod runs;
mod schema;
#[cfg(test)]
mod testing;
mod workspaces;

use create_queue::CreateQueue;
use database::Database;

/// A storage in a PostgreSQL database.
pub(crate) struct PostgresStorage {
    database: Database,
    creates: CreateQueue,
}

impl PostgresStorage {
    /// Creates a storage in a database that has the current schema.
    fn new(database: Database) -> Self {
        Self { creates: CreateQueue::new(database.clone()), database }
    }
}
