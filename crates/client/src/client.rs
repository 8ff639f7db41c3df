//! The client: settings, transport and lifetime, which all resource handles share.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use mistral_datasets_core_client as core;
use mistral_datasets_types::ErrorResponse;
use reqwest::header::HeaderValue;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::config::{ClientBuilder, Options, Settings, parse_server_url};
use crate::error::{Error, ErrorKind};
use crate::transport::{CallContext, CallSender, ConnectionSettings, Transport};

const DEFAULT_SERVER_URL: &str = "https://api.mistral.ai";

/// A client of the API.
///
/// Cloning a client is cheap, and all clones share their connections. Transient failures are retried when it is safe to;
/// see [`RetryPolicy`](crate::RetryPolicy). Dropping the future of a call cancels it.
///
/// A client can be built outside a tokio runtime, but its calls must be awaited inside one.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    transport: Transport,
    server_url: String,
    shared: Arc<Shared>,
    /// Cancelled when the client is closed, or by the token of [`Client::cancellable`].
    cancelled: CancellationToken,
}

/// State that a client shares with all clients derived from it.
#[derive(Default)]
struct Shared {
    closed: CancellationToken,
    #[cfg(feature = "local")]
    local_server: std::sync::Mutex<Option<mistral_datasets_server::RunningServer>>,
}

impl ClientBuilder {
    /// Builds the client. No connection is made yet.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if the API key is missing, the API key or a header contains invalid
    /// characters, the server URL or proxy URL is invalid, a timeout or the deadline is 0, a certificate is not valid PEM, or
    /// options of connections are set in addition to [`http_client`](Self::http_client).
    pub fn build(self) -> Result<Client, Error> {
        let Self { options, user_agent, http_client, connection } = self.with_environment();
        let settings =
            Settings::new(options.api_key.as_deref().unwrap_or_default())?.with(&options)?;
        let server_url =
            parse_server_url(options.server_url.as_deref().unwrap_or(DEFAULT_SERVER_URL))?;

        let own_product = concat!("mistral-datasets/", env!("CARGO_PKG_VERSION"));
        let user_agent = match user_agent {
            Some(product) => format!("{product} {own_product}"),
            None => own_product.to_owned(),
        };
        let user_agent = HeaderValue::try_from(user_agent).map_err(|_| {
            Error::configuration(
                "`user_agent` contains characters that are not allowed in a header",
            )
        })?;
        let connections = ConnectionSettings::new(&connection, http_client, settings.timeout)?;
        let transport = Transport::new(connections, user_agent, settings)?;
        let shared = Arc::<Shared>::default();
        let cancelled = shared.closed.clone();
        Ok(Inner { transport, server_url, shared, cancelled }.into())
    }
}

impl From<Inner> for Client {
    fn from(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }
}

impl Client {
    /// Creates a builder.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Creates a client with an API key. Other settings come from the environment or have their default values.
    ///
    /// # Errors
    /// The errors of [`ClientBuilder::build`].
    pub fn new(api_key: impl Into<String>) -> Result<Self, Error> {
        Self::builder().api_key(api_key).build()
    }

    /// Creates a client from the `MISTRAL_API_KEY` and `MISTRAL_SERVER_URL` environment variables.
    ///
    /// # Errors
    /// The errors of [`ClientBuilder::build`].
    pub fn from_env() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Returns a client with some options changed. It shares everything else with this one: the connections, the retry
    /// budget, and [`close`](Self::close).
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
    /// The errors of [`ClientBuilder::build`].
    pub fn with_options(&self, options: Options) -> Result<Self, Error> {
        let settings = self.inner.transport.settings().with(&options)?;
        let server_url = match &options.server_url {
            Some(url) => parse_server_url(url)?,
            None => self.inner.server_url.clone(),
        };
        let transport = self.inner.transport.with_settings(settings);
        Ok(Inner { transport, server_url, ..Inner::clone(&self.inner) }.into())
    }

    /// Returns a client that uses its own connections and shares everything else with this one.
    ///
    /// An HTTP client that was [given](ClientBuilder::http_client) to the builder is still shared.
    ///
    /// A connection is driven by the runtime in which it was opened, and stalls when that runtime stops. Programs with more than
    /// one runtime should therefore use one such client per runtime.
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
    /// [`Configuration`](ErrorKind::Configuration) if the HTTP client cannot be built.
    pub fn with_own_connection_pool(&self) -> Result<Self, Error> {
        let transport = self.inner.transport.with_own_connection_pool()?;
        Ok(Inner { transport, ..Inner::clone(&self.inner) }.into())
    }

