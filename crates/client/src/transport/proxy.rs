//! Chooses the proxy of a request.
//!
//! A proxy given to the client is used for all requests. Otherwise `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`
//! apply, in upper or lower case; they are read once, when the client is built. As in curl, a proxy URL may omit `http://`.
//!
//! reqwest reads these variables too, but it does not tell which proxy it used, so an error could not name it, and it
//! supports fewer forms of `NO_PROXY`; see [`no_proxy`](super::no_proxy).

use reqwest::Url;

use super::no_proxy::NoProxy;
use crate::config::Proxy;
use crate::error::Error;

/// The proxies of a client.
#[derive(Debug, Default)]
pub(crate) struct Proxies {
    http: Option<Choice>,
    https: Option<Choice>,
    no_proxy: NoProxy,
}

#[derive(Clone, Debug)]
enum Choice {
    Server(ProxyServer),
    /// The environment variable with this name has an invalid value. That is an error once a request needs a proxy.
    Invalid(&'static str),
}

/// A proxy server.
#[derive(Clone)]
pub(crate) struct ProxyServer {
    /// May contain a user name and a password.
    url: Url,
}

impl Proxies {
    /// Returns the proxies for a client's setting.
    ///
    /// # Errors
    /// `Configuration` if the given proxy URL is invalid.
    pub(crate) fn new(setting: &Proxy) -> Result<Self, Error> {
        match setting {
            Proxy::Disabled => Ok(Self::default()),
            Proxy::Environment => Ok(Self::from_variables(|name| std::env::var(name).ok())),
            Proxy::Url(url) => {
                let server = ProxyServer::parse(url).ok_or_else(|| {
                    Error::configuration(
                        "the proxy URL is invalid; expected something like http://proxy.example:3128",
                    )
                })?;
                let choice = Some(Choice::Server(server));
                Ok(Self { http: choice.clone(), https: choice, no_proxy: NoProxy::default() })
            }
        }
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        // In a CGI program `HTTP_PROXY` is the `Proxy` header of the request.
        if variable("REQUEST_METHOD").is_some() {
            return Self::default();
        }
        let value = |name: &str| {
            [name.to_owned(), name.to_lowercase()]
                .iter()
                .find_map(|name| variable(name).filter(|value| !value.trim().is_empty()))
        };
        let choice = |name: &'static str| {
            let server = ProxyServer::parse(&value(name)?);
            Some(server.map_or(Choice::Invalid(name), Choice::Server))
        };
        let all = choice("ALL_PROXY");
        Self {
            http: choice("HTTP_PROXY").or_else(|| all.clone()),
            https: choice("HTTPS_PROXY").or(all),
            no_proxy: NoProxy::parse(&value("NO_PROXY").unwrap_or_default()),
        }
    }

    /// Returns whether no request uses a proxy.
    pub(crate) fn is_empty(&self) -> bool {
        self.http.is_none() && self.https.is_none()
    }

    /// Returns the proxy of requests for a URL, or `None` if they are sent directly.
    ///
    /// # Errors
    /// `Configuration` if the environment variable that applies does not contain a valid URL.
    pub(crate) fn find(&self, url: &Url) -> Result<Option<&ProxyServer>, Error> {
        let choice = if url.scheme() == "https" { &self.https } else { &self.http };
        match choice {
            None => Ok(None),
            Some(_) if self.no_proxy.contains(url) => Ok(None),
            Some(Choice::Server(server)) => Ok(Some(server)),
            Some(Choice::Invalid(variable)) => {
                let message = format!("{variable} does not contain a valid proxy URL");
                Err(Error::configuration(message).with_hint(
                    "set it to something like http://proxy.example:3128 or socks5://proxy.example:1080, or unset it",
                ))
            }
        }
    }
}

impl ProxyServer {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let url = match text.contains("://") {
            true => Url::parse(text),
            false => Url::parse(&format!("http://{text}")),
        };
        let mut url = url.ok().filter(Url::has_host)?;
        match url.scheme() {
            "http" | "https" => {}
            "socks4" | "socks4a" | "socks5" | "socks5h" => {
                // Fails only for a URL without a host.
                let _ = url.set_port(Some(url.port().unwrap_or(1080)));
            }
            _ => return None,
        }
        Some(Self { url })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the host and port.
    pub(crate) fn name(&self) -> String {
        super::route::host(&self.url)
    }

    pub(crate) fn has_credentials(&self) -> bool {
        !self.url.username().is_empty() || self.url.password().is_some()
    }
}

impl std::fmt::Debug for ProxyServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the names of the proxies for an `http` and an `https` URL.
    fn proxies(variables: &[(&str, &str)]) -> [String; 2] {
        let proxies = Proxies::from_variables(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        });
        ["http://api.example/", "https://api.example/"].map(|url| {
            match proxies.find(&Url::parse(url).unwrap()) {
                Ok(Some(server)) => server.name(),
                Ok(None) => "direct".to_owned(),
                Err(error) => error.message().to_owned(),
            }
        })
    }

    #[test]
    fn the_environment_chooses_the_proxy_by_scheme() {
        for (variables, expected) in [
            (&[][..], ["direct", "direct"]),
            (&[("HTTP_PROXY", "http://a:1")], ["a:1", "direct"]),
            (&[("https_proxy", "b:2")], ["direct", "b:2"]),
            (&[("ALL_PROXY", "socks5://c"), ("http_proxy", "a")], ["a:80", "c:1080"]),
            (&[("ALL_PROXY", "https://c"), ("NO_PROXY", "")], ["c:443", "c:443"]),
            (&[("all_proxy", "c:1"), ("no_proxy", "api.example:80")], ["direct", "c:1"]),
            (&[("HTTP_PROXY", " "), ("http_proxy", "10.0.0.1:3128")], ["10.0.0.1:3128", "direct"]),
            (&[("HTTPS_PROXY", "http://[::1]:8")], ["direct", "[::1]:8"]),
            (&[("HTTP_PROXY", "http://a:1"), ("REQUEST_METHOD", "GET")], ["direct", "direct"]),
        ] {
            assert_eq!(proxies(variables), expected, "{variables:?}");
        }
    }

    #[test]
    fn an_invalid_value_is_an_error_only_if_it_is_needed() {
        for value in ["socks://a:1", "http://", "not a secret url", "http://u:secret@"] {
            let [http, https] = proxies(&[("HTTP_PROXY", value)]);
            assert_eq!(http, "HTTP_PROXY does not contain a valid proxy URL");
            assert_eq!(https, "direct");
            assert_eq!(proxies(&[("HTTP_PROXY", value), ("NO_PROXY", "*")])[0], "direct");
        }
    }

    #[test]
    fn credentials_are_never_printed() {
        let proxies = Proxies::new(&Proxy::Url("http://user:secret@a:1".to_owned())).unwrap();
        assert!(!format!("{proxies:?}").contains("secret"));
        let url = Url::parse("https://api.example").unwrap();
        assert!(proxies.find(&url).unwrap().unwrap().has_credentials());
    }
}
