//! Clients with a server in the same process.

use std::path::PathBuf;

use mistral_datasets_server::{DataLocation, JudgeEndpoint, ServerConfig, Workspaces};
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

/// Options of a server started by [`Client::local_with`].
#[derive(Clone, Debug)]
#[must_use]
pub struct LocalOptions {
    data: LocalData,
    judge: Option<JudgeEndpoint>,
}

impl LocalOptions {
    /// Creates options for a server that stores its data at a location and cannot judge.
    pub fn new(data: LocalData) -> Self {
        Self { data, judge: None }
    }

    /// The model endpoint that judges ask. Default: none, so judging fails with
    /// [`FeatureNotSupported`](crate::types::ErrorCode::FeatureNotSupported).
    pub fn judge(mut self, judge: Option<JudgeEndpoint>) -> Self {
        self.judge = judge;
        self
    }
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
        Self::local_with(LocalOptions::new(data)).await
    }

    /// Starts a local server with options and returns a client for it; see [`local`](Self::local).
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), mistral_datasets::Error> {
    /// use mistral_datasets::{Client, JudgeEndpoint, LocalData, LocalOptions};
    ///
    /// let endpoint = JudgeEndpoint::new("http://localhost:11434/v1");
    /// let client = Client::local_with(LocalOptions::new(LocalData::Memory).judge(Some(endpoint))).await?;
    /// // Judges can now be asked. The endpoint is not contacted before.
    /// client.close().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if the server cannot start, or the endpoint's URL, key or timeout is
    /// invalid.
    pub async fn local_with(options: LocalOptions) -> Result<Self, Error> {
        let LocalOptions { data, judge } = options;
        let key = Uuid::new_v4().to_string();
        let data = match data {
            LocalData::Memory => DataLocation::Memory,
            LocalData::Directory(path) => DataLocation::Directory(path),
        };
        let config = ServerConfig::default()
            .data(data)
            .judge(judge)
            .api_keys(vec![key.as_str().into()])
            // The key changes with every start, but the data must remain accessible.
            .workspaces(Workspaces::Shared);
        let server = LocalServer::start_with(config).await?;
        let client = server.workspace_with_key(key)?.client().clone();
        Ok(client.with_local_server(server.into_running()))
    }
}