    /// Returns a client that uses the connections of another and shares everything else with this one.
    ///
    /// For the Node binding, which shares one connection pool per runtime between clients with different options. The proxy
    /// and the trusted certificates are those of the other client's connections.
    #[doc(hidden)]
    #[must_use]
    pub fn with_connection_pool_of(&self, other: &Self) -> Self {
        let transport = self.inner.transport.with_connection_pool_of(&other.inner.transport);
        Inner { transport, ..Inner::clone(&self.inner) }.into()
    }

    /// Returns a client and a token that cancels its calls. Once the token is cancelled, calls in progress and later calls of
    /// the returned client fail with [`Cancelled`](ErrorKind::Cancelled). This client is not affected.
    ///
    /// Unlike dropping a single future, cancelling the token ends all calls of the returned client, and the errors of bulk calls
    /// contain partial reports.
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
        let token = self.inner.cancelled.child_token();
        let inner = Inner { cancelled: token.clone(), ..Inner::clone(&self.inner) };
        (inner.into(), token)
    }

    /// Makes the client the owner of a local server, which stops when the client is closed.
    #[cfg(feature = "local")]
    pub(crate) fn with_local_server(self, server: mistral_datasets_server::RunningServer) -> Self {
        *self.lock_local_server() = Some(server);
        self
    }

    #[cfg(feature = "local")]
    fn lock_local_server(
        &self,
    ) -> std::sync::MutexGuard<'_, Option<mistral_datasets_server::RunningServer>> {
        let local_server = &self.inner.shared.local_server;
        local_server.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Returns the server's base URL, without a trailing slash.
    pub fn server_url(&self) -> &str {
        &self.inner.server_url
    }

    /// Closes the client, its clones and all clients derived from it.
    ///
    /// Calls in progress fail with [`Cancelled`](ErrorKind::Cancelled), later calls with [`Closed`](ErrorKind::Closed). A
    /// server started by `Client::local` is stopped. Closing a client again has no effect, and a client may be dropped without
    /// being closed.
    pub async fn close(&self) {
        self.inner.shared.closed.cancel();
        #[cfg(feature = "local")]
        {
            let server = self.lock_local_server().take();
            if let Some(server) = server {
                server.shutdown().await;
            }
        }
    }

    /// Returns whether the client has been closed.
    pub fn is_closed(&self) -> bool {
        self.inner.shared.closed.is_cancelled()
    }

    /// Returns the transport, unless the client is closed or cancelled.
    pub(crate) fn transport(&self) -> Result<&Transport, Error> {
        if self.is_closed() {
            return Err(Error::new(ErrorKind::Closed, "the client is closed"));
        }
        if self.inner.cancelled.is_cancelled() {
            return Err(self.cancelled_error());
        }
        Ok(&self.inner.transport)
    }

    /// Waits until the client is closed or cancelled.
    pub(crate) async fn cancelled(&self) {
        self.inner.cancelled.cancelled().await;
    }

    /// Returns the error of a call that was in progress when the client was closed or cancelled.
    pub(crate) fn cancelled_error(&self) -> Error {
        Error::new(ErrorKind::Cancelled, self.cancellation_reason())
    }

    fn cancellation_reason(&self) -> &'static str {
        if self.is_closed() {
            "the client was closed during the call"
        } else {
            "the call was cancelled"
        }
    }

    /// Starts a call of a generated operation.
    pub(crate) fn start_call(&self, operation: &'static str) -> Result<Call<'_>, Error> {
        self.start(operation, false)
    }

    /// Starts a call of a generated operation that only reads, although it is a POST.
    pub(crate) fn start_read(&self, operation: &'static str) -> Result<Call<'_>, Error> {
        self.start(operation, true)
    }

    fn start(&self, operation: &'static str, only_reads: bool) -> Result<Call<'_>, Error> {
        let transport = self.transport()?;
        let context = CallContext::default();
        let sender = CallSender::new(transport.clone(), context.clone(), only_reads);
        let core = core::Client::new_with_client(
            &self.inner.server_url,
            transport.http().clone(),
            core::Hooks::new(sender),
        );
        Ok(Call { client: self, operation, core, context })
    }

    /// Awaits a call that sends its own requests, until it completes or the client is closed or cancelled. No deadline applies.
    pub(crate) async fn until_cancelled<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let span = tracing::debug_span!("call", operation);
        let was_closed = self.is_closed();
        let result = tokio::select! {
            biased;
            result = call.instrument(span) => match result {
                // The client was closed between two requests of the call.
                Err(error) if error.kind() == ErrorKind::Closed && !was_closed => {
                    Err(self.cancelled_error())
                }
                result => result,
            },
            () = self.cancelled() => Err(self.cancelled_error()),
        };
        result.map_err(|error| error.with_operation(operation))
    }
}

/// One call of a generated operation.
pub(crate) struct Call<'a> {
    client: &'a Client,
    operation: &'static str,
    core: core::Client,
    context: CallContext,
}

