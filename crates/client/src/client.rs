//! The client itself: what its handles share.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mistral_datasets_core_client as core;
use mistral_datasets_core_client::types::ErrorResponse;

use crate::config::ClientBuilder;
use crate::error::{Error, ErrorKind};
use crate::transport::{self, Transport};

/// A client of the API. Cloning it is cheap, and all clones share their connections.
///
/// It needs a tokio runtime when a call is awaited, not before.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    core: core::Client,
    transport: Transport,
    server_url: String,
    closed: AtomicBool,
    #[cfg(feature = "local")]
    local: std::sync::Mutex<Option<mistral_datasets_server::RunningServer>>,
}

impl Client {
    /// Begins to set up a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// A client with this key, and everything else as the environment or the defaults have it.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn new(api_key: impl Into<String>) -> Result<Self, Error> {
        Self::builder().api_key(api_key).build()
    }

    /// A client set up by the environment's `MISTRAL_API_KEY` and `MISTRAL_SERVER_URL`.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn from_env() -> Result<Self, Error> {
        Self::builder().build()
    }

    pub(crate) fn new_with(server_url: String, transport: Transport) -> Self {
        let core = core::Client::new_with_client(
            &server_url,
            transport.http().clone(),
            core::Hooks::new(transport.clone()),
        );
        Self {
            shared: Arc::new(Shared {
                core,
                transport,
                server_url,
                closed: AtomicBool::new(false),
                #[cfg(feature = "local")]
                local: std::sync::Mutex::new(None),
            }),
        }
    }

    /// Makes the client the owner of a server in this process, which closing it stops.
    #[cfg(feature = "local")]
    pub(crate) fn owning(self, server: mistral_datasets_server::RunningServer) -> Self {
        *self.shared.local.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(server);
        self
    }

    /// The server's address, without a slash at its end.
    pub fn server_url(&self) -> &str {
        &self.shared.server_url
    }

    /// Closes the client and all its clones: later calls fail with [`Closed`](ErrorKind::Closed), and an embedded server
    /// stops. Closing twice is no error. A client that is dropped needs no closing.
    pub async fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
        #[cfg(feature = "local")]
        {
            let server =
                self.shared.local.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
            if let Some(server) = server {
                server.shutdown().await;
            }
        }
    }

    /// Whether the client was closed.
    pub fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }

    fn open(&self) -> Result<&Shared, Error> {
        if self.is_closed() {
            return Err(Error::new(ErrorKind::Closed, "the client was closed"));
        }
        Ok(&self.shared)
    }

    pub(crate) fn core(&self) -> Result<&core::Client, Error> {
        Ok(&self.open()?.core)
    }

    pub(crate) fn transport(&self) -> Result<&Transport, Error> {
        Ok(&self.open()?.transport)
    }

    /// Carries out one generated call and tells its failure the way this layer does.
    pub(crate) async fn call<T>(
        &self,
        operation: &'static str,
        future: impl Future<Output = Result<core::ResponseValue<T>, core::Error<ErrorResponse>>>,
    ) -> Result<T, Error> {
        let (result, seen) = transport::observed(future).await;
        result
            .map(core::ResponseValue::into_inner)
            .map_err(|error| seen.explain(error).with_operation(operation))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("server_url", &self.shared.server_url)
            .finish_non_exhaustive()
    }
}
