//! Decides whether redirects are followed.
//!
//! The HTTP client follows no redirects by itself. All requests (calls, uploads and downloads) go through
//! [`Transport::exchange`](super::Transport::exchange), which asks [`Redirects`] after every response:
//!
//! - Reads (GET and HEAD) are redirected anywhere. From the first hop to another origin on, the API key and the
//!   user's headers are no longer sent.
//! - Writes follow 307 and 308 within the origin, because those keep the method and the body. Anything else is an error.
//! - No redirect leads from `https` to `http`. Loops and chains of more than [`MAX_HOPS`] redirects are errors.
//!
//! A redirect that is not followed is never retried, because the next attempt would be redirected as well.

use reqwest::header::LOCATION;
use reqwest::{Method, Response, StatusCode, Url};

use super::retry::{Failure, FailureClass};
use crate::error::{Error, ErrorKind};

/// The maximum number of redirects of one attempt.
const MAX_HOPS: usize = 10;

/// The redirects of one attempt.
#[derive(Debug)]
pub(crate) struct Redirects {
    is_read: bool,
    /// The URLs requested so far.
    visited: Vec<Url>,
    left_origin: bool,
}

impl Redirects {
    /// Starts with the first request.
    pub(crate) fn new(method: &Method, url: Url) -> Self {
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        Self { is_read, visited: vec![url], left_origin: false }
    }

    /// Returns whether the current request is the first one.
    pub(crate) fn is_first(&self) -> bool {
        self.visited.len() == 1
    }

    /// Returns whether a redirect has led to another origin, which must receive neither the API key nor the user's headers.
    pub(crate) fn has_left_origin(&self) -> bool {
        self.left_origin
    }

    /// Returns the URL to which a response redirects, or `None` if it is not a redirect.
    ///
    /// # Errors
    /// A permanent failure if the redirect must not be followed.
    pub(crate) fn next(&mut self, response: &Response) -> Result<Option<Url>, Failure> {
        let status = response.status();
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let current = self.visited.last().expect("the first request has a URL");
        let target = response.headers().get(LOCATION).and_then(|location| {
            let target = current.join(std::str::from_utf8(location.as_bytes()).ok()?).ok()?;
            (matches!(target.scheme(), "http" | "https") && target.has_host()).then_some(target)
        });
        let Some(mut target) = target else {
            let message = "the server sent a redirect without a valid URL";
            return Err(self.refused(status, Error::new(ErrorKind::Decoding, message)));
        };
        target.set_fragment(None);
        let leaves_origin = target.origin() != current.origin();
        if !self.is_read
            && (leaves_origin
                || !matches!(
                    status,
                    StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
                ))
        {
            return Err(self.refused(status, write_error(current, &target, leaves_origin)));
        }
        let problem = if current.scheme() == "https" && target.scheme() == "http" {
            Some(format!(
                "the server redirected from https to {}, which is not encrypted",
                site(&target)
            ))
        } else if self.visited.contains(&target) {
            Some(format!("the redirects of {} form a loop", site(&target)))
        } else if self.visited.len() > MAX_HOPS {
            Some(format!("more than {MAX_HOPS} redirects, the last one to {}", site(&target)))
        } else {
            None
        };
        if let Some(message) = problem {
            return Err(self.refused(status, Error::new(ErrorKind::Decoding, message)));
        }
        self.left_origin |= leaves_origin;
        self.visited.push(target.clone());
        Ok(Some(target))
    }

    fn refused(&self, status: StatusCode, error: Error) -> Failure {
        // 303 is the response to a write that was carried out. The other redirects say that it has to be sent elsewhere.
        let is_ambiguous = !self.is_read && status == StatusCode::SEE_OTHER;
        let error = error.with_status(Some(status.as_u16()));
        Failure { class: FailureClass::Permanent { is_ambiguous }, error }
    }
}

/// Returns the error for a write that was redirected to where it must not be sent.
fn write_error(current: &Url, target: &Url, leaves_origin: bool) -> Error {
    let (from, to) = (site(current), site(target));
    let message = if leaves_origin {
        format!(
            "{from} redirected the request to another server, {to}; only reads are redirected there"
        )
    } else {
        format!(
            "{from} redirected the request to another address on {to}; only reads are redirected this way"
        )
    };
    let error = Error::new(ErrorKind::Configuration, message);
    error.with_hint(format!("if {to} is the right server, set the server URL (`server_url`) to it"))
}

