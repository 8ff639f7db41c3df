//! Servers that share a PostgreSQL database and a directory as their object store.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;

use tempfile::TempDir;
use tokio_postgres::{Config, NoTls};
use uuid::Uuid;

use crate::server::TestServer;

/// The variable with the connection string of a PostgreSQL server on which databases may be created.
const VARIABLE: &str = "MISTRAL_DATASETS_TEST_POSTGRES";

/// The variable with a shell command that restarts the PostgreSQL server. It is set only if no other test uses the server.
const RESTART_VARIABLE: &str = "MISTRAL_DATASETS_RESTART_POSTGRES";

/// A new database and a new object store.
pub struct Shared {
    url: String,
    objects: TempDir,
}

impl Shared {
    /// Creates the database, or prints that the test is skipped and returns `None` if there is no server for tests.
    pub async fn create() -> Option<Self> {
        let Ok(server) = std::env::var(VARIABLE) else {
            println!("skipped: {VARIABLE} is not set");
            return None;
        };
        let name = format!("servers_{}", Uuid::new_v4().simple());
        execute(&server, &format!("CREATE DATABASE {name}")).await;
        let (base, options) = server.split_once('?').unwrap_or((&server, ""));
        let (base, _) = base.rsplit_once('/').expect("a URL with a database");
        let objects = tempfile::tempdir().expect("temporary directory");
        Some(Self { url: format!("{base}/{name}?{options}"), objects })
    }

    /// Starts a server on an address.
    pub fn start_server(&self, listen: SocketAddr) -> TestServer {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mistral-datasets"));
        command.args(["serve", "--listen", &listen.to_string()]);
        command.env("MISTRAL_DATASETS_SERVE_DATABASE", &self.url);
        command.arg("--objects").arg(format!("file://{}", self.objects.path().display()));
        TestServer::spawn(command)
    }

    /// Cuts all connections to the database.
    pub async fn cut_connections(&self) {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        execute(&self.url, sql).await;
    }
}

/// Restarts the database, if this is permitted. Returns whether it was.
pub fn restart_database() -> bool {
    let Ok(command) = std::env::var(RESTART_VARIABLE) else { return false };
    let status = Command::new("sh").args(["-c", &command]).status();
    assert!(status.expect("a shell runs").success(), "the database does not restart");
    true
}

/// Returns an address with a port that was free.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("the address of a listener")
}

async fn execute(url: &str, sql: &str) {
    let config: Config = url.parse().expect("a connection string");
    let (client, connection) = config.connect(NoTls).await.expect("PostgreSQL is running");
    let connection = tokio::spawn(connection);
    client.batch_execute(sql).await.expect("the statement succeeds");
    drop(client);
    let _ = connection.await;
}
