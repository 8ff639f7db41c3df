//! Clients with a server in the same process.

use std::path::PathBuf;

use mistral_datasets_server::{DataLocation, ServerConfig, Workspaces};
use uuid::Uuid;

use crate::client::Client;
use crate::error::Error;
use crate::testing::LocalServer;

/// Where a server started by [`Client::local`] stores its data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LocalData {
    /// In memory. The data is lost when the client is closed.
    Memory,
    /// In a directory, which is created if it does not exist.
    Directory(PathBuf),
}

impl Client {
    /// Starts a local server in this process and returns a client for it.
    ///
    /// The server listens on a free loopback port and accepts only a random API key. It stops when the client is closed, or
    /// when the last clone is dropped.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), mistral_datasets::Error> {
    /// use mistral_datasets::{Client, LocalData};
    ///
    /// let client = Client::local(LocalData::Memory).await?;
    /// client.datasets().create("Refund requests", "Tickets about refunds").await?;
    /// assert_eq!(client.datasets().list().await?.datasets.count, 1);
    /// client.close().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// For tests, see also the [`testing`](crate::testing) module.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if the server cannot start, for example because another process uses
    /// the directory.
    pub async fn local(data: LocalData) -> Result<Self, Error> {
        let key = Uuid::new_v4().to_string();
        let data = match data {
            LocalData::Memory => DataLocation::Memory,
            LocalData::Directory(path) => DataLocation::Directory(path),
        };
        let config = ServerConfig::default()
            .data(data)
            .api_keys(vec![key.as_str().into()])
            // The key changes with every start, but the data must remain accessible.
            .workspaces(Workspaces::Shared);
        let server = LocalServer::start_with(config).await?;
        let client = server.workspace_with_key(key)?.client().clone();
        Ok(client.with_local_server(server.into_running()))
    }
}
