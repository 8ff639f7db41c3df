//! Connections, transactions and errors.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
    Transaction,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::{DbError, Severity, SqlState};
use tokio_postgres::{Config, IsolationLevel, NoTls, RowStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::params::Param;
use crate::storage::StorageError;
use crate::tls;

/// After what time a request that the database could not serve should be sent again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The maximum time to wait for a connection: to be free, or to be established.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The number of connections of a server.
const CONNECTIONS: usize = 16;

/// The number of connections that long reads may use at once. A long read holds its connection for as long as its client takes to
/// receive the data, so the others are left to short operations.
const LONG_READS: usize = CONNECTIONS / 2;

/// A database, as a pool of connections to it. Clones share the pool.
#[derive(Clone)]
pub(super) struct Database {
    shared: Arc<Shared>,
}

struct Shared {
    pool: Pool,
    /// Whether the last attempt to connect succeeded.
    is_reachable: AtomicBool,
    long_reads: Arc<Semaphore>,
}

impl Database {
    /// Creates a pool without connecting.
    pub(super) fn new(mut config: Config) -> Result<Self, StorageError> {
        config.connect_timeout(CONNECT_TIMEOUT);
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = if config.get_ssl_mode() == SslMode::Disable {
            Manager::from_config(config, NoTls, recycling)
        } else {
            let tls = MakeRustlsConnect::new(tls::configuration().map_err(failed)?);
            Manager::from_config(config, tls, recycling)
        };
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(CONNECT_TIMEOUT))
            .create_timeout(Some(CONNECT_TIMEOUT))
            .build()
            .map_err(failed)?;
        let shared = Shared {
            pool,
            long_reads: Arc::new(Semaphore::new(LONG_READS)),
            is_reachable: AtomicBool::new(true),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Takes a connection from the pool, for one transaction at a time.
    pub(super) async fn connection(&self) -> Result<Connection, StorageError> {
        let taken = self.shared.pool.get().await;
        match &taken {
            Ok(_) => self.shared.is_reachable.store(true, Ordering::Relaxed),
            // These are not failures to connect.
            Err(PoolError::Closed | PoolError::Timeout(TimeoutType::Wait)) => {}
            Err(_) => {
                if self.shared.is_reachable.swap(false, Ordering::Relaxed) {
                    tokio::spawn(reconnect(Arc::downgrade(&self.shared)));
                }
            }
        }
        Ok(Connection(taken?))
    }

    /// Takes a connection from the pool, for a read whose duration depends on a client. Waits for other such reads if there are many.
    pub(super) async fn long_read_connection(&self) -> Result<LongReadConnection, StorageError> {
        let permit = Arc::clone(&self.shared.long_reads).acquire_owned();
        let permit = tokio::time::timeout(CONNECT_TIMEOUT, permit).await.map_err(unavailable)?;
        let permit = permit.map_err(failed)?;
        Ok(LongReadConnection { connection: self.connection().await?, _permit: permit })
    }

    /// Returns whether the last attempt to connect succeeded.
    pub(super) fn is_reachable(&self) -> bool {
        self.shared.is_reachable.load(Ordering::Relaxed)
    }

    /// Returns the number of operations that use a connection or wait for one.
    pub(super) fn operations(&self) -> usize {
        let status = self.shared.pool.status();
        status.size.saturating_sub(status.available) + status.waiting
    }
}

/// Tries to connect until it succeeds or the database is dropped. A server that is not ready may receive no requests, so nothing else
/// would notice that the database can be reached again.
async fn reconnect(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(RETRY_AFTER).await;
        let Some(shared) = shared.upgrade() else { return };
        match shared.pool.get().await {
            Ok(_) => return shared.is_reachable.store(true, Ordering::Relaxed),
            Err(PoolError::Closed) => return,
            Err(_) => {}
        }
    }
}

/// A connection. It returns to the pool when it is dropped.
pub(super) struct Connection(Object);

impl Connection {
    /// Starts a transaction that reads from one snapshot.
    pub(super) async fn read(&mut self) -> Result<Transaction<'_>, StorageError> {
        let transaction = self.0.build_transaction().read_only(true);
        Ok(transaction.isolation_level(IsolationLevel::RepeatableRead).start().await?)
    }

    /// Starts a transaction in which every statement sees what was committed before it. Rows that must not change until the commit
    /// have to be locked.
    pub(super) async fn write(&mut self) -> Result<Write<'_>, StorageError> {
        let transaction = self.0.build_transaction();
        let transaction = transaction.isolation_level(IsolationLevel::ReadCommitted);
        Ok(Write(transaction.start().await?))
    }

    /// Runs a query outside of a transaction. A single query reads from one snapshot anyway, so this only saves the round trips
    /// that start and end the transaction.
    pub(super) async fn query(
        &self,
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<RowStream, StorageError> {
        Ok(self.0.query_typed_raw(sql, params.iter().cloned()).await?)
    }

    /// Runs a statement that cannot be part of a transaction.
    #[cfg(test)]
    pub(super) async fn execute_alone(&self, sql: &str) -> Result<(), StorageError> {
        Ok(self.0.batch_execute(sql).await?)
    }
}

