//! Explains failures between the client and the server: which host was not reached, through which proxy, and what to do.
//!
//! The errors of the HTTP client name the cause but not the proxy, and rarely what to do about it. [`request_failure`]
//! classifies them and adds both. Proxies are named without their credentials.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use reqwest::{StatusCode, Url};

use super::proxy::{Proxies, ProxyServer};
use super::retry::{Failure, FailureClass};
#[cfg(feature = "rustls-no-provider")]
use super::tls;
use crate::error::{Error, ErrorKind};

/// Returns the host and port of a URL for error messages.
pub(crate) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or("the server");
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The way of a request: the server, and the proxy if there is one. `Display` prints `host:port through the proxy host:port`.
#[derive(Clone, Copy)]
pub(crate) struct Route<'a> {
    url: Option<&'a Url>,
    proxy: Option<&'a ProxyServer>,
}

impl fmt::Display for Route<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.server())?;
        match self.proxy {
            Some(proxy) => write!(f, " through the proxy {}", proxy.name()),
            None => Ok(()),
        }
    }
}

impl<'a> Route<'a> {
    pub(crate) fn new(url: Option<&'a Url>, proxies: Option<&'a Proxies>) -> Self {
        let proxy = url.and_then(|url| proxies?.find(url).ok().flatten());
        Self { url, proxy }
    }

    fn server(&self) -> String {
        self.url.map_or("the server".to_owned(), host)
    }

    fn has_scheme(&self, scheme: &str) -> bool {
        self.url.is_some_and(|url| url.scheme() == scheme)
    }

    /// Returns the proxy if it reads the requests and can answer them itself. Otherwise it only forwards a connection.
    pub(crate) fn answering_proxy(&self) -> Option<&'a ProxyServer> {
        let is_http = |proxy: &&ProxyServer| matches!(proxy.url().scheme(), "http" | "https");
        self.proxy.filter(|_| self.has_scheme("http")).filter(is_http)
    }
}

/// Returns the failure for a proxy that requires credentials, or does not accept those in its URL.
pub(crate) fn proxy_authentication_failure(route: Route<'_>) -> Failure {
    let problem = match route.proxy {
        Some(proxy) if proxy.has_credentials() => {
            format!("the proxy {} rejected the user name and password", proxy.name())
        }
        Some(proxy) => format!("the proxy {} requires a user name and password", proxy.name()),
        None => format!("a proxy on the way to {route} requires a user name and password"),
    };
    let error = Error::new(ErrorKind::Connection, problem)
        .with_status(Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED.as_u16()))
        .with_hint(
            "put the proxy's user name and password into its URL: http://USER:PASSWORD@HOST:PORT, with special \
             characters percent-encoded",
        );
    Failure { class: FailureClass::Permanent { is_ambiguous: false }, error }
}

/// Converts the error of a request that received no complete response. `is_first` says whether it is the first request of
/// its attempt; only then does a failed connection mean that nothing was sent.
pub(crate) fn request_failure(error: reqwest::Error, is_first: bool, route: Route<'_>) -> Failure {
    if error.is_builder() {
        let error =
            Error::new(ErrorKind::Validation, "invalid request").with_source(error.without_url());
        return Failure { class: FailureClass::Permanent { is_ambiguous: false }, error };
    }
    let class = if error.is_connect() && is_first {
        FailureClass::NotSent
    } else {
        FailureClass::ConnectionLost
    };
    // The URL is dropped because its query may be a secret.
    let (is_connect, is_timeout, is_request) =
        (error.is_connect(), error.is_timeout(), error.is_request());
    let error = error.without_url();
    let causes = Causes::of(&error);
    if is_connect && causes.is_proxy_authentication() {
        return proxy_authentication_failure(route);
    }
    let (kind, message, hint) = if is_timeout {
        let (missing, hint) = match is_connect {
            true => ("connection to", Some(unreachable_hint(route))),
            false => ("response from", None),
        };
        (ErrorKind::Timeout, format!("no {missing} {route} within the timeout"), hint)
    } else if is_connect {
        let (message, hint) = connect_problem(&causes, route);
        (ErrorKind::Connection, message, Some(hint))
    } else {
        let (message, hint) = lost_connection(&causes, is_request, route);
        (ErrorKind::Connection, message, hint)
    };
    let mut explained = Error::new(kind, message);
    if let Some(hint) = hint {
        explained = explained.with_hint(hint);
    }
    Failure { class, error: explained.with_source(error) }
}

