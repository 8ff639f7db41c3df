//! A PostgreSQL server for the tests of this crate, and a database of its own for each test.

use std::env;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::Config;

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
    /// Creates a database without a schema, or returns `None` and says so if there is no server for tests.
    pub(super) async fn empty() -> Option<Self> {
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
        connection.execute_alone(&format!("CREATE DATABASE {name}")).await.unwrap();
        config.dbname(&name);
        let database = Database::new(config.clone()).unwrap();
        Some(Self { config, database })
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }
}

/// Opens several storages in a new database, each as another server, or returns `None` and says so if there is no server for tests.
pub(super) async fn servers<const N: usize>() -> Option<[PostgresStorage; N]> {
    let test = TestDatabase::empty().await?;
    super::schema::migrate(&test.database).await.unwrap();
    let open = |_| PostgresStorage::new(Database::new(test.config.clone()).unwrap());
    Some([(); N].map(open))
}

/// Opens a storage in a new database, or returns `None` and says so if there is no server for tests.
pub(super) async fn storage() -> Option<PostgresStorage> {
    let test = TestDatabase::empty().await?;
    super::schema::migrate(&test.database).await.unwrap();
    Some(PostgresStorage::new(test.database))
}
