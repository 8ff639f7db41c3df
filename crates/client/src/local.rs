//! The client over a server in the same process.

use std::path::PathBuf;

use mistral_datasets_server::{DataLocation, ServerConfig, Workspaces};
use uuid::Uuid;

use crate::client::Client;
use crate::error::Error;
use crate::testing::LocalServer;

/// Where an embedded server keeps its data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LocalData {
    /// In memory; gone when the client is closed.
    Memory,
    /// In a directory, which is made where it is missing.
    Directory(PathBuf),
}

impl Client {
    /// Starts a local server of the API in this process, on a free loopback port and with a random key, and returns a client
    /// of it. The server stops when the client is closed, or when its last clone is dropped.
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
    /// Tests of your own code find more in [`testing`](crate::testing).
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) when the server cannot start: the directory cannot be used, or another
    /// process uses it.
    pub async fn local(data: LocalData) -> Result<Self, Error> {
        let key = Uuid::new_v4().to_string();
        let server = LocalServer::start_with(ServerConfig {
            data: match data {
                LocalData::Memory => DataLocation::Memory,
                LocalData::Directory(path) => DataLocation::Directory(path),
            },
            api_keys: vec![key.as_str().into()],
            // The key is another one at every start, and the data must be found again.
            workspaces: Workspaces::Shared,
            ..ServerConfig::default()
        })
        .await?;
        let client = server.workspace_with_key(key)?.client().clone();
        Ok(client.owning(server.into_running()))
    }
}
