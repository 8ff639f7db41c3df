//! Delegates sending the requests of generated operations to a [`SendRequest`] implementation.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use progenitor_client::{ClientHooks, ClientInfo, Error, OperationInfo};
use reqwest::header::HeaderName;
use reqwest::{Request, Response};

use crate::Client;

/// Sends the requests of generated operations. Wrap an implementation in [`Hooks`] to pass it to
/// [`Client::new_with_client`].
pub trait SendRequest: Send + Sync + 'static {
    /// Sends a request and returns the response, which may have an error status. `operation` is the operation id.
    ///
    /// # Errors
    /// reqwest's error if there is no response.
    fn send_request<'a>(
        &'a self,
        operation: &'static str,
        request: Request,
    ) -> BoxFuture<'a, reqwest::Result<Response>>;
}

/// The state of the generated client, which contains the sender of its requests.
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

    /// Ends the call if the response has an error status. The sender has already read its body, and the generated code would
    /// only decode the API's own error format.
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
