//! What tests need of a storage beyond its interface.

use crate::storage::Storage;

/// A view of what is stored, and upkeep until nothing is left to do.
pub(crate) trait Upkeep: Storage {
    /// Returns the number of rows in a table.
    async fn rows(&self, table: &'static str) -> i64;

    /// Runs steps of [`reclaim`](Storage::reclaim) until it has removed everything. Returns their number.
    async fn reclaim_all(&self) -> usize {
        let mut steps = 0;
        while self.reclaim().await.unwrap() {
            steps += 1;
        }
        steps
    }
}
