//! The client builder.

use std::fmt;
use std::time::Duration;

use reqwest::Url;

use super::options::Options;
use super::retry_policy::RetryPolicy;
use crate::error::Error;

/// Configures a [`Client`](crate::Client).
///
/// ```
/// use std::time::Duration;
/// use mistral_datasets::{Client, RetryPolicy};
///
/// let client = Client::builder()
///     .api_key("a key")
///     .server_url("http://127.0.0.1:7700")
///     .timeout(Duration::from_secs(30))
///     .retries(RetryPolicy::new().max_retries(2))
///     .build()?;
/// assert_eq!(client.server_url(), "http://127.0.0.1:7700");
/// # Ok::<(), mistral_datasets::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ClientBuilder {
    pub(crate) options: Options,
    pub(crate) user_agent: Option<String>,
    pub(crate) http_client: Option<reqwest::Client>,
    pub(crate) connection: ConnectionOptions,
}

/// How connections are made. Does not apply to a given `reqwest::Client`.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionOptions {
    pub(crate) proxy: Option<Proxy>,
    pub(crate) connect_timeout: Option<Duration>,
    #[cfg(feature = "rustls-no-provider")]
    pub(crate) tls: super::TlsOptions,
}

impl ConnectionOptions {
    /// Returns the name of the setter of an option that is set, if any.
    pub(crate) fn first_set(&self) -> Option<&'static str> {
        let set = [
            self.proxy.as_ref().map(|proxy| match proxy {
                Proxy::Disabled => "no_proxy",
                _ => "proxy",
            }),
            self.connect_timeout.map(|_| "connect_timeout"),
            #[cfg(feature = "rustls-no-provider")]
            self.tls.ca_certificates.as_ref().map(|_| "ca_certificates"),
            #[cfg(feature = "rustls-no-provider")]
            self.tls.client_certificate.as_ref().map(|_| "client_certificate"),
        ];
        set.into_iter().flatten().next()
    }
}

/// The proxy for requests.
#[derive(Clone, Default)]
pub(crate) enum Proxy {
    /// The proxy set in the environment, if any.
    #[default]
    Environment,
    /// The proxy with this URL.
    Url(String),
    /// No proxy, even if the environment sets one.
    Disabled,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may contain a password.
        f.write_str(match self {
            Self::Environment => "Environment",
            Self::Url(_) => "Url",
            Self::Disabled => "Disabled",
        })
    }
}

