//! What tests need of a storage beyond the traits that they test.

use uuid::Uuid;

use crate::storage::{Counts, Pending};

/// Operations of [`Storage`](crate::storage::Storage), for storages that do not implement all of it yet, and a view of what is stored.
pub(crate) trait Upkeep {
    fn secret(&self) -> Pending<Option<Vec<u8>>>;
    fn set_secret(&self, secret: Vec<u8>) -> Pending<Vec<u8>>;
    fn reset(&self, workspace: Uuid) -> Pending<()>;
    fn counts(&self) -> Pending<Counts>;
    fn reclaim(&self) -> Pending<bool>;

    /// Returns the number of rows in a table.
    async fn rows(&self, table: &'static str) -> i64;

    /// Runs steps of [`reclaim`](Self::reclaim) until there is nothing left. Returns their number.
    async fn reclaim_all(&self) -> usize {
        let mut steps = 0;
        while self.reclaim().await.unwrap() {
            steps += 1;
        }
        steps
    }
}
