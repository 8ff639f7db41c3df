//! The state of the database, as far as this server knows without asking it.

use super::PostgresStorage;
use crate::storage::{DiskState, Health};

impl PostgresStorage {
    /// Implements [`Storage::health`](crate::storage::Storage::health).
    pub(crate) fn health(&self) -> Health {
        let disk =
            if self.database.is_reachable() { DiskState::Writable } else { DiskState::Unreachable };
        // The disk and the write-ahead log are those of the database server.
        Health { disk, free_bytes: None, wal_bytes: 0, pending_writes: self.database.operations() }
    }
}
