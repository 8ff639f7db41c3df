//! The storage on PostgreSQL, which several servers can share.
//!
//! - Every operation is one transaction, at the isolation level that [`database`] gives it.
//! - Queries are sent with the types of their parameters, in one round trip and without prepared statements, so they also work
//!   through a connection pooler in transaction mode.
//! - Locks are taken in one order: workspace, dataset, run, then rows of one table by ascending key. Two operations therefore
//!   never wait for each other.
//! - Housekeeping of several servers shares the work: it takes rows with `SKIP LOCKED`, and never waits for a row of a queue.

mod answers;
mod campaign_queue;
#[cfg(test)]
mod campaign_queue_tests;
mod campaigns;
mod connection_string;
#[cfg(test)]
mod contract_tests;
mod counts;
mod create_queue;
mod database;
mod datasets;
mod event_filter;
mod events;
mod file_listing;
mod file_totals;
mod files;
#[cfg(test)]
mod files_tests;
mod fixtures;
mod fold;
mod health;
mod import_queue;
mod imports;
#[cfg(test)]
mod imports_tests;
mod judges;
mod orphans;
mod params;
mod positions;
mod query;
mod reclaim;
#[cfg(test)]
mod reclaim_tests;
mod record_reads;
mod record_stream;
mod records;
#[cfg(test)]
mod records_tests;
mod runs;
mod schema;
mod seed;
mod seed_records;
#[cfg(test)]
mod seed_tests;
mod selected_events;
mod settings;
mod span_sources;
mod staging;
mod telemetry;
mod telemetry_search;
#[cfg(test)]
mod testing;
mod time_limit;
mod workspaces;

use uuid::Uuid;

use crate::storage::{Counts, Health, Pending, Storage, StorageError};
use create_queue::CreateQueue;
use database::Database;
pub(crate) use schema::SchemaError;

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

/// A storage on PostgreSQL could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The connection string is invalid. It may contain a password, so it is not shown.
    #[error(
        "the connection string is invalid: expected a URL such as `postgres://USER@HOST/NAME`, or `key=value` pairs"
    )]
    ConnectionString,
    /// A variable of the environment has an invalid value.
    #[error("the environment variable `{0}` is invalid")]
    Variable(&'static str),
    /// The schema cannot be used or migrated.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The pool of connections cannot be created.
    #[error("cannot connect to the database")]
    Connect(#[from] StorageError),
}

impl PostgresStorage {
    /// Connects to a database, and migrates an older schema.
    pub(crate) async fn open(connection_string: &str) -> Result<Self, OpenError> {
        let database = Database::new(connection_string::parse(connection_string)?)?;
        schema::migrate(&database).await?;
        Ok(Self::new(database))
    }
}

impl Storage for PostgresStorage {
    fn secret(&self) -> Pending<Option<Vec<u8>>> {
        Self::secret(self)
    }

    fn set_secret(&self, secret: Vec<u8>) -> Pending<Vec<u8>> {
        Self::set_secret(self, secret)
    }

    fn reset(&self, workspace: Uuid) -> Pending<()> {
        Self::reset(self, workspace)
    }

    fn counts(&self) -> Pending<Counts> {
        Self::counts(self)
    }

    fn reclaim(&self) -> Pending<bool> {
        Self::reclaim(self)
    }

    fn shrink(&self) -> Pending<u64> {
        Self::shrink(self)
    }

    fn release_space(&self) -> Pending<bool> {
        Self::release_space(self)
    }

    fn health(&self) -> Health {
        Self::health(self)
    }
}
