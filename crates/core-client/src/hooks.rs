//! Lets the layer above send the requests of the generated operations.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use progenitor_client::{ClientHooks, ClientInfo, Error, OperationInfo};
use reqwest::header::HeaderName;
use reqwest::{Request, Response};

use crate::Client;

/// Sends the requests of generated operations. Passed to [`Client::new_with_client`] in [`Hooks`].
pub trait SendRequest: Send + Sync + 'static {
    /// Sends the request of the named operation and returns the response, including responses with an error status.
    ///
    /// # Errors
    /// reqwest's error if there is no response.
    fn send_request<'a>(
        &'a self,
        operation: &'static str,
        request: Request,
    ) -> BoxFuture<'a, reqwest::Result<Response>>;
}

/// The state of the generated client: what sends its requests.
#[derive(Clone)]
pub struct Hooks(Arc<dyn SendRequest>);

impl Hooks {
    /// Creates hooks that send requests with `sender`.
    pub fn new(sender: impl SendRequest) -> Self {
        Self(Arc::new(sender))
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}

impl ClientHooks<Hooks> for Client {
    async fn pre<E>(&self, request: &mut Request, _: &OperationInfo) -> Result<(), Error<E>> {
        // The generated code sends the document's version, which the service does not expect.
        request.headers_mut().remove(HeaderName::from_static("api-version"));
        Ok(())
    }

    async fn exec(&self, request: Request, info: &OperationInfo) -> reqwest::Result<Response> {
        self.inner().0.send_request(info.operation_id, request).await
    }

    /// Ends the call at a response with an error status. The sender has read its body already, and the generated code
    /// would only understand the API's own error format.
    async fn post<E>(
        &self,
        result: &reqwest::Result<Response>,
        _: &OperationInfo,
    ) -> Result<(), Error<E>> {
        match result {
            Ok(response) if is_error(response) => {
                Err(Error::Custom(format!("status {}", response.status())))
            }
            _ => Ok(()),
        }
    }
}

fn is_error(response: &Response) -> bool {
    response.status().is_client_error() || response.status().is_server_error()
}