impl Call<'_> {
    /// Returns the core client whose operations send their requests as part of this call.
    pub(crate) fn core(&self) -> &core::Client {
        &self.core
    }

    /// Awaits the operation until it completes, the deadline passes, or the client is closed or cancelled.
    pub(crate) async fn run<T>(
        &self,
        operation: impl Future<Output = Result<core::ResponseValue<T>, core::Error<ErrorResponse>>>,
    ) -> Result<T, Error> {
        let deadline = self.client.inner.transport.settings().deadline;
        let span = tracing::debug_span!("call", operation = self.operation);
        let result = tokio::select! {
            biased;
            result = operation.instrument(span) => {
                result.map_err(|error| self.context.take().into_error(error))
            }
            () = self.client.cancelled() => {
                let reason = self.client.cancellation_reason().to_owned();
                Err(self.context.take().aborted(ErrorKind::Cancelled, reason))
            }
            () = tokio::time::sleep(deadline) => {
                let message = format!("deadline of {deadline:?} exceeded");
                Err(self.context.take().aborted(ErrorKind::Timeout, message))
            }
        };
        result
            .map(core::ResponseValue::into_inner)
            .map_err(|error| error.with_operation(self.operation))
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
    async fn a_token_cancels_only_the_calls_of_its_client() {
        // Accepts connections and never responds.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = Client::builder().api_key("k").server_url(url).build().unwrap();
        let (cancellable, token) = client.cancellable();
        let datasets = cancellable.with_options(Options::new()).unwrap().datasets();
        let call = tokio::spawn(async move { datasets.create("Refund requests", "").await });
        let (_connection, _) = listener.accept().await.unwrap();
        token.cancel();
        let error = call.await.unwrap().unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Cancelled, 1));
        assert!(error.is_ambiguous());
        let later = cancellable.datasets().list().await.unwrap_err();
        assert_eq!(later.kind(), ErrorKind::Cancelled);
        assert!(client.transport().is_ok() && !cancellable.is_closed());
    }

    #[test]
    fn an_invalid_proxy_or_certificate_is_rejected_without_being_quoted() {
        let builder = || Client::builder().api_key("k").server_url("http://h");
        for builder in [
            builder().proxy("not a secret url"),
            #[cfg(feature = "rustls-no-provider")]
            builder().ca_certificates("secret"),
        ] {
            let error = builder.build().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
        builder().proxy("socks5://127.0.0.1:1").build().unwrap();
    }

    #[test]
    fn debug_output_contains_no_secrets() {
        let builder = Client::builder()
            .api_key("secret")
            .server_url("http://h")
            .header("x-token", "secret")
            .proxy("http://user:secret@h");
        assert!(!format!("{builder:?} {:?}", builder.clone().build().unwrap()).contains("secret"));
    }

    #[test]
    fn with_options_can_change_the_server_url() {
        let client = Client::builder().api_key("k").server_url("http://h").build().unwrap();
        let other = client.with_options(Options::new().server_url("http://other/")).unwrap();
        assert_eq!((client.server_url(), other.server_url()), ("http://h", "http://other"));
        assert!(client.with_options(Options::new().server_url("none")).is_err());
    }

    #[cfg(not(any(feature = "rustls-no-provider", feature = "native-tls")))]
    #[tokio::test]
    async fn without_tls_the_error_names_the_feature_to_enable() {
        let builder = Client::builder().api_key("k").server_url("https://127.0.0.1:9").no_proxy();
        let retries = crate::config::RetryPolicy::none();
        let client = builder.retries(retries).build().unwrap();
        let error = client.datasets().list().await.unwrap_err();
        assert!(error.message().ends_with("this program is built without TLS"), "{error}");
        assert!(error.hint().unwrap().contains("feature `rustls`"));
    }
}