/// Returns the message and hint for a connection that could not be made.
fn connect_problem(causes: &Causes<'_>, route: Route<'_>) -> (String, String) {
    let (server, cause) = (route.server(), causes.innermost());
    let tunnel = causes.message_after("tunnel error: ");
    if let Some(proxy) = route.proxy {
        let name = proxy.name();
        if tunnel == Some("unsuccessful") {
            let hint =
                format!("check that the proxy allows connections to {server}; {NO_PROXY_HINT}");
            return (format!("the proxy {name} refused to connect to {server}"), hint);
        }
        let reaches_proxy = match (tunnel, causes.message_after("SOCKS error: ")) {
            (Some(problem), _) | (None, Some(problem)) => !problem.starts_with("failed to create"),
            // A tunnel ends with a TLS handshake with the server. Without one, the only connection is to the proxy.
            (None, None) => route.has_scheme("https"),
        };
        if !reaches_proxy {
            let problem = format!("cannot connect to the proxy {name}");
            return match causes.tls_problem(proxy.url().scheme() == "https") {
                Some((cause, None)) => (
                    format!("{problem}: {cause}"),
                    "use http:// in the proxy's URL unless connections to the proxy itself are encrypted".to_owned(),
                ),
                Some((cause, Some(hint))) => (format!("{problem}: {cause}"), hint),
                None if cause.starts_with("SOCKS error") => (problem, unreachable_hint(route)),
                None => (format!("{problem}: {cause}"), unreachable_hint(route)),
            };
        }
    }
    let problem = format!("cannot connect to {route}");
    if cause == "invalid URL, scheme is not http" {
        let hint = "enable the feature `rustls` of the crate `mistral-datasets`, or give the client a `reqwest::Client`";
        return (format!("{problem}: this program is built without TLS"), hint.to_owned());
    }
    match causes.tls_problem(route.has_scheme("https")) {
        Some((cause, Some(hint))) => (format!("{problem}: {cause}"), hint),
        Some((cause, None)) => {
            let hint = "use http:// in the server URL if the server is not encrypted";
            (format!("{problem}: {cause}"), hint.to_owned())
        }
        None if causes.is_name_resolution() && route.proxy.is_none() => {
            (format!("{problem}: {cause}"), "check the host name in the server URL".to_owned())
        }
        None => (format!("{problem}: {cause}"), unreachable_hint(route)),
    }
}

/// Returns the message and hint for a connection that ended before the whole response was received.
fn lost_connection(
    causes: &Causes<'_>,
    is_request: bool,
    route: Route<'_>,
) -> (String, Option<String>) {
    let cause = causes.innermost();
    if cause.starts_with("invalid HTTP") {
        let hint = "use https:// in the server URL if the server expects TLS";
        let hint = route.has_scheme("http").then(|| hint.to_owned());
        return (format!("the response from {route} is not HTTP"), hint);
    }
    let message = format!("connection to {route} lost: {cause}");
    // Many servers close the connection when they receive something other than TLS.
    let may_expect_tls = is_request && route.has_scheme("http") && route.proxy.is_none();
    let hint = may_expect_tls
        .then(|| "try again; if the server expects TLS, use https:// in the server URL".to_owned());
    (message, hint)
}

const NO_PROXY_HINT: &str = "NO_PROXY lists the hosts to which requests are sent directly";

fn unreachable_hint(route: Route<'_>) -> String {
    match route.proxy {
        Some(_) => format!(
            "check the proxy that was given to the client or set in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY; {NO_PROXY_HINT}"
        ),
        None => "check that the server is running and reachable from this machine".to_owned(),
    }
}

/// The chain of the errors behind a failed request, from the outermost to the innermost.
struct Causes<'a> {
    errors: Vec<&'a (dyn StdError + 'static)>,
    messages: Vec<String>,
}

impl<'a> Causes<'a> {
    fn of(error: &'a reqwest::Error) -> Self {
        let first: Option<&'a (dyn StdError + 'static)> = error.source();
        let errors: Vec<_> = std::iter::successors(first, |error| {
            let error: &'a (dyn StdError + 'static) = *error;
            // The source of an `io::Error` is the source of the error that it wraps, not that error itself.
            match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
                Some(inner) => Some(inner as &(dyn StdError + 'static)),
                None => error.source(),
            }
        })
        .collect();
        let messages = errors.iter().map(ToString::to_string).collect();
        Self { errors, messages }
    }

    /// Returns the message of the innermost error, which is the informative one, such as `Connection refused`.
    fn innermost(&self) -> &str {
        self.messages.last().map_or("unknown cause", String::as_str)
    }

    /// Returns the rest of the first message that starts with `prefix`. The types of these errors are not public.
    fn message_after(&self, prefix: &str) -> Option<&str> {
        self.messages.iter().find_map(|message| message.strip_prefix(prefix))
    }

    fn is_proxy_authentication(&self) -> bool {
        self.message_after("tunnel error: ") == Some("proxy authorization required")
            || self.message_after("SOCKS error: ").is_some_and(|problem| {
                problem == "credentials not accepted" || problem.contains("authentication")
            })
    }

    fn is_name_resolution(&self) -> bool {
        self.messages.iter().any(|message| message == "dns error")
    }

    /// Returns whether the other side closed the connection, as many servers do when they receive TLS but do not expect it.
    fn is_closed(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        let kinds = self.errors.iter().filter_map(|error| error.downcast_ref::<io::Error>());
        kinds
            .map(io::Error::kind)
            .any(|kind| matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset))
            || self.innermost() == "tls handshake eof"
    }

    /// Returns what went wrong in a TLS handshake, and what to do. There is no hint if the other side does not seem to
    /// speak TLS. `is_tls` says whether the connection starts with a handshake at all.
    fn tls_problem(&self, is_tls: bool) -> Option<(String, Option<String>)> {
        #[cfg(feature = "rustls-no-provider")]
        match self.errors.iter().find_map(|error| error.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidMessage(_)) => {
                return Some(("the response is not TLS".to_owned(), None));
            }
            Some(error) => {
                let (problem, hint) = tls::explain(error);
                return Some((problem, Some(hint)));
            }
            None => {}
        }
        (is_tls && self.is_closed())
            .then(|| ("the connection was closed during the TLS handshake".to_owned(), None))
    }
}
