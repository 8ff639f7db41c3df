//! Cancels searches that take too long.

use std::ops::Deref;
use std::time::{Duration, Instant};

use deadpool_postgres::Transaction;
use tokio_postgres::RowStream;

use super::query::Query;
use crate::storage::StorageError;

/// How long a search may take.
const SEARCH_TIME: Duration = Duration::from_secs(10);

/// A transaction that reads for a limited time.
pub(super) struct Limited<'a> {
    transaction: Transaction<'a>,
    deadline: Instant,
}

impl<'a> Limited<'a> {
    pub(super) fn new(transaction: Transaction<'a>) -> Self {
        Self::with_limit(transaction, SEARCH_TIME)
    }

    pub(super) fn with_limit(transaction: Transaction<'a>, limit: Duration) -> Self {
        Self { transaction, deadline: Instant::now() + limit }
    }

    /// Fails if the time is over.
    pub(super) fn check(&self) -> Result<(), StorageError> {
        if Instant::now() >= self.deadline { Err(StorageError::TimedOut) } else { Ok(()) }
    }

    /// Runs a query that the database cancels when the time is over.
    pub(super) async fn run<T>(
        &self,
        query: impl Future<Output = Result<T, StorageError>>,
    ) -> Result<T, StorageError> {
        self.check()?;
        let left = self.deadline.saturating_duration_since(Instant::now()).as_millis().max(1);
        // Compiling a query takes longer than it saves.
        let limit = format!("SET LOCAL statement_timeout = {left}; SET LOCAL jit = off");
        let limit = async { Ok(self.transaction.batch_execute(&limit).await?) };
        // Both are sent together.
        let ((), result) = futures::try_join!(limit, query)?;
        Ok(result)
    }

    /// Runs a query whose rows are read one by one.
    pub(super) async fn stream(&self, query: &Query<'_>) -> Result<RowStream, StorageError> {
        let parameters = query.parameters();
        self.run(async { Ok(self.transaction.query_typed_raw(&query.sql, parameters).await?) })
            .await
    }
}

impl<'a> Deref for Limited<'a> {
    type Target = Transaction<'a>;

    fn deref(&self) -> &Self::Target {
        &self.transaction
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::testing;

    #[tokio::test]
    async fn a_query_is_cancelled_at_its_limit() {
        let Some(storage) = testing::storage().await else { return };
        let limit = Duration::from_millis(50);
        let mut connection = storage.database.connection().await.unwrap();
        let transaction = Limited::with_limit(connection.read().await.unwrap(), limit);
        let slow = async { Ok(transaction.batch_execute("SELECT pg_sleep(60)").await?) };
        let started = Instant::now();
        let result = transaction.run(slow).await;
        assert!(matches!(result, Err(StorageError::TimedOut)), "{result:?}");
        assert!(started.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(limit).await;
        let late = transaction.run(async { Ok(()) }).await;
        assert!(matches!(late, Err(StorageError::TimedOut)));
        drop(transaction);
        // The next transaction has no limit.
        let transaction = connection.read().await.unwrap();
        transaction.batch_execute("SELECT pg_sleep(0.1)").await.unwrap();
    }
}
