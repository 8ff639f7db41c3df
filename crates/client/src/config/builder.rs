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
    pub(crate) proxy: Proxy,
    pub(crate) ca_certificates: Option<Vec<u8>>,
    pub(crate) certificate_variables: Vec<&'static str>,
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
    #[cfg_attr(not(feature = "local"), allow(dead_code))]
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
        self.proxy = Proxy::Url(url.into());
        self
    }

    /// Disables proxies, including those set in the environment.
    #[cfg(feature = "local")]
    pub(crate) fn no_proxy(mut self) -> Self {
        self.proxy = Proxy::Disabled;
        self
    }

    /// Trusts these CA certificates, in PEM format, in addition to the system's, for example those of a private certificate
    /// authority.
    ///
    /// Certificate files can also be set in the environment: `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the system's
    /// certificates, `REQUESTS_CA_BUNDLE` adds to them. A file that cannot be read is named in the error of a connection whose
    /// certificate is not trusted.
    pub fn ca_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_certificates = Some(pem.into());
        self
    }

    /// Trusts the certificates in the file that an environment variable names, in addition to those of `REQUESTS_CA_BUNDLE`.
    /// Bindings use it for the variable of their platform, such as Node's `NODE_EXTRA_CA_CERTS`.
    #[doc(hidden)]
    pub fn certificate_variable(mut self, name: &'static str) -> Self {
        self.certificate_variables.push(name);
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