impl ClientBuilder {
    /// Sets the API key. Default: the `MISTRAL_API_KEY` environment variable.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.options = self.options.api_key(key);
        self
    }

    /// Sets the server's base URL, optionally with a path prefix.
    ///
    /// Default: the `MISTRAL_SERVER_URL` environment variable, or `https://api.mistral.ai` if it is not set.
    pub fn server_url(mut self, url: impl Into<String>) -> Self {
        self.options = self.options.server_url(url);
        self
    }

    /// Sets the timeout of one attempt, from sending the request to reading the whole response. Default: 300 s.
    ///
    /// Uploads and downloads may take longer; for them this is the longest time without progress.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options = self.options.timeout(timeout);
        self
    }

    /// Sets the deadline of a call, including all attempts and the delays between them. Default: 600 s.
    ///
    /// Uploads and downloads may take longer.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.options = self.options.deadline(deadline);
        self
    }

    /// Sets the retry policy. Settings that it does not have keep their values.
    pub fn retries(mut self, retries: RetryPolicy) -> Self {
        self.options = self.options.retries(retries);
        self
    }

    /// Adds a header to every API request; see [`Options::header`].
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options = self.options.header(name, value);
        self
    }

    /// Sets all options at once, replacing those set before.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Sends all requests through a proxy, such as `http://user:password@host:3128` or `socks5://host:1080`.
    ///
    /// Default: the `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` environment variables, in upper or lower case.
    /// `NO_PROXY` lists the hosts to which requests are sent directly: host names (which include their subdomains), IP
    /// addresses, ranges such as `10.0.0.0/8`, each optionally with a port, or `*` for every host.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.connection.proxy = Some(Proxy::Url(url.into()));
        self
    }

    /// Disables proxies, including those set in the environment.
    pub fn no_proxy(mut self) -> Self {
        self.connection.proxy = Some(Proxy::Disabled);
        self
    }

    /// Sets how long making a connection may take, including the TLS handshake. Default: 10 s, or the
    /// [`timeout`](Self::timeout) if that is shorter.
    ///
    /// A call whose connection times out is retried like one whose connection is refused: nothing was sent.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connection.connect_timeout = Some(timeout);
        self
    }

    /// Sends all requests with this HTTP client, to share its connections, or for settings that this builder does not have.
    ///
    /// The HTTP client must not follow redirects, because this library follows them itself: it never sends the API key to another
    /// host. A call whose redirect was followed by the HTTP client fails. Proxies, TLS, timeouts of connections and decompression of
    /// responses are those of the HTTP client, so [`proxy`](Self::proxy), [`no_proxy`](Self::no_proxy),
    /// [`connect_timeout`](Self::connect_timeout), `ca_certificates` and `client_certificate` cannot be set as well. A timeout of the
    /// HTTP client applies in addition to [`timeout`](Self::timeout), and also to uploads and downloads. Everything else, such as
    /// retries, headers and [`user_agent`](Self::user_agent), works as usual.
    ///
    /// [`reqwest`](crate::reqwest) is re-exported with the features that this crate needs. Depend on the same version to enable
    /// others, such as its own TLS provider; without one, building a `reqwest::Client` panics.
    ///
    /// ```
    /// # let _ = rustls::crypto::ring::default_provider().install_default();
    /// use mistral_datasets::{Client, reqwest};
    ///
    /// let http = reqwest::Client::builder()
    ///     .redirect(reqwest::redirect::Policy::none())
    ///     .pool_max_idle_per_host(4)
    ///     .local_address(std::net::IpAddr::from([127, 0, 0, 1]))
    ///     .no_proxy()
    ///     .build()?;
    /// let client = Client::builder()
    ///     .api_key("a key")
    ///     .server_url("http://127.0.0.1:7700")
    ///     .http_client(http)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http_client = Some(client);
        self
    }

    /// Trusts these CA certificates, in PEM format, in addition to the system's, for example those of a private certificate
    /// authority.
    ///
    /// Certificate files can also be set in the environment: `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the system's
    /// certificates, `REQUESTS_CA_BUNDLE` adds to them. A file that cannot be read is named in the error of a connection whose
    /// certificate is not trusted.
    #[cfg(feature = "rustls-no-provider")]
    #[cfg_attr(docsrs, doc(cfg(feature = "rustls")))]
    pub fn ca_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.connection.tls.ca_certificates = Some(pem.into());
        self
    }

    /// Presents this certificate to servers that require one (mutual TLS). The PEM text contains the certificate, followed by
    /// those of intermediate authorities if there are any, and its unencrypted private key.
    ///
    /// ```no_run
    /// use mistral_datasets::Client;
    ///
    /// let identity = [std::fs::read("client.pem")?, std::fs::read("client.key")?].concat();
    /// let client = Client::builder().api_key("a key").client_certificate(identity).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "rustls-no-provider")]
    #[cfg_attr(docsrs, doc(cfg(feature = "rustls")))]
    pub fn client_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.connection.tls.client_certificate = Some(pem.into());
        self
    }

    /// Trusts the certificates in the file that an environment variable names, in addition to those of `REQUESTS_CA_BUNDLE`.
    /// Bindings use it for the variable of their platform, such as Node's `NODE_EXTRA_CA_CERTS`.
    #[cfg(feature = "rustls-no-provider")]
    #[doc(hidden)]
    pub fn certificate_variable(mut self, name: &'static str) -> Self {
        self.connection.tls.certificate_variables.push(name);
        self
    }

    /// Sets a product token such as `my-tool/1.2`, which is sent before this library's own token in the `User-Agent` header.
    pub fn user_agent(mut self, product: impl Into<String>) -> Self {
        self.user_agent = Some(product.into());
        self
    }

    /// Fills in a missing API key or server URL from `MISTRAL_API_KEY` and `MISTRAL_SERVER_URL` now rather than in
    /// [`build`](Self::build), so that later changes of the environment have no effect.
    pub fn with_environment(mut self) -> Self {
        let Options { api_key, server_url, .. } = &mut self.options;
        *api_key = api_key.take().or_else(|| environment_variable("MISTRAL_API_KEY"));
        *server_url = server_url.take().or_else(|| environment_variable("MISTRAL_SERVER_URL"));
        self
    }
}

fn environment_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// Validates the server URL and strips trailing slashes, because API paths begin with one.
pub(crate) fn parse_server_url(url: &str) -> Result<String, Error> {
    let invalid = |problem: &str| Err(Error::configuration(format!("the server URL {problem}")));
    let Ok(url) = Url::parse(url.trim()) else {
        return invalid("is not a valid URL; expected something like https://api.mistral.ai");
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return invalid("must start with http:// or https:// and contain a host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return invalid("must not contain a user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return invalid("must not contain a query or fragment");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn server_urls_lose_trailing_slashes_and_keep_their_path() {
        assert_eq!(
            parse_server_url(" https://api.mistral.ai/ ").unwrap(),
            "https://api.mistral.ai"
        );
        assert_eq!(parse_server_url("http://h:1/proxy/").unwrap(), "http://h:1/proxy");
    }

    #[test]
    fn invalid_server_urls_are_rejected_without_being_quoted() {
        for url in ["", "api.mistral.ai", "ftp://x", "http://", "https://u:p@h", "https://h?key=1"]
        {
            let error = parse_server_url(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{url}");
            assert!(error.message().starts_with("the server URL "), "{error}");
        }
    }
}
