//! How a client is set up.

use std::time::Duration;

use reqwest::Url;

use crate::client::Client;
use crate::connecting::{Connecting, Proxy};
use crate::error::Error;
use crate::options::{Options, Settings, misconfigured};
use crate::retry::RetryPolicy;
use crate::tls;
use crate::transport::Transport;

/// The service's address.
const DEFAULT_SERVER_URL: &str = "https://api.mistral.ai";

/// How long setting up a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Sets up a [`Client`].
///
/// ```
/// use std::time::Duration;
/// use mistral_datasets::{Client, RetryPolicy};
///
/// let client = Client::builder()
///     .api_key("a key")
///     .server_url("http://127.0.0.1:7700")
///     .timeout(Duration::from_secs(30))
///     .retries(RetryPolicy::default().max_attempts(3))
///     .build()?;
/// assert_eq!(client.server_url(), "http://127.0.0.1:7700");
/// # Ok::<(), mistral_datasets::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ClientBuilder {
    options: Options,
    user_agent: Option<String>,
    proxy: Proxy,
    ca_certificates: Option<Vec<u8>>,
}

impl ClientBuilder {
    /// The key to authenticate with. Default: the environment's `MISTRAL_API_KEY`.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.options = self.options.api_key(key);
        self
    }

    /// The server's address, with or without a path before the API's own. Default: the environment's
    /// `MISTRAL_SERVER_URL`, and without that the service.
    pub fn server_url(mut self, url: impl Into<String>) -> Self {
        self.options = self.options.server_url(url);
        self
    }

    /// How long one attempt of a call may take until its response has been read. Default: 300 s. Uploads and downloads may take
    /// longer, as long as they do not pause for this time.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options = self.options.timeout(timeout);
        self
    }

    /// How long a call may take with all its attempts and the waits between them. Default: 600 s. Uploads and downloads may
    /// take longer.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.options = self.options.deadline(deadline);
        self
    }

    /// How often and after how long failed calls are sent again.
    pub fn retries(mut self, retries: RetryPolicy) -> Self {
        self.options = self.options.retries(retries);
        self
    }

    /// A further header of every request to the API; see [`Options::header`].
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options = self.options.header(name, value);
        self
    }

    /// All options at once, in the place of those that were given before.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// The proxy that all requests go through, such as `http://user:password@host:3128` or `socks5://host:1080`. Default: what
    /// the environment says in `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Proxy::Given(url.into());
        self
    }

    /// No proxy, whatever the environment says.
    #[cfg(feature = "local")]
    pub(crate) fn no_proxy(mut self) -> Self {
        self.proxy = Proxy::Never;
        self
    }

    /// Certificates in PEM that are trusted besides the system's, such as those of a company's own authority. The environment
    /// can name a file of them too: `SSL_CERT_FILE` in the place of the system's, `REQUESTS_CA_BUNDLE` besides them.
    pub fn ca_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_certificates = Some(pem.into());
        self
    }

    /// A product token that stands before this library's own in the `User-Agent`, such as `my-tool/1.2`.
    pub fn user_agent(mut self, product: impl Into<String>) -> Self {
        self.user_agent = Some(product.into());
        self
    }

    /// Reads the environment's `MISTRAL_API_KEY` and `MISTRAL_SERVER_URL` now, for what was not given, instead of when the
    /// client is built. Whoever builds from the same settings again later gets the same client.
    pub fn with_environment(mut self) -> Self {
        let Options { api_key, server_url, .. } = &mut self.options;
        *api_key = api_key.take().or_else(|| from_environment("MISTRAL_API_KEY"));
        *server_url = server_url.take().or_else(|| from_environment("MISTRAL_SERVER_URL"));
        self
    }

    /// Builds the client. Nothing is connected yet.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration): there is no key, the key or a header holds characters that no header
    /// can carry, the server's or the proxy's address is none, a time is zero, or the certificates cannot be read.
    pub fn build(self) -> Result<Client, Error> {
        let Self { options, user_agent, proxy, ca_certificates } = self.with_environment();
        let settings =
            Settings::new(options.api_key.as_deref().unwrap_or_default())?.with(&options)?;
        let server_url = server_url(options.server_url.as_deref().unwrap_or(DEFAULT_SERVER_URL))?;

        let own = concat!("mistral-datasets/", env!("CARGO_PKG_VERSION"));
        let user_agent = user_agent.map_or(own.to_owned(), |product| format!("{product} {own}"));
        let connecting = Connecting {
            user_agent,
            timeout: CONNECT_TIMEOUT.min(settings.timeout),
            tls: tls::configuration(ca_certificates.as_deref())?,
            proxy,
        };
        Ok(Client::new_with(server_url, Transport::new(connecting, settings)?))
    }
}

fn from_environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// Checks the address and strips what would double the slash before the API's paths.
pub(crate) fn server_url(address: &str) -> Result<String, Error> {
    let refuse = |problem: &str| Err(misconfigured(format!("the server URL {problem}")));
    let Ok(url) = Url::parse(address.trim()) else {
        return refuse("is not a URL; expected something like https://api.mistral.ai");
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return refuse("must begin with http:// or https:// and name a host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("must not hold a user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("must not hold a query or a fragment");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn addresses_lose_their_last_slash_and_keep_their_path() {
        assert_eq!(server_url(" https://api.mistral.ai/ ").unwrap(), "https://api.mistral.ai");
        assert_eq!(server_url("http://h:1/proxy/").unwrap(), "http://h:1/proxy");
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for address in
            ["", "api.mistral.ai", "ftp://x", "http://", "https://u:p@h", "https://h?key=1"]
        {
            let error = server_url(address).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{address}");
            assert!(error.message().starts_with("the server URL "), "{error}");
        }
    }

    #[test]
    fn what_is_no_proxy_and_no_certificate_is_refused() {
        let builder = || Client::builder().api_key("k").server_url("http://h");
        for builder in [builder().proxy("not a secret url"), builder().ca_certificates("secret")] {
            let error = builder.build().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
        builder().proxy("socks5://127.0.0.1:1").build().unwrap();
    }

    #[test]
    fn debug_shows_no_key() {
        let builder = Client::builder()
            .api_key("secret")
            .server_url("http://h")
            .header("x-token", "secret")
            .proxy("http://user:secret@h");
        assert!(!format!("{builder:?} {:?}", builder.clone().build().unwrap()).contains("secret"));
    }

    #[test]
    fn other_options_make_another_client_over_the_same_connections() {
        let client = Client::builder().api_key("k").server_url("http://h").build().unwrap();
        let other = client.with_options(Options::new().server_url("http://other/")).unwrap();
        assert_eq!((client.server_url(), other.server_url()), ("http://h", "http://other"));
        assert!(client.with_options(Options::new().server_url("none")).is_err());
    }
}
