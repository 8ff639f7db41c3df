//! The client itself: what its handles share.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use mistral_datasets_core_client as core;
use mistral_datasets_types::ErrorResponse;

use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::config::{self, ClientBuilder};
use crate::error::{Error, ErrorKind};
use crate::options::Options;
use crate::seen::Observer;
use crate::transport::Transport;

/// A client of the API. Cloning it is cheap, and all clones share their connections.
///
/// Calls that fail in a way that passes are made again where that does no harm; see [`RetryPolicy`](crate::RetryPolicy). Dropping the
/// future of a call breaks it off.
///
/// It needs a tokio runtime when a call is awaited, not before.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    core: core::Client,
    transport: Transport,
    server_url: String,
    shared: Arc<Shared>,
    /// Cancelled with all clients when they are closed, and alone through [`Client::cancellable`].
    ended: CancellationToken,
}

/// What clients with different options have in common.
#[derive(Default)]
struct Shared {
    closed: CancellationToken,
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
        let shared = Arc::<Shared>::default();
        let ended = shared.closed.clone();
        Self::over(shared, ended, server_url, transport)
    }

    fn over(
        shared: Arc<Shared>,
        ended: CancellationToken,
        server_url: String,
        transport: Transport,
    ) -> Self {
        let core = core::Client::new_with_client(
            &server_url,
            transport.http().clone(),
            core::Hooks::new(transport.clone()),
        );
        Self { inner: Arc::new(Inner { core, transport, server_url, shared, ended }) }
    }

    /// A client for which something is otherwise: for one call, or for some. It shares everything else with this one: the
    /// connections, the budget of repetitions, and being closed.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// use std::time::Duration;
    /// use mistral_datasets::{Options, RetryPolicy};
    ///
    /// let options = Options::new().timeout(Duration::from_secs(5)).retries(RetryPolicy::none());
    /// let page = client.with_options(options)?.datasets().list().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn with_options(&self, options: Options) -> Result<Self, Error> {
        let Inner { transport, server_url, shared, ended, .. } = &*self.inner;
        let settings = transport.settings().with(&options)?;
        let server_url = match &options.server_url {
            Some(url) => config::server_url(url)?,
            None => server_url.clone(),
        };
        Ok(Self::over(shared.clone(), ended.clone(), server_url, transport.with(settings)))
    }

    /// A client like this one that makes connections of its own, and shares everything else.
    ///
    /// A connection is worked by the runtime in which a call opened it, and stands still when that does. A program with
    /// several runtimes gives each a client of its own this way.
    ///
    /// ```no_run
    /// # fn example(client: mistral_datasets::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// let client = client.with_own_connection_pool()?;
    /// let page = runtime.block_on(client.datasets().list().into_future())?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) when the environment's proxies cannot be used any more.
    pub fn with_own_connection_pool(&self) -> Result<Self, Error> {
        let Inner { transport, server_url, shared, ended, .. } = &*self.inner;
        let transport = transport.with_own_connection_pool()?;
        Ok(Self::over(shared.clone(), ended.clone(), server_url.clone(), transport))
    }

    /// A client like this one that uses the connections of another, and shares everything else with this one.
    ///
    /// What belongs to the connections is the other's: the proxy and the certificates that are trusted. Where a runtime has a
    /// client with [connections of its own](Self::with_own_connection_pool), a client with other options goes over these.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// use std::time::Duration;
    /// use mistral_datasets::Options;
    ///
    /// let here = client.with_own_connection_pool()?;
    /// let patient = client.with_options(Options::new().timeout(Duration::from_secs(60)))?;
    /// let page = patient.with_connection_pool_of(&here).datasets().list().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_connection_pool_of(&self, other: &Self) -> Self {
        let Inner { transport, server_url, shared, ended, .. } = &*self.inner;
        let transport = transport.with_connection_pool_of(&other.inner.transport);
        Self::over(shared.clone(), ended.clone(), server_url.clone(), transport)
    }

    /// A client like this one, and the token that breaks its calls off: once that is cancelled, what is under way fails with
    /// [`Cancelled`](ErrorKind::Cancelled), and so does what is called later. This client goes on.
    ///
    /// Dropping a call's future breaks it off too. The token reaches everything that one client has begun, and the errors
    /// tell how far it was.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// let (cancellable, token) = client.cancellable();
    /// let waiting = tokio::spawn(async move { cancellable.datasets().task("d", "t").wait().await });
    /// token.cancel();
    /// # Ok(())
    /// # }
    /// ```
    pub fn cancellable(&self) -> (Self, CancellationToken) {
        let Inner { transport, server_url, shared, ended, .. } = &*self.inner;
        let token = ended.child_token();
        let client =
            Self::over(shared.clone(), token.clone(), server_url.clone(), transport.clone());
        (client, token)
    }

    /// Makes the client the owner of a server in this process, which closing it stops.
    #[cfg(feature = "local")]
    pub(crate) fn owning(self, server: mistral_datasets_server::RunningServer) -> Self {
        *self.inner.shared.local.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
            Some(server);
        self
    }

    /// The server's address, without a slash at its end.
    pub fn server_url(&self) -> &str {
        &self.inner.server_url
    }

    /// Closes the client and all its clones: calls under way fail with [`Cancelled`](ErrorKind::Cancelled), later ones with
    /// [`Closed`](ErrorKind::Closed), and an embedded server stops. Closing twice is no error. A client that is dropped needs no closing.
    pub async fn close(&self) {
        self.inner.shared.closed.cancel();
        #[cfg(feature = "local")]
        {
            let local = &self.inner.shared.local;
            let server = local.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
            if let Some(server) = server {
                server.shutdown().await;
            }
        }
    }

    /// Whether the client was closed.
    pub fn is_closed(&self) -> bool {
        self.inner.shared.closed.is_cancelled()
    }

    fn open(&self) -> Result<&Inner, Error> {
        if self.is_closed() {
            return Err(Error::new(ErrorKind::Closed, "the client was closed"));
        }
        if self.inner.ended.is_cancelled() {
            return Err(self.broken_off());
        }
        Ok(&self.inner)
    }

    /// Waits until calls are to be broken off.
    pub(crate) async fn ended(&self) {
        self.inner.ended.cancelled().await;
    }

    /// The error of what was broken off from this side.
    pub(crate) fn broken_off(&self) -> Error {
        Error::new(ErrorKind::Cancelled, self.why_ended())
    }

    fn why_ended(&self) -> &'static str {
        if self.is_closed() {
            "the client was closed during the call"
        } else {
            "the call was cancelled"
        }
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
        let observer = Observer::default();
        let deadline = self.inner.transport.settings().deadline;
        let span = tracing::debug_span!("call", operation);
        let result = tokio::select! {
            biased;
            result = observer.observe(future).instrument(span) => {
                result.map_err(|error| observer.take().explain(error))
            }
            () = self.ended() => {
                Err(observer.take().given_up(ErrorKind::Cancelled, self.why_ended().to_owned()))
            }
            () = tokio::time::sleep(deadline) => {
                let message = format!("no success within the deadline of {deadline:?}");
                Err(observer.take().given_up(ErrorKind::Timeout, message))
            }
        };
        result.map(core::ResponseValue::into_inner).map_err(|error| error.with_operation(operation))
    }

    /// Carries out what is no generated call until the client is closed.
    pub(crate) async fn until_closed<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let span = tracing::debug_span!("call", operation);
        let result = tokio::select! {
            biased;
            result = call.instrument(span) => result,
            () = self.ended() => Err(self.broken_off()),
        };
        result.map_err(|error| error.with_operation(operation))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("server_url", &self.inner.server_url).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_breaks_off_the_calls_of_its_client_alone() {
        // It takes connections and never answers.
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", silent.local_addr().unwrap());
        let client = Client::builder().api_key("k").server_url(address).build().unwrap();
        let (cancellable, token) = client.cancellable();
        let datasets = cancellable.with_options(Options::new()).unwrap().datasets();
        let call = tokio::spawn(async move { datasets.create("Refund requests", "").await });
        let (_connection, _) = silent.accept().await.unwrap();
        token.cancel();
        let error = call.await.unwrap().unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Cancelled, 1));
        assert!(error.is_ambiguous());
        let later = cancellable.datasets().list().await.unwrap_err();
        assert_eq!(later.kind(), ErrorKind::Cancelled);
        assert!(client.open().is_ok() && !cancellable.is_closed());
    }
}
