//! Where the layer above takes part in every call: authentication before, sending in the middle.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use progenitor_client::{ClientHooks, ClientInfo, Error, OperationInfo};
use reqwest::header::HeaderName;
use reqwest::{Request, Response};

use crate::Client;

/// What sends requests. The layer above implements it and hands it to [`Client::new_with_client`] inside [`Hooks`].
pub trait Exchange: Send + Sync + 'static {
    /// Sends one request of the named operation and returns its response.
    ///
    /// # Errors
    /// What reqwest reports when there is no response.
    fn exchange<'a>(
        &'a self,
        operation: &'static str,
        request: Request,
    ) -> BoxFuture<'a, reqwest::Result<Response>>;
}

/// The state the generated client carries: what sends its requests.
#[derive(Clone)]
pub struct Hooks(Arc<dyn Exchange>);

impl Hooks {
    /// Wraps what sends the requests.
    pub fn new(exchange: impl Exchange) -> Self {
        Self(Arc::new(exchange))
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}

impl ClientHooks<Hooks> for Client {
    async fn pre<E>(&self, request: &mut Request, _: &OperationInfo) -> Result<(), Error<E>> {
        // The generated code announces the document's version, which the service does not ask for.
        request.headers_mut().remove(HeaderName::from_static("api-version"));
        Ok(())
    }

    async fn exec(&self, request: Request, info: &OperationInfo) -> reqwest::Result<Response> {
        self.inner().0.exchange(info.operation_id, request).await
    }
}
