//! Settings that all servers of a database share.

use super::PostgresStorage;
use super::database::Database;
use super::params::params;
use crate::storage::{Pending, StorageError};

const SECRET: &str = "SELECT value FROM settings WHERE name = 'secret'";

async fn secret(database: Database) -> Result<Option<Vec<u8>>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    let row = transaction.query_typed_opt(SECRET, &[]).await?;
    Ok(row.map(|row| row.get(0)))
}

async fn set_secret(database: Database, secret: Vec<u8>) -> Result<Vec<u8>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    // This waits for a server that is inserting its own key at the moment.
    let sql = "INSERT INTO settings (name, value) VALUES ('secret', $1) ON CONFLICT DO NOTHING";
    transaction.execute_typed(sql, params![secret]).await?;
    let stored = transaction.query_typed_one(SECRET, &[]).await?.get(0);
    transaction.commit().await?;
    Ok(stored)
}

impl PostgresStorage {
    /// Implements [`Storage::secret`](crate::storage::Storage::secret).
    pub(crate) fn secret(&self) -> Pending<Option<Vec<u8>>> {
        Box::pin(secret(self.database.clone()))
    }

    /// Implements [`Storage::set_secret`](crate::storage::Storage::set_secret).
    pub(crate) fn set_secret(&self, secret: Vec<u8>) -> Pending<Vec<u8>> {
        Box::pin(set_secret(self.database.clone(), secret))
    }
}