/// A connection for a long read.
pub(super) struct LongReadConnection {
    connection: Connection,
    _permit: OwnedSemaphorePermit,
}

impl LongReadConnection {
    /// Starts a transaction that reads from one snapshot.
    pub(super) async fn read(&mut self) -> Result<Transaction<'_>, StorageError> {
        self.connection.read().await
    }
}

/// A transaction that writes. It is rolled back if it is dropped.
pub(super) struct Write<'a>(Transaction<'a>);

impl<'a> std::ops::Deref for Write<'a> {
    type Target = Transaction<'a>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Write<'_> {
    /// Makes the transaction durable.
    ///
    /// If the connection is lost, it is unknown whether it was committed, so the error is one that clients do not retry.
    pub(super) async fn commit(self) -> Result<(), StorageError> {
        match self.0.commit().await {
            Err(error) if ends_connection(&error) => Err(failed(UnknownOutcome(error))),
            result => Ok(result?),
        }
    }

    /// Lets a crash of the database lose the transaction, if that also loses all later ones that are not durable.
    pub(super) async fn relax_durability(&self) -> Result<(), StorageError> {
        Ok(self.0.batch_execute("SET LOCAL synchronous_commit = off").await?)
    }
}

/// Returns whether the database has not rejected a statement, but ended the connection. A server that is shut down can end it after
/// the commit, while it waits for a replica.
fn ends_connection(error: &tokio_postgres::Error) -> bool {
    let severity = error.as_db_error().map(DbError::parsed_severity);
    !matches!(severity, Some(Some(Severity::Error)))
}

/// The connection was lost during a commit.
#[derive(Debug, thiserror::Error)]
#[error(
    "the connection to the database was lost during a commit, so it is unknown whether it succeeded"
)]
struct UnknownOutcome(#[source] tokio_postgres::Error);

/// Creates the error of a failure that is not expected.
pub(super) fn failed(error: impl Error + Send + Sync + 'static) -> StorageError {
    StorageError::Failed(Box::new(error))
}

/// Creates the error of a database that cannot be used at the moment. Nothing was changed.
fn unavailable(error: impl Error + Send + Sync + 'static) -> StorageError {
    StorageError::Unavailable { retry_after: RETRY_AFTER, cause: Box::new(error) }
}

impl From<tokio_postgres::Error> for StorageError {
    /// Converts an error of a statement before the commit: the transaction is rolled back.
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(code) = error.code() else {
            // The connection could not be established, or was lost.
            let is_of_connection = error.is_closed() || is_io(&error);
            return if is_of_connection { unavailable(error) } else { failed(error) };
        };
        let code = code.clone();
        if code == SqlState::DISK_FULL {
            return Self::Full;
        }
        if code == SqlState::QUERY_CANCELED {
            return Self::TimedOut;
        }
        if is_transient(&code) { unavailable(error) } else { failed(error) }
    }
}

/// Returns whether another attempt can succeed without any change to the request or the schema.
fn is_transient(code: &SqlState) -> bool {
    [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::OUT_OF_MEMORY,
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        // A replica, after a failover.
        SqlState::READ_ONLY_SQL_TRANSACTION,
    ]
    .contains(code)
        // Connection exceptions, which poolers send, too.
        || code.code().starts_with("08")
}

/// Returns whether the cause is an error of the network.
fn is_io(error: &tokio_postgres::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<std::io::Error>() {
            return true;
        }
        cause = error.source();
    }
    false
}

impl From<PoolError> for StorageError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Closed => Self::Stopped,
            error => unavailable(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::super::testing::TestDatabase;
    use super::*;

    #[tokio::test]
    async fn a_database_is_reachable_again_without_a_request() {
        let Some(test) = TestDatabase::empty().await else { return };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (server, address) = (test.address(), listener.local_addr().unwrap());
        drop(listener);
        let database = Database::new(test.config_at(address)).unwrap();
        assert!(database.is_reachable());
        for _ in 0..2 {
            let error = database.connection().await.map(|_| ()).unwrap_err();
            assert!(matches!(error, StorageError::Unavailable { .. }), "{error}");
            assert!(!database.is_reachable());
        }
        let listener = TcpListener::bind(address).await.unwrap();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(async move {
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        let waiting = async {
            while !database.is_reachable() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
        assert_eq!(database.operations(), 0);
        let _connection = database.connection().await.unwrap();
        assert_eq!(database.operations(), 1);
    }
}
