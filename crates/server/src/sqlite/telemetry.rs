//! Telemetry in SQLite.

mod events;
mod expiry;
mod logs;
mod spans;
#[cfg(test)]
mod tests;
mod traces;

use super::SqliteStorage;
use super::budget::Cost;
use super::writer::{Durability, SpaceUse};
use crate::storage::{NewLog, NewSpan, Pending, Sender, TelemetryStore};
use crate::time::Timestamp;

impl TelemetryStore for SqliteStorage {
    fn insert_spans(&self, sender: Sender, spans: Vec<NewSpan>) -> Pending<()> {
        self.write_relaxed(spans::cost(&spans), move |connection| {
            spans::insert(connection, sender, &spans)
        })
    }

    fn insert_logs(&self, sender: Sender, logs: Vec<NewLog>) -> Pending<()> {
        self.write_relaxed(logs::cost(&logs), move |connection| {
            logs::insert(connection, sender, &logs)
        })
    }

    fn sync_telemetry(&self) -> Pending<()> {
        // Committing any durable write syncs all earlier ones, even if it changes nothing.
        self.writer.run(Durability::Full, SpaceUse::Frees(Cost::SMALL), |_| Ok(()))
    }

    fn expire_telemetry(&self, arrived_before: Timestamp) -> Pending<bool> {
        self.write_deleting(expiry::DELETIONS, move |connection| {
            expiry::step(connection, arrived_before)
        })
    }
}
