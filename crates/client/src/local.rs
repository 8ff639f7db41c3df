//! The client over a server in the same process.

use std::path::PathBuf;

use mistral_datasets_server::{DataLocation, Server, ServerConfig, Workspaces};
use uuid::Uuid;

use crate::client::Client;
use crate::error::{Error, ErrorKind};

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
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) when the server cannot start: the directory cannot be used, or another
    /// process uses it.
    pub async fn local(data: LocalData) -> Result<Self, Error> {
        let key = Uuid::new_v4().to_string();
        let server = Server::start(ServerConfig {
            data: match data {
                LocalData::Memory => DataLocation::Memory,
                LocalData::Directory(path) => DataLocation::Directory(path),
            },
            api_keys: vec![key.clone()],
            // The key is another one at every start, and the data must be found again.
            workspaces: Workspaces::Shared,
            ..ServerConfig::default()
        })
        .await
        .map_err(|error| {
            Error::new(ErrorKind::Configuration, format!("the local server cannot start: {error}"))
                .with_source(error)
        })?;
        let client = Self::builder().api_key(key).server_url(server.url()).no_proxy().build()?;
        Ok(client.owning(server))
    }
}
