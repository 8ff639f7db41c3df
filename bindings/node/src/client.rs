//! The client that JavaScript holds, apart from the operations.

use std::time::Duration;

use mistral_datasets::{Client, LocalData};
use napi_derive::napi;

use crate::failure::{Outcome, outcome};

/// The Rust client. The generated calls are further methods of it.
#[napi]
pub struct NativeClient {
    pub(crate) client: Client,
}

/// How a client is set up; what is absent comes from the environment or is the default.
#[napi(object, object_to_js = false)]
pub struct Options {
    /// The key.
    pub api_key: Option<String>,
    /// The server's address.
    pub server_url: Option<String>,
    /// How long a request may take, in milliseconds.
    pub timeout_ms: Option<u32>,
    /// What stands before the client's own product token.
    pub user_agent: String,
}

/// Sets up a client. Nothing is connected yet.
#[napi]
pub fn connect(options: Options) -> Outcome<NativeClient> {
    let mut builder = Client::builder().user_agent(options.user_agent);
    if let Some(key) = options.api_key {
        builder = builder.api_key(key);
    }
    if let Some(url) = options.server_url {
        builder = builder.server_url(url);
    }
    if let Some(timeout) = options.timeout_ms {
        builder = builder.timeout(Duration::from_millis(timeout.into()));
    }
    outcome(builder.build().map(|client| NativeClient { client }))
}

/// Starts a server in this process and returns a client of it.
#[napi]
pub async fn connect_local(directory: Option<String>) -> Outcome<NativeClient> {
    let data =
        directory.map_or(LocalData::Memory, |directory| LocalData::Directory(directory.into()));
    outcome(Client::local(data).await.map(|client| NativeClient { client }))
}

#[napi]
impl NativeClient {
    /// The server's address.
    #[napi(getter)]
    pub fn server_url(&self) -> &str {
        self.client.server_url()
    }

    /// Closes the client and stops its embedded server.
    #[napi]
    pub async fn close(&self) {
        self.client.close().await;
    }
}