/// Returns the scheme, host and port of a URL. The path and the query may contain secrets.
fn site(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Returns the error of a request whose redirect was followed by an HTTP client that was given to the builder.
pub(super) fn followed_by_http_client() -> Error {
    Error::configuration("the HTTP client of the program followed a redirect").with_hint(
        "build the `reqwest::Client` with `redirect(reqwest::redirect::Policy::none())`, because this library follows redirects \
         itself",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(status: u16, location: &str) -> Response {
        http::Response::builder()
            .status(status)
            .header("location", location)
            .body("")
            .unwrap()
            .into()
    }

    fn start(method: Method) -> Redirects {
        Redirects::new(&method, Url::parse("https://one.example/v1/a?key=secret").unwrap())
    }

    #[test]
    fn reads_are_redirected_and_remember_that_they_left_the_origin() {
        for status in [301, 302, 303, 307, 308] {
            let mut redirects = start(Method::GET);
            let mut follow =
                |location: &str| redirects.next(&redirect(status, location)).unwrap().unwrap();
            assert_eq!(follow("b").as_str(), "https://one.example/v1/b");
            assert_eq!(follow("https://two.example/c").as_str(), "https://two.example/c");
            assert_eq!(follow("https://one.example/d").as_str(), "https://one.example/d");
            assert!(redirects.has_left_origin(), "returning to the first origin changes nothing");
        }
        let mut redirects = start(Method::GET);
        redirects.next(&redirect(302, "/b")).unwrap();
        assert!(!redirects.has_left_origin() && !redirects.is_first());
    }

    #[test]
    fn only_redirect_statuses_are_redirects() {
        for status in [200, 204, 300, 304, 404] {
            assert!(
                start(Method::GET).next(&redirect(status, "/b")).unwrap().is_none(),
                "{status}"
            );
        }
    }

    #[test]
    fn writes_follow_only_307_and_308_within_the_origin() {
        for method in [Method::POST, Method::PATCH, Method::PUT, Method::DELETE] {
            for status in [307, 308] {
                let next = start(method.clone()).next(&redirect(status, "/b")).unwrap();
                assert_eq!(next.unwrap().path(), "/b");
            }
            for (status, location) in [
                (301, "/b"),
                (302, "/b"),
                (303, "/b"),
                (307, "https://two.example/b"),
                (308, "https://one.example:444/b"),
                (307, "http://one.example/b"),
            ] {
                let failure = start(method.clone()).next(&redirect(status, location)).unwrap_err();
                let error = failure.error;
                assert_eq!(error.kind(), ErrorKind::Configuration, "{status} {location}");
                assert!(error.hint().unwrap().contains("server_url"), "{error}");
                let FailureClass::Permanent { is_ambiguous } = failure.class else {
                    panic!("a refused redirect is permanent")
                };
                assert_eq!(is_ambiguous, status == 303);
            }
        }
    }

    #[test]
    fn loops_long_chains_and_downgrades_are_refused_without_quoting_the_path() {
        let mut redirects = start(Method::GET);
        redirects.next(&redirect(302, "/b")).unwrap();
        let failure = redirects.next(&redirect(302, "/v1/a?key=secret")).unwrap_err();
        assert_eq!(failure.error.message(), "the redirects of https://one.example form a loop");

        let mut redirects = start(Method::GET);
        for hop in 0..MAX_HOPS {
            redirects.next(&redirect(302, &format!("/{hop}"))).unwrap();
        }
        let failure = redirects.next(&redirect(302, "/last")).unwrap_err();
        assert!(failure.error.message().starts_with("more than 10 redirects"), "{}", failure.error);

        for location in ["http://one.example/b?key=secret", "ftp://one.example/", "http://[", ""] {
            let mut redirects = start(Method::GET);
            let failure = redirects.next(&redirect(302, location)).unwrap_err();
            assert!(!failure.error.to_string().contains("secret"), "{}", failure.error);
            assert_eq!(failure.error.status(), Some(302));
        }
    }
}
