//! Telemetry in PostgreSQL.
//!
//! What is inserted is committed without waiting for the database's disk: a crash of the database may lose the last moment, a crash of
//! the server loses nothing that was acknowledged. Every write locks the rows of the traces that it concerns, in the order of their
//! ids, before it changes spans, so that summaries count every span once and two writes never wait for each other.

mod evaluations;
mod events;
mod expiry;
mod logs;
mod spans;
#[cfg(test)]
mod tests;
mod traces;

use super::PostgresStorage;
use super::database::Database;
use crate::storage::{NewLog, NewSpan, Pending, Sender, StorageError, TelemetryStore};
use crate::time::Timestamp;

/// Commits a transaction durably, and with it all earlier ones of all servers: the database flushes its log in order.
async fn sync(database: Database) -> Result<(), StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    // Without an id, there is nothing to commit.
    transaction.batch_execute("SELECT pg_current_xact_id()").await?;
    transaction.commit().await
}

impl TelemetryStore for PostgresStorage {
    fn insert_spans(&self, sender: Sender, spans: Vec<NewSpan>) -> Pending<()> {
        Box::pin(spans::insert(self.database.clone(), sender, spans))
    }

    fn insert_logs(&self, sender: Sender, logs: Vec<NewLog>) -> Pending<()> {
        Box::pin(logs::insert(self.database.clone(), sender, logs))
    }

    fn sync_telemetry(&self) -> Pending<()> {
        Box::pin(sync(self.database.clone()))
    }

    fn expire_telemetry(&self, arrived_before: Timestamp) -> Pending<bool> {
        Box::pin(expiry::step(self.database.clone(), arrived_before))
    }
}

/// Replaces U+0000 in texts; see [`storable`](super::params::storable).
fn make_storable(texts: &mut [&mut String]) {
    for text in texts {
        if text.contains('\0') {
            **text = text.replace('\0', "\u{fffd}");
        }
    }
}
