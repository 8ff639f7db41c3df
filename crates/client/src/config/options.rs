//! Options of a client, or of some of its calls.

use std::fmt;
use std::time::Duration;

use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING,
};

use super::retry_policy::RetryPolicy;
use crate::error::Error;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);
const DEFAULT_DEADLINE: Duration = Duration::from_secs(600);

/// Headers that only the client sets.
const RESERVED_HEADERS: [HeaderName; 6] =
    [AUTHORIZATION, HOST, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING, COOKIE];

/// Overrides for some of a client's calls; see [`Client::with_options`](crate::Client::with_options).
///
/// ```
/// use std::time::Duration;
/// use mistral_datasets::{Client, Options, RetryPolicy};
///
/// let client = Client::new("a key")?;
/// let patient = client.with_options(Options::new().timeout(Duration::from_secs(900)).retries(RetryPolicy::none()))?;
/// # Ok::<(), mistral_datasets::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Options {
    pub(crate) api_key: Option<String>,
    pub(crate) server_url: Option<String>,
    timeout: Option<Duration>,
    deadline: Option<Duration>,
    retries: Option<RetryPolicy>,
    headers: Vec<(String, String)>,
    share_bodies: Option<bool>,
}

impl Options {
    /// Creates options that override nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the API key.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// Sets the server's base URL.
    pub fn server_url(mut self, url: impl Into<String>) -> Self {
        self.server_url = Some(url.into());
        self
    }

    /// Sets the timeout of one attempt, from sending the request to reading the whole response. Default: 300 s.
    ///
    /// Uploads and downloads may take longer; for them this is the longest time without progress.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the deadline of a call, including all attempts and the delays between them. Default: 600 s.
    ///
    /// Uploads and downloads may take longer.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets the retry policy. Settings that it does not have keep their values.
    pub fn retries(mut self, retries: RetryPolicy) -> Self {
        self.retries = Some(self.retries.unwrap_or_default().with(&retries));
        self
    }

    /// Adds a header to every API request, replacing an earlier one with the same name.
    ///
    /// Headers that the client sets itself, such as `Authorization`, are rejected. Like the API key, the header is not sent to
    /// presigned links or when a server redirects to another origin.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Makes raw JSON values borrow from the response body instead of copying it.
    ///
    /// For the Node binding only: it copies each response to JavaScript as a whole, so it saves the allocations without
    /// keeping bodies in memory for longer.
    #[doc(hidden)]
    pub fn share_bodies(mut self, share: bool) -> Self {
        self.share_bodies = Some(share);
        self
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Header values may be secrets.
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Options")
            .field("api_key", &self.api_key.as_ref().map(|_| "…"))
            .field("server_url", &self.server_url)
            .field("timeout", &self.timeout)
            .field("deadline", &self.deadline)
            .field("retries", &self.retries)
            .field("headers", &headers)
            .field("share_bodies", &self.share_bodies)
            .finish()
    }
}

/// Complete, validated options.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) authorization: HeaderValue,
    pub(crate) timeout: Duration,
    pub(crate) deadline: Duration,
    pub(crate) retries: RetryPolicy,
    pub(crate) headers: HeaderMap,
    pub(crate) share_bodies: bool,
}

impl Settings {
    /// Creates the default settings with this API key.
    pub(crate) fn new(key: &str) -> Result<Self, Error> {
        Ok(Self {
            authorization: authorization(key)?,
            timeout: DEFAULT_TIMEOUT,
            deadline: DEFAULT_DEADLINE,
            retries: RetryPolicy::default(),
            headers: HeaderMap::new(),
            share_bodies: false,
        })
    }

    /// Returns these settings with the overrides applied.
    pub(crate) fn with(&self, options: &Options) -> Result<Self, Error> {
        let mut settings = self.clone();
        if let Some(key) = &options.api_key {
            settings.authorization = authorization(key)?;
        }
        settings.timeout = non_zero("timeout", options.timeout.unwrap_or(self.timeout))?;
        settings.deadline = non_zero("deadline", options.deadline.unwrap_or(self.deadline))?;
        if let Some(retries) = &options.retries {
            settings.retries = self.retries.with(retries);
        }
        settings.share_bodies = options.share_bodies.unwrap_or(self.share_bodies);
        for (name, value) in &options.headers {
            let (name, value) = header(name, value)?;
            settings.headers.insert(name, value);
        }
        Ok(settings)
    }
}

fn authorization(key: &str) -> Result<HeaderValue, Error> {
    if key.trim().is_empty() {
        return Err(Error::configuration("no API key; pass one or set MISTRAL_API_KEY")
            .with_hint("set `MISTRAL_API_KEY`; a local server accepts any key by default"));
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.trim())).map_err(|_| {
        Error::configuration("the API key contains characters that are not allowed in a header")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

pub(crate) fn non_zero(name: &str, duration: Duration) -> Result<Duration, Error> {
    if duration.is_zero() {
        return Err(Error::configuration(format!("{name} must be greater than 0")));
    }
    Ok(duration)
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let Ok(parsed) = name.parse::<HeaderName>() else {
        return Err(Error::configuration(format!("`{name}` is not a valid header name")));
    };
    if RESERVED_HEADERS.contains(&parsed) {
        return Err(Error::configuration(format!(
            "the header `{parsed}` is set by the client and cannot be overridden"
        )));
    }
    let mut value = HeaderValue::from_str(value).map_err(|_| {
        Error::configuration(format!(
            "the value of the header `{parsed}` contains characters that are not allowed"
        ))
    })?;
    value.set_sensitive(true);
    Ok((parsed, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn invalid_options_are_rejected_without_being_quoted() {
        let settings = Settings::new("key").unwrap();
        for options in [
            Options::new().header("x-secret", "a\nsecret"),
            Options::new().header("Authorization", "secret"),
            Options::new().header("no name", "secret"),
            Options::new().api_key("a\nsecret"),
            Options::new().api_key(" "),
            Options::new().timeout(Duration::ZERO),
            Options::new().deadline(Duration::ZERO),
        ] {
            let error = settings.with(&options).err().expect("the options are rejected");
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(!format!("{error} {error:?} {options:?}").contains("\nsecret"));
        }
    }

    #[test]
    fn unset_options_keep_their_value_and_headers_are_merged() {
        let first = Options::new().header("x-team", "a").header("x-job", "1");
        let settings = Settings::new("key").unwrap().with(&first).unwrap();
        let other = settings.with(&Options::new().header("X-Job", "2")).unwrap();
        assert_eq!(
            (&other.headers["x-team"], &other.headers["x-job"]),
            (&"a".parse().unwrap(), &"2".parse().unwrap())
        );
        assert_eq!((other.timeout, other.deadline), (DEFAULT_TIMEOUT, DEFAULT_DEADLINE));
    }
}
