//! Runs the tests on PostgreSQL, if they should.

use mistral_datasets_server::ServerConfig;

/// The variable with the connection string of a PostgreSQL server on which databases may be created. If it is set, servers of the tests
/// use it instead of temporary data, unless they need a data directory.
#[cfg(feature = "scale-out")]
const VARIABLE: &str = "MISTRAL_DATASETS_TESTS_ON_POSTGRES";

/// Replaces temporary data by a new database and a new directory for objects.
#[cfg(feature = "scale-out")]
pub async fn apply(config: ServerConfig) -> ServerConfig {
    use mistral_datasets_server::{DataLocation, SharedData};

    let Ok(server) = std::env::var(VARIABLE) else { return config };
    if !matches!(config.data, DataLocation::Memory) {
        return config;
    }
    let name = format!("server_{}", uuid::Uuid::new_v4().simple());
    let (client, connection) = tokio_postgres::connect(&server, tokio_postgres::NoTls)
        .await
        .expect("PostgreSQL is running");
    let connection = tokio::spawn(connection);
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("a database is created");
    drop(client);
    let _ = connection.await;
    let (address, options) = server.split_once('?').unwrap_or((&server, ""));
    let (address, _) = address.rsplit_once('/').expect("a URL with a database");
    let objects = tempfile::tempdir().expect("temporary directory").keep();
    let database = format!("{address}/{name}?{options}");
    config.data(DataLocation::Shared(SharedData::new(
        database,
        format!("file://{}", objects.display()),
    )))
}

#[cfg(not(feature = "scale-out"))]
pub async fn apply(config: ServerConfig) -> ServerConfig {
    config
}
