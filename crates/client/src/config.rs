//! How a client is set up.

use std::fmt;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderValue;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::transport::Transport;

/// The service's address.
const DEFAULT_SERVER_URL: &str = "https://api.mistral.ai";

/// How long a request may take where nothing else is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// How long setting up a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Sets up a [`Client`].
///
/// ```
/// use std::time::Duration;
/// use mistral_datasets::Client;
///
/// let client = Client::builder()
///     .api_key("a key")
///     .server_url("http://127.0.0.1:7700")
///     .timeout(Duration::from_secs(30))
///     .build()?;
/// assert_eq!(client.server_url(), "http://127.0.0.1:7700");
/// # Ok::<(), mistral_datasets::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct ClientBuilder {
    api_key: Option<String>,
    server_url: Option<String>,
    timeout: Option<Duration>,
    user_agent: Option<String>,
}

impl ClientBuilder {
    /// The key to authenticate with. Default: the environment's `MISTRAL_API_KEY`.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// The server's address, with or without a path before the API's own. Default: the environment's
    /// `MISTRAL_SERVER_URL`, and without that the service.
    pub fn server_url(mut self, url: impl Into<String>) -> Self {
        self.server_url = Some(url.into());
        self
    }

    /// How long one request may take until its reply has been read. Default: 300 s. Uploads and downloads may take longer,
    /// as long as they do not pause for this time.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// A product token that stands before this library's own in the `User-Agent`, such as `my-tool/1.2`.
    pub fn user_agent(mut self, product: impl Into<String>) -> Self {
        self.user_agent = Some(product.into());
        self
    }

    /// Builds the client. Nothing is connected yet.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration): there is no key, the key holds characters that no header can carry, or the
    /// server's address is none.
    pub fn build(self) -> Result<Client, Error> {
        let key = self
            .api_key
            .or_else(|| from_environment("MISTRAL_API_KEY"))
            .filter(|key| !key.trim().is_empty())
            .ok_or_else(|| {
                misconfigured("there is no API key; give one, or set MISTRAL_API_KEY")
            })?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", key.trim()))
            .map_err(|_| misconfigured("the API key holds characters that no header can carry"))?;
        authorization.set_sensitive(true);

        let address = self
            .server_url
            .or_else(|| from_environment("MISTRAL_SERVER_URL"))
            .unwrap_or_else(|| DEFAULT_SERVER_URL.to_owned());
        let server_url = server_url(&address)?;

        let timeout = self.timeout.unwrap_or(DEFAULT_TIMEOUT);
        if timeout.is_zero() {
            return Err(misconfigured("the timeout must be longer than nothing"));
        }

        let own = concat!("mistral-datasets/", env!("CARGO_PKG_VERSION"));
        let user_agent =
            self.user_agent.map_or(own.to_owned(), |product| format!("{product} {own}"));
        let http = reqwest::Client::builder()
            .user_agent(user_agent)
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .tcp_nodelay(true)
            .tls_backend_preconfigured(crate::tls::configuration())
            .build()
            .map_err(|error| misconfigured("the HTTP client cannot be built").with_source(error))?;
        Ok(Client::new_with(server_url, Transport::new(http, authorization, timeout)))
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("api_key", &self.api_key.as_ref().map(|_| "…"))
            .field("server_url", &self.server_url)
            .field("timeout", &self.timeout)
            .field("user_agent", &self.user_agent)
            .finish()
    }
}

fn misconfigured(message: &str) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

fn from_environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// Checks the address and strips what would double the slash before the API's paths.
fn server_url(address: &str) -> Result<String, Error> {
    let refuse = |problem: &str| Err(misconfigured(&format!("the server URL {problem}")));
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
    fn a_key_that_no_header_can_carry_is_refused_without_showing_it() {
        let error = Client::builder().api_key("a\nsecret").build().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }

    #[test]
    fn debug_shows_no_key() {
        let builder = Client::builder().api_key("secret").server_url("http://h");
        assert!(!format!("{builder:?} {:?}", builder.clone().build().unwrap()).contains("secret"));
    }
}
