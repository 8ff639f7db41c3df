//! A PostgreSQL server for the tests of this crate, and a database of its own for each test.

use std::env;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::PostgresStorage;
use super::database::Database;

/// The variable with the connection string of a server on which databases may be created.
const VARIABLE: &str = "MISTRAL_DATASETS_TEST_POSTGRES";

/// An empty database for one test.
pub(super) struct TestDatabase {
    config: Config,
    database: Database,
}

impl TestDatabase {
    /// Creates a database without a schema, or prints that the test is skipped and returns `None` if there is no server for tests.
    pub(super) async fn empty() -> Option<Self> {
        Self::create("").await
    }

    /// Like [`empty`](Self::empty), with the collation of a language.
    pub(super) async fn with_language() -> Option<Self> {
        Self::create("TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'").await
    }

    async fn create(options: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Ok(server) = env::var(VARIABLE) else {
            eprintln!("skipped: {VARIABLE} is not set");
            return None;
        };
        let mut config: Config = server.parse().expect("a connection string");
        let (process, number) = (std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let name = format!("test_{process}_{number}");
        let server = Database::new(config.clone()).unwrap();
        let connection = server.connection().await.unwrap();
        connection.execute_alone(&format!("CREATE DATABASE {name} {options}")).await.unwrap();
        config.dbname(&name);
        let database = Database::new(config.clone()).unwrap();
        Some(Self { config, database })
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    /// Connects like another server.
    pub(super) fn another_pool(&self) -> Database {
        Database::new(self.config.clone()).unwrap()
    }

    /// Returns the address of the server.
    pub(super) fn address(&self) -> String {
        let (host, port) = (self.config.get_hosts().first(), self.config.get_ports().first());
        match host {
            Some(Host::Tcp(host)) => format!("{host}:{}", port.unwrap_or(&5432)),
            host => panic!("the test needs a TCP address, not {host:?}"),
        }
    }

    /// Returns a configuration to connect to another address, such as that of a proxy.
    pub(super) fn config_at(&self, address: SocketAddr) -> Config {
        let mut config = Config::new();
        config.host(address.ip().to_string()).port(address.port()).ssl_mode(SslMode::Disable);
        config.user(self.config.get_user().unwrap_or("postgres"));
        config.password(self.config.get_password().unwrap_or_default());
        config.dbname(self.config.get_dbname().unwrap_or("postgres"));
        config
    }
}

/// Opens several storages in a new database, each as another server, or prints that the test is skipped and returns `None` if there is
/// no server for tests.
pub(super) async fn servers<const N: usize>() -> Option<[PostgresStorage; N]> {
    let test = TestDatabase::empty().await?;
    super::schema::migrate(&test.database).await.unwrap();
    let open = |()| PostgresStorage::new(test.another_pool());
    Some([(); N].map(open))
}

/// Runs statements.
pub(super) async fn execute(database: &Database, sql: &str) {
    let mut connection = database.connection().await.unwrap();
    let transaction = connection.write().await.unwrap();
    transaction.batch_execute(sql).await.unwrap();
    transaction.commit().await.unwrap();
}

/// Returns the number of rows in a table.
pub(super) async fn count_rows(database: &Database, table: &str) -> i64 {
    let mut connection = database.connection().await.unwrap();
    let transaction = connection.read().await.unwrap();
    let sql = format!("SELECT count(*) FROM {table}");
    transaction.query_typed_one(&sql, &[]).await.unwrap().get(0)
}

/// Opens a storage in a new database, or prints that the test is skipped and returns `None` if there is no server for tests.
pub(super) async fn storage() -> Option<PostgresStorage> {
    let test = TestDatabase::empty().await?;
    super::schema::migrate(&test.database).await.unwrap();
    Some(PostgresStorage::new(test.database))
}

/// Lets all leases end, as if all servers had disappeared.
pub(super) async fn expire_leases(storage: &PostgresStorage) {
    let sql = "UPDATE imports SET leased_until = '-infinity' WHERE leased_until IS NOT NULL";
    storage.database.connection().await.unwrap().execute_alone(sql).await.unwrap();
}
