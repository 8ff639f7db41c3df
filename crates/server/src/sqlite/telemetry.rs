//! Telemetry in SQLite.

mod events;
mod expiry;
mod logs;
mod spans;
mod traces;

use super::SqliteStorage;
use super::budget::Cost;
use super::writer::{Durability, SpaceUse};
use crate::storage::{NewLog, NewSpan, Pending, Sender, TelemetryStore};
use crate::time::Timestamp;

impl TelemetryStore for SqliteStorage {
    fn insert_spans(&self, sender: Sender, spans: Vec<NewSpan>) -> Pending<()> {
        let bytes = spans.iter().map(NewSpan::bytes).sum();
        // A span may change its trace and have an event.
        let cost = Cost::insert(3 * spans.len() as u64, bytes);
        self.write_relaxed(cost, move |connection| spans::insert(connection, sender, &spans))
    }

    fn insert_logs(&self, sender: Sender, logs: Vec<NewLog>) -> Pending<()> {
        let bytes = logs.iter().map(NewLog::bytes).sum();
        // A record may be an evaluation, which is counted in its trace.
        let cost = Cost::insert(3 * logs.len() as u64, bytes);
        self.write_relaxed(cost, move |connection| logs::insert(connection, sender, &logs))
    }

    fn sync_telemetry(&self) -> Pending<()> {
        // Committing any durable write syncs all earlier ones, even if it changes nothing.
        self.writer.run(Durability::Full, SpaceUse::Frees(Cost::SMALL), |_| Ok(()))
    }

    fn expire_telemetry(&self, arrived_before: Timestamp) -> Pending<bool> {
        self.write_deleting(expiry::ROWS * 2, move |connection| {
            expiry::step(connection, arrived_before)
        })
    }
}
